"""Proves what stands in the ledger, and checks such proofs: the part that an auditor reads.

It imports the standard library and ``cryptography``, and nothing else of Placet, so a copy of this
directory is a verifier by itself: ``python -m proof BUNDLE --trust trust.json``.

Half an hour shows whether anything could be changed without a finding. Read, in this order:

1. :mod:`.leaf`: what of an event is bound, and what its writer signs;
2. :mod:`.tree`: how leaves become one root, and how a path leads to it;
3. :mod:`.signatures`: how one signature covers events that were written together;
4. :mod:`.note` and :mod:`.checkpoints`: how a root is signed, and who has to have signed it;
5. :mod:`.proofs`: that the events of a bundle lead to these roots;
6. :mod:`.verify`: that each event of a bundle goes through all of it.

What else is there, for a second sitting: :mod:`.trust`, :mod:`.bundle`, :mod:`.lines` and
:mod:`.canonical` read what somebody else wrote, so strictly that no byte is without a meaning;
:mod:`.events`, :mod:`.attestation` and :mod:`.order` check one event, its people's signatures, and
all events together; :mod:`.rules` judges whether the policy was kept; :mod:`.findings` and
:mod:`.report` say what came of it.
"""
