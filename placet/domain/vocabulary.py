"""The closed vocabulary: every kind of event, as ``source:subject:action``, and the outcomes.

The source says who or what moved: a person in that part, a timer, the system itself, the effect or
the bank.
"""

from enum import StrEnum


class Kind(StrEnum):
    """Every kind of event in the ledger: what cases leave, and what is done to it itself."""

    SUBMITTED = "requester:request:submitted"
    RESUBMITTED = "requester:request:resubmitted"
    EDITED = "reviewer:request:edited"
    EDIT_PROPOSED = "reviewer:request:edit_proposed"
    WITHDRAWN = "requester:request:withdrawn"
    CANCELLED = "administrator:request:withdrawn"
    PLANNED = "system:request:planned"
    UNPLANNABLE = "system:request:unplannable"
    STAGE_OPENED = "system:stage:opened"
    STAGE_PASSED = "reviewers:stage:passed"
    STAGE_STUCK = "system:stage:stuck"
    ROSTER_CHANGED = "directory:roster:changed"
    APPROVED = "reviewer:review:approved"
    REJECTED = "reviewer:review:rejected"
    CHANGES_REQUESTED = "reviewer:review:changes_requested"
    HELD = "reviewer:review:held"
    COMMENTED = "person:case:commented"
    REASSIGNED = "person:seat:reassigned"
    REFUSED = "caller:message:refused"
    LATE = "caller:message:late"
    REMINDED = "timer:stage:reminded"
    ESCALATED = "timer:stage:escalated"
    EXTENDED = "timer:stage:extended"
    DEADLINE_PASSED = "timer:stage:deadline_passed"
    FAILED = "system:case:failed"
    DECIDED = "system:case:decided"
    PERMIT_ISSUED = "system:permit:issued"
    EFFECT_DUE = "timer:effect:due"
    REVOKED = "person:effect:revoked"
    STOP_REQUESTED = "person:effect:stop_requested"
    EFFECT_OVER = "timer:effect:over"
    GLASS_BROKEN = "person:glass:broken"
    FOLLOWED = "system:case:followed"
    FOLLOWER_ENDED = "system:case:follower_ended"
    NOTIFIED = "system:notice:sent"
    NOTICE_FAILED = "system:notice:failed"
    PERMIT_CONSUMED = "effect:permit:consumed"
    EFFECT_DONE = "effect:run:done"
    EFFECT_STOPPED = "effect:run:stopped"
    EFFECT_ENDED = "effect:run:ended"
    EFFECT_FAILED = "effect:run:failed"
    PAYMENT_REJECTED = "bank:payment:rejected"
    PAYMENT_SETTLED = "bank:payment:settled"
    SUBJECT_ERASED = "system:subject:erased"
    HOLD_PLACED = "person:hold:placed"
    HOLD_RELEASED = "person:hold:released"
    LOSS_ACCEPTED = "person:loss:accepted"
    PARTITION_PRUNED = "system:partition:pruned"


class Status(StrEnum):
    """Where a case stands."""

    PLANNING = "planning"
    PENDING = "pending"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Say whether the case has its outcome."""
        return self not in {Status.PLANNING, Status.PENDING, Status.CHANGES_REQUESTED}


class DecidedBy(StrEnum):
    """What brought the outcome about."""

    PEOPLE = "people"
    RULE = "rule"
    TIMEOUT = "timeout"
    SYSTEM = "system"
    BREAK_GLASS = "break-glass"


class Action(StrEnum):
    """What a caller may ask of a case; each is the name of a signal too."""

    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"
    EDIT = "edit"
    WITHDRAW = "withdraw"
    COMMENT = "comment"
    REASSIGN = "reassign"
    BREAK_GLASS = "break_glass"
    RESUBMIT = "resubmit"

    @property
    def reviews(self) -> bool:
        """Say whether this is a reviewer's verdict on what they were shown."""
        return self in {Action.APPROVE, Action.REJECT, Action.REQUEST_CHANGES, Action.EDIT}

    @property
    def judges(self) -> bool:
        """Say whether this is about exactly what its sender was shown."""
        return self.reviews or self is Action.BREAK_GLASS

    @property
    def changes(self) -> bool:
        """Say whether this brings a changed request, which has to be planned."""
        return self in {Action.EDIT, Action.RESUBMIT}


class Refusal(StrEnum):
    """Why a message changed nothing."""

    MALFORMED = "malformed"
    LATE = "late"
    UNKNOWN_PERSON = "unknown_person"
    BAD_ATTESTATION = "bad_attestation"
    ASSURANCE = "assurance_too_low"
    OWN_REQUEST = "own_request"
    NOT_REVIEWER = "not_a_reviewer"
    NOT_REQUESTER = "not_the_requester"
    OTHER_REVISION = "other_revision"
    ALREADY_REVIEWED = "already_reviewed"
    SEAT_FILLED = "seat_filled"
    WAITING_FOR_CHANGES = "waiting_for_changes"
    ROUNDS_EXHAUSTED = "rounds_exhausted"
    EDITS_NOT_ALLOWED = "edits_not_allowed"
    BREAK_GLASS_NOT_ALLOWED = "break_glass_not_allowed"
    REASON_MISSING = "reason_missing"
    DECISION_ID_REUSED = "decision_id_reused"
    BAD_REASSIGNMENT = "bad_reassignment"
    BAD_REQUEST = "bad_request"


class EffectState(StrEnum):
    """How far the effect of an approved case has come.

    It waits for its time, or is pending at once. What waits can be revoked; what is pending may be
    stopped half-way. What lasts is in force until its time is over or somebody ends it; it is then
    ending until it is ended, or undone as if it had never been.
    """

    WAITING = "waiting"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    REVOKED = "revoked"
    STOPPED = "stopped"
    IN_FORCE = "in_force"
    ENDING = "ending"
    ENDED = "ended"
    UNDONE = "undone"


class EndReason(StrEnum):
    """Why something in force ends."""

    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
