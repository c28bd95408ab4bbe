"""What became of a ledger that was backed up and restored, seen by an auditor."""
