"""Decisions on a case that Temporal has closed: in the ledger as late, once, and without effect."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cli.office import Office

BOB = ("--as", "bob@example.com")
ALICE = ("--as", "alice@example.com")
LATE = "caller:message:late"


@pytest.fixture(scope="module")
def closed(service: Office) -> str:
    """Return a case that was rejected."""
    # A process may come back to this file: the case of before is decided by then.
    case = service.submit(f"closed-{secrets.token_hex(4)}")
    service.until_pending(case)
    said = service.placet("reject", case, *BOB, "--reason", "no")
    assert said.code == 0, said.err
    service.placet("wait", case, "--timeout", "30")
    return case


def story(service: Office, case: str) -> dict[str, Any]:
    shown: dict[str, Any] = service.placet("show", case, "--json").document
    return shown


def late(shown: dict[str, Any], decision: str) -> list[dict[str, Any]]:
    bodies = [event["body"] for event in shown["events"] if event["kind"] == LATE]
    return [body for body in bodies if body["decision_id"] == decision]


@pytest.mark.rule(number=7)
def test_a_decision_on_a_closed_case_is_recorded_as_late_and_changes_nothing(
    service: Office, closed: str
) -> None:
    before = story(service, closed)
    said = service.placet(
        "approve", closed, *BOB, "--reason", "after all", "--decision-id", "too-late", "--json"
    )
    assert said.code == 5, said.err
    after = story(service, closed)
    (body,) = late(after, "too-late")
    assert body["actor"]["address"] == "bob@example.com"
    assert body["actor"]["assurance"] == "claimed"
    assert body["digest_shown"] == before["digest"]
    assert body["data"] == {"refusal": "late", "action": "approve", "said": "after all"}
    recorded = next(event for event in after["events"] if event["body"] == body)
    answer = said.document
    assert (answer["refusal"], answer["event"]) == ("late", recorded["event_id"])
    for shown in (before, after):
        del shown["events"], shown["live"]
    assert after == before
    assert closed not in service.placet("list", "--reviewer", "bob").out
    assert "approve came too late" in service.placet("show", closed).out


@pytest.mark.rule(number=3)
def test_a_late_decision_sent_by_eight_programs_at_once_is_one_event(
    service: Office, closed: str
) -> None:
    command = ("approve", closed, *BOB, "--decision-id", "eight-times", "--json")
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(service.placet, *command) for _ in range(8)]
    answers = [each.result() for each in running]
    assert {each.code for each in answers} == {5}, answers
    assert len({each.document["event"] for each in answers}) == 1
    assert len(late(story(service, closed), "eight-times")) == 1


@pytest.mark.rule(number=3)
def test_the_id_of_a_late_decision_is_no_good_for_another(service: Office, closed: str) -> None:
    first = service.placet("reject", closed, *BOB, "--decision-id", "mine")
    other = service.placet("withdraw", closed, *ALICE, "--decision-id", "mine")
    assert (first.code, other.code) == (5, 6)
    assert "used for something else" in other.err
    assert len(late(story(service, closed), "mine")) == 1
