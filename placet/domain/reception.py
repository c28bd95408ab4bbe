"""How a case receives a message: the one door behind every channel (rule 2)."""

from datetime import datetime

from placet.domain.case import REMEMBERED_ANSWERS, Case, Draft, Held, Remembered, Step
from placet.domain.message import Malformed
from placet.domain.plan import PersonRef, Seat, utc
from placet.domain.progress import changes_wanted, settle, withdrawn
from placet.domain.review import ADMINISTRATOR, Answer, Call, Review
from placet.domain.seating import SeatKey
from placet.domain.vocabulary import Action, Kind, Refusal, Status

_DONE = {
    Action.APPROVE: "approved",
    Action.REJECT: "rejected",
    Action.REQUEST_CHANGES: "asked for changes to",
}
_KINDS = {
    Action.APPROVE: Kind.APPROVED,
    Action.REJECT: Kind.REJECTED,
    Action.REQUEST_CHANGES: Kind.CHANGES_REQUESTED,
}


class _RefusedError(Exception):
    """A message that changes nothing; carries why."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


def received(case: Case, call: Call, now: datetime) -> Step:
    """Take one message.

    Args:
        case: The case as it stands.
        call: What was asked, under which key, by whom.
        now: When the workflow saw it.

    Returns:
        The step, always with an answer. The same decision id gives the same answer and leaves
        nothing behind (rule 3).
    """
    known = case.answers.get(call.decision_id)
    if known is not None and known.fingerprint == call.message.fingerprint:
        return Step(case=case, answer=known.answer)
    draft = Draft(case, now)
    try:
        text = _take(draft, call)
    except _RefusedError as refused:
        return _refuse(case, call, now, refused)
    answer = Answer(
        accepted=True, message=text, status=draft.case.status, decision_id=call.decision_id
    )
    _remember(draft, call, answer)
    return draft.done(answer)


def misunderstood(case: Case, malformed: Malformed, now: datetime) -> Step:
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
    return draft.done()


def bad_resubmission(case: Case, call: Call, problem: str, now: datetime) -> Step:
    """Refuse a resubmission whose request cannot be planned; the case stays as it was."""
    refused = _RefusedError(Refusal.BAD_REQUEST, problem)
    return _refuse(case, call, now, refused)


def may_resubmit(case: Case, call: Call, now: datetime) -> Step | None:
    """Return the refusal of a resubmission, or None when the request may be planned anew."""
    known = case.answers.get(call.decision_id)
    if known is not None and known.fingerprint == call.message.fingerprint:
        return Step(case=case, answer=known.answer)
    try:
        _in_time(case, call)
        _known(call)
        _by_requester(case, call, "change")
    except _RefusedError as refused:
        return _refuse(case, call, now, refused)
    return None


def resubmitted(step: Step, call: Call, now: datetime) -> Step:
    """Name the caller in the step of an accepted resubmission, and answer them."""
    draft = Draft(step.case, now)
    records = tuple(
        record.model_copy(
            update={
                "actor": call.actor,
                "channel": call.message.channel,
                "reason": call.message.reason or None,
                "decision_id": call.decision_id,
            }
        )
        if record.kind is Kind.RESUBMITTED
        else record
        for record in step.records
    )
    answer = Answer(
        accepted=True,
        message=f"revision {step.case.revision} is under review; earlier votes are void",
        status=step.case.status,
        decision_id=call.decision_id,
    )
    _remember(draft, call, answer)
    return step.model_copy(update={"case": draft.case, "records": records, "answer": answer})


def _take(draft: Draft, call: Call) -> str:
    """Let the message act on the draft; return what to tell the caller."""
    if call.decision_id in draft.case.answers:
        raise _RefusedError(
            Refusal.DECISION_ID_REUSED,
            f"decision id {call.decision_id} was used for something else; send a new one",
        )
    _in_time(draft.case, call)
    person = _known(call)
    if call.message.action.reviews:
        return _review(draft, call, person)
    if call.message.action is Action.WITHDRAW:
        _by_requester(draft.case, call, "withdraw")
        _record(draft, Kind.WITHDRAWN, call)
        withdrawn(draft, call.message.reason)
        return "the request is withdrawn"
    if call.message.action is Action.REASSIGN:
        return _reassign(draft, call, person)
    _record(draft, Kind.COMMENTED, call)
    return "the comment is recorded"


def _in_time(case: Case, call: Call) -> None:
    outcome = case.outcome
    if outcome is not None and call.message.action is not Action.COMMENT:
        raise _RefusedError(
            Refusal.LATE,
            f"the case was {outcome.kind} by {outcome.by} at {utc(outcome.at)}; "
            f"{call.message.action} came too late and changes nothing",
        )


def _known(call: Call) -> PersonRef:
    if call.actor.person is None:
        raise _RefusedError(
            Refusal.UNKNOWN_PERSON,
            f"nobody in the directory goes by {call.actor.claimed}; "
            "use the address or id that the directory has",
        )
    if call.actor.problem is not None:
        raise _RefusedError(
            Refusal.BAD_ATTESTATION, f"the signature does not count: {call.actor.problem}"
        )
    return call.actor.person


def _by_requester(case: Case, call: Call, what: str) -> None:
    requester = case.known_plan().requester
    if call.actor.person is None or call.actor.person.id != requester.id:
        raise _RefusedError(
            Refusal.NOT_REQUESTER, f"only the requester, {requester.name}, can {what} this request"
        )


def _review(draft: Draft, call: Call, person: PersonRef) -> str:
    case = draft.case
    _may_review(case, call, person)
    if case.stage is None or not case.stage.seats_of(person.id):
        return _hold(draft, call, person)
    stage, votes = case.stage, case.stage_reviews
    for earlier in votes:
        if earlier.counts and earlier.person.id == person.id:
            raise _RefusedError(
                Refusal.ALREADY_REVIEWED,
                f"you have already {_DONE[earlier.action]} this revision in stage "
                f"{stage.plan.name}; the first review stands",
            )
    if not call.actor.assurance.satisfies(stage.plan.assurance):
        raise _RefusedError(
            Refusal.ASSURANCE,
            f"stage {stage.plan.name} takes only verified reviews; sign it (approve … --key FILE)",
        )
    if (
        call.message.action is Action.REQUEST_CHANGES
        and case.rounds >= case.known_plan().max_rounds
    ):
        raise _RefusedError(
            Refusal.ROUNDS_EXHAUSTED,
            f"changes have been requested {case.rounds} times, which is all the policy allows; "
            "approve or reject",
        )
    if not stage.admits(votes, person.id):
        raise _RefusedError(
            Refusal.SEAT_FILLED,
            f"every seat you could fill in stage {stage.plan.name} has its review already",
        )
    _count(draft, call, person)
    did = _DONE[call.message.action]
    return f"you {did} revision {case.revision}; the case is {draft.case.status}"


def _may_review(case: Case, call: Call, person: PersonRef) -> None:
    plan = case.known_plan()
    if person.id == plan.requester.id:
        raise _RefusedError(
            Refusal.OWN_REQUEST, "nobody reviews their own request; somebody else has to"
        )
    if case.status is Status.CHANGES_REQUESTED:
        raise _RefusedError(
            Refusal.WAITING_FOR_CHANGES,
            f"changes were requested; {plan.requester.name} has to resubmit first",
        )
    if call.message.digest is not None and call.message.digest != case.digest:
        raise _RefusedError(
            Refusal.OTHER_REVISION,
            f"your review is of digest {call.message.digest}, the request is now {case.digest} "
            f"(revision {case.revision}); look at it again and review that",
        )


def _hold(draft: Draft, call: Call, person: PersonRef) -> str:
    """Keep a review whose stage has not opened; refuse one that no stage is for."""
    case = draft.case
    current = case.stage.plan.name if case.stage else None
    later = call.actor.later_stage
    if later is None or call.message.action is Action.REQUEST_CHANGES:
        where = f"stage {current}" if current else "any stage"
        waiting = ", ".join(p.name for p in case.awaited) or "nobody"
        raise _RefusedError(
            Refusal.NOT_REVIEWER,
            f"{person.name} is no reviewer in {where}; it waits for {waiting}",
        )
    if any(h.stage == later and h.review.person.id == person.id for h in case.held):
        raise _RefusedError(
            Refusal.ALREADY_REVIEWED, f"your review is already kept for stage {later}"
        )
    demanded = next(s.assurance for s in case.known_plan().stages if s.name == later)
    if not call.actor.assurance.satisfies(demanded):
        raise _RefusedError(
            Refusal.ASSURANCE,
            f"stage {later} takes only verified reviews; sign it (approve … --key FILE)",
        )
    review = _as_review(draft, call, person, later, ())
    draft.set(held=(*case.held, Held(stage=later, review=review)))
    draft.record(
        Kind.HELD,
        call=call,
        stage=later,
        data={"verdict": call.message.action.value},
    )
    return f"kept; it counts when stage {later} opens"


def _count(draft: Draft, call: Call, person: PersonRef) -> None:
    stage = draft.open_stage()
    seats = stage.seats_of(person.id)
    holder = stage.holder(seats[0])
    behalf = holder if holder is not None and holder.id != person.id else None
    review = _as_review(draft, call, person, stage.plan.name, seats)
    review = review.model_copy(update={"on_behalf_of": behalf})
    draft.set(reviews=(*draft.case.reviews, review))
    draft.record(
        _KINDS[call.message.action],
        call=call,
        on_behalf_of=behalf,
        data={"verdict": call.message.action.value, "group": seats[0][0]},
    )
    if call.message.action is Action.REQUEST_CHANGES:
        changes_wanted(draft, call.message.reason)
    else:
        settle(draft)


def _as_review(
    draft: Draft, call: Call, person: PersonRef, stage: str, seats: tuple[SeatKey, ...]
) -> Review:
    return Review(
        person=person,
        action=call.message.action,
        stage=stage,
        seats=seats,
        assurance=call.actor.assurance,
        channel=call.message.channel,
        reason=call.message.reason,
        at=draft.now,
    )


def _reassign(draft: Draft, call: Call, person: PersonRef) -> str:
    case = draft.case
    source = call.actor.source if call.message.seat_of else person
    target = call.actor.target
    stage = case.stage
    held = (
        [] if stage is None else [s for s in stage.seats() if source and s.holder.id == source.id]
    )
    problem = None
    if stage is None or source is None or not held:
        problem = f"{call.message.seat_of or person.name} holds no open seat"
    elif source.id in stage.sitting(case.stage_reviews):
        problem = f"{source.name} has reviewed already"
    elif source.id != person.id and ADMINISTRATOR not in call.actor.roles:
        problem = (
            f"only {source.name} or somebody with role {ADMINISTRATOR} can hand over that seat"
        )
    elif target is None:
        problem = f"nobody in the directory goes by {call.message.to}"
    elif target.id == case.known_plan().requester.id:
        problem = "the requester cannot review their own request"
    elif target.id in case.reviewers_by_stage.get(stage.plan.name, []) or any(
        s.holder.id == target.id for s in stage.seats()
    ):
        problem = f"{target.name} is a reviewer in this stage already"
    if problem is not None or stage is None or source is None or target is None:
        raise _RefusedError(Refusal.BAD_REASSIGNMENT, problem or "this seat cannot be handed over")
    roster = stage.roster.model_copy(
        update={
            "seats": tuple(_handed_over(s, source, target) for s in stage.roster.seats),
            "ladder": tuple(
                tuple(_handed_over(s, source, target) for s in level)
                for level in stage.roster.ladder
            ),
        }
    )
    draft.set(
        stage=stage.model_copy(update={"roster": roster}),
        reassigned={**case.reassigned, source.id: target},
    )
    draft.record(
        Kind.REASSIGNED,
        call=call,
        data={"from": source.id, "to": target.id},
    )
    return f"{target.name} reviews in place of {source.name}"


def _handed_over(seat: Seat, source: PersonRef, target: PersonRef) -> Seat:
    if seat.holder.id != source.id:
        return seat
    return Seat(group=seat.group, holder=target)


def _record(draft: Draft, kind: Kind, call: Call) -> None:
    draft.record(
        kind,
        call=call,
    )


def _refuse(case: Case, call: Call, now: datetime, refused: _RefusedError) -> Step:
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
    answers = {
        **draft.case.answers,
        answer.decision_id: Remembered(fingerprint=call.message.fingerprint, answer=answer),
    }
    surplus = len(answers) - REMEMBERED_ANSWERS
    refused = [key for key, known in answers.items() if not known.answer.accepted]
    for key in refused[: max(0, surplus)]:
        del answers[key]
    draft.set(answers=answers)


def receipted(case: Case, answer: Answer) -> Case:
    """Keep an answer with its receipt, so that its repetition carries the receipt too."""
    known = case.answers.get(answer.decision_id)
    if known is None:
        return case
    remembered = known.model_copy(update={"answer": answer})
    return case.with_(answers={**case.answers, answer.decision_id: remembered})
