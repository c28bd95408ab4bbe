"""What has been sealed, for everybody who brings it outside; it never seals itself."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg.rows import DictRow

from placet.db import Pool, translated_errors
from placet.domain.errors import NotFoundError
from placet.domain.plurals import plural
from placet.proof.note import Note, Signature, VerifierKey
from placet.proof.tree import HASH_BYTES, Frontier, consistency_proof
from placet.sealing import sql
from placet.sealing.notes import note_name, read_checkpoint

_AT_ONCE = 50_000
"""Leaves that are read in one statement."""


class Sealed(NamedTuple):
    """A checkpoint as it was committed.

    Attributes:
        size: How many leaves its tree has.
        note: Signed by the log.
        at: When (aware).
    """

    size: int
    note: Note
    at: datetime


class Archive:
    """Checkpoints and what others have signed about them."""

    def __init__(self, pool: Pool) -> None:
        """Read and write as ``placet_app_sealer``."""
        self._pool = pool

    async def newest(self) -> Sealed | None:
        """Return the newest checkpoint; None before the first.

        Raises:
            SealingRefusedError: What is stored is none.
        """
        row = await self._one(sql.NEWEST, {})
        if row is None:
            return None
        return Sealed(row["tree_size"], _note(row["tree_size"], row["note"]), row["sealed_at"])

    async def note_of(self, size: int) -> Note | None:
        """Return the checkpoint of a tree of ``size``; None when there was none of that size.

        Raises:
            SealingRefusedError: What is stored is none.
        """
        row = await self._one(sql.NOTE, {"size": size})
        return _note(size, row["note"]) if row else None

    async def waiting_since(self, size: int) -> datetime | None:
        """Return when the first checkpoint beyond ``size`` was sealed; None when there is none."""
        row = await self._one(sql.FIRST_BEYOND, {"size": size})
        return row["sealed_at"] if row else None

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of ``old`` leaves begins that of ``new``.

        Raises:
            NotFoundError: No checkpoint was of the old size.
        """
        row = await self._one(sql.FRONTIER, {"size": old})
        if row is None:
            raise NotFoundError(
                f"the ledger has no checkpoint of {plural(old, 'event')}; it has one for each "
                "batch that it sealed"
            )
        frontier = Frontier.read(old, row["frontier"])
        # A witness that was away for long may lack millions, and hashing them takes its time.
        leaves = [
            await self._leaves(at, min(at + _AT_ONCE, new)) for at in range(old, new, _AT_ONCE)
        ]
        return await asyncio.to_thread(consistency_proof, frontier, _one_by_one(leaves))

    async def _leaves(self, first: int, end: int) -> bytes:
        row = await self._one(sql.LEAVES, {"first": first, "end": end})
        return bytes(row["leaves"] or b"") if row else b""

    async def keep_cosignature(self, size: int, key: VerifierKey, line: Signature) -> None:
        """Keep what a witness has signed; the first of each witness for each size."""
        values = {"size": size, "key": key.short, "line": str(line)}
        await self._write(sql.KEEP_COSIGNATURE, values)

    async def cosigned_by(self, key: VerifierKey) -> int:
        """Return the size of the newest checkpoint that a witness has cosigned; 0 for none."""
        row = await self._one(sql.NEWEST_COSIGNATURE, {"key": key.short})
        return (row and row["size"]) or 0

    async def keep_stamp(self, size: int, authority: str, token: bytes) -> None:
        """Keep an authority's time-stamp."""
        await self._write(sql.KEEP_STAMP, {"size": size, "authority": authority, "token": token})

    async def held_by(self, place: str) -> int:
        """Return the size of the largest checkpoint that a place is known to hold; 0 for none."""
        row = await self._one(sql.PLACE_HELD, {"name": place})
        return int(row["tree_size"]) if row else 0

    async def note_held(self, place: str, size: int) -> None:
        """Remember that a place holds the checkpoint of ``size``; a smaller one changes nothing."""
        await self._write(sql.NOTE_PLACE, {"name": place, "size": size})

    async def accept_loss(self, event_id: str) -> int:
        """Forget how far a place had come that an event (its id in hex) tells of, and return it.

        Raises:
            NotFoundError: There is no such event, or the place has not lost what it says.
        """
        row = await self._one(sql.ACCEPT_LOSS, {"event_id": bytes.fromhex(event_id)})
        return int(row["size"]) if row else 0

    async def stamped_by(self, authority: str) -> tuple[int, datetime] | None:
        """Return the size of the newest checkpoint that an authority stamped, and when."""
        row = await self._one(sql.NEWEST_STAMP, {"authority": authority})
        return (row["tree_size"], row["stored_at"]) if row else None

    async def _one(self, query: LiteralString, values: Mapping[str, Any]) -> DictRow | None:
        with translated_errors():
            async with self._pool.connection() as connection:
                cursor = connection.cursor(binary=True)
                return await (await cursor.execute(query, values)).fetchone()

    async def _write(self, query: LiteralString, values: Mapping[str, Any]) -> None:
        with translated_errors():
            async with self._pool.connection() as connection:
                await connection.execute(query, values)


def _note(size: int, stored: str) -> Note:
    where = f"what the database has of {plural(size, 'event')}"
    return read_checkpoint(stored.encode(), where, note_name(size))


def _one_by_one(joined: Iterable[bytes]) -> Iterator[bytes]:
    for content in joined:
        for start in range(0, len(content), HASH_BYTES):
            yield content[start : start + HASH_BYTES]
