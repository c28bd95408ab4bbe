"""How far a mail has come, recipient by recipient."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from placet.domain.base import Stored
from placet.domain.ledger import Hex64, Receipt, UtcInstant


class DeliveryStatus(StrEnum):
    """What is known of one recipient's mail; from ``sent`` on it is final."""

    WAITING = "waiting"
    """Not handed over; it will be tried, or tried again."""
    SENDING = "sending"
    """Being handed over. If its worker dies now, nobody knows whether it was."""
    SENT = "sent"
    """The mail server has taken it."""
    REFUSED = "refused"
    """The mail server will never take it."""
    GIVEN_UP = "given_up"
    """The mail server could not take it for too long."""
    IN_DOUBT = "in_doubt"
    """The mail server has it or not; it is not sent again."""
    STOPPED = "stopped"
    """It was not handed over, because the mail was stopped."""


class Ending(StrEnum):
    """Why nothing more is sent."""

    DONE = "done"
    STOPPED = "stopped"


class MailingEntry(Stored):
    """A mail to send under a permit.

    Attributes:
        digest: Of the approved revision; must be the permit's.
        recipients: SHA-256 of the expanded list.
        holder: The attempt that sends; an earlier one may send no more.
        addresses: Everybody who gets it, each once; places count from 1.
        message_ids: The Message-ID that each of them gets.
    """

    permit_id: str = Field(min_length=1)
    request: str = Field(min_length=1)
    digest: Hex64
    recipients: Hex64
    holder: str = Field(min_length=1)
    addresses: tuple[str, ...] = Field(min_length=1)
    message_ids: tuple[str, ...] = Field(min_length=1)


class MailingRow(Stored):
    """A mail as recorded: from when to when it was sent, and why that ended."""

    permit_id: str
    request: str
    digest: Hex64
    recipients: Hex64
    total: int
    began_at: UtcInstant
    ended_at: UtcInstant | None
    ending: Ending | None


class DeliveryRow(Stored):
    """One recipient's mail as recorded.

    Attributes:
        place: In the expanded list, from 1.
        attempts: How often it was tried.
        code: The mail server's last answer; None where there was none.
        reply: The same in words, cleaned, or what else went wrong.
    """

    permit_id: str
    place: int
    address: str
    message_id: str
    status: DeliveryStatus
    attempts: int
    code: int | None
    reply: str | None
    changed_at: UtcInstant


class Handover(Stored):
    """What trying to hand one mail over came to.

    ``status`` is ``waiting`` when it may be tried again, ``in_doubt`` when the connection broke
    after all of it was on its way.
    """

    place: int
    status: DeliveryStatus
    code: int | None = None
    reply: str | None = None


Counts = Mapping[DeliveryStatus, int]
"""How many recipients there are of each status; those of which there is none may be missing."""

_SAID = {
    DeliveryStatus.SENT: "sent",
    DeliveryStatus.REFUSED: "refused",
    DeliveryStatus.GIVEN_UP: "given up",
    DeliveryStatus.IN_DOUBT: "in doubt",
    DeliveryStatus.STOPPED: "stopped",
    DeliveryStatus.SENDING: "under way",
    DeliveryStatus.WAITING: "waiting",
}


def counts_text(counts: Counts) -> str:
    """Say in one line how far a mail has come, such as ``9,998 sent, 2 refused of 10,000``."""
    parts = [f"{counts[status]:,} {word}" for status, word in _SAID.items() if counts.get(status)]
    return f"{', '.join(parts) or 'none sent'} of {sum(counts.values()):,}"


class MailingResult(Stored):
    """What a call about a whole mail came to.

    Attributes:
        first: True when this call did it, false when it had been done before.
        mailing: The mail as it is now.
        receipts: Of the events given, as far as they stand in the ledger.
    """

    first: bool
    mailing: MailingRow
    receipts: list[Receipt]
