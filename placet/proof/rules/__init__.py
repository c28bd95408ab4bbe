"""Judges whether the rules were kept, by what the events of a ledger themselves say.

:mod:`.replay` tells every story again, :mod:`.policies` holds the rules that a story tells against
the policy it names. Nothing outside of this directory depends on how they do it: a bundle that is
judged by neither is still proved to be as it was recorded.
"""
