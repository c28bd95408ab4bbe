"""Send an approved mail: to each of its recipients at most once.

Idempotent by the permit: one transaction consumes it and records everybody who gets the mail. From
then on each recipient is claimed before the mail is on its way to them and recorded after, so the
next run goes on where one has died. Whom that one was serving is in doubt, and is not served again.
"""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Sequence

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from activities.stopping import halting
from placet.domain.delivery import (
    Counts,
    DeliveryRow,
    DeliveryStatus,
    Ending,
    MailingEntry,
    MailingRow,
    counts_text,
)
from placet.domain.errors import ConflictError, PlacetError, UnavailableError
from placet.domain.orders import EffectOrder, EffectResult
from placet.domain.recipients import Recipient
from placet.domain.sending import Scope, SendRequest, Stamp
from placet.halt import Halt
from placet.mail.compose import Letter
from placet.mail.mailing import Mailing
from placet.mail.server import SmtpServer
from placet.pipelines.send import recipients_text, understand
from placet.ports import Ledger

REPORT_TYPE = "text/tab-separated-values"
_REACHED = (DeliveryStatus.SENT, DeliveryStatus.IN_DOUBT)


class NobodyReachedError(PlacetError):
    """The mail server took the mail for nobody."""

    code = "nobody-reached"


class SendingActivities:
    """Hands mails to the mail server."""

    def __init__(self, ledger: Ledger, server: SmtpServer | None) -> None:
        """Record in ``ledger`` and hand mails to ``server``."""
        self._ledger = ledger
        self._book = ledger.deliveries
        self._server = server

    @activity.defn(name="sending.send")
    async def send(self, order: EffectOrder) -> EffectResult:
        """Send an approved mail, until nobody waits for it or it is stopped.

        A cancellation stops it: whom it has reached stays reached, and nobody else gets it.

        Raises:
            ApplicationError: The content is not what was approved, the permit is for something
                else, or the mail server took the mail for nobody. Retryable, while somebody waits
                for it.
        """
        with permanent():
            server = self._server
            if server is None and not order.stop:
                raise UnavailableError(
                    "there is no mail server: set PLACET_SMTP_URL for the workers and start them "
                    "again; the mail then goes out"
                )
            letter, recipients = await self._approved(order)
            holder = uuid.uuid4().hex
            begun = await self._begun(order, recipients, letter, holder)
            if begun.ending is not None:
                ending = begun.ending
            elif order.stop or server is None:
                counts = await self._book.counts(order.permit)
                ending = Ending.STOPPED if counts.get(DeliveryStatus.WAITING) else Ending.DONE
            else:
                mailing = Mailing(
                    book=self._book,
                    server=server,
                    permit_id=order.permit,
                    holder=holder,
                    letter=letter,
                    recipients=recipients,
                )
                ending = await _handed_over(mailing, begun)
            return await self._report(order, holder, ending)

    async def _begun(
        self, order: EffectOrder, recipients: Sequence[Recipient], letter: Letter, holder: str
    ) -> MailingRow:
        """Consume the permit and record everybody, or take over from the run before."""
        entry = MailingEntry(
            permit_id=order.permit,
            request=order.request_id,
            digest=order.digest,
            recipients=Scope.model_validate(order.plan.scope).recipients,
            holder=holder,
            addresses=tuple(recipient.mailbox.address for recipient in recipients),
            message_ids=tuple(map(letter.message_id, recipients)),
        )
        return (await self._book.begin(entry, [order.consumed])).mailing

    async def _approved(self, order: EffectOrder) -> tuple[Letter, Sequence[Recipient]]:
        """Write exactly the mail that was approved, to exactly those it was approved for (rule 4).

        Raises:
            ConflictError: It has changed; the message names both digests.
        """
        content = await self._ledger.get_content(order.digest)
        _same("the stored request", _digest(content), order.digest)
        mail = await understand(SendRequest.model_validate_json(content), self._ledger)
        scope = Scope.model_validate(order.plan.scope)
        everybody = _digest(recipients_text(mail.recipients))
        _same("the list of everybody who would get it", everybody, scope.recipients)
        stamp = Stamp(order.permit, order.approved)
        letter = await asyncio.to_thread(Letter, mail.request, mail.files, stamp)
        return letter, mail.recipients.all

    async def _report(self, order: EffectOrder, holder: str, ending: Ending) -> EffectResult:
        """End the mail, and say in the ledger what became of it; again it says the same."""
        rows = [_ended(row) async for row in self._rows(order.permit)]
        report = await self._ledger.put_content(_report_text(rows), REPORT_TYPE)
        counts: dict[DeliveryStatus, int] = {}
        for row in rows:
            counts[row.status] = counts.get(row.status, 0) + 1
        reached = any(counts.get(status) for status in _REACHED)
        failed = ending is Ending.DONE and not reached
        event = order.done if ending is Ending.DONE else order.stopped
        facts: dict[str, JsonValue] = {
            **{status.value: count for status, count in counts.items()},
            "report": report,
        }
        told = counts_text(counts)
        # Addresses stay out of the ledger.
        events = [] if failed else [event.telling({"summary": told, **facts})]
        ended = await self._book.end(order.permit, holder, ending, events)
        if failed:
            raise NobodyReachedError(
                f"nobody has got the mail: {told}; see why with: placet deliveries "
                f"{order.request_id}"
            )
        return EffectResult(
            summary=told,
            facts=facts,
            stopped=ending is Ending.STOPPED,
            receipt=max(ended.receipts, key=lambda receipt: receipt.seq, default=None),
        )

    async def _rows(self, permit: str) -> AsyncIterator[DeliveryRow]:
        after = 0
        while page := await self._book.rows(permit, after=after):
            for row in page:
                yield row
            after = page[-1].place


async def _handed_over(mailing: Mailing, begun: MailingRow) -> Ending:
    """Try everybody who waits.

    Raises:
        UnavailableError: Somebody still waits; try again later.
    """

    async def work(halt: Halt) -> Ending:
        problem = await mailing.round(halt, _beat)
        if problem is None:
            return Ending.DONE
        if halt.asked:
            return Ending.STOPPED
        if not mailing.overdue(begun.began_at):
            raise UnavailableError(f"recipients are waiting, and will be tried again: {problem}")
        await mailing.give_up()
        return Ending.DONE

    return await halting(work)


def _beat(counts: Counts) -> None:
    activity.heartbeat({status.value: count for status, count in counts.items() if count})


def _ended(row: DeliveryRow) -> DeliveryRow:
    """Return what a row becomes when the mail ends."""
    ends = {
        DeliveryStatus.WAITING: DeliveryStatus.STOPPED,
        DeliveryStatus.SENDING: DeliveryStatus.IN_DOUBT,
    }
    return row.model_copy(update={"status": ends.get(row.status, row.status)})


def _report_text(rows: list[DeliveryRow]) -> bytes:
    """Write what became of each recipient, one a line; what servers said stays out of it."""
    lines = (
        f"{row.place}\t{row.address}\t{row.status.value}\t{row.code or ''}\t{row.message_id}\n"
        for row in rows
    )
    return "".join(lines).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _same(what: str, found: str, approved: str) -> None:
    if found != approved:
        raise ConflictError(
            f"{what} has the digest {found}, approved was {approved}; nothing is sent, restore the "
            "content store from a backup or ask for a new approval"
        )
