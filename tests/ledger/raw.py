"""Speaks SQL to the ledger directly, to do what the adapter never would."""

import asyncio
from collections.abc import Sequence

import psycopg

from placet.digest import canonical
from placet.domain.ledger import LedgerEvent
from tests.conftest import Database

APPEND = "select audit.append(%s::bytea[], %s::text[], %s::text[], %s::timestamptz[], %s::bytea[])"


def arrays(events: Sequence[LedgerEvent]) -> list[object]:
    """Return the arguments of APPEND."""
    return [
        [bytes.fromhex(told.event_id) for told in events],
        [told.stream for told in events],
        [told.kind for told in events],
        [told.occurred for told in events],
        [canonical(told.body) for told in events],
    ]


def append_raw(connection: psycopg.Connection, events: Sequence[LedgerEvent]) -> None:
    """Append in the connection's own transaction."""
    connection.execute(APPEND, arrays(events))


async def until_somebody_waits(database: Database, lock: str) -> None:
    """Return as soon as a session of this database waits for a lock of this type."""
    query = """
    select from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = %s and not l.granted and a.datname = current_database()
    """
    connection = await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True)
    async with asyncio.timeout(20), connection:
        while not await (await connection.execute(query, [lock])).fetchall():  # noqa: ASYNC110
            await asyncio.sleep(0)
