"""Look at the directory: who may review now, and who a message is from. It only reads."""

from collections.abc import Iterable
from typing import Any

from temporalio import activity

from activities.errors import permanent
from placet.attestation import AttestationError, Expected, verify
from placet.domain.orders import Assessment, AssessOrder, Claim
from placet.domain.people import Directory, Person
from placet.domain.plan import Assurance, Roster, Seat
from placet.domain.review import Actor
from placet.domain.roster import named, roster
from placet.domain.vocabulary import Action
from placet.ports import DirectoryPort


class ReviewerActivities:
    """Knows people."""

    def __init__(self, directory: DirectoryPort) -> None:
        """Ask ``directory``."""
        self._directory = directory

    @activity.defn(name="reviewers.assess")
    async def assess(self, order: AssessOrder) -> Assessment:
        """Say who may review the open stage at ``order.now``, and who each claim is from."""
        with permanent():
            directory = self._directory.snapshot()
            rosters = [_roster(order, directory, index) for index in range(len(order.stages))]
            return Assessment(
                roster=rosters[0] if order.is_open and rosters else None,
                actors=tuple(_actor(order, claim, directory, rosters) for claim in order.claims),
            )


def _roster(order: AssessOrder, directory: Directory, index: int) -> Roster:
    if order.requester is None:
        return Roster()
    return roster(
        order.stages[index],
        directory,
        requester=order.requester,
        kept_out=order.kept_out,
        pipeline=order.pipeline,
        now=order.now,
        earlier={stage: frozenset(people) for stage, people in order.earlier.items()},
        reassigned=order.reassigned,
        open_holders=_open_holders(order, index),
    )


def _open_holders(order: AssessOrder, index: int) -> frozenset[str] | None:
    """Return whose seats are still open in the stage that is; of later stages all are."""
    if not order.is_open or index > 0 or order.open_holders is None:
        return None
    return frozenset(order.open_holders)


def _actor(order: AssessOrder, claim: Claim, directory: Directory, rosters: list[Roster]) -> Actor:
    person = directory.resolve(claim.actor)
    if person is None or not person.active:
        return Actor(claimed=claim.actor)
    later = _later_stage(order, person, rosters)
    breaking = claim.action is Action.BREAK_GLASS
    here = _sits_now(order, person, rosters) or (breaking and order.is_open)
    stage = order.stages[0].name if here else later
    assurance, problem = _assurance(order, claim, person, stage)
    source = directory.resolve(claim.seat_of) if claim.seat_of else None
    target = directory.resolve(claim.to) if claim.to else None
    return Actor(
        claimed=claim.actor,
        person=person.ref(),
        roles=(*person.roles, *person.groups),
        assurance=assurance,
        problem=problem,
        later_stage=later,
        source=source.ref() if source else None,
        target=target.ref() if target and target.active else None,
        **(_broken(order, person, directory) if breaking else {}),
    )


def _broken(order: AssessOrder, person: Person, directory: Directory) -> dict[str, Any]:
    """Say whether somebody may break the glass, and who is to hear of it."""
    rule = order.break_glass
    if rule is None:
        return {}
    permitted = tuple(each.id for each in named(rule.by, directory))
    return {
        "breaks_glass": person.id in permitted,
        "permitted": permitted,
        "alarms": tuple(each.ref() for each in named(rule.tell, directory)),
    }


def _sits_now(order: AssessOrder, person: Person, rosters: list[Roster]) -> bool:
    """Say whether the open stage has a seat for this person, by itself or by an escalation."""
    if not order.is_open or not rosters:
        return False
    ladder = rosters[0].ladder
    reached = [seat for index in order.reached if index < len(ladder) for seat in ladder[index]]
    return _is_among(person, (*rosters[0].seats, *reached))


def _later_stage(order: AssessOrder, person: Person, rosters: list[Roster]) -> str | None:
    """Return the first stage to come that has a seat for this person without an escalation."""
    begin = 1 if order.is_open else 0
    return next(
        (
            stage.name
            for stage, roster in list(zip(order.stages, rosters, strict=True))[begin:]
            if _is_among(person, roster.seats)
        ),
        None,
    )


def _is_among(person: Person, seats: Iterable[Seat]) -> bool:
    return any(somebody.id == person.id for seat in seats for somebody in seat.people())


def _assurance(
    order: AssessOrder, claim: Claim, person: Person, stage: str | None
) -> tuple[Assurance, str | None]:
    """Check the signature a claim carries, if it does."""
    if claim.attestation is None:
        return Assurance.CLAIMED, None
    expected = Expected(
        request=order.request_id,
        digest=order.digest or "",
        stage=stage,
        verdict=claim.action.value,
        decision_id=claim.decision_id,
    )
    try:
        verify(claim.attestation, person, expected, order.now)
    except AttestationError as error:
        return Assurance.CLAIMED, str(error)
    if claim.decision_id is None:
        # Without it nothing would tell a signature that is used again from a new decision.
        return Assurance.CLAIMED, (
            "the message has no decision_id; send the one that was signed (jti) with it"
        )
    return Assurance.VERIFIED, None
