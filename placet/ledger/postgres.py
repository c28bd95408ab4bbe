"""The ledger in Postgres: one adapter for the events, the lists, the content and the payments.

Every rule it relies on (order, exactly-once, one permit for one effect) is enforced by the
database's own functions; this class translates values and errors.
"""

from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.db import Pool
from placet.domain.erasure import Concern
from placet.domain.errors import InvalidInputError
from placet.domain.grants import GrantRow, Membership
from placet.domain.ledger import (
    LedgerEvent,
    LedgerStep,
    Receipt,
    WrittenStep,
)
from placet.domain.ledger_rows import (
    ConsumeResult,
    PaymentEntry,
    PaymentReport,
    PaymentResult,
    PaymentRow,
)
from placet.ledger import sql
from placet.ledger.appending import Appending
from placet.ledger.deletions import PostgresDeletions
from placet.ledger.deliveries import PostgresDeliveries
from placet.ledger.encoding import Encoder
from placet.ledger.erasing import PostgresErasures
from placet.ledger.exports import PostgresExports
from placet.ledger.grants import PostgresGrants
from placet.ledger.publishing import PostgresPublishing
from placet.ledger.reading import ANY_PAYMENT, PostgresReading
from placet.ledger.reporting import PostgresReports
from placet.ledger.retention import PostgresRetention
from placet.ledger.session import append_once, consume, only_row


class PostgresLedger(PostgresReading):
    """The port's real adapter; see :mod:`placet.ports`.

    Every method raises UnavailableError while the database does not answer. Writing methods may be
    repeated after any error: what was recorded is returned and not recorded again.
    """

    def __init__(self, pool: Pool, encoder: Encoder | None = None) -> None:
        """Take connections from ``pool``; without an encoder, events are not signed."""
        super().__init__(pool, encoder)
        self._appending = Appending(pool, self._encoder)

    @property
    def deliveries(self) -> PostgresDeliveries:
        """Return what is recorded of mails."""
        return PostgresDeliveries(self._pool, self._encoder)

    @property
    def exports(self) -> PostgresExports:
        """Return what is recorded of exports."""
        return PostgresExports(self._pool, self._encoder)

    @property
    def grants(self) -> PostgresGrants:
        """Return what is recorded of granted roles."""
        return PostgresGrants(self._pool, self._encoder)

    @property
    def deletions(self) -> PostgresDeletions:
        """Return what is recorded of deletions."""
        return PostgresDeletions(self._pool, self._encoder)

    @property
    def reports(self) -> PostgresReports:
        """Return what reports are made of."""
        return PostgresReports(self._pool)

    @property
    def publishing(self) -> PostgresPublishing:
        """Return what is recorded of publications on their way."""
        return PostgresPublishing(self._pool, self._encoder)

    @property
    def erasures(self) -> PostgresErasures:
        """Return what is recorded of erasures, and of the legal holds that forbid them."""
        return PostgresErasures(self._pool, self._encoder)

    @property
    def retention(self) -> PostgresRetention:
        """Return the ledger's partitions."""
        return PostgresRetention(self._pool, self._encoder)

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody."""
        return await self.erasures.concern(subject)

    async def append(self, events: Sequence[LedgerEvent]) -> list[Receipt]:
        """Append events in one transaction: all of them stand in the ledger afterwards, or none.

        Returns:
            One receipt for each event, in the same order. An event that was recorded before has
            its first receipt.

        Raises:
            ConflictError: An id was recorded with other content, or the request's id has a story
                in the ledger already.
            InvalidInputError: An event has no canonical form, is too large or cannot be projected.
        """
        if not events:
            return []
        return await self._appending.append(await self._encoded(events))

    async def append_step(self, step: LedgerStep) -> WrittenStep:
        """Append a step's events in one transaction, or return what it came to the first time.

        Raises:
            ConflictError: The request's id has the story of another workflow in the ledger, or an
                id was recorded with other content.
            InvalidInputError: See :meth:`append`.
        """
        return await self._appending.append_step(step, await self._encoded(step.events))

    async def put_content(self, data: bytes, media_type: str) -> str:
        """Store bytes under their SHA-256 and return it in hex; the first media type stays.

        Raises:
            InvalidInputError: They are more than 10 MiB, or the media type is empty.
        """
        async with self._statement() as connection:
            row = await only_row(
                connection, sql.PUT_CONTENT, {"data": data, "media_type": media_type}
            )
        return str(row["digest"])

    async def consume(
        self, permit_id: str, digest: str, effect: str, events: Sequence[LedgerEvent]
    ) -> ConsumeResult:
        """Consume a permit and append its events in one transaction.

        Args:
            permit_id: From the ``system:permit:issued`` event.
            digest: Of what is about to run.
            effect: The effect's name.
            events: Among them ``effect:permit:consumed`` with ``{"permit": permit_id}`` in its
                data; the database refuses to consume a permit without it.

        Raises:
            NotFoundError: There is no such permit.
            ConflictError: It was issued for another digest or effect, or has expired.
        """
        batch = await self._batch(events)
        async with self._transaction() as connection:
            first = await consume(connection, permit_id, digest, effect)
            receipts = await append_once(connection, batch, first=first)
        return ConsumeResult(first=first, receipts=receipts)

    async def pay(self, entry: PaymentEntry, events: Sequence[LedgerEvent]) -> PaymentResult:
        """Consume a permit, record its payment and append its events in one transaction.

        A permit pays once: repeated, this returns the first row and changes nothing.

        Args:
            entry: What the payment file says.
            events: ``effect:permit:consumed`` (see :meth:`consume`) and ``effect:run:done``.

        Raises:
            NotFoundError: There is no such permit for this request.
            ConflictError: The permit was issued for another digest or effect, has expired, has paid
                another amount or payee, or an identifier of the payment is taken.
        """
        _require_stream(events, entry.request)
        batch = await self._batch(events)
        async with self._transaction() as connection:
            await consume(connection, entry.permit_id, entry.digest, "payment")
            first = (await only_row(connection, sql.RECORD_PAYMENT, entry.model_dump()))["first"]
            receipts = await append_once(connection, batch, first=first)
            payment = await _payment(connection, {"permit_id": entry.permit_id})
        return PaymentResult(first=first, payment=payment, receipts=receipts)

    async def report_payment(
        self, report: PaymentReport, events: Sequence[LedgerEvent]
    ) -> PaymentResult:
        """Record what the bank says about a payment, with its event, in one transaction.

        Args:
            report: The bank's word. Build the event from the row that :meth:`payments` returns.
            events: ``bank:payment:rejected`` or ``bank:payment:settled``.

        Raises:
            NotFoundError: No payment has these identifiers.
            ConflictError: The bank has said something else before.
        """
        batch = await self._batch(events)
        async with self._transaction() as connection:
            row = await only_row(connection, sql.REPORT_PAYMENT, report.model_dump())
            payment = await _payment(connection, {"payment_id": row["payment_id"]})
            _require_stream(events, payment.request)
            receipts = await append_once(connection, batch, first=row["changed"])
        return PaymentResult(first=row["changed"], payment=payment, receipts=receipts)

    async def open_grants(self, of: Membership) -> list[GrantRow]:
        """Return the grants of a role for an account that are not over, the oldest first."""
        return await self.grants.rows(of=of, still_open=True)


def _require_stream(events: Sequence[LedgerEvent], request: str) -> None:
    strangers = sorted({event.stream for event in events} - {request})
    if strangers:
        raise InvalidInputError(
            f"The payment is of request {request}, the events are of {', '.join(strangers)}: "
            "append events of the payment's own request."
        )


async def _payment(connection: AsyncConnection[DictRow], key: dict[str, str]) -> PaymentRow:
    return PaymentRow(**await only_row(connection, sql.PAYMENTS, ANY_PAYMENT | key))
