"""What a plan and a proposal look like in a terminal, whatever they say."""

from typing import Any

import pytest

from placet.cli.showing import show_plan
from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import RequestRow
from placet.planned import PlanFacts, plan_facts, proposal
from tests.cli.test_writing import recorded

AT = "2026-03-02T08:00:00Z"
FINDING = {"kind": "broken-link", "where": "index.md:12", "message": "It leads nowhere."}


def a_row(**changes: Any) -> RequestRow:
    """Return a request's row."""
    empty = dict.fromkeys(RequestRow.model_fields)
    told = {"request": "r", "pipeline": "publish", "revision": 2, "status": "pending"}
    instants = {"submitted_at": AT, "updated_at": AT}
    return RequestRow.model_validate({**empty, **told, **instants, **changes})


def planned(revision: int, **data: Any) -> RecordedEvent:
    """Return the event of a plan."""
    return recorded("system:request:planned", revision=revision, data=data)


def test_the_findings_and_the_scope_of_the_current_revision_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = [
        planned(1, findings=[FINDING, FINDING]),
        planned(
            2,
            findings=[FINDING],
            facts={"findings": 70},
            scope={"slug": "news", "replaces": None, "targets": {"site": "directory www"}},
        ),
    ]
    show_plan("expense", plan_facts(story, a_row()))
    assert capsys.readouterr().out == (
        "\nThe checks found 70 things\n"
        "  index.md:12: It leads nowhere. (broken-link)\n"
        "\nIt will touch\n"
        "  slug: news\n"
        "  targets: site directory www\n"
    )


def test_a_plan_without_findings_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan_facts([], a_row()) == PlanFacts()
    show_plan("expense", plan_facts([planned(2, facts={"total": "12.00"})], a_row()))
    assert capsys.readouterr().out == ""


@pytest.mark.rule(number=12)
def test_what_a_check_found_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {**FINDING, "message": "a\x1b[2Jb", "where": "\x9b31m.md"}
    show_plan(
        "expense", plan_facts([planned(2, findings=[hostile], scope={"slug": "\x1b]0;x"})], a_row())
    )
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_a_proposal_is_one_only_while_its_author_is_asked() -> None:
    event = recorded(
        "reviewer:request:edit_proposed",
        revision=2,
        actor={"name": "Bob", "address": "bob@example.com"},
        reason="the tip",
        data={"proposal": "ab" * 32},
    )
    found = proposal([event], a_row(status="changes_requested"))
    assert found is not None
    assert (found.digest, found.by, found.reason) == ("ab" * 32, "Bob", "the tip")
    assert proposal([event], a_row(status="expired")) is None
    assert proposal([event], a_row(status="changes_requested", revision=3)) is None
