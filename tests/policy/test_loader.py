"""Policies from files: what is read, and every mistake with its place."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from placet.digest import digest
from placet.domain.expense import ExpenseRequest, facts
from placet.domain.facts import FactKind
from placet.domain.plan import Selector, Threshold
from placet.pipelines.expense import FACTS
from placet.policy.files import FileError, model_from, parse, read
from placet.policy.loader import NoPolicyError, PolicyFolder, load_policies
from placet.policy.service import SnapshotError, restore_snapshot, snapshot_bytes
from placet.registry import known_facts
from tests.policy.example import RATES, SHIPPED, TEXT, TODAY, bent, policy, snapshot


def refusal(text: str) -> str:
    with pytest.raises(FileError) as refused:
        snapshot(text)
    return str(refused.value)


def test_a_policy_is_read_as_written() -> None:
    found = policy()
    assert (found.id, found.version, found.pipeline) == ("expense", 3, "expense")
    assert [route.name for route in found.routes] == ["small", "odd", "large", "rest"]
    assert found.routes[-1].when == "true"
    manager, finance = found.stages["manager"], found.stages["finance"]
    assert manager.groups[0].reviewers == (Selector(manager_of="requester"),)
    assert manager.escalation[1].approve == Threshold(percent=60)
    assert finance.groups[0].approve == Threshold(count=2)
    assert finance.groups[0].reject == Threshold(percent=100)
    assert finance.deadline.finally_ is None


def line_of(piece: str, text: str = TEXT) -> int:
    return text[: text.index(piece)].count("\n") + 1


# One slip each; the message names the line where it stands, and what to write instead.
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 3", "version: three", "version: must be a whole number"),
        ("  - {name: odd,", "  - {nmae: odd,", "nmae: is not known here; did you mean 'name'?"),
        ("assurance: verified", "asurance: verified", "did you mean 'assurance'?"),
        ("then: expire", "then: explode", "'explode' is not known; write 'approve'"),
        ("approve: 2,", "approve: some,", "write any, all, a number of people such as 2"),
        ("approve: 2,", "approve: 0,", "greater than or equal to 1"),
        ('"60%"', '"160%"', "less than or equal to 100"),
        ("{group: finance}", "{grop: finance}", "by exactly one of person, role, group"),
        ("{group: finance}", "{group: a, role: b}", "by exactly one of person, role, group"),
        ("{manager_of: requester}", "{manager_of: reviewers}", "only in an escalation"),
        ("after: 48h", "after: 2w", "'2w' is no length of time"),
        ("after: 48h", "after: 48", "write a length of time such as 2d"),
        ("recheck: 6h", "recheck: 90m", "write whole hours from 1h to 7d"),
        ("within: 10d", "within: 90m", "write whole hours"),
        ("[manager, finance]}", "[manager, finence]}", "did you mean 'finance'?"),
        ("[manager, finance]}", "[manager, manager]}", "is already in this route"),
        ("distinct_from: [manager]", "distinct_from: [boss]", "there is no stage 'boss'"),
        (", extend_by: 24h", "", "needs 'extend_by'"),
        (", finally: reject", "", "needs 'finally'"),
        ("then: expire,", "then: expire, finally: reject,", "'finally' has no effect"),
        ("finally: reject", "finally: extend", "'extend' is not known"),
        ("then: expire,", "then: escalate, extend_by: 1d, finally: reject,", "needs an escalation"),
        (", every: 1d", "", "several reminders need 'every'"),
        ("- {name: board,", "- {name: manager,", "is used twice in this stage"),
        ("{name: board,", "{name: board, after: 1d,", "must come after 'deputy'"),
        ("name: odd", "name: small", "two routes are named 'small'"),
        ("when: total > 1000", "when: totl > 1000", "did you mean 'total'?"),
        ("when: total > 1000", "when: total >", "is not CEL"),
        ("when: true", "when: total > 1", "the last route must be 'when: true'"),
        ("when: true, stages: [manager]", "when: true", "exactly one of approve, reject"),
        (", reject: Say what it is.", ", reject: No., approve: Yes.", "exactly one of approve"),
        ("pipeline: expense", "pipeline: expanse", "did you mean 'expense'?"),
        ("holidays: DE-BE", "holidays: DE-ZZ", "no holidays are known for 'DE-ZZ'"),
        ("holidays: DE-BE", "holidays: Germany", "has the wrong form"),
        ("Europe/Berlin", "Europe/Bern", "is no time zone"),
        ("mon-fri", "monday", "names no weekdays"),
        ('["09:00-17:00"]', "[]", "never open"),
        ('"09:00-17:00"', '"17:00-09:00"', "ends before it begins"),
        ('["09:00-17:00"]', '["09:00-17:00", "16:00-18:00"]', "overlap"),
    ],
)
def test_a_slip_is_told_with_its_line(old: str, new: str, message: str) -> None:
    told = [line for line in refusal(bent((old, new))).splitlines() if message in line]
    assert len(told) == 1
    file, line, _, _ = told[0].split(":", maxsplit=3)
    assert file == "expense.yaml"
    assert int(line) == line_of(old)


@pytest.mark.rule(number=9)
def test_what_is_missing_is_told_where_it_belongs() -> None:
    assert refusal(bent(("version: 3\n", ""))) == "expense.yaml:1:1: version: is missing; add it"
    assert refusal(bent(("    deadline: {after: 48h, then: expire, time: wall}\n", ""))) == (
        "expense.yaml:23:3: stages.finance.deadline: is missing; add it"
    )


def test_an_order_that_cannot_be_is_told_where_the_stage_asks_for_it() -> None:
    told = refusal(bent(("[manager, finance]}", "[finance, manager]}")))
    place = f"expense.yaml:{line_of('distinct_from')}:"
    assert told.startswith(place)
    assert "in route 'large' the stage 'manager' does not come earlier" in told


def test_levels_counted_by_different_clocks_are_not_compared() -> None:
    text = bent(("{name: board,", "{name: board, after: 36h, time: wall,"))
    assert str(policy(text).stages["manager"].escalation[1].after) == "36h"


def test_every_slip_is_told_at_once_in_the_order_of_the_file() -> None:
    told = refusal(
        bent(
            ("recheck: 6h", "recheck: 90m"),
            ("when: total > 1000", "when: totl > 1000"),
            ("[manager, finance]}", "[manager, finence]}"),
        )
    ).splitlines()
    assert [line.split(" ")[1] for line in told] == [
        "routes[2].when:",
        "routes[2].stages[1]:",
        "stages.finance.recheck:",
    ]


def test_holidays_and_own_closing_days_are_in_the_snapshot() -> None:
    calendar = snapshot().calendar
    assert calendar.closed[date(2026, 12, 25)] == "Christmas Day"
    assert calendar.closed[date(2026, 3, 8)] == "Women's Day"  # Not in every part of Germany.
    assert calendar.closed[date(2028, 1, 1)] == "New Year's Day"
    assert calendar.closed[date(2026, 5, 15)] == "Bridge day"
    assert calendar.until == date(2028, 12, 31)


@pytest.mark.rule(number=10)
def test_the_digest_follows_from_the_content_and_nothing_else() -> None:
    again = snapshot(TEXT.replace("version: 3", "# A comment.\nversion:   3"))
    assert digest(again) == digest(snapshot())
    for old, new in [("version: 3", "version: 4"), ("> 1000", "> 1001"), ("Bridge", "Other")]:
        assert digest(snapshot(bent((old, new)))) != digest(snapshot())
    other_rates = snapshot().model_copy(update={"rates": RATES.model_copy(update={"rates": {}})})
    assert digest(other_rates) != digest(snapshot())


@pytest.mark.rule(number=10)
def test_a_snapshot_is_restored_from_its_bytes_and_only_those() -> None:
    made = snapshot()
    stored, name = snapshot_bytes(made), digest(made)
    assert restore_snapshot(stored, name) == made
    with pytest.raises(SnapshotError, match="not what was stored"):
        restore_snapshot(stored.replace(b"1000", b"9000"), name)


@pytest.mark.rule(number=10)
def test_a_snapshot_of_a_newer_version_is_read_without_what_is_new() -> None:
    import hashlib  # noqa: PLC0415 - only this test makes a foreign snapshot.

    made = snapshot()
    newer = snapshot_bytes(made).replace(b'{"calendar"', b'{"added_later":1,"calendar"', 1)
    assert restore_snapshot(newer, hashlib.sha256(newer).hexdigest()) == made
    with pytest.raises(SnapshotError, match="upgrade the worker"):
        restore_snapshot(b"{}", hashlib.sha256(b"{}").hexdigest())


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SHIPPED / "rates.yaml", tmp_path)
    write(tmp_path, "expense.yaml", TEXT)
    return tmp_path


def test_a_folder_gives_one_policy_a_pipeline(folder: Path) -> None:
    write(folder, "directory.yaml", "people: []")
    loaded = load_policies(folder, today=TODAY).for_pipeline("expense")
    assert loaded.ref.digest == digest(loaded.snapshot)
    assert (loaded.ref.id, loaded.ref.version) == ("expense", 3)
    assert loaded.snapshot.rates.base == "EUR"


def test_a_pipeline_without_a_policy_is_told_with_what_to_add(folder: Path) -> None:
    with pytest.raises(NoPolicyError, match=r"no policy is for the pipeline 'export'.*add a file"):
        load_policies(folder, today=TODAY).for_pipeline("export")


def test_a_policy_that_vanishes_stays_in_force_until_the_next_start(folder: Path) -> None:
    (folder / "second.yaml").write_text(
        (folder / "expense.yaml").read_text().replace("pipeline: expense", "pipeline: second")
    )
    known = {"expense": FACTS, "second": FACTS}
    policies = PolicyFolder(folder, known=known)
    in_force = policies.in_force("second")
    (folder / "second.yaml").unlink()
    assert policies.in_force("second") == in_force
    with pytest.raises(NoPolicyError):
        PolicyFolder(folder, known=known).in_force("second")


def test_mistakes_of_every_file_are_told_together(folder: Path) -> None:
    write(folder, "expense.yaml", bent(("version: 3", "version: 0")))
    write(folder, "second.yaml", bent(("recheck: 6h", "recheck: 0h")))
    with pytest.raises(FileError) as refused:
        load_policies(folder, today=TODAY)
    told = str(refused.value).splitlines()
    assert len(told) == 2
    assert "expense.yaml:2:" in told[0]
    assert "second.yaml:" in told[1]


def test_two_policies_for_one_pipeline_are_refused(folder: Path) -> None:
    write(folder, "other.yaml", TEXT)
    with pytest.raises(FileError, match=r"other\.yaml:3:1: pipeline: 'expense' already has"):
        load_policies(folder, today=TODAY)


def test_a_folder_without_policies_or_rates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"rates\.yaml: No such file"):
        load_policies(tmp_path, today=TODAY)
    shutil.copy(SHIPPED / "rates.yaml", tmp_path)
    with pytest.raises(FileError, match="holds no policy"):
        load_policies(tmp_path, today=TODAY)


def test_a_wrong_rate_is_told_with_its_line() -> None:
    text = 'base: EUR\nas_of: "2026-01-02"\nrates:\n  USD: "1.1"\n  CHF: "-1"\n'
    with pytest.raises(FileError, match=r"rates\.yaml:5:3: rates\.CHF"):
        model_from(parse(text, "rates.yaml"), type(RATES))


def test_the_policy_that_ships_is_sound() -> None:
    loaded = load_policies(SHIPPED, today=TODAY).for_pipeline("expense")
    assert [route.name for route in loaded.snapshot.policy.routes] == [
        "petty cash",
        "executive",
        "finance",
        "manager",
    ]
    assert read(SHIPPED / "expense.yaml").value["id"] == "expense"


EXPENSE: dict[str, Any] = {
    "title": "Team dinner",
    "requester": "alice@example.com",
    "cost_centre": "4711",
    "purpose": "Release party",
    "lines": [
        {
            "date": "2026-05-01",
            "description": "Dinner",
            "category": "meals",
            "amount": {"amount": "120.00", "currency": "EUR"},
        }
    ],
    "payee": {"name": "Alice", "iban": "DE89370400440532013000"},
}

TYPES: dict[FactKind, type | tuple[type, ...]] = {
    FactKind.MONEY: (float, str),
    FactKind.NUMBER: int,
    FactKind.TRUTH: bool,
    FactKind.TEXT: str,
    FactKind.TEXTS: list,
}


def test_the_known_facts_are_those_the_expense_gives() -> None:
    request = ExpenseRequest.model_validate(EXPENSE)
    given = facts(request, RATES, TODAY)
    known = known_facts()["expense"]
    assert given.keys() == known.keys()
    for name, value in given.items():
        assert isinstance(value, TYPES[known[name]]), name
        assert isinstance(value, bool) == (known[name] is FactKind.TRUTH), name
