"""What the summary of a period is counted from: each request with the events that matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from placet.domain.errors import InvalidInputError
from placet.domain.vocabulary import Kind

COUNTED = (
    Kind.STAGE_OPENED,
    Kind.STAGE_PASSED,
    Kind.STAGE_STUCK,
    Kind.RESUBMITTED,
    Kind.EDITED,
    Kind.EDIT_PROPOSED,
    Kind.UNPLANNABLE,
    Kind.APPROVED,
    Kind.REJECTED,
    Kind.CHANGES_REQUESTED,
    Kind.REFUSED,
    Kind.LATE,
    Kind.ESCALATED,
    Kind.DECIDED,
    Kind.REVOKED,
    Kind.GLASS_BROKEN,
    Kind.NOTICE_FAILED,
    Kind.EFFECT_FAILED,
    Kind.PAYMENT_REJECTED,
)
"""The kinds of events that a summary looks at."""


@dataclass(frozen=True)
class Period:
    """The days whose submitted requests are counted, in UTC, both included.

    Attributes:
        first: The first day.
        last: The last day.
        pipeline: Only requests of this kind; all when None.
    """

    first: date
    last: date
    pipeline: str | None = None

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins, or with the last day that there is."""
        if self.last < self.first:
            raise InvalidInputError(
                f"the period ends on {self.last}, before it begins on {self.first}: swap the days"
            )
        if self.last == date.max:
            raise InvalidInputError(f"no day comes after {self.last}: name an earlier one")

    @property
    def begins(self) -> datetime:
        """Return the first instant."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def ends(self) -> datetime:
        """Return the first instant after it."""
        return datetime.combine(self.last, time(), UTC) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Happening:
    """What an event says that matters; empty where it says nothing.

    Attributes:
        kind: As the ledger names it.
        at: The workflow's time.
        actor: The person's id, or the address of somebody nobody knows.
        stage: The stage's name.
        assurance: ``claimed`` or ``verified``.
        detail: Of a passed stage by what; of a refusal why; of an escalation its mode.
        revision: Of the request.
    """

    kind: str
    at: datetime
    actor: str = ""
    stage: str = ""
    assurance: str = ""
    detail: str = ""
    revision: int = 1


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """One request of the period, as it stands now.

    Attributes:
        request: Its id.
        pipeline: Its kind.
        requester: The directory's id of who requested it; empty when nobody knows.
        submitted: When.
        revision: The newest.
        outcome: How it ended; empty while it is open.
        by: What brought the outcome about.
        effect: How far its effect has come; empty when there is none.
        events: Those that matter, in order; of a pruned request nobody knows all of them.
        pruned: Whether bodies of its events were pruned.
    """

    request: str
    pipeline: str
    requester: str
    submitted: datetime
    revision: int
    outcome: str
    by: str
    effect: str
    events: Sequence[Happening]
    pruned: bool = False
