"""What the bank says about a payment, from its file into the ledger and to the requester."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.payments.pain002 import BankStatus
from tests.cli.office import Office
from tests.support.bank import status_report

CREATED = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


def paid(office: Office, reference: str) -> tuple[str, dict[str, Any]]:
    """Return an approved case and its payment."""
    case = office.submit(reference)
    office.until_pending(case)
    assert office.placet("approve", case, "--as", "bob@example.com").code == 0
    assert office.placet("wait", case, "--timeout", "30").code == 0
    (payment,) = office.placet("payments", "list", "--case", case, "--json").documents
    return case, payment


def bank_says(tmp_path: Path, reference: str, status: str, **reason: str) -> Path:
    """Write the bank's report about one payment."""
    told = BankStatus(
        original_message_id=reference,
        original_payment_id=reference,
        original_end_to_end_id=reference,
        status=status,
        reason_code=reason.get("code"),
        reason=reason.get("text", ""),
    )
    path = tmp_path / f"{status}.xml"
    path.write_bytes(status_report([told], CREATED))
    return path


def test_a_rejected_payment_is_reported_once_and_the_case_says_so(
    office: Office, tmp_path: Path
) -> None:
    case, payment = paid(office, "bank-rejects")
    file = bank_says(tmp_path, payment["msg_id"], "RJCT", code="AC04", text="The account is gone.")
    first = office.placet("payments", "report", file)
    second = office.placet("payments", "report", file, "--json")
    assert first.code == 0, first.err
    assert "RJCT (AC04 The account is gone.), recorded" in first.out
    assert second.document["news"] is False

    shown = office.placet("show", case, "--json").document
    assert shown["effect"] == "failed"
    kinds = [event["kind"] for event in shown["events"]]
    assert kinds.count("bank:payment:rejected") == 1
    assert kinds[-1] == "system:notice:sent"
    assert "the bank rejected the payment: AC04" in office.placet("show", case).out
    assert "approved, failed" in office.placet("list", "--requester", "alice").out
    notices = [
        path.read_text()
        for path in (office.home / "notices").glob("*effect_failed*")
        if case in path.read_text()
    ]
    assert len(notices) == 1
    assert "The account is gone." in notices[0]
    assert "To: Alice Novak <alice@example.com>" in notices[0]
    # The bank's last word is final.
    contradiction = bank_says(tmp_path, payment["msg_id"], "ACSC")
    assert office.placet("payments", "report", contradiction).code == 6
    assert office.placet("wait", case).code == 9


def test_a_settled_payment_is_recorded_and_an_unfinished_one_is_not(
    office: Office, tmp_path: Path
) -> None:
    case, payment = paid(office, "bank-settles")
    checked = office.placet("payments", "report", bank_says(tmp_path, payment["msg_id"], "ACCP"))
    assert "not final" in checked.out
    settled = office.placet("payments", "report", bank_says(tmp_path, payment["msg_id"], "ACSC"))
    assert settled.code == 0, settled.err
    assert "the bank has settled the payment" in office.placet("show", case).out
    (row,) = office.placet("payments", "list", "--case", case, "--json").documents
    assert row["status"] == "settled"


def test_a_payment_nobody_ordered_is_not_found(office: Office, tmp_path: Path) -> None:
    said = office.placet("payments", "report", bank_says(tmp_path, "ab" * 16, "RJCT"))
    assert said.code == 7
    assert "no payment here has this reference" in said.out


@pytest.mark.parametrize("content", ["", "<xml/>", "not xml"])
def test_what_is_no_report_is_refused(office: Office, content: str) -> None:
    said = office.placet("payments", "report", "-", stdin=content)
    assert said.code == 2
    assert said.out == ""
