"""Placet: a human-approval service on Temporal."""
