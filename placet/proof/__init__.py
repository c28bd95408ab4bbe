"""Proves what stands in the ledger, and checks such proofs: the part that an auditor reads.

It imports the standard library and ``cryptography``, and nothing else of Placet, so a copy of this
directory is a verifier by itself: ``python -m proof BUNDLE --trust trust.json``.
"""
