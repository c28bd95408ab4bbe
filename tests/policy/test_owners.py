"""Who owns what a request is about is always asked, whatever the policy says."""

from dataclasses import replace
from typing import Any

import pytest

from placet.domain.base import Model
from placet.domain.plan import Plan, Selector
from placet.domain.planning import UnplannableError, with_owners
from placet.domain.policy_rules import owner_problems, unowned_problems
from placet.pipelines.expense import DOOR, FACTS
from placet.pipelines.pipeline import Prepared
from placet.policy.check import check
from placet.policy.files import FileError
from placet.policy.service import make_plan, open_stage, refs_of
from tests.policy.example import bent, company, facts, policy, snapshot
from tests.policy.test_check import NOW

OWNED = bent(
    ("{name: small, when: total <= 50 && all_receipts, approve: Small and with receipts.}",
     "{name: small, when: total <= 50 && all_receipts, reject: Too small.}"),
    ("reviewers: [{manager_of: requester}]", "reviewers: [{owner_of: data}]"),
)  # fmt: skip
DAN = Selector(person="dan@example.com")


@pytest.fixture(autouse=True)
def _owned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what expenses are about belong to somebody."""
    monkeypatch.setattr("placet.pipelines.expense.DOOR", replace(DOOR, owners=lambda _: (DAN,)))


def planned(*owners: Selector, kept_out: tuple[str, ...] = (), **changes: Any) -> Plan:
    prepared = Prepared(
        request=Model(),
        requester="alice",
        title="Team dinner",
        amount=None,
        facts=facts(**changes),
        owners=owners,
    )
    people = company()
    return make_plan(
        snapshot(OWNED),
        prepared,
        FACTS,
        requester=people.require("alice").ref(),
        kept_out=refs_of(kept_out, people),
    )


def test_the_owners_take_their_place_in_the_plan() -> None:
    plan = planned(DAN, Selector(group="finance"))
    assert plan.stages[0].groups[0].reviewers == (DAN, Selector(group="finance"))
    opening = open_stage(snapshot(OWNED), plan, 0, company(), NOW)
    assert [seat.holder.id for seat in opening.roster.seats] == ["dan", "bob", "carol"]


def test_a_ladder_may_name_the_owner_too() -> None:
    stage = planned(DAN).stages[0]
    level = stage.ladder[0].model_copy(update={"to": (Selector(owner_of="data"),)})
    asked = with_owners(stage.model_copy(update={"ladder": (level,)}), (DAN,))
    assert asked.ladder[0].to == (DAN,)


def test_without_an_owner_nothing_is_planned() -> None:
    with pytest.raises(UnplannableError, match="nobody owns it; name an owner in the catalogue"):
        planned()


@pytest.mark.rule(number=6)
def test_an_owner_whom_it_is_for_is_in_no_seat_and_stands_in_for_nobody() -> None:
    plan = planned(DAN, Selector(group="finance"), kept_out=(" DAN@example.com", "x@elsewhere.org"))
    assert [person.id for person in plan.kept_out] == ["dan"]
    people = company(
        bob={"delegations": [{"to": "dan", "from": "2026-05-01", "until": "2026-06-01"}]}
    )
    opening = open_stage(snapshot(OWNED), plan, 0, people, NOW)
    named = {person.id for seat in opening.roster.seats for person in seat.people()}
    assert named == {"bob", "carol"}


def test_a_policy_that_asks_the_owner_everywhere_is_sound() -> None:
    assert list(owner_problems(policy(OWNED))) == []


# Each row: what the policy says instead, and what is wrong with that.
@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("reject: Too small.", "approve: Small.", ("routes", 0, "approve"), "no rule approves"),
        (
            "[{owner_of: data}]",
            "[{owner_of: data}, {group: finance}]",  # then finance alone could approve
            ("routes", 2, "stages"),
            "the owner of the data is not asked",
        ),
        ("stages: [manager]}", "stages: [finance]}", ("routes", 3, "stages"), "is not asked"),
        (
            "finally: reject",
            "finally: approve",
            ("stages", "manager", "deadline", "finally"),
            "the owner's silence is no approval",
        ),
        (
            "then: escalate, extend_by: 24h, finally: reject",
            "then: approve",
            ("stages", "manager", "deadline", "then"),
            "the owner's silence is no approval",
        ),
        (
            "    reminders: {first",
            "    when_stuck: approve\n    reminders: {first",
            ("stages", "manager", "when_stuck"),
            "without the owner nothing is approved",
        ),
    ],
)
def test_a_policy_that_would_do_without_the_owner_is_refused(
    old: str, new: str, path: tuple[Any, ...], message: str
) -> None:
    assert OWNED.count(old) == 1
    with pytest.raises(FileError, match=message) as refused:
        policy(OWNED.replace(old, new))
    place = ".".join(str(part) for part in path).replace(".0.", "[0].").replace(".2.", "[2].")
    assert place.replace(".3.", "[3].") in str(refused.value)


def test_where_nothing_has_an_owner_none_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.pipelines.expense.DOOR", DOOR)
    with pytest.raises(FileError, match="has no owner; name somebody else"):
        policy(OWNED)
    assert list(unowned_problems(snapshot().policy)) == []


@pytest.mark.parametrize("named", ["owner_of: request", "owner_of: 7"])
def test_only_the_data_have_an_owner(named: str) -> None:
    with pytest.raises(FileError, match="write owner_of: data"):
        policy(OWNED.replace("owner_of: data", named))


def test_a_check_tries_the_stages_with_everybody_who_owns_anything() -> None:
    told = [each.problem.message for each in check(snapshot(OWNED), company(), NOW, (DAN,))]
    assert any("cannot be had when dan asks" in each for each in told)
    silent = [each.problem.path for each in check(snapshot(OWNED), company(), NOW)]
    assert not any(path[:3] == ("stages", "manager", "groups") for path in silent)


GLASS = """
break_glass: {by: [{role: executive}], at_most: 4h, tell: [{group: finance}]}
"""


def test_a_policy_says_who_breaks_the_glass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.pipelines.expense.DOOR", replace(DOOR, reviewed_afterwards=True))
    text = bent() + GLASS
    plan = make_plan(
        snapshot(text),
        Prepared(Model(), "alice", "Team dinner", None, facts()),
        FACTS,
        requester=company().require("alice").ref(),
    )
    rule = plan.break_glass
    assert rule is not None
    assert (rule.at_most_minutes, rule.assurance.value) == (240, "verified")
    assert (rule.by, rule.tell) == ((Selector(role="executive"),), (Selector(group="finance"),))
    with pytest.raises(FileError, match="name people by person, role or group"):
        policy(text.replace("{role: executive}], at_most", "{manager_of: requester}], at_most"))


def test_nobody_breaks_the_glass_where_nothing_is_reviewed_afterwards() -> None:
    with pytest.raises(FileError, match="have no review afterwards; take it out"):
        policy(OWNED + GLASS)
