"""What every part of the ledger's adapter stands on: connections, transactions, appending."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.db import Pool, translated_errors
from placet.domain.ledger import LedgerEvent, Receipt
from placet.ledger import sql
from placet.ledger.encoding import Encoded, Encoder, anchor_of
from placet.ledger.revealing import Opened
from placet.personal.sealing import SEALED, Ciphertext
from placet.personal.vault import KeyNotAtHandError

MAX_ROWS = 1000
"""The most rows a list returns at once."""


class Change(NamedTuple):
    """Something that was changed together with what is appended about it.

    Attributes:
        connection: In the transaction that does both.
        first: Whether it is done now, and was not before.
        receipts: Of the events.
    """

    connection: AsyncConnection[DictRow]
    first: bool
    receipts: list[Receipt]


class Session:
    """Gives connections of a pool; what goes wrong on them are Placet's own errors."""

    def __init__(self, pool: Pool, encoder: Encoder | None = None) -> None:
        """Take connections from ``pool``; without an encoder, events are not signed."""
        self._pool = pool
        self._encoder = encoder or Encoder()

    @asynccontextmanager
    async def _statement(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Give a connection on which each statement is a transaction of its own."""
        with translated_errors():
            async with self._pool.connection() as connection:
                yield connection

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Give a connection in one transaction."""
        async with self._statement() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _change(
        self, query: LiteralString, values: Mapping[str, Any], events: Sequence[LedgerEvent]
    ) -> AsyncIterator[Change]:
        """Change something and append its events in one transaction, which ends with the block."""
        batch = await self._batch(events)
        async with self._transaction() as connection:
            first = bool((await only_row(connection, query, values))["first"])
            yield Change(connection, first, await append_once(connection, batch, first=first))

    async def _batch(self, events: Sequence[LedgerEvent]) -> dict[str, Any]:
        """Write events as ``audit.append()`` takes them, signed, with the newest checkpoint."""
        return self._encoder.signed(await self._encoded(events))

    async def _encoded(self, events: Sequence[LedgerEvent]) -> Encoded:
        """Write events, with the newest checkpoint, to be signed."""
        if self._encoder.wants_anchor():
            for row in await self._all(sql.NEWEST_CHECKPOINT, {}):
                self._encoder.anchor = anchor_of(row["tree_size"], row["root"])
        try:
            return self._encoder.encode(events, at_once=True)
        except KeyNotAtHandError:
            # A new key is on the disk before it seals anything: nobody else waits for that.
            return await asyncio.to_thread(self._encoder.encode, events)

    async def _opened(self, tokens: Iterable[str]) -> dict[str, Opened]:
        """Return what tokens stand for, by their digests in hex."""
        digests = [bytes.fromhex(token) for token in dict.fromkeys(tokens)]
        if not digests:
            return {}
        rows = await self._all(sql.PERSONAL, {"digests": digests})
        requests = {row["digest"].hex(): row.pop("stream") for row in rows}
        vault = self._encoder.vault
        told = vault.open(Ciphertext(**row) for row in rows) if vault else {}
        return {
            digest: Opened(request, told.get(digest, SEALED))
            for digest, request in requests.items()
        }

    async def _all_patiently(
        self, query: LiteralString, values: Mapping[str, Any]
    ) -> list[DictRow]:
        """Return the rows of a statement that goes through much of the ledger, for hours."""
        async with self._transaction() as connection:
            await connection.execute(sql.PATIENTLY)
            return await (await connection.execute(query, values, prepare=False)).fetchall()

    async def _all(self, query: LiteralString, values: Mapping[str, Any]) -> list[DictRow]:
        async with self._statement() as connection:
            # Not prepared: a plan made for these very values skips the filters that are not given.
            return await (await connection.execute(query, values, prepare=False)).fetchall()


async def append(connection: AsyncConnection[DictRow], batch: dict[str, Any]) -> list[Receipt]:
    """Append a batch of events in the connection's transaction."""
    cursor = await connection.execute(sql.APPEND, batch)
    return [Receipt(**row) for row in await cursor.fetchall()]


async def append_once(
    connection: AsyncConnection[DictRow], batch: dict[str, Any], *, first: bool
) -> list[Receipt]:
    """Append what tells of a change, or return the receipts of what told of it the first time."""
    if first:
        return await append(connection, batch)
    cursor = await connection.execute(sql.RECEIPTS, {"event_ids": batch["event_ids"]})
    return [Receipt(**row) for row in await cursor.fetchall()]


def rows_at_most(limit: int) -> int:
    """Return how many rows a list returns that is asked for so many."""
    return max(1, min(limit, MAX_ROWS))


async def consume(
    connection: AsyncConnection[DictRow], permit_id: str, digest: str, effect: str
) -> bool:
    """Consume a permit in the connection's transaction; False when it was consumed before."""
    values = {"permit_id": permit_id, "digest": digest, "effect": effect}
    return bool((await only_row(connection, sql.CONSUME, values))["first"])


async def only_row(
    connection: AsyncConnection[DictRow], query: LiteralString, values: Mapping[str, Any]
) -> DictRow:
    """Return the only row of a query that has exactly one."""
    rows = await (await connection.execute(query, values)).fetchall()
    (row,) = rows
    return row
