"""Policies held against the directory: what nobody could decide is found before anybody waits."""

from datetime import UTC, datetime
from typing import Any

import pytest

from placet.directory import load_directory
from placet.domain.people import Directory
from placet.policy.check import Severity, check
from placet.policy.loader import load_policies
from tests.policy.example import SHIPPED, TEXT, TODAY, bent, company, snapshot

NOW = datetime(2026, 5, 11, 8, tzinfo=UTC)
KEY = {"id": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def findings(text: str = TEXT, people: Directory | None = None) -> list[str]:
    found = check(snapshot(text), people or company(), NOW)
    return [
        f"{each.severity} {'.'.join(map(str, each.problem.path))}: {each.problem.message}"
        for each in found
    ]


def test_a_sound_policy_has_no_errors() -> None:
    found = findings(people=company(bob={"keys": [KEY]}))
    assert [line for line in found if line.startswith("error")] == []
    # Nobody is the manager of these three; Alice's and Bob's requests go their way.
    message = "manager.groups.0.approve: cannot be had when carol or dan or grace asks; 'escalate'"
    assert any(message in line for line in found)


# Each mistake makes requests wait for nobody, or do what nobody expects.
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("approve: 2,", "approve: 4,", "error stages.finance.groups.0.approve: needs 4 but has at"),
        (
            "{group: finance}",
            "{group: finanse}",
            "nobody active is in 'finanse'; did you mean 'fin",
        ),
        ("{role: executive}", "{role: exec}", "nobody active has the role 'exec'; did you mean"),
        ("{role: executive}", "{person: eve@example.com}", "nobody active has the address 'eve@"),
        ("{deputy_of: reviewers}", "{deputy_of: grace@example.com}", "escalation.0.to: is nobody"),
        ("{deputy_of: reviewers}", "{deputy_of: requester}", "warning stages.manager.escalation"),
        ('approve: "60%"', "approve: 2", "error stages.manager.escalation.1.approve: needs 2"),
        ("when: total > 1000", "when: true", "error routes.3: is never reached: 'large'"),
        ("when: total > 1000", "when: total <= 50 &&  all_receipts", "'small' takes every such"),
        ("[manager, finance]}", "[manager]}", "warning stages.finance: no route uses"),
        ("first: 1d,", "first: 9d,", "error stages.manager.reminders.first: the first reminder"),
        ("at_most: 3", "at_most: 30", "warning stages.manager.reminders.at_most: only 5 of 30"),
        ("after: 2d,", "after: 9d,", "error stages.manager.escalation.0.after: comes after the"),
        ("finally: reject", "finally: approve", "deadline.finally: silence approves here"),
        ("then: expire", "then: approve", "deadline.then: silence approves here"),
        ("at_most: 2,", "edits: freely,", "changes.edits: in route 'rest' one reviewer can change"),
        ("recheck: 6h", "when_stuck: approve", "a stage nobody can decide is approved"),
    ],
)
def test_a_mistake_is_found_at_its_place(old: str, new: str, message: str) -> None:
    told = findings(bent((old, new)))
    assert any(message in line for line in told), told
    assert not any(message in line for line in findings())


def test_a_verified_stage_whose_people_have_no_keys_is_told() -> None:
    message = "stages.finance.assurance: nobody who may review has a key"
    assert any(message in line for line in findings())
    assert not any(message in line for line in findings(people=company(dan={"keys": [KEY]})))
    assert any(message in line for line in findings(people=company(alice={"keys": [KEY]})))


def test_a_stage_that_needs_the_same_people_as_an_earlier_one_is_told() -> None:
    # Bob alone is in finance. He is Alice's manager, and not Dan's.
    text = bent(("[{group: finance}], approve: 2", "[{person: bob@example.com}]"))
    people = company(dan={"manager": "grace"})
    told = [line for line in findings(text, people) if "distinct" in line]
    message = "'manager' needs the same people when alice asks; 'escalate' then decides"
    assert told == [f"warning stages.finance.distinct_from.0: {message}"]
    assert not [line for line in findings() if "distinct" in line]


def test_two_stages_that_can_never_both_pass_are_an_error() -> None:
    one = "[{person: dan@example.com}]"
    text = bent(("[{manager_of: requester}]", one), ("[{group: finance}], approve: 2", one))
    told = [line for line in findings(text) if "distinct" in line]
    message = "'manager' needs the same people, whoever asks; add people or take it out"
    assert told == [f"error stages.finance.distinct_from.0: {message}"]


def test_every_route_after_one_that_takes_all_is_told() -> None:
    told = findings(bent(("""'"other" in categories'""", "true")))
    assert [line.split(":")[0] for line in told if "is never reached" in line] == [
        "error routes.2",
        "error routes.3",
    ]


@pytest.mark.rule(number=9)
def test_a_request_that_nobody_at_all_could_decide_is_told() -> None:
    text = bent(("{role: executive}", "{person: grace@example.com}"))
    told = [line for line in findings(text) if "nobody is left to escalate to" in line]
    assert len(told) == 1
    assert "warning stages.manager.when_stuck: when grace asks" in told[0]


def test_errors_come_first() -> None:
    severities = [
        each.severity
        for each in check(snapshot(bent(("approve: 2,", "approve: 9,"))), company(), NOW)
    ]
    assert severities[0] is Severity.ERROR
    assert severities == sorted(severities, key=lambda each: each is not Severity.ERROR)


def test_the_policy_that_ships_fits_the_directory_that_ships() -> None:
    loaded = load_policies(SHIPPED, today=TODAY).for_pipeline("expense")
    found = check(loaded.snapshot, load_directory(SHIPPED / "directory.yaml"), NOW)
    told: list[Any] = [(each.severity, each.problem.path) for each in found]
    assert told == [
        (Severity.WARNING, ("stages", "manager", "groups", 0, "approve")),
        (Severity.WARNING, ("stages", "executive", "assurance")),
    ]
    assert loaded.document.line(found[0].problem).startswith(f"{SHIPPED / 'expense.yaml'}:")
