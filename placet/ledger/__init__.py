"""The append-only ledger: its adapter for Postgres."""

from placet.db import open_pool
from placet.ledger.postgres import PostgresLedger

__all__ = ["PostgresLedger", "open_pool"]
