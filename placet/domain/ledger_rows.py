"""What the ledger's lists and the payments beside them look like when read."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from placet.domain.base import Stored
from placet.domain.ledger import Hex64, Receipt, UtcInstant


class RequestRow(Stored):
    """One request as the lists show it: the newest state that its events recorded.

    Title and requester are unknown until the request is planned.
    """

    request: str
    pipeline: str
    revision: int
    digest: str | None
    title: str | None
    requester_id: str | None
    requester_name: str | None
    status: str
    stage: str | None
    due: UtcInstant | None
    outcome_kind: str | None
    outcome_by: str | None
    outcome_reason: str | None
    amount: str | None
    route: str | None
    effect: str | None
    submitted_at: UtcInstant
    updated_at: UtcInstant


class AssignmentRow(Stored):
    """One person whom a request waits for."""

    request: str
    person: str
    name: str | None
    group: str | None
    on_behalf_of: str | None


class ReviewRow(Stored):
    """One verdict that counted, with who gave it and what they were shown."""

    event_id: Hex64
    request: str
    stream_seq: int
    verdict: str
    actor_id: str
    actor_name: str | None
    on_behalf_of: str | None
    role: str | None
    assurance: str | None
    channel: str | None
    stage: str | None
    revision: int | None
    digest: str | None
    reason: str | None
    decision_id: str | None
    reviewed_at: UtcInstant


class PaymentStatus(StrEnum):
    """How far a payment has come; the bank's word is final."""

    WRITTEN = "written"
    REJECTED = "rejected"
    SETTLED = "settled"


class PaymentEntry(Stored):
    """A payment to record under a permit: the order that stands in the payment file.

    Attributes:
        digest: The digest of the revision about to be paid; must be the permit's.
        amount: Exact, in the currency's major unit.
        file_sha256: Of the payment file's bytes.
    """

    payment_id: str = Field(min_length=1)
    permit_id: str = Field(min_length=1)
    request: str = Field(min_length=1)
    digest: Hex64
    msg_id: str = Field(min_length=1)
    end_to_end_id: str = Field(min_length=1)
    amount: Decimal = Field(gt=0, allow_inf_nan=False)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    creditor_name: str
    creditor_iban: str
    file_name: str
    file_sha256: Hex64


class PaymentRow(PaymentEntry):
    """A payment as recorded, with what the bank said about it."""

    status: PaymentStatus
    status_reason: str | None
    created_at: UtcInstant


class PaymentReport(Stored):
    """A bank's word about a payment, which it names by one or both of its identifiers."""

    msg_id: str | None = None
    end_to_end_id: str | None = None
    status: PaymentStatus
    reason: str | None = None


class PaymentResult(Stored):
    """What recording a payment or a report came to.

    Attributes:
        first: True when this call did it, false when it had been done before.
        payment: The row, as the first call wrote it.
        receipts: Of the events given, as far as they stand in the ledger.
    """

    first: bool
    payment: PaymentRow
    receipts: list[Receipt]


class PublicationState(StrEnum):
    """How far a publication has come."""

    UNDER_WAY = "under way"
    UNDOING = "undoing"
    DONE = "done"
    FAILED = "failed"


class PublicationRow(Stored):
    """What was done, or is being done, to what stands under a slug.

    Attributes:
        slug: Which page.
        version: What is to stand there: the SHA-256 of a manifest; None for nothing.
        replaces: What stood there before; None for nothing.
        action: ``publish``, ``unpublish`` or ``rollback``.
        title: The request's title.
        request: The case that people approved.
        permit_id: The permit that was consumed for it.
        state: How far it has come.
        at: When it reached that state.
    """

    slug: str
    version: Hex64 | None
    replaces: Hex64 | None
    action: str
    title: str
    request: str
    permit_id: str
    state: PublicationState
    at: UtcInstant


class TargetState(StrEnum):
    """How far a target of a publication has come."""

    UNTOUCHED = "untouched"
    SWITCHING = "switching"
    SWITCHED = "switched"
    UNDONE = "undone"
    STUCK = "stuck"


class TargetRow(Stored):
    """One target of a publication.

    Attributes:
        target: Its name.
        location: Where it led when people approved.
        before: The version that the last change left there; None for nothing.
        sure: Whether that is known; False after a change that could not be undone.
        state: How far it has come.
        why: What it said last, when it would not.
    """

    target: str
    location: str
    before: Hex64 | None
    sure: bool
    state: TargetState
    why: str | None


class PublicationEntry(Stored):
    """A publication to begin under a permit.

    Attributes:
        digest: The digest of the approved revision; must be the permit's.
        version: What is to stand under the slug; None for nothing.
        replaces: What people were told it replaces; None for nothing.
        targets: Name of each target to its location, in the order in which they are switched.
    """

    permit_id: str
    request: str
    digest: Hex64
    slug: str
    action: str
    title: str
    version: Hex64 | None
    replaces: Hex64 | None
    targets: dict[str, str]


class Publication(PublicationRow):
    """A publication with its targets, and why it was given up if it was."""

    reason: str | None
    targets: tuple[TargetRow, ...]


class ConsumeResult(Stored):
    """What consuming a permit came to: ``first`` is false when it had been consumed before."""

    first: bool
    receipts: list[Receipt]


class PartitionRow(Stored):
    """A partition of the ledger that still holds the bodies of its events.

    Attributes:
        name: Its table.
        lower: The first number it takes.
        upper: The first number behind it.
        events: How many it holds.
        oldest: When its first event was recorded; None while it is empty.
        newest: The same of its last.
        first_position: The smallest place in the tree of one of its events; None before any is
            sealed.
        last_position: The largest.
    """

    name: str
    lower: int
    upper: int
    events: int
    oldest: UtcInstant | None
    newest: UtcInstant | None
    first_position: int | None
    last_position: int | None
