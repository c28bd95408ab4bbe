"""Take what a bank says about payments into the ledger, and tell the requester of a refusal.

Idempotent: an event's key comes from what the report names, so a report may be read again after
any failure, and the same report twice is recorded once.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from placet.domain.envelope import SCHEMA
from placet.domain.errors import NotFoundError
from placet.domain.ledger import LedgerEvent
from placet.domain.ledger_rows import (
    PaymentReport,
    PaymentResult,
    PaymentRow,
    PaymentStatus,
    RequestRow,
)
from placet.domain.plan import PersonRef, utc
from placet.domain.record import Notice, NoticeKind
from placet.domain.vocabulary import EffectState, Kind
from placet.payments.pain002 import BankStatus
from placet.ports import DirectoryPort, Ledger, Notifier

PROGRAM = "placet payments report"

_SAID = {
    PaymentStatus.REJECTED: (Kind.PAYMENT_REJECTED, EffectState.FAILED),
    PaymentStatus.SETTLED: (Kind.PAYMENT_SETTLED, EffectState.DONE),
}


class Reported(NamedTuple):
    """One word of the bank, and what it changed.

    Attributes:
        said: What the report says.
        payment: The payment it is about; None when the ledger has no such payment.
        first: Whether it was news.
    """

    said: BankStatus
    payment: PaymentRow | None
    first: bool


class BankReports:
    """Takes reports in."""

    def __init__(self, ledger: Ledger, directory: DirectoryPort, notifier: Notifier) -> None:
        """Record in ``ledger`` and write by ``notifier`` to people of ``directory``."""
        self._ledger = ledger
        self._directory = directory
        self._notifier = notifier

    async def take(self, statuses: Sequence[BankStatus], now: datetime) -> list[Reported]:
        """Record each final word; others, such as ``ACCP``, are returned and change nothing.

        Args:
            statuses: As ``read_status_report`` returns them.
            now: When the report is read, an aware instant.

        Raises:
            ConflictError: The bank has said something else about the same payment before.
            UnavailableError: The ledger or the notifier does not answer.
        """
        return [await self._take(said, now) for said in statuses]

    async def _take(self, said: BankStatus, now: datetime) -> Reported:
        payment = await self._payment(said)
        if payment is None or not (said.rejected or said.settled):
            return Reported(said, payment, first=False)
        row = await self._ledger.request(payment.request)
        if row is None:
            raise NotFoundError(
                f"payment {payment.payment_id} is of {payment.request}, which no list has; "
                "rebuild the lists"
            )
        report = PaymentReport(
            msg_id=payment.msg_id,
            end_to_end_id=payment.end_to_end_id,
            status=PaymentStatus.REJECTED if said.rejected else PaymentStatus.SETTLED,
            reason=" ".join(part for part in (said.reason_code, said.reason) if part) or None,
        )
        said_so = report_event(report, payment, row, now)
        result = await self._ledger.report_payment(report, [said_so])
        if said.rejected:
            await self._tell(result, row)
        return Reported(said, result.payment, first=result.first)

    async def _payment(self, said: BankStatus) -> PaymentRow | None:
        """Return the payment meant: Placet writes one reference into all three identifiers."""
        end_to_end = said.original_end_to_end_id or said.original_payment_id
        found = await self._ledger.payments(
            msg_id=said.original_message_id, end_to_end_id=end_to_end
        )
        return found[0] if len(found) == 1 else None

    async def _tell(self, result: PaymentResult, row: RequestRow) -> None:
        """Write to the requester; again when the first reading died before it could."""
        recorded = next(
            event
            for event in await self._ledger.timeline(row.request)
            if event.event_id == result.receipts[0].event_id
        )
        person = self._directory.snapshot().get(row.requester_id)
        if person is None:
            return
        reason = result.payment.status_reason or "the bank gave no reason"
        notice = Notice(
            number=0,
            kind=NoticeKind.EFFECT_FAILED,
            to=(person.ref(),),
            request=row.request,
            title=row.title or row.request,
            requester=row.requester_name or person.name,
            amount=row.amount,
            text=f"the bank rejected the payment: {reason}",
            at=recorded.occurred,
        )
        await self._notifier.deliver(recorded.event_id, notice)
        await self._ledger.append([_notified(person.ref(), result.payment, row, recorded.occurred)])


def report_event(
    report: PaymentReport, payment: PaymentRow, row: RequestRow, now: datetime
) -> LedgerEvent:
    """Return the event of a final word; its id follows from what the report names."""
    kind, effect = _SAID[report.status]
    data: dict[str, JsonValue] = {
        "effect": effect.value,
        "payment": payment.payment_id,
        "message": payment.msg_id,
    }
    return _sealed(kind, payment, row, now, data, report.reason)


def _notified(to: PersonRef, payment: PaymentRow, row: RequestRow, at: datetime) -> LedgerEvent:
    data: dict[str, JsonValue] = {
        "notice": NoticeKind.EFFECT_FAILED.value,
        "number": 0,
        "to": [to.id],
    }
    return _sealed(Kind.NOTIFIED, payment, row, at, data, None)


def _sealed(  # noqa: PLR0913, PLR0917 - an event has that many sides
    kind: Kind,
    payment: PaymentRow,
    row: RequestRow,
    at: datetime,
    data: dict[str, JsonValue],
    reason: str | None,
) -> LedgerEvent:
    body: dict[str, JsonValue] = {
        "schema": SCHEMA,
        "kind": kind.value,
        "request": row.request,
        "pipeline": row.pipeline,
        "requester": row.requester_id,
        "revision": row.revision,
        "digest": payment.digest,
        "occurred": utc(at),
        "data": data,
        "service": {"program": PROGRAM},
    }
    if reason:
        body["reason"] = reason
    told = (row.request, payment.msg_id, payment.end_to_end_id, kind.value)
    framed = "".join(f"{len(part.encode())}:{part}" for part in told)
    return LedgerEvent(
        event_id=hashlib.sha256(f"placet-bank/1 {framed}".encode()).hexdigest(),
        stream=row.request,
        kind=kind.value,
        occurred=at,
        body=body,
    )
