"""What stops a case from outside its rules: a cancellation, or a part that is gone."""

import pytest

from placet.domain import progress, stopping
from placet.domain.case import Case
from placet.domain.plan import RuleDecision
from placet.domain.vocabulary import Kind, Refusal, Status
from tests.support.cases import BEGIN, World, group, people, stage


def waiting() -> World:
    """Return a case that waits for two people."""
    return World(people("ann", "bob"), (stage("first", group("first", "ann", "bob")),))


def test_a_cancellation_withdraws_a_case_and_tells_those_who_were_waited_for() -> None:
    world = waiting()
    step = world.take(stopping.cancelled(world.case, "entered twice", "c-1", BEGIN))
    assert step.answer is not None
    assert step.answer.accepted
    assert world.ending == ("withdrawn", "people")
    (told,) = world.recorded(Kind.CANCELLED)
    assert (told.channel, told.reason) == ("temporal-cancel", "entered twice")
    assert [sorted(p.id for p in notice.to) for notice in world.notices[-2:]] == [
        ["rita"],
        ["ann", "bob"],
    ]


def test_a_cancellation_after_the_outcome_is_recorded_as_late_and_changes_nothing() -> None:
    world = waiting()
    world.send("approve", "ann")
    before = world.case
    step = world.take(stopping.cancelled(before, "stop", "c-1", BEGIN))
    assert step.answer is not None
    assert step.answer.refusal is Refusal.LATE
    assert step.notices == ()
    assert world.case == before
    (late,) = world.recorded(Kind.LATE)
    assert late.reason is not None
    assert "the cancellation came too late" in late.reason


def test_what_is_typed_with_a_cancellation_is_made_safe() -> None:
    world = waiting()
    step = stopping.cancelled(world.case, "x\u202e\x00" + "y" * 9_000, "c-1", BEGIN)
    assert step.case.outcome is not None
    assert len(step.case.outcome.reason) <= 4_000
    assert "\u202e" not in step.case.outcome.reason


def test_no_rule_decides_a_case_that_is_only_submitted() -> None:
    plan = (
        waiting()
        .plan()
        .model_copy(update={"stages": (), "decision": RuleDecision(approve=True, reason="small")})
    )
    case = Case(request_id="r-1", pipeline="expense", effect_name="payment")
    step = progress.submitted(case, plan, "0" * 64, BEGIN)
    assert step.case.status is Status.PENDING
    assert [record.kind for record in step.records] == [Kind.SUBMITTED, Kind.PLANNED]
    assert progress.planned(case, plan, "0" * 64, BEGIN).case.status is Status.APPROVED


@pytest.mark.rule(number=9)
def test_a_case_that_cannot_go_on_fails_and_everybody_is_told_why() -> None:
    world = waiting()
    world.take(stopping.failed(world.case, "the policy is gone; restore it", BEGIN))
    assert world.ending == ("failed", "system")
    (told,) = world.recorded(Kind.FAILED)
    assert told.reason == "the policy is gone; restore it"
    first, second = world.notices[-2:]
    assert "restore it" in first.text
    assert [p.id for p in first.to] == ["rita"]
    assert sorted(p.id for p in second.to) == ["ann", "bob"]
