"""A witness: it remembers how far a log has come, and cosigns only what continues that.

It is run by somebody else than who runs the ledger, and needs neither Postgres nor Temporal.
"""
