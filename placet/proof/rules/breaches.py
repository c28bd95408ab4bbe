"""How a story can break the rules: one code for each, so that programs can tell them apart."""

from collections.abc import Iterator
from enum import StrEnum


class Breach(StrEnum):
    """Every way in which the events of a request can contradict the rules or each other."""

    STORY_UNREADABLE = "story-unreadable"
    STORY_ORDER = "story-order"
    STORY_BACKWARDS = "story-backwards"
    STATE_DIFFERS = "state-differs"
    WRITER_OTHER = "writer-other"
    REQUESTER_DIFFERS = "requester-differs"
    REVISION_DIFFERS = "revision-differs"
    RULES_REPLACED = "rules-replaced"
    RULES_DIFFER = "rules-differ"

    STAGE_ORDER = "stage-order"
    SEAT_FORBIDDEN = "seat-forbidden"
    REVIEW_BY_STRANGER = "review-by-stranger"
    REVIEW_OF_OWN = "review-of-own"
    REVIEW_TWICE = "review-twice"
    REVIEW_UNPROVED = "review-unproved"
    REVIEW_UNTOLD = "review-untold"
    SEAT_TAKEN = "seat-taken"
    QUORUM_MISSING = "quorum-missing"
    REJECTION_IGNORED = "rejection-ignored"
    PASSAGE_UNFOUNDED = "passage-unfounded"
    TIMER_EARLY = "timer-early"
    DEADLINE_DIFFERS = "deadline-differs"
    STUCK_UNFOUNDED = "stuck-unfounded"
    ESCALATION_UNFOUNDED = "escalation-unfounded"
    HANDOVER_FORBIDDEN = "handover-forbidden"

    EDIT_FORBIDDEN = "edit-forbidden"
    ROUNDS_EXCEEDED = "rounds-exceeded"
    WITHDRAWAL_FORBIDDEN = "withdrawal-forbidden"
    GLASS_FORBIDDEN = "glass-forbidden"
    OUTCOME_UNFOUNDED = "outcome-unfounded"

    PERMIT_UNFOUNDED = "permit-unfounded"
    PERMIT_DIFFERS = "permit-differs"
    PERMIT_TWICE = "permit-twice"
    EFFECT_UNFOUNDED = "effect-unfounded"
    EFFECT_TWICE = "effect-twice"

    HOLD_UNFOUNDED = "hold-unfounded"


class MisplacedError(Exception):
    """An event that cannot stand where it does: nothing more can be said of it."""

    def __init__(self, code: Breach, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


Problems = Iterator[tuple[Breach, str]]
"""What is wrong with one event: the code, and a sentence for people."""
