"""Paying: account numbers, payment orders, the hand-over to the bank, and what the bank says."""
