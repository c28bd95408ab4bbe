"""Mails in Postgres: who gets one, and what became of each; migration 0008 holds the rules."""

from collections.abc import Collection, Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.domain.delivery import (
    Counts,
    DeliveryRow,
    DeliveryStatus,
    Ending,
    Handover,
    MailingEntry,
    MailingResult,
    MailingRow,
)
from placet.domain.ledger import LedgerEvent
from placet.domain.sending import EFFECT
from placet.ledger import sql_effects as sql
from placet.ledger.session import (
    MAX_ROWS,
    Session,
    append_once,
    consume,
    only_row,
    rows_at_most,
)


class PostgresDeliveries(Session):
    """The port's real adapter; see :mod:`placet.ports`."""

    async def begin(self, entry: MailingEntry, events: Sequence[LedgerEvent]) -> MailingResult:
        """Consume a permit and record whom its mail goes to, in one transaction.

        Repeated under another holder, that one takes over: what was being handed over is in doubt.

        Args:
            entry: The mail.
            events: ``effect:permit:consumed``.

        Raises:
            NotFoundError: There is no such permit for this request.
            ConflictError: The permit was issued for another digest or effect, has expired, or
                sends to other recipients already.
        """
        batch = await self._batch(events)
        async with self._transaction() as connection:
            consumed = await consume(connection, entry.permit_id, entry.digest, EFFECT)
            values = entry.model_dump(exclude={"addresses", "message_ids"}) | {
                "addresses": list(entry.addresses),
                "message_ids": list(entry.message_ids),
            }
            first = (await only_row(connection, sql.BEGIN_MAILING, values))["first"]
            receipts = await append_once(connection, batch, first=consumed)
            mailing = await _mailing(connection, entry.permit_id)
        return MailingResult(first=first, mailing=mailing, receipts=receipts)

    async def claim(self, permit_id: str, holder: str, place: int) -> bool:
        """Say that this mail is about to be handed over; False when it is not waiting any more.

        Raises:
            ConflictError: The mail has ended, or another holder has taken over.
        """
        values = {"permit_id": permit_id, "holder": holder, "place": place}
        async with self._statement() as connection:
            return bool((await only_row(connection, sql.CLAIM_DELIVERY, values))["claimed"])

    async def record(self, permit_id: str, holder: str, handover: Handover) -> None:
        """Record what became of a mail; the same again changes nothing.

        Raises:
            ConflictError: The mail has ended, another holder has taken over, or something else
                became of this one.
        """
        values = {"permit_id": permit_id, "holder": holder, **handover.model_dump(mode="json")}
        async with self._statement() as connection:
            await connection.execute(sql.RECORD_DELIVERY, values)

    async def end(
        self, permit_id: str, holder: str, ending: Ending, events: Sequence[LedgerEvent]
    ) -> MailingResult:
        """Send nothing more, and append the events that say so, in one transaction.

        Raises:
            NotFoundError: The permit sends nothing.
            ConflictError: Another holder has taken over, or a mail that is to be done is not.
        """
        values = {"permit_id": permit_id, "holder": holder, "ending": ending.value}
        async with self._change(sql.END_MAILING, values, events) as change:
            mailing = await _mailing(change.connection, permit_id)
        return MailingResult(first=change.first, mailing=mailing, receipts=change.receipts)

    async def mailings(
        self, *, permit_id: str | None = None, request: str | None = None
    ) -> list[MailingRow]:
        """Return the mails that fit every filter given, oldest first."""
        rows = await self._all(sql.MAILINGS, {"permit_id": permit_id, "request": request})
        return [MailingRow(**row) for row in rows]

    async def counts(self, permit_id: str) -> Counts:
        """Return how many recipients there are of each status."""
        rows = await self._all(sql.COUNT_DELIVERIES, {"permit_id": permit_id})
        return {DeliveryStatus(row["status"]): row["count"] for row in rows}

    async def rows(
        self,
        permit_id: str,
        *,
        statuses: Collection[DeliveryStatus] = (),
        after: int = 0,
        limit: int = MAX_ROWS,
    ) -> list[DeliveryRow]:
        """Return recipients in their order.

        Args:
            permit_id: Of which mail.
            statuses: Only these; all without.
            after: Only those behind this place.
            limit: At most this many, 1000 at most.
        """
        values = {
            "permit_id": permit_id,
            "statuses": [status.value for status in statuses] or None,
            "after": after,
            "limit": rows_at_most(limit),
        }
        return [DeliveryRow(**row) for row in await self._all(sql.DELIVERIES, values)]


async def _mailing(connection: AsyncConnection[DictRow], permit_id: str) -> MailingRow:
    values = {"permit_id": permit_id, "request": None}
    return MailingRow(**await only_row(connection, sql.MAILINGS, values))
