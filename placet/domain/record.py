"""What a transition leaves behind: records for the ledger, notices for people."""

from enum import StrEnum

from pydantic import AwareDatetime, Field, JsonValue

from placet.domain.base import Stored
from placet.domain.plan import PersonRef
from placet.domain.review import Actor
from placet.domain.vocabulary import Kind


class Record(Stored):
    """One thing that happened, before it has its id and its place in the ledger.

    ``state`` is set in the last record of a transition: how the case stands then. Several
    transitions that are written together so keep one state each. ``attestation`` is the signature
    that made a review ``verified``, for whoever wants to check it again.
    """

    kind: Kind
    at: AwareDatetime
    actor: Actor | None = None
    on_behalf_of: PersonRef | None = None
    channel: str | None = None
    stage: str | None = None
    reason: str | None = None
    decision_id: str | None = None
    digest_shown: str | None = None
    data: dict[str, JsonValue] = Field(default_factory=dict)
    revision: int
    digest: str | None
    attestation: str | None = None
    state: dict[str, JsonValue] | None = None

    @property
    def settles(self) -> bool:
        """Say whether this is the last record of a transition."""
        return self.state is not None


class NoticeKind(StrEnum):
    """Why people are written to."""

    REVIEW_WANTED = "review_wanted"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    CHANGES_REQUESTED = "changes_requested"
    EDITED = "edited"
    EDIT_PROPOSED = "edit_proposed"
    DECIDED = "decided"
    EFFECT_DONE = "effect_done"
    EFFECT_FAILED = "effect_failed"
    EFFECT_STOPPED = "effect_stopped"
    REVOKED = "revoked"
    IN_FORCE = "in_force"
    EFFECT_ENDED = "effect_ended"
    GLASS_BROKEN = "glass_broken"
    ACCESS_DIFFERS = "access_differs"


class Undelivered(Stored):
    """A notice that could not be delivered, and why."""

    number: int
    kind: "NoticeKind"
    to: tuple[PersonRef, ...]
    stage: str | None = None
    problem: str


class Notice(Stored):
    """A message to people, in facts; an adapter makes sentences of it.

    ``number`` counts the notices of a case, so that each has a key of its own.
    """

    number: int
    kind: NoticeKind
    to: tuple[PersonRef, ...]
    request: str
    title: str
    requester: str
    amount: str | None = None
    stage: str | None = None
    due: AwareDatetime | None = None
    text: str = ""
    at: AwareDatetime
