"""What can be found when the ledger is held against everything else; ``docs/reconcile.md``."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every kind of difference; each has its row in ``docs/reconcile.md``."""

    MISSING_IN_LEDGER = "missing-in-ledger"
    LEAF_DIFFERS = "leaf-differs"
    LEAF_DOES_NOT_FIT = "leaf-does-not-fit"
    EVENT_DIFFERS = "event-differs"
    BODY_MISSING = "body-missing"
    GAP_IN_STORY = "gap-in-story"
    UNKNOWN_TO_TEMPORAL = "unknown-to-temporal"
    NO_SUCH_WORKFLOW = "no-such-workflow"
    OTHER_NAMESPACE = "other-namespace"
    WRONG_ORIGIN = "wrong-origin"
    UNKNOWN_REQUEST = "unknown-request"
    LATE_TOO_EARLY = "late-too-early"
    UNRECORDED_MESSAGE = "unrecorded-message"
    CLOSED_WITHOUT_OUTCOME = "closed-without-outcome"
    CLOSED_BEFORE_EFFECT = "closed-before-effect"
    OUTCOME_DIFFERS = "outcome-differs"
    UNREADABLE_HISTORY = "unreadable-history"
    UNREADABLE_STORY = "unreadable-story"
    PERMIT_UNRECORDED = "permit-unrecorded"
    PERMIT_MISSING = "permit-missing"
    PERMIT_DIFFERS = "permit-differs"
    EFFECT_UNRECORDED = "effect-unrecorded"
    EFFECT_MISSING = "effect-missing"
    EFFECT_DIFFERS = "effect-differs"
    FILE_MISSING = "file-missing"
    FILE_DIFFERS = "file-differs"
    FILE_NOT_HANDED_OVER = "file-not-handed-over"
    FILE_WITHOUT_PAYMENT = "file-without-payment"
    LIST_DIFFERS = "list-differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference.

    Attributes:
        code: Which kind.
        request: The request that it is about; empty for a file that belongs to none.
        place: Where in its story: ``event 7``, ``permit 3f…``, ``payment …``.
        text: What differs, in one clause.
    """

    code: Code
    request: str
    place: str
    text: str

    @property
    def line(self) -> str:
        """Return it as one line."""
        where = " ".join(part for part in (self.request, self.place) if part)
        return f"{self.code} {where}: {self.text}"
