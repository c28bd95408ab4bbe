"""Hold the ledger against Temporal's histories, the effects and the lists, both ways."""
