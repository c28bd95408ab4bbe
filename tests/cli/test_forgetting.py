"""Holding and erasing on the command line, by a running service."""

import json

from tests.cli.office import Office
from tests.support.waiting import until

WHO = ("--as", "erin@example.com")


def test_somebody_is_held_released_and_erased(office: Office) -> None:
    case = office.submit("to-be-erased", requester="dan@example.com")
    office.until_pending(case)
    assert office.placet("withdraw", case, "--as", "dan@example.com").code == 0

    hold = office.placet("audit", "hold", "dan", "--reason", "A claim", *WHO)
    assert hold.code == 0, hold.err
    assert "by Erin Castillo (erin)" in hold.err
    assert "(A claim)" in hold.err
    name = hold.out.strip()
    shown = office.placet("audit", "holds").out
    assert {name, "Erin Castillo (erin)", "A claim"} <= {*shown.splitlines()[1].split("\t")}
    told = office.placet("audit", "holds", "--json").document
    assert (told["hold"], told["placed_by"], told["reason"]) == (name, "erin", "A claim")
    asked = ("audit", "erase", "dan@example.com", "--reason", "They asked", *WHO)
    refused = office.placet(*asked)
    assert (refused.code, name in refused.err) == (6, True), refused
    words = ("audit", "release", name, "--reason", "Settled")
    own = office.placet(*words, *WHO)
    assert (own.code, "somebody else" in own.err) == (6, True), own
    assert office.placet(*words, "--as", "bob@example.com").code == 0
    assert office.placet(*words, "--as", "bob@example.com").code == 7

    said = office.placet(*asked)
    assert said.code == 0, said.err
    erasing = said.out.strip()
    filed = {"requester": "erin@example.com", "subject": "dan", "reason": "They asked"}
    again = office.placet("erase", "-", stdin=json.dumps(filed))
    assert (again.code, again.out.strip()) == (0, erasing), again
    by_id = office.placet("audit", "erase", "dan", "--reason", "They asked", "--as", "erin")
    assert by_id.out.strip() == erasing
    office.until_pending(erasing)
    shown = office.placet("show", erasing).out
    assert "Erase what is personal about dan" in shown
    assert "17(3)" in shown
    assert office.placet("approve", erasing, "--as", "heidi@example.com").code == 0
    second = office.placet("approve", erasing, "--as", "ivan@example.com")
    assert second.code == 0, second.err

    def gone() -> bool:
        found = office.placet("audit", "erasures", "dan", "--json")
        return found.code == 0 and found.document["state"] == "done"

    until(gone, "dan to be erased")
    told = office.placet("audit", "erasures", "dan").out
    assert "stays: " in told
    story = office.placet("show", case)
    assert story.code == 0, story.err
    assert "[erased]" in story.out
    assert "Dan Meyer" not in story.out
    assert office.placet("show", case, "--json").document["requester_id"] == "dan"
    preview = office.placet("preview", case)
    assert (preview.code, f"placet show {case}" in preview.err) == (7, True), preview
    assert "what was personal about dan is gone" in office.placet("show", erasing).out


def test_what_nobody_knows_can_neither_be_held_nor_erased(office: Office) -> None:
    hold = office.placet("audit", "hold", "nobody-of-that-name", "--reason", "x", *WHO)
    assert hold.code == 7, hold
    erase = office.placet("audit", "erase", "nobody-of-that-name", "--reason", "x", *WHO)
    assert (erase.code, "nothing personal is recorded" in erase.err) == (7, True), erase
    assert office.placet("audit", "erasures", "nobody-of-that-name").code == 7
