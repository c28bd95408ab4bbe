"""Decisions by the command line: once, bound to what is stored, and refused with a reason."""

import json
import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cli.office import Office, Said, an_expense, start
from tests.support.waiting import PATIENCE_SECONDS

BOB = ("--as", "bob@example.com")
ALICE = ("--as", "alice@example.com")


@pytest.fixture(scope="module")
def pending(office: Office) -> str:
    """Give a case that nobody decides."""
    case = office.submit("never-decided")
    office.until_pending(case)
    return case


@pytest.fixture(scope="module")
def rejected(office: Office) -> str:
    """Give a case that bob has rejected under a known decision id."""
    # A process may come back to this file: the case of before is decided by then.
    case = office.submit(f"rejected-{secrets.token_hex(4)}")
    office.until_pending(case)
    said = office.placet("reject", case, *BOB, "--reason", "no", "--decision-id", "bob-said-no")
    assert said.code == 0, said.err
    assert office.placet("wait", case, "--timeout", "30").code == 9
    return case


@pytest.mark.rule(number=3)
def test_two_approvals_at_once_under_one_id_get_the_same_receipt(office: Office) -> None:
    case = office.submit("at-once")
    office.until_pending(case)

    def approve(_: int) -> Said:
        return office.placet("approve", case, *BOB, "--decision-id", "once-only", "--json")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(approve, range(2))
    third = approve(0)
    assert (first.code, second.code, third.code) == (0, 0, 0), (first, second, third)
    receipts = {(said.document["event"], said.document["leaf"]) for said in (first, second, third)}
    assert len(receipts) == 1
    shown = office.placet("show", case, "--json").document
    assert len(shown["reviews"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        # Nobody approves their own request, under any spelling.
        (["approve", "--as", "A.Novak+x@example.com"], 4, "nobody reviews their own request"),
        (["approve", "--as", "nobody@example.com"], 4, "nobody in the directory"),
        (["approve", "--as", "erin@example.com"], 4, "is no reviewer in"),
        # Somebody saw another revision.
        (["approve", *BOB, "--digest", "0" * 64], 6, "look at it again"),
        (["approve", *BOB, "--digest", "abc"], 2, "digest"),
        (["withdraw", *BOB], 4, "only the requester"),
        (["reassign", *BOB, "--to", "nobody@example.com"], 4, "nobody in the directory"),
        (["comment", *BOB, "--reason", ""], 0, ""),
    ],
)
def test_a_refusal_has_its_reason_and_its_exit_code(
    office: Office, pending: str, arguments: list[str], code: int, says: str
) -> None:
    said = office.placet(arguments[0], pending, *arguments[1:])
    assert said.code == code, said
    assert says in said.err
    assert "Traceback" not in said.err


def test_a_refusal_in_json_says_which_it_is(office: Office, pending: str) -> None:
    said = office.placet("approve", pending, *ALICE, "--json")
    assert said.code == 4
    assert said.document["refusal"] == "own_request"
    assert said.document["accepted"] is False
    assert said.document["event"]


def test_a_used_decision_id_is_no_good_for_something_else(office: Office, pending: str) -> None:
    first = office.placet("comment", pending, *BOB, "--reason", "hm", "--decision-id", "one")
    other = office.placet("approve", pending, *BOB, "--decision-id", "one")
    assert first.code == 0
    assert other.code == 6
    assert "used for something else" in other.err


@pytest.mark.rule(number=7)
def test_a_decision_on_an_ended_case_is_late_and_says_how_it_ended(
    office: Office, rejected: str
) -> None:
    said = office.placet("approve", rejected, *BOB)
    assert said.code == 5
    assert "rejected by people: no" in said.err
    assert "too late" in said.err
    # It is said of bob, and so erased with him.
    shown = office.placet("show", rejected, "--json").document
    (late,) = [each for each in shown["events"] if each["kind"] == "caller:message:late"]
    assert (late["body"]["actor"]["id"], late["body"]["actor"]["address"]) == ("bob", BOB[1])


@pytest.mark.rule(number=3)
def test_a_decision_repeated_after_the_end_gets_its_first_receipt(
    office: Office, rejected: str
) -> None:
    again = office.placet("reject", rejected, *BOB, "--decision-id", "bob-said-no", "--json")
    assert again.code == 0, again.err
    shown = office.placet("show", rejected, "--json").document
    assert again.document["event"] == shown["reviews"][0]["event_id"]
    other = office.placet("approve", rejected, *BOB, "--decision-id", "bob-said-no")
    assert other.code == 6


@pytest.mark.parametrize("command", [["show"], ["watch"], ["wait"], ["approve", *BOB]])
def test_a_case_nobody_knows_is_not_found(office: Office, command: list[str]) -> None:
    said = office.placet(command[0], "expense-nobody-knows", *command[1:])
    assert said.code == 7
    assert "placet list" in said.err


@pytest.mark.rule(number=4)
def test_a_changed_request_is_resubmitted_and_then_approved(office: Office) -> None:
    case = office.submit("changes")
    office.until_pending(case)
    asked = office.placet("request-changes", case, *BOB, "--reason", "split it")
    assert asked.code == 0, asked.err
    changed = json.dumps(an_expense("changes", title="Half a dinner", amount="90.00 EUR"))
    same = json.dumps(an_expense("changes"))
    assert office.placet("resubmit", case, "-", *ALICE, stdin=same).code == 2
    sent = office.placet("resubmit", case, "-", *ALICE, stdin=changed)
    assert sent.code == 0, sent.err
    listed = office.placet("list", "--requester", "alice", "--status", "pending", "--json")
    (row,) = [row for row in listed.documents if row["request"] == case]
    assert (row["revision"], row["title"], row["amount"]) == (2, "Half a dinner", "90.00 EUR")
    assert [waiting["person"] for waiting in row["waiting_for"]] == ["bob"]
    assert office.placet("approve", case, *BOB).code == 0
    # The first revision again is still this case; submitting does not start another.
    assert office.placet("expense", "-", stdin=same).out.strip() == case


def test_a_seat_is_handed_over(office: Office) -> None:
    case = office.submit("handed-over")
    office.until_pending(case)
    assert office.placet("reassign", case, *BOB, "--to", "carol@example.com").code == 0
    assert case in office.placet("list", "--reviewer", "carol").out
    assert office.placet("approve", case, *BOB).code == 4
    assert office.placet("approve", case, "--as", "carol@example.com").code == 0


def test_a_signature_is_demanded_made_and_counted(office: Office) -> None:
    case = office.submit("signed", amount="12000.00 EUR")
    office.until_pending(case)
    grace = ("--as", "grace@example.com")
    bare = office.placet("approve", case, *grace)
    assert bare.code == 4
    assert "--key" in bare.err
    signed = office.placet("approve", case, *grace, "--key", office.key)
    assert signed.code == 0, signed.err
    assert "(verified, cli)" in office.placet("show", case).out


def test_without_a_worker_a_decision_is_sent_and_counts_later(office: Office) -> None:
    elsewhere = {"PLACET_TASK_QUEUE": "nobody-yet"}
    text = json.dumps(an_expense("no-worker"))
    submitted = office.placet("expense", "-", stdin=text, env=elsewhere)
    assert submitted.code == 0, submitted.err
    case = submitted.out.strip()
    shown = office.placet("show", case, env=elsewhere)
    assert "not planned yet" in shown.out
    assert "no worker is up" in shown.err

    decision = ("approve", case, *BOB, "--decision-id", "early", "--json")
    sent = office.placet(*decision, env=elsewhere)
    assert sent.code == 8, sent.err
    assert sent.document == {"sent": "signalled", "decision_id": "early"}
    assert "no worker answers" in sent.err
    only_sent = office.placet("comment", case, *BOB, "--reason", "x", "--no-wait", env=elsewhere)
    assert only_sent.code == 0

    worker = start("worker.py", env=office.environment(**elsewhere))
    try:
        ended = office.placet("wait", case, "--timeout", "50", env=elsewhere)
        assert ended.code == 0, ended.err
        again = office.placet(*decision, env=elsewhere)
        assert again.code == 0, again.err
        assert again.document["event"] == _review(office, case)["event_id"]
        log = _stopped(worker)
    finally:
        worker.kill()
        worker.communicate()
    assert worker.returncode == 0
    events = [json.loads(line) for line in log.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["worker_started", "worker_stopped"]
    notices = [event for event in events if event["event"] == "notice_delivered"]
    assert {event["activity"] for event in notices} == {"notice.deliver"}
    assert {event["request_id"] for event in notices} == {case}


def _review(office: Office, case: str) -> dict[str, Any]:
    (review,) = office.placet("show", case, "--json").document["reviews"]
    assert isinstance(review, dict)
    return review


def _stopped(worker: subprocess.Popen[str]) -> str:
    """Ask the worker to stop, and return what it logged."""
    worker.terminate()
    _, log = worker.communicate(timeout=PATIENCE_SECONDS)
    return log
