"""How a seat changes hands: ``reassign``, by its holder or an administrator."""

from placet.domain.case import Case
from placet.domain.deciding import settle
from placet.domain.draft import Draft
from placet.domain.plan import PersonRef, Roster, Seat
from placet.domain.record import NoticeKind
from placet.domain.review import ADMINISTRATOR, Call, RefusedError
from placet.domain.stage import OpenStage
from placet.domain.tally import Tally
from placet.domain.vocabulary import Kind, Refusal


def reassign(draft: Draft, call: Call, person: PersonRef) -> str:
    """Give the seats that one person holds in the open stage to another.

    Returns:
        What to tell the caller.

    Raises:
        RefusedError: They cannot be handed over, by this person, or to that one.
    """
    case = draft.case
    source = call.actor.source if call.message.seat_of else person
    target = call.actor.target
    stage, votes = case.stage, case.tally
    if stage is None or votes is None or source is None or not _held(votes, source):
        raise _refusal(f"{call.message.seat_of or person.name} holds no open seat")
    _may_hand_over(case, stage, call, person, source)
    filled = [seat for seat in _held(votes, source) if seat.key in votes.seated.by_seat]
    if filled or source.id in votes.seated.by_person:
        raise _refusal(f"{source.name}, or somebody for them, has reviewed already")
    if target is None:
        raise _refusal(f"nobody in the directory goes by {call.message.to}")
    _may_take_over(case, stage, votes, target)
    draft.set(
        stage=stage.model_copy(update={"roster": _handed_over(stage.roster, source, target)}),
        handovers={**case.handovers, stage.plan.name: _remembered(case, source, target)},
    )
    draft.record(Kind.REASSIGNED, call=call, data={"from": source.id, "to": target.id})
    draft.notify(NoticeKind.REVIEW_WANTED, (target,), f"in place of {source.name}")
    # Somebody who could already stand in leaves the stage with one person less.
    settle(draft)
    return f"{target.name} reviews in place of {source.name}"


def _may_hand_over(
    case: Case, stage: OpenStage, call: Call, person: PersonRef, source: PersonRef
) -> None:
    if case.known_plan().is_for(person.id):
        raise _refusal("whoever asks for it, or gets it, cannot choose who reviews it")
    if source.id != person.id and ADMINISTRATOR not in call.actor.roles:
        raise _refusal(
            f"only {source.name} or somebody with role {ADMINISTRATOR} can hand over that seat"
        )
    # Otherwise whoever merely claims to be the holder could give the seat to themselves, and then
    # prove that they are who they are.
    if not call.actor.assurance.satisfies(stage.plan.assurance):
        raise RefusedError(
            Refusal.ASSURANCE,
            f"stage {stage.plan.name} takes only what is verified; sign it (… --key FILE)",
        )


def _may_take_over(case: Case, stage: OpenStage, votes: Tally, target: PersonRef) -> None:
    reviewed = case.reviewers_by_stage
    if case.known_plan().is_for(target.id):
        raise _refusal("whoever asks for it, or gets it, cannot review it")
    if target.id in reviewed.get(stage.plan.name, []) or _held(votes, target):
        raise _refusal(f"{target.name} is a reviewer in this stage already")
    for other in stage.plan.distinct_from:
        if target.id in reviewed.get(other, []):
            raise _refusal(
                f"{target.name} has reviewed stage {other}, and this stage needs somebody else"
            )


def _refusal(problem: str) -> RefusedError:
    return RefusedError(Refusal.BAD_REASSIGNMENT, problem)


def _held(votes: Tally, person: PersonRef) -> list[Seat]:
    return [seat for seat in votes.seats.values() if seat.holder.id == person.id]


def _remembered(case: Case, source: PersonRef, target: PersonRef) -> dict[str, PersonRef]:
    """Return the stage's hand-overs with one more; somebody who gets a seat back has it again."""
    earlier = {holder: heir for holder, heir in case.reassigned.items() if holder != target.id}
    return {**earlier, source.id: target}


def _handed_over(roster: Roster, source: PersonRef, target: PersonRef) -> Roster:
    def given(seat: Seat) -> Seat:
        return Seat(group=seat.group, holder=target) if seat.holder.id == source.id else seat

    return roster.model_copy(
        update={
            "seats": tuple(given(seat) for seat in roster.seats),
            "ladder": tuple(tuple(given(seat) for seat in level) for level in roster.ladder),
        }
    )
