"""Writes a bundle: the directory from which anybody can check the ledger without a database."""

from placet.bundling.part import Progress
from placet.bundling.writing import Wish, Written, write_bundle

__all__ = ["Progress", "Wish", "Written", "write_bundle"]
