"""Plans and openings: the first route that holds, and every timer as an instant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placet.digest import digest
from placet.domain.base import Model
from placet.domain.plan import (
    DeadlineAction,
    Opening,
    Plan,
    RuleDecision,
    StuckAction,
    TakeOver,
    Threshold,
)
from placet.domain.planning import OtherPolicyError, UnplannableError
from placet.pipelines.expense import FACTS
from placet.pipelines.pipeline import Prepared
from placet.policy.service import make_plan, open_stage
from tests.policy.example import TEXT, bent, company, facts, snapshot

MONDAY = datetime(2026, 5, 11, 8, 0, tzinfo=UTC)  # 10:00 in Berlin.
"""Thursday of that week is Ascension Day, and the Friday is a closing day of the company's own."""


def planned(text: str = TEXT, **changes: Any) -> Plan:
    return make_plan(
        snapshot(text),
        Prepared(
            request=Model(),
            requester="alice",
            title="Team dinner",
            amount="120.00 EUR",
            facts=facts(**changes),
        ),
        FACTS,
        requester=company().require("alice").ref(),
    )


def opened(text: str = TEXT, stage: int = 0, **changes: Any) -> Opening:
    plan = planned(text, **changes)
    return open_stage(snapshot(text), plan, stage, company(), MONDAY)


def test_the_first_route_that_holds_is_taken() -> None:
    assert planned().route == "rest"
    assert planned(total=5000.0).route == "large"
    assert planned(total=5000.0, categories=["other"]).route == "odd"
    assert planned(total=50.0, categories=["other"]).route == "small"
    assert planned(total=50.0, all_receipts=False).route == "rest"


def test_a_condition_about_the_requester_sees_the_directorys_spelling() -> None:
    text = bent(("total > 1000", "requester == 'alice@example.com'"))
    assert planned(text, requester=" Alice+x@EXAMPLE.com").route == "large"


def test_a_rule_decides_without_people() -> None:
    plan = planned(total=12.0)
    assert plan.decision == RuleDecision(approve=True, reason="Small and with receipts.")
    assert plan.stages == ()
    refused = planned(categories=["other"])
    assert refused.decision == RuleDecision(approve=False, reason="Say what it is.")


def test_a_plan_says_which_rules_made_it_and_why() -> None:
    plan = planned(total=5000.0)
    assert (plan.policy.id, plan.policy.version) == ("expense", 3)
    assert plan.policy.digest == digest(snapshot())
    assert plan.why == "total > 1000 (total = 5000.00)"
    assert plan.facts == facts(total=5000.0)
    assert (plan.max_rounds, plan.changes_within_hours) == (2, 240)
    assert planned().why == (
        "no earlier route applies (total = 120.00, categories = [meals], all_receipts = true)"
    )


def test_a_plan_carries_each_stage_as_the_policy_says_it() -> None:
    manager, finance = planned(total=5000.0).stages
    assert (manager.name, finance.name) == ("manager", "finance")
    assert [level.name for level in manager.ladder] == ["deputy", "board"]
    assert [level.mode for level in manager.ladder] == [TakeOver.JOIN, TakeOver.REPLACE]
    assert manager.ladder[1].approve == Threshold(percent=60)
    assert manager.deadline_action is DeadlineAction.ESCALATE
    assert manager.final_action is DeadlineAction.REJECT
    assert manager.when_stuck is StuckAction.ESCALATE
    assert finance.deadline_action is DeadlineAction.EXPIRE
    assert finance.final_action is None
    assert finance.distinct_from == ("manager",)
    assert finance.groups[0].approve == Threshold(count=2)


def test_a_condition_that_cannot_be_decided_stops_the_plan_by_name() -> None:
    with pytest.raises(
        UnplannableError, match=r"policy expense version 3, route 'small': .* decided"
    ):
        planned(total=None)


def berlin(instant: datetime | None) -> str | None:
    assert instant is None or instant.utcoffset() == timedelta()
    # In May Berlin is two hours ahead.
    return None if instant is None else f"{instant + timedelta(hours=2):%a %d %H:%M}"


@pytest.mark.rule(number=10)
def test_every_timer_of_a_stage_is_an_instant_in_business_time() -> None:
    timers = opened().schedule
    assert [berlin(each) for each in timers.reminders] == [
        "Tue 12 10:00",
        "Wed 13 10:00",
        "Mon 18 10:00",
    ]
    assert [berlin(each) for each in timers.escalations] == ["Wed 13 10:00", None]
    assert berlin(timers.deadline) == "Mon 18 10:00"
    assert berlin(timers.final) == "Thu 21 10:00"  # 24 open hours are three days of eight.
    assert timers.recheck_hours == 24


def test_wall_clock_timers_do_not_stop_at_night() -> None:
    timers = opened(stage=1, total=5000.0).schedule
    assert berlin(timers.deadline) == "Wed 13 10:00"
    assert timers.final is None
    assert timers.reminders == ()
    assert timers.recheck_hours == 6


def test_reminders_after_the_last_deadline_are_left_out() -> None:
    text = bent(("first: 1d, every: 1d, at_most: 3", "first: 1d, every: 3d, at_most: 9"))
    timers = opened(text).schedule
    assert timers.final is not None
    assert [berlin(each) for each in timers.reminders] == ["Tue 12 10:00", "Tue 19 10:00"]


def test_an_opening_says_who_may_review() -> None:
    roster = opened().roster
    assert [seat.holder.id for seat in roster.seats] == ["bob"]
    assert [[seat.holder.id for seat in level] for level in roster.ladder] == [["carol"], ["grace"]]


def test_people_of_an_earlier_stage_are_kept_out_where_the_policy_says_so() -> None:
    plan = planned(total=5000.0)
    found = open_stage(
        snapshot(), plan, 1, company(), MONDAY, earlier={"manager": frozenset({"bob"})}
    )
    assert [seat.holder.id for seat in found.roster.seats] == ["carol", "dan"]


@pytest.mark.rule(number=10)
def test_a_stage_is_not_opened_by_another_version_of_its_policy() -> None:
    other = snapshot(bent(("version: 3", "version: 4")))
    with pytest.raises(OtherPolicyError, match="expense version 3"):
        open_stage(other, planned(), 0, company(), MONDAY)
