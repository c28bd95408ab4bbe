"""What an auditor asks for first: where a request did not go the usual way."""

from collections.abc import Callable, Iterable
from enum import StrEnum

from placet.domain.plan import Assurance, TakeOver
from placet.domain.vocabulary import DecidedBy, EffectState, Kind, Refusal, Status
from placet.reporting.period.facts import Happening, RequestFacts


class Exceptional(StrEnum):
    """A way in which a request was out of the rule; the value is how reports name it."""

    GLASS = "Carried out before review (break-glass)"
    ALONE = "Approved without a second person"
    DEADLINE = "Approved, or a stage passed, by a deadline"
    TAKEN_OVER = "An escalation decided in the reviewers' place"
    STUCK = "A stage could not be decided by its people"
    CLAIMED = "Approved by people of whom none was verified"
    EDITED = "Changed by a reviewer, or a change proposed"
    OWN = "Somebody tried to decide about their own request"
    REFUSED = "A message was refused"
    LATE = "A message came too late"
    REVOKED = "The approval was revoked"
    FAILED = "The effect failed, or the bank rejected the payment"
    UNPLANNABLE = "It could not be planned"
    NOTICE = "A notice could not be delivered"


def exceptions_of(request: RequestFacts) -> list[tuple[Exceptional, int]]:
    """Return in which ways a request was out of the rule, and how many events say so."""
    found = ((what, count(request)) for what, count in _COUNTS.items())
    return [(what, count) for what, count in found if count]


def approvals(request: RequestFacts) -> list[Happening]:
    """Return the approvals of the newest revision."""
    return [
        each
        for each in request.events
        if each.kind == Kind.APPROVED and each.revision == request.revision
    ]


def _events(*kinds: str, detail: Iterable[str] = ()) -> Callable[[RequestFacts], int]:
    details = set(detail)
    return lambda request: sum(
        each.kind in kinds and (not details or each.detail in details) for each in request.events
    )


def _alone(request: RequestFacts) -> int:
    others = {each.actor for each in approvals(request)} - {request.requester}
    return int(request.outcome == Status.APPROVED and not others)


def _claimed(request: RequestFacts) -> int:
    found = approvals(request)
    verified = any(each.assurance == Assurance.VERIFIED for each in found)
    return int(request.outcome == Status.APPROVED and bool(found) and not verified)


def _deadline(request: RequestFacts) -> int:
    passed = _events(Kind.STAGE_PASSED, detail=(DecidedBy.TIMEOUT,))(request)
    ended = request.outcome == Status.APPROVED and request.by == DecidedBy.TIMEOUT
    return passed or int(ended)


def _failed(request: RequestFacts) -> int:
    told = _events(Kind.EFFECT_FAILED, Kind.PAYMENT_REJECTED)(request)
    return told or int(request.effect == EffectState.FAILED)


_COUNTS: dict[Exceptional, Callable[[RequestFacts], int]] = {
    Exceptional.GLASS: _events(Kind.GLASS_BROKEN),
    Exceptional.ALONE: _alone,
    Exceptional.DEADLINE: _deadline,
    Exceptional.TAKEN_OVER: _events(Kind.ESCALATED, detail=(TakeOver.REPLACE,)),
    Exceptional.STUCK: _events(Kind.STAGE_STUCK),
    Exceptional.CLAIMED: _claimed,
    Exceptional.EDITED: _events(Kind.EDITED, Kind.EDIT_PROPOSED),
    Exceptional.OWN: _events(Kind.REFUSED, detail=(Refusal.OWN_REQUEST,)),
    Exceptional.REFUSED: _events(Kind.REFUSED),
    Exceptional.LATE: _events(Kind.LATE),
    Exceptional.REVOKED: _events(Kind.REVOKED),
    Exceptional.FAILED: _failed,
    Exceptional.UNPLANNABLE: _events(Kind.UNPLANNABLE),
    Exceptional.NOTICE: _events(Kind.NOTICE_FAILED),
}
