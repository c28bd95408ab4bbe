"""Exports in Postgres: which file was made, and until when; migration 0011 holds the rules."""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.domain.export import (
    EFFECT,
    ExportEntry,
    ExportFile,
    ExportResult,
    ExportRow,
    ExportState,
)
from placet.domain.ledger import LedgerEvent
from placet.ledger import sql_effects as sql
from placet.ledger.session import (
    MAX_ROWS,
    Session,
    append_once,
    consume,
    only_row,
    rows_at_most,
)

_NO_FILE: dict[str, int | None] = dict.fromkeys(("name", "rows", "bytes", "sha256", "until"))


class PostgresExports(Session):
    """The port's real adapter; see :mod:`placet.ports`."""

    async def begin(self, entry: ExportEntry, events: Sequence[LedgerEvent]) -> ExportResult:
        """Consume a permit and record its export, in one transaction.

        Repeated under another holder, that one takes over.

        Args:
            entry: The export.
            events: ``effect:permit:consumed``.

        Raises:
            NotFoundError: There is no such permit for this request.
            ConflictError: The permit was issued for another digest or effect, or has expired.
        """
        batch = await self._batch(events)
        async with self._transaction() as connection:
            consumed = await consume(connection, entry.permit_id, entry.digest, EFFECT)
            first = (await only_row(connection, sql.BEGIN_EXPORT, entry.model_dump()))["first"]
            receipts = await append_once(connection, batch, first=consumed)
            export = await _export(connection, entry.permit_id)
        return ExportResult(first=first, export=export, receipts=receipts)

    async def end(  # noqa: PLR0913 - each says another thing of one ending
        self,
        permit_id: str,
        holder: str,
        state: ExportState,
        file: ExportFile | None = None,
        events: Sequence[LedgerEvent] = (),
        *,
        rows: int | None = None,
    ) -> ExportResult:
        """End the making of a file, and append the events that say so, in one transaction.

        Args:
            permit_id: Of which export.
            holder: The attempt that ends it.
            state: ``ready``, with its file, or another without.
            file: What was made.
            events: What says so.
            rows: With ``drifted``: how many there were.

        Raises:
            NotFoundError: The permit exports nothing.
            ConflictError: Another holder has taken over, or it has ended otherwise.
        """
        made = file.model_dump() if file else _NO_FILE | {"rows": rows}
        values = {"permit_id": permit_id, "holder": holder, "state": state.value, **made}
        return await self._moved(sql.END_EXPORT, values, events)

    async def remove(self, permit_id: str, events: Sequence[LedgerEvent]) -> ExportResult:
        """Record that a file was deleted, with its event, in one transaction.

        Raises:
            NotFoundError: The permit exports nothing.
            ConflictError: There never was a file.
        """
        return await self._moved(sql.REMOVE_EXPORT, {"permit_id": permit_id}, events)

    async def _moved(
        self, query: LiteralString, values: dict[str, Any], events: Sequence[LedgerEvent]
    ) -> ExportResult:
        async with self._change(query, values, events) as change:
            export = await _export(change.connection, values["permit_id"])
        return ExportResult(first=change.first, export=export, receipts=change.receipts)

    async def holds(self, permit_id: str, holder: str) -> bool:
        """Say whether an attempt may still finish its file."""
        values = {"permit_id": permit_id, "holder": holder}
        return bool(await self._all(sql.HELD_EXPORT, values))

    async def rows(
        self, *, permit_id: str | None = None, request: str | None = None, limit: int = MAX_ROWS
    ) -> list[ExportRow]:
        """Return the exports that fit every filter given, the newest first."""
        values = {
            "permit_id": permit_id,
            "request": request,
            "limit": rows_at_most(limit),
        }
        return [ExportRow(**row) for row in await self._all(sql.EXPORTS, values)]


async def _export(connection: AsyncConnection[DictRow], permit_id: str) -> ExportRow:
    values = {"permit_id": permit_id, "request": None, "limit": 1}
    return ExportRow(**await only_row(connection, sql.EXPORTS, values))
