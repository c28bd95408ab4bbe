"""How a case receives a message: the one door behind every channel (rule 2)."""

from collections.abc import Callable
from datetime import datetime

from placet.domain.breaking import break_glass
from placet.domain.case import REMEMBERED_ANSWERS, Case, Remembered, Step
from placet.domain.changing import edited, may_edit, resubmitted
from placet.domain.deciding import too_late, unstick, withdraw
from placet.domain.draft import Draft
from placet.domain.handover import reassign
from placet.domain.message import Malformed
from placet.domain.plan import PersonRef, Plan
from placet.domain.review import Answer, Call, RefusedError
from placet.domain.revoking import may_take_back, take_back
from placet.domain.text import TEXT_LIMIT, clean_text
from placet.domain.vocabulary import Action, Kind, Refusal
from placet.domain.voting import of_this_revision, review

_SHOWN = 100
"""How much of an unknown name is repeated to whoever sent it."""


def received(case: Case, call: Call, now: datetime) -> Step:
    """Take one message.

    Args:
        case: The case as it stands, planned or ended.
        call: What was asked, under which key, by whom.
        now: When the workflow saw it.

    Returns:
        The step, always with an answer. The same decision id gives the same answer and leaves
        nothing behind (rule 3).
    """
    try:
        known = _answered(case, call)
        if known is not None:
            return Step(case=case, answer=known)
        draft, text = _taken(case, call, now, _take)
    except RefusedError as refused:
        return _refuse(case, call, now, refused)
    return _accept(draft, call, text)


def misunderstood(case: Case, malformed: Malformed, decision_id: str, now: datetime) -> Step:
    """Record a message nobody could understand; the case goes on (rule 8)."""
    draft = Draft(case, now)
    draft.record(
        Kind.REFUSED,
        channel=malformed.channel,
        reason=malformed.problem,
        data={
            "refusal": Refusal.MALFORMED.value,
            "name": malformed.name,
            "size": malformed.size,
            "sha256": malformed.sha256,
        },
    )
    answer = Answer(
        accepted=False,
        message=malformed.problem,
        status=case.status,
        decision_id=decision_id,
        refusal=Refusal.MALFORMED,
    )
    return draft.done(answer)


def may_change(case: Case, call: Call, now: datetime) -> Step:
    """Say whether a changed request may be planned.

    Returns:
        A step with an answer when it may not; else one without, which ``changed`` goes on from.
    """
    try:
        known = _answered(case, call)
        if known is not None:
            return Step(case=case, answer=known)
        draft, _ = _taken(case, call, now, _may_change)
    except RefusedError as refused:
        return _refuse(case, call, now, refused)
    return draft.done()


def not_planned(case: Case, call: Call, problem: str, now: datetime) -> Step:
    """Refuse a changed request that cannot be planned; the case stays as it was."""
    text = clean_text(problem, TEXT_LIMIT, truncate=True)
    refused = RefusedError(Refusal.BAD_REQUEST, text or "the changed request cannot be planned")
    return _refuse(case, call, now, refused)


def changed(case: Case, call: Call, plan: Plan, digest: str, now: datetime) -> Step:
    """Take a changed request that might be planned; ``digest`` (64 hex) is of its content."""
    draft = Draft(case, now)
    try:
        if call.message.action is Action.EDIT:
            text = edited(draft, call, _known(call), plan, digest)
        else:
            text = resubmitted(draft, call, plan, digest)
    except RefusedError as refused:
        return _refuse(case, call, now, refused)
    return _accept(draft, call, text)


def _answered(case: Case, call: Call) -> Answer | None:
    """Return the answer this decision id has already got.

    Raises:
        RefusedError: It got it for something else.
    """
    known = case.answers.get(call.decision_id)
    if known is None or known.fingerprint == call.message.fingerprint:
        return known.answer if known else None
    raise RefusedError(
        Refusal.DECISION_ID_REUSED,
        f"decision id {call.decision_id} was used for something else; send a new one",
    )


def _taken(
    case: Case, call: Call, now: datetime, take: Callable[[Draft, Call], str]
) -> tuple[Draft, str]:
    """Let ``take`` act on a draft of the case; return both it and what to tell the caller."""
    draft = Draft(case, now)
    try:
        return draft, take(draft, call)
    except RefusedError as refused:
        if refused.refusal is not Refusal.NOT_REVIEWER or case.stage is None:
            raise
        # Whoever takes over from somebody who is gone may be the first to notice it.
        draft = Draft(case, now)
        unstick(draft)
        if draft.case.stage is None:
            raise
        try:
            return draft, take(draft, call)
        except RefusedError:
            raise refused from None


def _take(draft: Draft, call: Call) -> str:
    """Let the message act on the draft; return what to tell the caller."""
    _in_time(draft.case, call)
    person = _known(call)
    match call.message.action:
        case Action.APPROVE | Action.REJECT | Action.REQUEST_CHANGES:
            return review(draft, call, person)
        case Action.WITHDRAW:
            return _withdraw(draft, call)
        case Action.REASSIGN:
            return reassign(draft, call, person)
        case Action.BREAK_GLASS:
            return break_glass(draft, call, person)
        case Action.COMMENT:
            draft.record(Kind.COMMENTED, call=call)
            return "the comment is recorded"
        case Action.RESUBMIT | Action.EDIT:
            raise RefusedError(
                Refusal.BAD_REQUEST, "a changed request has to be planned before it counts"
            )


def _may_change(draft: Draft, call: Call) -> str:
    _in_time(draft.case, call)
    person = _known(call)
    if call.message.action is Action.EDIT:
        may_edit(draft, call, person)
    else:
        _by_requester(draft.case, call, "change")
        of_this_revision(draft.case, call)
    return "it may be planned"


def _withdraw(draft: Draft, call: Call) -> str:
    if draft.case.outcome is not None:
        may_take_back(draft.case, call)
        return take_back(draft, call)
    _by_requester(draft.case, call, "withdraw")
    waiting = draft.case.awaited
    draft.record(Kind.WITHDRAWN, call=call)
    withdraw(draft, call.message.reason or "withdrawn by the requester", waiting)
    return "the request is withdrawn"


def _in_time(case: Case, call: Call) -> None:
    if case.outcome is None or call.message.action is Action.COMMENT:
        return
    if call.message.action is not Action.WITHDRAW or not case.revocable:
        raise RefusedError(Refusal.LATE, too_late(case, call.message.action))


def _known(call: Call) -> PersonRef:
    if call.actor.person is None:
        raise RefusedError(
            Refusal.UNKNOWN_PERSON,
            call.actor.problem
            or f"nobody in the directory goes by {call.actor.claimed[:_SHOWN]}; "
            "use the address or id that the directory has",
        )
    if call.actor.problem is not None:
        raise RefusedError(
            Refusal.BAD_ATTESTATION, f"the signature does not count: {call.actor.problem}"
        )
    return call.actor.person


def _by_requester(case: Case, call: Call, what: str) -> None:
    requester = case.known_plan().requester
    if call.actor.person is None or call.actor.person.id != requester.id:
        raise RefusedError(
            Refusal.NOT_REQUESTER, f"only the requester, {requester.name}, can {what} this request"
        )


def _accept(draft: Draft, call: Call, text: str) -> Step:
    answer = Answer(
        accepted=True, message=text, status=draft.case.status, decision_id=call.decision_id
    )
    _remember(draft, call, answer)
    return draft.done(answer)


def _refuse(case: Case, call: Call, now: datetime, refused: RefusedError) -> Step:
    draft = Draft(case, now)
    late = refused.refusal is Refusal.LATE
    draft.record(
        Kind.LATE if late else Kind.REFUSED,
        call=call,
        reason=str(refused),
        data={
            "refusal": refused.refusal.value,
            "action": call.message.action.value,
            "said": call.message.reason,
        },
    )
    answer = Answer(
        accepted=False,
        message=str(refused),
        status=case.status,
        decision_id=call.decision_id,
        refusal=refused.refusal,
    )
    if refused.refusal is not Refusal.DECISION_ID_REUSED:
        _remember(draft, call, answer)
    return draft.done(answer)


def _remember(draft: Draft, call: Call, answer: Answer) -> None:
    if call.message.decision_id is None:
        return
    lasting = answer.accepted and call.message.action not in {Action.COMMENT, Action.REASSIGN}
    answers = {
        **draft.case.answers,
        answer.decision_id: Remembered(
            fingerprint=call.message.fingerprint, answer=answer, lasting=lasting
        ),
    }
    surplus = len(answers) - REMEMBERED_ANSWERS
    passing = [key for key, known in answers.items() if not known.lasting]
    for key in passing[: max(0, surplus)]:
        del answers[key]
    draft.set(answers=answers)


def receipted(case: Case, answer: Answer) -> Case:
    """Keep an answer with its receipt, so that its repetition carries the receipt too.

    The refusal of a decision id that was used for something else is no answer to keep.
    """
    known = case.answers.get(answer.decision_id)
    if known is None or answer.refusal is Refusal.DECISION_ID_REUSED:
        return case
    remembered = known.model_copy(update={"answer": answer})
    return case.with_(answers={**case.answers, answer.decision_id: remembered})
