"""Seals the ledger: puts its leaves into the tree, signs checkpoints and has them witnessed."""
