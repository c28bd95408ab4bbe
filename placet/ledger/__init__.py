"""The append-only ledger: what may be asked of it, and its adapter for Postgres."""

from placet.db import open_pool
from placet.ledger.postgres import PostgresLedger
from placet.ports import Ledger, Reader, Recorder

__all__ = ["Ledger", "PostgresLedger", "Reader", "Recorder", "open_pool"]
