"""What is approved and waits for its time can be taken back on the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.office import Office
from tests.support.waiting import until

PAGE = """---
title: The office is closed
requester: alice@example.com
slug: closed-for-a-day
publish_at: {at}
---
We are closed on Friday. See [where](#nowhere).
"""


@pytest.fixture
def waiting(office: Office, tmp_path: Path) -> str:
    """Give a page that two editors have approved, for next week."""
    page = tmp_path / "closed.md"
    next_week = datetime.now(UTC) + timedelta(days=7)
    page.write_text(PAGE.format(at=next_week.isoformat(timespec="seconds")), encoding="utf-8")
    said = office.placet("publish", page)
    assert said.code == 0, said.err
    case = said.out.strip()
    office.until_pending(case)
    for editor in ("bob", "carol"):
        approved = office.placet("approve", case, "--as", f"{editor}@example.com")
        assert approved.code == 0, approved.err

    def approved_and_waiting() -> bool:
        return bool(office.placet("show", case, "--json").document["effect"] == "waiting")

    until(approved_and_waiting, f"{case} to wait for its time")
    return case


def test_what_waits_is_shown_with_its_findings_and_revoked_once(
    office: Office, waiting: str
) -> None:
    shown = office.placet("show", waiting).out
    assert "\n  effect    waiting" in shown
    assert "\n  until     " in shown
    assert "closed.md:7: " in shown
    assert "(broken-link)" in shown
    assert "slug: closed-for-a-day" in shown
    listed = office.placet("list", "--pipeline", "publish").out
    assert "approved, waiting" in listed
    early = office.placet("wait", waiting, "--timeout", "1")
    assert "approved, waiting" in early.err

    other = office.placet("withdraw", waiting, "--as", "dan@example.com")
    assert (other.code, "somebody who approved it" in other.err) == (4, True), other
    words = ("withdraw", waiting, "--as", "carol@example.com", "--decision-id", "carol-revokes")
    first = office.placet(*words, "--json")
    assert first.code == 0, first.err
    ended = office.placet("wait", waiting, "--timeout", "30")
    assert (ended.code, "its effect: revoked" in ended.err) == (9, True), ended
    again = office.placet(*words, "--json")
    assert again.document["event"] == first.document["event"]
    assert "Carol" in office.placet("show", waiting).out.split("revoked the approval")[0]
