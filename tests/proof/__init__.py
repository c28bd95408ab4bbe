"""Tests of what an auditor runs: the verifier, and the parts it is made of."""
