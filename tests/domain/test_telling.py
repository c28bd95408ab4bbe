"""What events tell a stranger: the rules, who is a guest, who asks, who may break the glass."""

from typing import Any

from placet.domain import progress
from placet.domain.case import Case
from placet.domain.ledger_rows import RequestRow
from placet.domain.plan import (
    Assurance,
    BreakGlass,
    DeadlineAction,
    Edits,
    PersonRef,
    RuleDecision,
    Selector,
    StuckAction,
    TakeOver,
)
from placet.domain.reception import received
from placet.domain.review import Call
from placet.domain.telling import rules_told
from placet.domain.vocabulary import Kind
from placet.late import late_event
from tests.support.cases import (
    BEGIN,
    Timers,
    World,
    group,
    level,
    message,
    people,
    person,
    stage,
)
from tests.support.stories import Storyteller, judged


def test_the_rules_are_told_with_all_that_decides() -> None:
    world = World(
        people("ann", "bob"),
        [
            stage(
                "lead",
                group("lead", "ann", approve=2, reject="60%"),
                ladder=(level("chief", "bob", mode=TakeOver.REPLACE),),
                assurance=Assurance.VERIFIED,
                distinct_from=("other",),
                deadline_action=DeadlineAction.EXTEND,
                final_action=DeadlineAction.APPROVE,
                when_stuck=StuckAction.REJECT,
            )
        ],
        edits=Edits.FREELY,
        max_rounds=3,
        break_glass=BreakGlass(by=(Selector(role="boss"),), at_most_minutes=60),
    )
    assert rules_told(world.plan()) == {
        "stages": [
            {
                "name": "lead",
                "groups": [{"name": "lead", "approve": {"count": 2}, "reject": {"percent": 60}}],
                "ladder": [
                    {
                        "name": "chief",
                        "approve": {"count": 1},
                        "reject": {"count": 1},
                        "mode": "replace",
                    }
                ],
                "assurance": "verified",
                "distinct_from": ["other"],
                "deadline": "extend",
                "finally": "approve",
                "when_stuck": "reject",
            }
        ],
        "decision": None,
        "max_rounds": 3,
        "changes_within_hours": 336,
        "edits": "freely",
        "break_glass": {"assurance": "verified", "at_most_minutes": 60},
    }
    decided = world.plan().model_copy(
        update={"decision": RuleDecision(approve=False, reason="no"), "stages": ()}
    )
    assert rules_told(decided)["decision"] == "reject"


def _with_a_guest() -> World:
    """Return a case in which bob has joined, who is not in the group yet."""
    world = World(
        people("ann", "bob"),
        [
            stage(
                "lead",
                group("lead", "ann", Selector(group="leads")),
                ladder=(level("more", "bob"),),
            )
        ],
        {"lead": Timers(deadline=100, escalations=(10,))},
    )
    world.after(11)
    return world


def _seats(world: World, kind: Kind) -> dict[str, bool]:
    seats: Any = world.recorded(kind)[-1].data["seats"]
    return {seat["holder"]: seat.get("guest", False) for seat in seats}


def test_a_guest_is_told_from_a_member_also_when_they_become_one() -> None:
    world = _with_a_guest()
    assert _seats(world, Kind.ESCALATED) == {"ann": False, "bob": True}
    world.people["bob"] = person("bob", groups=["leads"])
    world.send("comment", "ann")
    assert _seats(world, Kind.ROSTER_CHANGED) == {"ann": False, "bob": False}


def test_a_roster_that_an_older_worker_recorded_still_decides_as_it_did() -> None:
    world = _with_a_guest()
    world.people["bob"] = person("bob", groups=["leads"])
    assert world.case.stage is not None
    roster = world.roster(world.case.stage.plan)
    older = roster.model_copy(update={"tells_guests": False})
    assert progress.refreshed(world.case, older, world.now).records == ()
    assert progress.refreshed(world.case, roster, world.now).records != ()


def test_who_may_break_the_glass_is_told_as_far_as_it_was_recorded() -> None:
    glass = BreakGlass(by=(Selector(role="boss"),), assurance=Assurance.CLAIMED, at_most_minutes=60)
    staff = {
        "ann": person("ann"),
        "max": person("max", roles=["boss"]),
        "eve": person("eve", roles=["boss"]),
    }
    world = World(staff, [stage("lead", group("lead", "ann"))], break_glass=glass)
    sent = message("break_glass", "max", reason="it burns", decision_id="d1")
    (actor,) = world.assess([sent]).actors
    assert actor.permitted == ("max", "eve")
    older = actor.model_copy(update={"permitted": ()})
    for who, permitted in ((actor, ["max", "eve"]), (older, ["max"])):
        call = Call(message=sent, decision_id="d1", actor=who)
        step = received(world.case, call, BEGIN)
        (broken,) = (each for each in step.records if each.kind is Kind.GLASS_BROKEN)
        assert broken.data["permitted"] == permitted


def test_every_event_names_who_asks_once_that_is_known() -> None:
    world = World(people("ann"), [stage("lead", group("lead", "ann"))])
    world.send("approve", "ann")
    assert {each.body["requester"] for each in world.story.events} == {"rita"}
    case, unplanned = Case(request_id="expense-1", pipeline="expense"), Storyteller()
    unplanned.follow(case, progress.unplannable(case, "no", None, BEGIN))
    assert {each.body["requester"] for each in unplanned.events} == {None}


def test_of_what_cannot_be_planned_its_requester_is_told_if_anybody_knows_them() -> None:
    case, told = Case(request_id="expense-1", pipeline="expense"), Storyteller()
    rita = PersonRef(id="rita", name="Rita", address="rita@example.com")
    step = progress.unplannable(case, "no receipt", rita, BEGIN)
    told.follow(case, step)
    assert {each.body["requester"] for each in told.events} == {"rita"}
    state: Any = told.events[-1].body["state"]
    assert state["requester"] == {"id": "rita", "name": "Rita"}
    (notice,) = step.notices
    assert (notice.to, notice.requester, notice.text) == ((rita,), "Rita", "failed: no receipt")
    assert judged(told.events) == []
    assert progress.unplannable(case, "no receipt", None, BEGIN).notices == ()


def test_what_comes_too_late_names_who_asks_too() -> None:
    row = RequestRow(
        request="r",
        pipeline="expense",
        revision=1,
        digest=None,
        title=None,
        requester_id="rita",
        requester_name=None,
        status="approved",
        stage=None,
        due=None,
        outcome_kind="approved",
        outcome_by="people",
        outcome_reason=None,
        amount=None,
        route=None,
        effect=None,
        submitted_at=BEGIN,
        updated_at=BEGIN,
    )
    sent = message("approve", "ann", decision_id="d1")
    assert late_event(row, sent, "late", BEGIN).body["requester"] == "rita"
    unknown = row.model_copy(update={"requester_id": "unknown"})
    assert late_event(unknown, sent, "late", BEGIN).body["requester"] is None
