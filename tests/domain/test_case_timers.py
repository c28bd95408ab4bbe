"""What happens when nobody decides: stages nobody can, escalations, reminders, deadlines."""

import pytest

from placet.domain.plan import DeadlineAction, Selector, StuckAction, TakeOver
from placet.domain.record import NoticeKind
from placet.domain.vocabulary import Kind, Refusal
from tests.support.cases import (
    BEGIN,
    Timers,
    World,
    away,
    group,
    level,
    message,
    people,
    person,
    stage,
)

APPROVED = ("approved", "people")


# Stuck.


@pytest.mark.parametrize(
    ("when_stuck", "ending"),
    [
        # Nobody is there, and the ladder is empty: the request ends, it does not hang.
        (StuckAction.ESCALATE, ("rejected", "rule")),
        (StuckAction.REJECT, ("rejected", "rule")),
        # The policy may say so; it is then approved by rule, never by people.
        (StuckAction.APPROVE, ("approved", "rule")),
    ],
)
@pytest.mark.rule(number=9)
def test_a_stage_that_nobody_can_decide_ends_at_once_by_the_policys_rule(
    when_stuck: StuckAction, ending: tuple[str, str]
) -> None:
    lead = stage("lead", group("lead", "rita"), when_stuck=when_stuck)
    world = World({}, (lead,))
    assert world.ending == ending
    assert Kind.STAGE_STUCK in world.kinds


def test_a_stage_with_too_few_people_for_its_quorum_climbs_until_there_are_enough() -> None:
    ladder = (level("nobody", "rita"), level("deputy", "cem"), level("spare", "eve"))
    finance = group("finance", "ann", approve=2)
    world = World(people("ann", "cem", "eve"), (stage("finance", finance, ladder=ladder),))
    assert world.kinds[-3:] == [Kind.STAGE_STUCK, Kind.ESCALATED, Kind.ESCALATED]
    assert world.awaited == ["ann", "cem"]
    # Each hears of it once: cem by the escalation, ann as a reviewer.
    assert [[p.id for p in notice.to] for notice in world.notices] == [["cem"], ["ann"]]


def test_whoever_takes_over_may_be_the_first_to_notice_that_somebody_is_gone() -> None:
    lead = stage("lead", group("lead", "ann"), ladder=(level("deputy", "cem"),))
    world = World(people("ann", "cem", "eve"), (lead,))
    world.people["ann"] = person("ann", active=False)
    refused, taken = world.turn(message("approve", "eve"), message("approve", "cem"))
    assert refused.refusal is Refusal.NOT_REVIEWER
    assert taken.accepted
    assert world.ending == APPROVED
    kinds = world.kinds
    # Somebody whom it does not help calls nobody in.
    assert kinds.index(Kind.REFUSED) < kinds.index(Kind.STAGE_STUCK) < kinds.index(Kind.APPROVED)


def test_an_approval_by_people_needs_people_in_every_stage() -> None:
    stages = (
        stage("first", group("first", "rita"), when_stuck=StuckAction.APPROVE),
        stage("second", group("second", "bob")),
    )
    world = World(people("bob"), stages)
    world.send("approve", "bob")
    assert world.ending == ("approved", "rule")
    assert world.case.outcome is not None
    assert "stage first was passed by rule" in world.case.outcome.reason


# Escalation.


@pytest.mark.rule(number=6)
def test_an_escalation_never_lets_the_requester_in() -> None:
    rita = person("rita", roles=["boss"])
    boss = Selector(role="boss")
    bob = person("bob", deputy="rita", absences=[away()])
    ladder = (level("deputy", Selector(deputy_of="reviewers")), level("boss", boss))
    world = World(people(bob=bob, rita=rita), (stage("lead", group("lead", "bob"), ladder=ladder),))
    assert world.ending == ("rejected", "rule")
    assert world.case.reviews == ()


def test_a_take_over_voids_the_votes_and_lets_only_its_people_decide() -> None:
    finance = group("finance", "ann", "bob", approve=2, reject=2)
    board = level("board", "cem", "ann", mode=TakeOver.REPLACE, approve=2)
    timers = {"finance": Timers(escalations=(10,))}
    world = World(
        people("ann", "bob", "cem"), (stage("finance", finance, ladder=(board,)),), timers
    )
    world.send("approve", "ann")
    world.after(10)
    assert world.kinds[-1] is Kind.ESCALATED
    assert [review.counts for review in world.case.reviews] == [False]
    assert world.send("approve", "bob").refusal is Refusal.NOT_REVIEWER
    # Ann belongs to the board as well and may vote anew.
    world.send("approve", "cem")
    assert world.ending is None
    world.send("approve", "ann")
    assert world.ending == APPROVED


def test_a_take_over_leaves_the_reviews_of_earlier_stages_alone() -> None:
    board = level("board", "ann", "cem", mode=TakeOver.REPLACE)
    stages = (
        stage("first", group("first", "ann")),
        stage("second", group("second", "bob"), ladder=(board,), distinct_from=("first",)),
    )
    timers = {"second": Timers(escalations=(10,))}
    world = World(people("ann", "bob", "cem"), stages, timers)
    world.send("approve", "ann")
    world.after(10)
    assert world.awaited == ["cem"]
    world.after(24)
    assert world.awaited == ["cem"]


def test_people_who_join_raise_no_threshold_also_when_they_are_no_longer_named() -> None:
    names = ("ann", "bob", "cem")
    managers = {name: person(name, deputy=f"{name}-d") for name in names}
    deputies = people(*(f"{name}-d" for name in names))
    board = group("board", *names, approve="100%", reject=3)
    ladder = (level("deputies", Selector(deputy_of="reviewers")),)
    timers = {"board": Timers(escalations=(10,))}
    world = World({**managers, **deputies}, (stage("board", board, ladder=ladder),), timers)
    world.after(10)
    world.send("approve", "ann-d")
    world.send("approve", "ann")
    # Ann's seat is filled, so the level no longer names her deputy, whose vote stands.
    assert world.awaited == ["bob", "cem", "bob-d", "cem-d"]
    world.send("approve", "bob-d")
    assert world.ending == APPROVED


def test_two_levels_may_bring_in_the_same_person() -> None:
    ladder = (level("deputy", "cem"), level("spare", "cem"))
    timers = {"lead": Timers(escalations=(1, 2))}
    lead = stage("lead", group("lead", "bob", approve="100%"), ladder=ladder)
    world = World(people("bob", "cem"), (lead,), timers)
    world.after(3)
    assert world.awaited == ["bob", "cem"]
    assert len(world.case.waiting_for()) == 2
    world.send("approve", "cem")
    assert world.ending == APPROVED


# Timers.


@pytest.mark.parametrize(
    ("action", "final", "kinds", "ending"),
    [
        # Silence is approval, rejection or expiry, as the policy says; never by people.
        (DeadlineAction.APPROVE, None, [Kind.DEADLINE_PASSED], ("approved", "timeout")),
        (DeadlineAction.REJECT, None, [Kind.DEADLINE_PASSED], ("rejected", "timeout")),
        (DeadlineAction.EXPIRE, None, [Kind.DEADLINE_PASSED], ("expired", "timeout")),
        # Extended once; then the final action.
        (
            DeadlineAction.EXTEND,
            DeadlineAction.APPROVE,
            [Kind.EXTENDED, Kind.DEADLINE_PASSED],
            ("approved", "timeout"),
        ),
        # Escalated at the first deadline; the second one ends it.
        (
            DeadlineAction.ESCALATE,
            DeadlineAction.EXPIRE,
            [Kind.EXTENDED, Kind.ESCALATED, Kind.DEADLINE_PASSED],
            ("expired", "timeout"),
        ),
        # A policy that forgot to say how it ends: it ends all the same.
        (
            DeadlineAction.EXTEND,
            None,
            [Kind.EXTENDED, Kind.DEADLINE_PASSED],
            ("expired", "timeout"),
        ),
    ],
)
@pytest.mark.rule(number=9)
def test_silence_ends_a_stage_by_its_deadlines_action(
    action: DeadlineAction,
    final: DeadlineAction | None,
    kinds: list[Kind],
    ending: tuple[str, str],
) -> None:
    lead = stage(
        "lead",
        group("lead", "bob"),
        ladder=(level("deputy", "cem"),),
        deadline_action=action,
        final_action=final,
    )
    last = 30 if action in {DeadlineAction.EXTEND, DeadlineAction.ESCALATE} else None
    world = World(people("bob", "cem"), (lead,), {"lead": Timers(deadline=20, final=last)})
    begun = len(world.records)
    world.after(20 - 0.01)
    assert world.ending is None
    world.after(20)
    assert world.ending == ending
    moved = [r.kind for r in world.records[begun:] if r.kind.startswith("timer:")]
    assert moved == kinds
    assert world.send("approve", "bob").refusal is Refusal.LATE


def test_a_deadline_that_escalates_with_an_empty_ladder_still_gives_more_time() -> None:
    lead = stage("lead", group("lead", "bob"), deadline_action=DeadlineAction.ESCALATE)
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20, final=30)})
    world.after(25)
    assert world.kinds[-1] is Kind.EXTENDED
    assert world.notices[-1].kind is NoticeKind.REMINDER
    world.send("approve", "bob")
    assert world.ending == APPROVED


def test_a_worker_that_was_down_past_both_deadlines_does_not_extend() -> None:
    lead = stage(
        "lead",
        group("lead", "bob"),
        deadline_action=DeadlineAction.EXTEND,
        final_action=DeadlineAction.REJECT,
    )
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20, final=30)})
    world.after_an_outage(31)
    assert Kind.EXTENDED not in world.kinds
    assert world.ending == ("rejected", "timeout")


def test_a_worker_that_was_down_reminds_once() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,), {"lead": Timers(reminders=(1, 2, 3, 30))})
    world.after_an_outage(10)
    assert world.kinds.count(Kind.REMINDED) == 1
    assert world.case.stage is not None
    assert world.case.stage.schedule.reminders == (BEGIN + 30 * (world.now - BEGIN) / 10,)


def test_reminders_that_a_passed_deadline_overtook_are_dropped() -> None:
    lead = stage(
        "lead",
        group("lead", "bob"),
        deadline_action=DeadlineAction.EXTEND,
        final_action=DeadlineAction.REJECT,
    )
    timers = Timers(deadline=20, final=40, reminders=(10, 15, 30))
    world = World(people("bob"), (lead,), {"lead": timers})
    world.after_an_outage(21)
    assert world.kinds.count(Kind.REMINDED) == 0
    world.after(10)
    assert world.kinds.count(Kind.REMINDED) == 1


@pytest.mark.rule(number=7)
def test_a_decision_that_comes_with_the_deadline_wins() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20)})
    world.now = BEGIN.replace(day=9)
    world.send("approve", "bob")
    assert world.ending == APPROVED
    assert Kind.DEADLINE_PASSED not in world.kinds


@pytest.mark.rule(number=7)
def test_a_decision_after_the_deadline_is_recorded_as_late() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20)})
    world.after(20)
    assert world.send("approve", "bob").refusal is Refusal.LATE
    assert world.ending == ("rejected", "timeout")
    assert world.case.reviews == ()


def test_whoever_an_escalation_has_just_called_is_not_reminded_in_the_same_breath() -> None:
    lead = stage("lead", group("lead", "bob"), ladder=(level("deputy", "cem"),))
    timers = Timers(reminders=(2, 3), escalations=(2,), deadline=20)
    world = World(people("bob", "cem"), (lead,), {"lead": timers})
    world.after_an_outage(2)
    last = {notice.kind: [p.id for p in notice.to] for notice in world.notices[-2:]}
    assert last == {NoticeKind.ESCALATION: ["cem"], NoticeKind.REMINDER: ["bob"]}
    world.after(1)
    assert [p.id for p in world.notices[-1].to] == ["bob", "cem"]
