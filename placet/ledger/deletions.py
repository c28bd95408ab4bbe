"""Deletions in Postgres: how far each has come; migration 0013 holds the rules."""

import json
from collections.abc import Mapping, Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from pydantic import JsonValue

from placet.domain.deletion import (
    EFFECT,
    DeletionEntry,
    DeletionResult,
    DeletionRow,
    DeletionState,
    Ended,
)
from placet.domain.ledger import LedgerEvent
from placet.ledger import sql_effects as sql
from placet.ledger.session import MAX_ROWS, Session, append_once, consume, only_row


class PostgresDeletions(Session):
    """The port's real adapter; see :mod:`placet.ports`."""

    async def find(self, permit_id: str) -> DeletionRow | None:
        """Return the deletion that a permit has begun, or None."""
        rows = await self.deletions(permit_id=permit_id)
        return rows[0] if rows else None

    async def begin(self, entry: DeletionEntry, events: Sequence[LedgerEvent]) -> DeletionResult:
        """Consume a permit and record its deletion, in one transaction; repeated, return it.

        Args:
            entry: The deletion.
            events: ``effect:permit:consumed``, and ``effect:run:stopped`` for one that ends at
                once.

        Raises:
            NotFoundError: There is no such permit for this request.
            ConflictError: The permit was issued for another digest or effect, has expired or was
                revoked, or deletes another selection already.
        """
        batch = await self._batch(events)
        recount = entry.recount
        values = entry.model_dump(exclude={"recount"}) | {
            "selected": recount.selected if recount else None,
            "existing": recount.existing if recount else None,
            "matching": recount.matching if recount else None,
        }
        async with self._transaction() as connection:
            await consume(connection, entry.permit_id, entry.digest, EFFECT)
            first = (await only_row(connection, sql.BEGIN_DELETION, values))["first"]
            receipts = await append_once(connection, batch, first=first)
            deletion = await _deletion(connection, entry.permit_id)
        return DeletionResult(first=first, deletion=deletion, receipts=receipts)

    async def hold(self, permit_id: str, holder: str) -> DeletionRow:
        """Take a deletion over: from here on no earlier attempt moves it.

        Raises:
            NotFoundError: The permit deletes nothing.
        """
        async with self._transaction() as connection:
            await connection.execute(sql.HOLD_DELETION, {"permit_id": permit_id, "holder": holder})
            return await _deletion(connection, permit_id)

    async def turn(
        self,
        permit_id: str,
        holder: str,
        state: DeletionState,
        standing: int,
        counts: Mapping[str, JsonValue],
    ) -> DeletionRow:
        """Begin what comes next, or one more pass, with so many rows to be touched.

        What is known by now of its rows is recorded with it.

        Raises:
            ConflictError: Another holder has taken over, or this cannot come next.
        """
        values = {
            "permit_id": permit_id,
            "holder": holder,
            "state": state,
            "standing": standing,
            "counts": json.dumps(counts),
        }
        async with self._transaction() as connection:
            await connection.execute(sql.TURN_DELETION, values)
            return await _deletion(connection, permit_id)

    async def advance(self, permit_id: str, holder: str, place: int) -> None:
        """Record how many rows of the approved selection the pass under way has seen.

        Raises:
            ConflictError: Another holder has taken over, or it was further already.
        """
        values = {"permit_id": permit_id, "holder": holder, "place": place}
        async with self._statement() as connection:
            await connection.execute(sql.ADVANCE_DELETION, values)

    async def end(
        self, permit_id: str, holder: str, ended: Ended, events: Sequence[LedgerEvent]
    ) -> DeletionResult:
        """End a deletion or put it in force, and append its events, in one transaction.

        Raises:
            NotFoundError: The permit deletes nothing.
            ConflictError: Another holder has taken over, or it cannot end like this.
        """
        values = {
            "permit_id": permit_id,
            "holder": holder,
            "state": ended.state,
            "counts": json.dumps(ended.counts.told()),
            "until": ended.until,
        }
        async with self._change(sql.END_DELETION, values, events) as change:
            deletion = await _deletion(change.connection, permit_id)
        return DeletionResult(first=change.first, deletion=deletion, receipts=change.receipts)

    async def deletions(
        self, *, permit_id: str | None = None, request: str | None = None
    ) -> list[DeletionRow]:
        """Return the deletions that fit every filter given, the newest first, 1000 at most."""
        values = {"permit_id": permit_id, "request": request, "limit": MAX_ROWS}
        return [DeletionRow(**row) for row in await self._all(sql.DELETIONS, values)]


async def _deletion(connection: AsyncConnection[DictRow], permit_id: str) -> DeletionRow:
    values = {"permit_id": permit_id, "request": None, "limit": 1}
    return DeletionRow(**await only_row(connection, sql.DELETIONS, values))
