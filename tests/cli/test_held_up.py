"""Whoever looks at a case learns what keeps it from going on."""

from tests.cli.office import REPOSITORY, Office
from tests.support.waiting import until

MAIL = REPOSITORY / "examples" / "send-contract.eml"
BOB, ALICE = ("--as", "bob@example.com"), ("--as", "alice@example.com")


def test_a_mail_without_a_mail_server_says_what_to_set(office: Office) -> None:
    case = office.placet("send", MAIL, "--key", "held-up").out.strip()
    office.until_pending(case)
    assert "held up" not in office.placet("show", case).out
    assert office.placet("approve", case, *BOB).code == 0

    def held_up() -> bool:
        return bool(office.placet("show", case, "--json").document["live"]["held_up"])

    until(held_up, f"{case} to be held up")
    (failing,) = office.placet("show", case, "--json").document["live"]["held_up"]
    assert (failing["activity"], failing["attempt"] > 0) == ("sending.send", True)
    assert "\n  held up   there is no mail server: set PLACET_SMTP_URL" in (
        office.placet("show", case).out
    )
    waited = office.placet("wait", case, "--timeout", "6")
    assert waited.code == 10
    first, last = waited.err.splitlines()
    assert first.startswith("held up: there is no mail server")
    assert "is still open (approved, pending, held up: there is no mail server" in last

    assert office.placet("withdraw", case, *ALICE, "--reason", "by phone").code == 0
    ended = office.placet("wait", case, "--timeout", "30")
    assert ended.code == 9, ended.err
    assert "held up" not in office.placet("show", case).out
