"""A reviewer proposes a change by the command line, and its author takes it over."""

import json
from pathlib import Path

from tests.cli.office import Office, an_expense
from tests.support.waiting import until

ALICE, BOB = ("--as", "alice@example.com"), ("--as", "bob@example.com")


def test_a_proposal_is_shown_and_taken_over(office: Office, tmp_path: Path) -> None:
    case = office.submit("proposed")
    office.until_pending(case)
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(an_expense("proposed", amount="190.10 EUR")))
    said = office.placet("edit", case, changed, *BOB, "--reason", "the tip was missing")
    assert said.code == 0, said.err
    assert "proposed to Alice" in said.out
    shown = office.placet("show", case).out
    assert "Bob Okafor proposes a change: the tip was missing" in shown
    assert "- lines 1:" in shown
    assert "190.10 EUR" in shown
    assert f"placet agree {case}" in shown
    proposal = office.placet("show", case, "--json").document["proposal"]
    assert proposal["content"]["lines"][0]["amount"]["amount"] == "190.10"
    said = office.placet("agree", case, *ALICE)
    assert said.code == 0, said.err
    assert "revision 2" in said.out
    told = office.placet("show", case, "--json").document
    assert (told["digest"], told["proposal"]) == (proposal["digest"], None)
    assert "taking over the change by bob" in office.placet("show", case).out

    def waits() -> bool:
        return office.placet("approve", case, *BOB).code == 0

    until(waits, f"{case} to be approved")


def test_what_is_proposed_for_a_page_is_seen_before_its_author_agrees(
    office: Office, tmp_path: Path
) -> None:
    page, seen = tmp_path / "proposed-page.md", tmp_path / "seen.html"
    head = "---\ntitle: Open on Sunday\nrequester: alice@example.com\n---\n"
    page.write_text(f"{head}We open at noon.\n", encoding="utf-8")
    case = office.placet("publish", page).out.strip()
    office.until_pending(case)
    early = office.placet("preview", case, "--proposal")
    assert (early.code, "nobody proposes a change" in early.err) == (7, True), early
    page.write_text(f"{head}We open at ten.\n", encoding="utf-8")
    said = office.placet("edit", case, page, *BOB)
    assert said.code == 0, said.err
    shown = office.placet("show", case)
    assert f"placet preview {case} --proposal" in shown.out
    assert "+ document: proposed-page.md (" in shown.out
    told = office.placet("preview", case, "--proposal", "--out", seen, "--json")
    assert told.code == 0, told.err
    proposal = office.placet("show", case, "--json").document["proposal"]
    assert told.document["digest"] == proposal["digest"]
    assert "We open at ten." in seen.read_text(encoding="utf-8")
    assert office.placet("agree", case, *ALICE).code == 0
    assert office.placet("show", case, "--json").document["digest"] == proposal["digest"]


def test_nobody_agrees_to_what_nobody_proposes(office: Office) -> None:
    case = office.submit("not-proposed")
    office.until_pending(case)
    said = office.placet("agree", case, *ALICE)
    assert said.code == 7
    assert "nobody proposes a change" in said.err


def test_only_the_requester_agrees(office: Office, tmp_path: Path) -> None:
    case = office.submit("agreed-by-another")
    office.until_pending(case)
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(an_expense("agreed-by-another", amount="190.10 EUR")))
    assert office.placet("edit", case, changed, *BOB).code == 0
    said = office.placet("agree", case, *BOB)
    assert said.code == 4
    assert "only the requester" in said.err
    said = office.placet("edit", case, changed, *BOB, "--digest", "0" * 64)
    assert said.code in {4, 6}, said
