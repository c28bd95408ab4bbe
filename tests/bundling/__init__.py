"""The directories from which anybody checks the ledger."""
