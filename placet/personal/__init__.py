"""What is personal in the ledger: which texts, about whom, sealed with whose key, and revealed."""
