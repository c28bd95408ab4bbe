"""The sealer's one connection: the lock that elects it and all that it writes are on it.

Whoever has lost the connection has lost the lock, and cannot commit any more.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection, conninfo
from psycopg.rows import DictRow, dict_row

from placet.db.connections import VANISHED, checked_url, translated_errors
from placet.domain.plurals import plural
from placet.proof.note import Note
from placet.proof.tree import HASH_BYTES, Frontier
from placet.sealing import sql
from placet.sealing.errors import KEEP_ALL, SealingRefusedError
from placet.sealing.head import Cursor, Head, Last, checked_head
from placet.sealing.keys import LogKeys

_ELECTION = 1347175251
"""Any number, as long as every sealer uses the same one."""

_CONNECT_SECONDS = 3
_FIRST_XID = "0"


class Batch(NamedTuple):
    """Leaves to seal next, in order.

    Attributes:
        total: How many.
        leaves: Their hashes, one behind the other.
        after: What they come after.
        last: The last of them.
        from_seq: From which number on xids are those of this cluster.
    """

    total: int
    leaves: bytes
    after: Cursor
    last: Cursor
    from_seq: int


class SealingSession:
    """A connection as ``placet_app_sealer``."""

    def __init__(self, connection: AsyncConnection[DictRow]) -> None:
        """Work on ``connection``, which commits each statement by itself."""
        self._connection = connection
        self._drained = 0

    async def elect(self) -> bool:
        """Try to become the one that seals, until this connection ends."""
        row = await self._one(sql.ELECT, {"number": _ELECTION})
        return bool(row and row["mine"])

    async def head(self, keys: LogKeys) -> Head:
        """Return where the tree ends.

        Raises:
            SealingRefusedError: The database says something else than was signed.
        """
        head, _ = await self._found(keys)
        return head

    async def seal(self, keys: LogKeys, limit: int) -> int:
        """Seal up to ``limit`` leaves in one transaction; return how many there were.

        When it returns, they are as durable as the server makes anything.

        Raises:
            SealingRefusedError: Nothing may be signed here.
        """
        with translated_errors():
            async with self._connection.transaction():
                await self._connection.execute(sql.DURABLY)
                head, batch = await self._next(keys, limit)
                if batch is None:
                    return 0
                # The server puts them in their places while we hash.
                placed, grown = await asyncio.gather(
                    self._place(head, batch),
                    asyncio.to_thread(_grown, head.frontier, batch.leaves),
                )
                if placed != batch.total:
                    raise SealingRefusedError(
                        f"{plural(placed, 'leaf', 'leaves')} came instead of {batch.total}: "
                        f"somebody changes the database. {KEEP_ALL}"
                    )
                await self._write(keys, grown, batch.last)
                return batch.total

    async def _next(self, keys: LogKeys, limit: int) -> tuple[Head, Batch | None]:
        head, situation = await self._found(keys)
        cluster, from_seq = situation["number"], situation["from_seq"]
        if head.cursor is None or head.cursor.cluster != cluster:
            after = Cursor(cluster, None, 0)
        else:
            after = head.cursor
        if after.xid is None and self._drained == cluster:
            after = Cursor(cluster, _FIRST_XID, 0)
        values = _values(after, from_seq)
        if after.xid is None:
            row = await self._one(sql.TAKE_RESTORED, values | {"limit": limit})
            if not (row and row["total"]):
                # No other can come, so they are not looked for again.
                self._drained = cluster
                return await self._next(keys, limit)
        else:
            row = await self._one(sql.TAKE, values | {"limit": limit})
        if not (row and row["total"]):
            return head, None
        last = Cursor(cluster, row["xid"], row["seq"])
        return head, Batch(row["total"], row["leaves"], after, last, from_seq)

    async def _found(self, keys: LogKeys) -> tuple[Head, Mapping[str, Any]]:
        situation = await self._one(sql.SITUATION, {})
        if situation is None or not situation["here"]:
            raise SealingRefusedError(
                "the database was restored into another Postgres cluster, where transactions are "
                "numbered anew; run `starter.py db migrate`, which notes it"
            )
        row = await self._one(sql.NEWEST, {})
        last = Last(situation["sealed"], situation["last_seq"], situation["last_xid"])
        return checked_head(row, last, keys), situation

    async def _place(self, head: Head, batch: Batch) -> int:
        statement = sql.PLACE_RESTORED if batch.after.xid is None else sql.PLACE
        values = _values(batch.after, batch.from_seq)
        values |= {"size": head.size, "xid": batch.last.xid, "seq": batch.last.seq}
        return (await self._connection.execute(statement, values)).rowcount

    async def _write(self, keys: LogKeys, frontier: Frontier, last: Cursor) -> Note:
        root = frontier.root()
        note = keys.signed(frontier.size, root)
        values = {
            "tree_size": frontier.size,
            "root": root,
            "note": str(note),
            "frontier": b"".join(frontier.nodes),
            "cluster": last.cluster,
            "after_xid": last.xid,
            "after_seq": last.seq,
        }
        await self._connection.execute(sql.WRITE_CHECKPOINT, values)
        return note

    async def _one(self, query: LiteralString, values: Mapping[str, Any]) -> DictRow | None:
        with translated_errors():
            cursor = self._connection.cursor(binary=True)
            return await (await cursor.execute(query, values)).fetchone()


@asynccontextmanager
async def open_session(url: str, patience: float) -> AsyncIterator[SealingSession]:
    """Open a session, and close it at the end.

    Args:
        url: A connection string for ``placet_app_sealer``.
        patience: After so many seconds without a word from us, the server ends the session.

    Raises:
        UnavailableError: The server does not answer, or ends the session.
        InvalidInputError: The URL is no connection string.
    """
    told = conninfo.conninfo_to_dict(checked_url(url))
    with translated_errors():
        connection = await AsyncConnection.connect(
            conninfo.make_conninfo("", **(VANISHED | told)),
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=_CONNECT_SECONDS,
            application_name="placet sealer",
        )
        async with connection:
            await connection.execute(sql.SETTINGS, {"patience": f"{round(patience * 1000)}ms"})
            yield SealingSession(connection)


def _values(after: Cursor, from_seq: int) -> dict[str, Any]:
    return {"after_xid": after.xid, "after_seq": after.seq, "from_seq": from_seq}


def _grown(frontier: Frontier, leaves: bytes) -> Frontier:
    """Return the tree with more leaves, without changing the one before."""
    grown = Frontier(frontier.size, frontier.nodes)
    for start in range(0, len(leaves), HASH_BYTES):
        grown.add(leaves[start : start + HASH_BYTES])
    return grown
