"""The ledger in Postgres: one adapter for the events, the lists, the content and the payments.

Every rule it relies on (order, exactly-once, one permit for one effect) is enforced by the
database's own functions; this class translates values and errors.
"""

import re
from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.db import Pool
from placet.domain.erasure import Concern
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.grants import GrantRow, Membership
from placet.domain.ledger import (
    LedgerEvent,
    LedgerStep,
    Receipt,
    RecordedEvent,
    WrittenStep,
)
from placet.domain.ledger_rows import (
    AssignmentRow,
    ConsumeResult,
    PaymentEntry,
    PaymentReport,
    PaymentResult,
    PaymentRow,
    PublicationRow,
    RequestRow,
    ReviewRow,
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
from placet.ledger.reporting import PostgresReports
from placet.ledger.retention import PostgresRetention
from placet.ledger.revealing import (
    ASSIGNMENT,
    REQUEST,
    REVIEW,
    revealed_events,
    revealed_rows,
    sealed_events,
)
from placet.ledger.session import Session, append_once, consume, only_row, rows_at_most

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


class PostgresLedger(Session):
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

    async def timeline(self, request: str) -> list[RecordedEvent]:
        """Return a request's events in order; an unknown request has none.

        What was personal and is erased, or cannot be opened here, is shown as such.
        """
        rows = await self._all(sql.TIMELINE, {"stream": request})
        return await revealed_events(rows, self._opened)

    async def sealed_timeline(self, request: str) -> list[RecordedEvent]:
        """Return a request's events exactly as they are recorded and signed."""
        rows = await self._all(sql.TIMELINE, {"stream": request})
        return sealed_events(rows)

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

    async def get_content(self, digest: str) -> bytes:
        """Return what was stored under a SHA-256 in hex.

        Raises:
            NotFoundError: Nothing was, or it has been erased.
        """
        rows = (
            await self._all(sql.GET_CONTENT, {"digest": digest})
            if _HEX_DIGEST.fullmatch(digest)
            else []
        )
        data = rows[0]["data"] if rows else None
        if data is None:
            raise NotFoundError(
                f"No content is stored under {digest[:64]!r}: it was never stored, or was erased."
            )
        return bytes(data)

    async def has_content(self, digest: str) -> bool:
        """Say whether anything is stored under a SHA-256 in hex."""
        if not _HEX_DIGEST.fullmatch(digest):
            return False
        return bool((await self._all(sql.HAS_CONTENT, {"digest": digest}))[0]["found"])

    async def has_file(self, digest: str) -> bool:
        """Say whether a file is stored under a SHA-256 in hex.

        Revisions of requests and snapshots of policies are stored beside the files, as JSON, which
        no file of a request is; a receipt must not be one of these.
        """
        if not _HEX_DIGEST.fullmatch(digest):
            return False
        return bool((await self._all(sql.HAS_FILE, {"digest": digest}))[0]["found"])

    async def requests(  # noqa: PLR0913 - each is one filter of a list
        self,
        *,
        reviewer: str | None = None,
        requester: str | None = None,
        status: str | None = None,
        pipeline: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[RequestRow]:
        """Return the newest requests that fit every filter given.

        Args:
            reviewer: The directory's id of a person whom the request waits for.
            requester: The directory's id of who requested it.
            status: As the case names it.
            pipeline: As the registry names it.
            limit: At most this many rows, 1000 at most.
            after: The last request of the page before.
        """
        rows = await self._all(
            sql.REQUESTS,
            {
                "reviewer": reviewer,
                "requester": requester,
                "status": status,
                "pipeline": pipeline,
                "limit": rows_at_most(limit),
                "after": after,
            },
        )
        return [RequestRow(**row) for row in await revealed_rows(rows, REQUEST, self._opened)]

    async def request(self, request_id: str) -> RequestRow | None:
        """Return one request's row, or None when the ledger does not know it."""
        rows = await self._all(sql.REQUEST, {"request": request_id})
        shown = await revealed_rows(rows, REQUEST, self._opened)
        return RequestRow(**shown[0]) if shown else None

    async def assignments(self, requests: Sequence[str]) -> list[AssignmentRow]:
        """Return whom these requests wait for, in the order the events named them."""
        rows = await self._all(sql.ASSIGNMENTS, {"requests": list(requests)})
        shown = await revealed_rows(rows, ASSIGNMENT, self._opened)
        return [AssignmentRow(**row) for row in shown]

    async def reviews(self, request_id: str) -> list[ReviewRow]:
        """Return the verdicts on a request, in the order they were recorded."""
        rows = await self._all(sql.REVIEWS, {"request": request_id})
        shown = await revealed_rows(rows, REVIEW, self._opened)
        return [ReviewRow(**row) for row in shown]

    async def published(self, slug: str) -> PublicationRow | None:
        """Return what stands under a slug now: the newest publication that is done, if any.

        Its version is None when it was taken away.
        """
        rows = await self._all(sql.PUBLISHED, {"slug": slug})
        return PublicationRow(**rows[0]) if rows else None

    async def publications(self, slug: str, limit: int = 100) -> list[PublicationRow]:
        """Return what was done to a slug, or is being done, the newest first; 1000 at most."""
        limit = rows_at_most(limit)
        rows = await self._all(sql.PUBLICATIONS, {"slug": slug, "limit": limit})
        return [PublicationRow(**row) for row in rows]

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

    async def payments(
        self,
        *,
        permit_id: str | None = None,
        request: str | None = None,
        msg_id: str | None = None,
        end_to_end_id: str | None = None,
    ) -> list[PaymentRow]:
        """Return the payments that fit every filter given, oldest first, 1000 at most."""
        filters = {
            "permit_id": permit_id,
            "request": request,
            "msg_id": msg_id,
            "end_to_end_id": end_to_end_id,
        }
        rows = await self._all(sql.PAYMENTS, _ANY_PAYMENT | filters)
        return [PaymentRow(**row) for row in rows]


_ANY_PAYMENT: dict[str, str | None] = dict.fromkeys(
    ("payment_id", "permit_id", "request", "msg_id", "end_to_end_id")
)


def _require_stream(events: Sequence[LedgerEvent], request: str) -> None:
    strangers = sorted({event.stream for event in events} - {request})
    if strangers:
        raise InvalidInputError(
            f"The payment is of request {request}, the events are of {', '.join(strangers)}: "
            "append events of the payment's own request."
        )


async def _payment(connection: AsyncConnection[DictRow], key: dict[str, str]) -> PaymentRow:
    return PaymentRow(**await only_row(connection, sql.PAYMENTS, _ANY_PAYMENT | key))
