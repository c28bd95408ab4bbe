"""Prepare Temporal and Postgres for Placet: search attributes, schema, roles."""

import asyncio
import os

from placet.cli.codes import Code
from placet.cli.console import as_json, out, say
from placet.connections import connect_temporal
from placet.db import migrate
from placet.domain.errors import InvalidInputError
from placet.local import find_running
from placet.search_attributes import register
from placet.settings import Settings

ADMIN_URL = "PLACET_ADMIN_DATABASE_URL"


def admin_url(settings: Settings) -> str | None:
    """Return the administrator's connection: the one told, else the local stack's."""
    told = os.environ.get(ADMIN_URL)
    if told or settings.database_url:
        return told or None
    address = find_running(settings.home)
    return address.database_url if address else None


async def set_up(*, json: bool) -> int:
    """Register the search attributes, and bring the database to the newest schema."""
    settings = Settings.from_environment()
    added = await register(await connect_temporal(settings))
    url = admin_url(settings)
    applied = await asyncio.to_thread(migrate, url) if url else None
    if json:
        as_json({"search_attributes": added, "migrations": applied})
        return Code.OK
    out(f"search attributes: {', '.join(added) or 'all were there'}")
    if applied is None:
        say(f"the database was left alone: set {ADMIN_URL} to migrate it too")
    else:
        out(f"migrations: {', '.join(applied) or 'all were applied'}")
    return Code.OK


def migrate_database(*, json: bool) -> int:
    """Bring the database to the newest schema.

    Raises:
        InvalidInputError: Nothing says which database.
    """
    url = admin_url(Settings.from_environment())
    if url is None:
        raise InvalidInputError(
            f"which database? Set {ADMIN_URL} to a superuser's connection, or to that of the "
            "database's owner with CREATEROLE"
        )
    applied = migrate(url)
    if json:
        as_json({"migrations": applied})
    else:
        out(f"migrations: {', '.join(applied) or 'all were applied'}")
    return Code.OK
