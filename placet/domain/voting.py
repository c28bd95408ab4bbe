"""How a review counts: who may give it, which seat it fills, and what becomes of one too early."""

from pydantic import JsonValue

from placet.domain.case import Case, Held
from placet.domain.deciding import changes_wanted, settle, tally
from placet.domain.draft import Draft
from placet.domain.plan import Assurance, PersonRef, utc
from placet.domain.review import Call, RefusedError, Review
from placet.domain.seating import SeatKey
from placet.domain.tally import Tally
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


def review(draft: Draft, call: Call, person: PersonRef) -> str:
    """Take a review; return what to tell the caller.

    Raises:
        RefusedError: It does not count.
    """
    case = draft.case
    may_review(case, call, person)
    votes = case.tally
    if votes is None or not votes.seats_of(person.id):
        return _hold(draft, call, person)
    may_sit(case, votes, call, person)
    _count(draft, call, person, {})
    did = _DONE[call.message.action]
    return f"you {did} revision {case.revision}; the case is {draft.case.status}"


def may_sit(case: Case, votes: Tally, call: Call, person: PersonRef) -> None:
    """Refuse what a reviewer of the open stage says when no seat is left that they could fill.

    Raises:
        RefusedError: They have reviewed it, others have, they must prove who they are, or they
            want changes and there have been enough.
    """
    assert case.stage is not None  # noqa: S101 - it has been counted
    stage = case.stage.plan
    for earlier in case.stage_reviews:
        if earlier.counts and earlier.person.id == person.id:
            raise RefusedError(
                Refusal.ALREADY_REVIEWED,
                f"you have already {_DONE[earlier.action]} this revision in stage {stage.name}; "
                "the first review stands",
            )
    _demand(call, stage.name, stage.assurance)
    wants_changes = call.message.action in {Action.REQUEST_CHANGES, Action.EDIT}
    if wants_changes and case.rounds >= case.known_plan().max_rounds:
        raise RefusedError(
            Refusal.ROUNDS_EXHAUSTED,
            f"changes have been requested or made {case.rounds} times, which is all the policy "
            "allows; approve or reject",
        )
    if not votes.admits(person.id):
        raise RefusedError(
            Refusal.SEAT_FILLED,
            f"every seat you could fill in stage {stage.name} has its review already",
        )


def count_held(draft: Draft) -> None:
    """Count the reviews that came before the stage that has just opened, in their order."""
    stage = draft.open_stage().plan.name
    mine = [held for held in draft.case.held if held.stage == stage]
    draft.set(held=tuple(held for held in draft.case.held if held.stage != stage))
    for held in mine:
        person = held.call.actor.person
        data: dict[str, JsonValue] = {"held": True, "received": utc(held.at)}
        votes = draft.case.tally
        is_open = votes is not None and draft.open_stage().plan.name == stage
        if person and is_open and votes and votes.admits(person.id):
            _count(draft, held.call, person, data)
            continue
        refusal = Refusal.NOT_REVIEWER if is_open else Refusal.LATE
        draft.record(
            Kind.REFUSED if is_open else Kind.LATE,
            call=held.call,
            stage=stage,
            reason=(
                f"there is no seat left for this review in stage {stage}"
                if is_open
                else f"stage {stage} was decided before this review could count"
            ),
            data={
                "refusal": refusal.value,
                "action": held.call.message.action.value,
                "said": held.call.message.reason,
                **data,
            },
        )


def may_review(case: Case, call: Call, person: PersonRef) -> None:
    """Refuse what nobody may say of this request now, or not this person.

    Raises:
        RefusedError: It is their own, it waits for changes, or they saw another revision.
    """
    plan = case.known_plan()
    if person.id == plan.requester.id:
        raise RefusedError(
            Refusal.OWN_REQUEST, "nobody reviews their own request; somebody else has to"
        )
    if plan.is_for(person.id):
        raise RefusedError(
            Refusal.OWN_REQUEST, "nobody reviews what is for themselves; somebody else has to"
        )
    if case.status is Status.CHANGES_REQUESTED:
        raise RefusedError(
            Refusal.WAITING_FOR_CHANGES,
            f"changes were requested; {plan.requester.name} has to resubmit first",
        )
    of_this_revision(case, call)


def of_this_revision(case: Case, call: Call) -> None:
    """Refuse a call that was made about another revision than the current one.

    Raises:
        RefusedError: It names another digest.
    """
    if call.message.digest is not None and call.message.digest != case.digest:
        raise RefusedError(
            Refusal.OTHER_REVISION,
            f"you were shown digest {call.message.digest}, the request is now {case.digest} "
            f"(revision {case.revision}); look at it again and send that",
        )


def _demand(call: Call, stage: str, assurance: Assurance) -> None:
    if not call.actor.assurance.satisfies(assurance):
        raise RefusedError(
            Refusal.ASSURANCE,
            f"stage {stage} takes only verified reviews; sign it (approve … --key FILE)",
        )


def _hold(draft: Draft, call: Call, person: PersonRef) -> str:
    """Keep a review whose stage has not opened; refuse one that no stage is for."""
    case = draft.case
    later = call.actor.later_stage
    demanded = next((s.assurance for s in case.known_plan().stages if s.name == later), None)
    if later is None or demanded is None or call.message.action is Action.REQUEST_CHANGES:
        raise no_reviewer(case, person)
    if any(h.stage == later and _is(h, person) for h in case.held):
        raise RefusedError(
            Refusal.ALREADY_REVIEWED, f"your review is already kept for stage {later}"
        )
    _demand(call, later, demanded)
    draft.set(held=(*case.held, Held(stage=later, call=call, at=draft.now)))
    draft.record(Kind.HELD, call=call, stage=later, data={"verdict": call.message.action.value})
    return f"kept; it counts when stage {later} opens"


def no_reviewer(case: Case, person: PersonRef) -> RefusedError:
    """Return the refusal of somebody who has no seat, with whom the case waits for."""
    where = f"stage {case.stage.plan.name}" if case.stage else "any stage"
    waiting = ", ".join(p.name for p in case.awaited[:10]) or "nobody"
    return RefusedError(
        Refusal.NOT_REVIEWER, f"{person.name} is no reviewer in {where}; it waits for {waiting}"
    )


def _count(draft: Draft, call: Call, person: PersonRef, data: dict[str, JsonValue]) -> None:
    """Seat the reviewer, record the review, and see what follows from it."""
    stage, before = draft.open_stage(), tally(draft)
    seats, sitting = before.seats_of(person.id), before.seated_with(person.id)
    given = Review(
        person=person,
        action=call.message.action,
        stage=stage.plan.name,
        seats=seats,
        assurance=call.actor.assurance,
        channel=call.message.channel,
        reason=call.message.reason,
        at=draft.now,
    )
    draft.set(reviews=(*draft.case.reviews, given))
    draft.set(
        reviews=tuple(_seated(r, stage.plan.name, before, sitting) for r in draft.case.reviews)
    )
    moved: list[JsonValue] = [
        {"person": mover, "group": sitting[mover][0], "holder": sitting[mover][1]}
        for mover, seat in before.seated.by_person.items()
        if sitting[mover] != seat
    ]
    draft.record(
        _KINDS[call.message.action],
        call=call,
        on_behalf_of=draft.case.reviews[-1].on_behalf_of,
        data={
            "verdict": call.message.action.value,
            "group": sitting[person.id][0],
            **({"moved": moved} if moved else {}),
            **data,
        },
    )
    if call.message.action is Action.REQUEST_CHANGES:
        changes_wanted(draft, call.message.reason)
    else:
        settle(draft)


def _is(held: Held, person: PersonRef) -> bool:
    return held.call.actor.person is not None and held.call.actor.person.id == person.id


def _seated(given: Review, stage: str, tally: Tally, sitting: dict[str, SeatKey]) -> Review:
    """Return the review with whom it is on behalf of: the holder of the seat it fills."""
    seat = tally.seats.get(sitting.get(given.person.id, ("", "")))
    if seat is None or given.stage != stage or not given.counts:
        return given
    behalf = None if seat.holder.id == given.person.id else seat.holder
    return given.model_copy(update={"on_behalf_of": behalf})
