"""What somebody does who has just started the service: the script of the README, word for word."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.office import REPOSITORY, Office, an_expense
from tests.support.waiting import PATIENCE_SECONDS

TEMPORAL = str(Path(sys.executable).parent / "temporal")
DINNER = "examples/expense-team-dinner.json"


@pytest.mark.rule(number=2)
def test_a_newcomer_submits_lists_approves_and_looks(office: Office) -> None:
    submitted = office.placet("expense", DINNER)
    assert submitted.code == 0, submitted.err
    (case,) = submitted.out.splitlines()
    assert case.startswith("expense-2026-03-team-dinner-")
    assert "submitted for Alice Novak: Team dinner" in submitted.err
    office.until_pending(case)

    listed = office.placet("list", "--reviewer", " BOB@example.com ")
    assert case in listed.out
    assert "184.60 EUR" in listed.out

    approved = office.placet(
        "approve", case, "--as", "bob@example.com", "--reason", "within budget"
    )
    assert approved.code == 0, approved.err
    assert "you approved revision 1; the case is approved" in approved.out
    assert "approve: Team dinner after the release, 184.60 EUR (revision 1" in approved.err

    ended = office.placet("wait", case, "--timeout", "30")
    assert ended.code == 0, ended.err
    shown = office.placet("show", case)
    assert shown.code == 0
    assert "Bob Okafor approved in stage manager (claimed, cli): within budget" in shown.out
    assert "ordered the payment of 184.60 EUR" in shown.out
    assert "Dinner for six, dinner.pdf (application/pdf, " in shown.out
    file = office.home / "payments" / "outbox" / _payment_file(office, case)
    assert file.read_bytes().startswith(b"<?xml")


def _payment_file(office: Office, case: str) -> str:
    (payment,) = office.placet("payments", "list", "--case", case, "--json").documents
    return str(payment["file_name"])


@pytest.mark.rule(number=2)
def test_a_raw_signal_of_the_temporal_program_rejects(office: Office) -> None:
    case = office.submit("raw-signal")
    office.until_pending(case)
    signal = json.dumps({"actor": "bob@example.com", "reason": "no receipt"})
    subprocess.run(  # noqa: S603 - the wheel's program
        [
            *(TEMPORAL, "workflow", "signal", "--address", office.address),
            *("-w", case, "--name", "reject", "--input", signal),
        ],
        env=office.environment(),
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    ended = office.placet("wait", case, "--timeout", "30", "--json")
    assert ended.code == 9
    assert ended.document["outcome_reason"] == "no receipt"
    assert "(claimed, signal): no receipt" in office.placet("show", case).out


def test_the_same_file_twice_is_the_same_case(office: Office) -> None:
    text = json.dumps(an_expense("twice"))
    first = office.placet("expense", "-", "--json", stdin=text)
    second = office.placet("expense", "-", "--json", stdin=text)
    office.until_pending(first.document["request"])
    third = office.placet("expense", "-", stdin=text)
    assert (first.code, second.code, third.code) == (0, 0, 0)
    assert first.document["new"]
    assert second.document == {**first.document, "new": False}
    assert third.out.strip() == first.document["request"]
    assert "submitted before" in third.err
    assert "--key" in third.err


def test_the_same_key_with_other_content_is_refused_with_both_digests(office: Office) -> None:
    first = office.placet("expense", "-", "--json", stdin=json.dumps(an_expense("one-key")))
    other = an_expense("one-key", title="Something else")
    # Once before and once after the worker has put the case into the ledger.
    early = office.placet("expense", "-", stdin=json.dumps(other))
    office.until_pending(first.document["request"])
    late = office.placet("expense", "-", stdin=json.dumps(other))
    for refused in (early, late):
        assert refused.code == 6
        assert refused.out == ""
        assert first.document["digest"] in refused.err
        assert "this file has the digest" in refused.err
        assert "placet resubmit" in refused.err


def test_a_key_on_the_command_line_makes_another_case(office: Office) -> None:
    text = json.dumps(an_expense("same-reference"))
    usual = office.placet("expense", "-", stdin=text)
    other = office.placet("expense", "-", "--key", "Ünlikely key", stdin=text)
    again = office.placet("expense", "-", "--key", "Ünlikely key", stdin=text)
    assert other.out.startswith("expense-unlikely-key-")
    assert other.out == again.out != usual.out


def test_without_a_reference_the_content_is_the_key(office: Office) -> None:
    request = {**an_expense(""), "reference": None, "title": "Nameless"}
    first = office.placet("expense", "-", stdin=json.dumps(request))
    assert first.code == 0, first.err
    assert office.placet("expense", "-", stdin=json.dumps(request)).out == first.out
    other = {**request, "title": "Nameless too"}
    assert office.placet("expense", "-", stdin=json.dumps(other)).out != first.out


def test_waiting_for_the_end_comes_with_submitting(office: Office) -> None:
    said = office.placet(
        "expense", "-", "--wait", "--timeout", "0", stdin=json.dumps(an_expense("hurry"))
    )
    assert said.code == 10
    assert "still open" in said.err


def test_watching_prints_each_event_until_the_end(office: Office) -> None:
    case = office.submit("watched")
    office.until_pending(case)
    office.placet("withdraw", case, "--as", "alice@example.com", "--reason", "paid twice")
    watched = office.placet("watch", case)
    assert watched.code == 9
    assert "Alice Novak withdrew it: paid twice" in watched.out
    documents = office.placet("watch", case, "--json").documents
    assert [event["stream_seq"] for event in documents] == list(range(1, len(documents) + 1))
