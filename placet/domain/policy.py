"""The policy file's model: rules that say who must review what, and when time decides.

A policy is YAML in ``policies/``; ``placet.policy`` reads it with line numbers in its errors. The
reference in ``docs/policy.md`` is generated from the descriptions here.
"""
