"""What was submitted comes back as files, is changed, and is handed in again."""

import json
from pathlib import Path

from tests.cli.office import REPOSITORY, Office

EXAMPLE = REPOSITORY / "examples" / "publish-spring-offer"
BOB = ("--as", "bob@example.com")


def digest_of(office: Office, what: Path | str) -> str:
    """Return the digest that a request has before it is submitted."""
    told = office.placet("preview", what, "--out", office.home / "seen.html", "--json")
    assert told.code == 0, told.err
    digest: str = told.document["digest"]
    return digest


def test_an_editor_fetches_a_page_corrects_it_and_proposes_that(
    office: Office, tmp_path: Path
) -> None:
    case = office.placet("publish", EXAMPLE, "--key", "to be fetched").out.strip()
    office.until_pending(case)
    copy = tmp_path / "spring-offer"
    told = office.placet("fetch", case, "--out", copy, "--json")
    assert told.code == 0, told.err
    assert told.document["files"] == ["house.png", "index.md", "prices.csv"]
    assert {f.name: f.read_bytes() for f in copy.iterdir()} == {
        f.name: f.read_bytes() for f in EXAMPLE.iterdir()
    }
    assert digest_of(office, copy) == told.document["digest"]

    text = (copy / "index.md").read_text(encoding="utf-8")
    (copy / "index.md").write_text(text.replace("as our guest", "for nothing"), encoding="utf-8")
    said = office.placet("edit", case, copy, *BOB, "--reason", "plainer")
    assert said.code == 0, said.err
    proposal = office.placet("show", case, "--json").document["proposal"]
    assert proposal["digest"] == digest_of(office, copy)


def test_a_page_that_has_its_name_from_its_file_keeps_it(office: Office, tmp_path: Path) -> None:
    page = tmp_path / "opening-hours.md"
    page.write_text("---\ntitle: Hours\nrequester: alice@example.com\n---\nFrom ten to six.\n")
    case = office.placet("publish", page).out.strip()
    office.until_pending(case)
    told = office.placet("fetch", case, "--out", tmp_path / "opening-hours", "--json").document
    assert told["files"] == ["opening-hours.md"]
    assert digest_of(office, tmp_path / "opening-hours") == told["digest"]


def test_an_expense_is_fetched_as_json_and_nothing_is_overwritten(
    office: Office, tmp_path: Path
) -> None:
    case = office.submit("fetched")
    office.until_pending(case)
    file = tmp_path / "mine.json"
    assert office.placet("fetch", case, "--out", file).code == 0
    request = json.loads(file.read_text(encoding="utf-8"))
    assert request["pipeline"] == "expense"
    assert office.placet("expense", file).out.strip() == case

    again = office.placet("fetch", case, "--out", file)
    assert (again.code, "is there already" in again.err) == (6, True), again
    assert json.loads(file.read_text(encoding="utf-8")) == request
    unknown = office.placet("fetch", "expense-nothing", "--out", tmp_path / "none.json")
    assert (unknown.code, (tmp_path / "none.json").exists()) == (7, False), unknown
