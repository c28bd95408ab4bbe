"""Brings a Postgres database to the schema this program needs, and opens connections to it."""

from placet.db.connections import Pool, open_pool, translated_errors
from placet.db.migrations import Migration, packaged_migrations
from placet.db.runner import APP_ROLE, ERASER_ROLE, SEALER_ROLE, migrate

__all__ = [
    "APP_ROLE",
    "ERASER_ROLE",
    "SEALER_ROLE",
    "Migration",
    "Pool",
    "migrate",
    "open_pool",
    "packaged_migrations",
    "translated_errors",
]
