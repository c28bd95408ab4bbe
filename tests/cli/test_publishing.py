"""A page from its document to a site, away and back, by the command line and a real service."""

import json
from pathlib import Path

from tests.cli.office import REPOSITORY, Office, run

EXAMPLE = REPOSITORY / "examples" / "publish-spring-offer"
BOB, CAROL, DAN = "bob@example.com", "carol@example.com", "dan@example.com"


def decided(office: Office, case: str, *decisions: tuple[str, str]) -> None:
    """Have people decide a case, and wait for its end."""
    office.until_pending(case)
    for verdict, who in decisions:
        reason = [] if verdict == "approve" else ["--reason", "not like this"]
        said = office.placet(verdict, case, "--as", who, *reason)
        assert said.code == 0, said.err
    said = office.placet("wait", case, "--timeout", "30")
    assert said.code == 0, said.err


def document(folder: Path, slug: str, text: str) -> Path:
    """Write a page."""
    path = folder / f"{slug}.md"
    path.write_text(f"---\ntitle: A page\nrequester: alice@example.com\n---\n{text}\n")
    return path


def test_a_page_goes_out_after_editors_disagreed_is_taken_away_and_comes_back(
    office: Office, tmp_path: Path
) -> None:
    live = office.home / "site" / "live" / "spring-offer"
    submitted = office.placet("publish", EXAMPLE)
    assert submitted.code == 0, submitted.err
    case = submitted.out.strip()
    office.until_pending(case)
    review = tmp_path / "review.html"
    shown = office.placet("preview", case, "--out", review, "--json")
    assert shown.code == 0, shown.err
    version = shown.document["scope"]["version"]
    assert shown.document["digest"] in review.read_text()
    assert version in review.read_text()
    assert "data:image/png;base64," in review.read_text()
    assert not live.exists()

    decided(office, case, ("reject", BOB), ("approve", CAROL), ("approve", DAN))
    page = (live / "index.html").read_text()
    assert "Three nights for the price of two" in page
    assert len(list((live / "files").iterdir())) == 2
    said = page.partition("<table>")[2].partition("</table>")[0]
    assert said in review.read_text()

    again = office.placet("publish", EXAMPLE)
    assert again.out.strip() == case
    assert "submitted before" in again.err

    gone = office.placet("unpublish", "spring-offer", "--as", "alice@example.com", "--note", "over")
    assert gone.code == 0, gone.err
    decided(office, gone.out.strip(), ("approve", BOB))
    assert not live.exists()

    back = office.placet("rollback", "spring-offer", "--as", "alice@example.com")
    assert back.code == 0, back.err
    told = office.placet("show", back.out.strip(), "--json").document
    assert told["content"]["to"] == version
    decided(office, back.out.strip(), ("approve", CAROL))
    assert (live / "index.html").read_text() == page

    versions = office.placet("versions", "spring-offer", "--json").documents
    assert [(row["action"], row["version"]) for row in versions] == [
        ("rollback", version),
        ("unpublish", None),
        ("publish", version),
    ]
    assert versions[0]["request"] == back.out.strip()
    assert f"{version}\tpublish\tdone\t" in office.placet("versions", "spring-offer").out


def test_a_change_is_shown_beside_what_is_published(office: Office, tmp_path: Path) -> None:
    first = office.placet("publish", document(tmp_path, "changing", "We open at nine.")).out.strip()
    decided(office, first, ("approve", BOB), ("approve", CAROL))
    changed = document(tmp_path, "changing", "We open at ten.")
    out = tmp_path / "changed.html"
    assert office.placet("preview", changed, "--out", out).code == 0
    assert "- We open at nine." in out.read_text()
    assert "+ We open at ten." in out.read_text()
    second = office.placet("publish", changed).out.strip()
    decided(office, second, ("approve", BOB))
    assert "at ten" in (office.home / "site" / "live" / "changing" / "index.html").read_text()


def test_of_two_changes_that_were_planned_at_once_the_second_is_refused(
    office: Office, tmp_path: Path
) -> None:
    cases = [
        office.placet("publish", document(tmp_path, "contested", text)).out.strip()
        for text in ("One.", "Two.")
    ]
    decided(office, cases[0], ("approve", BOB), ("approve", CAROL))
    office.until_pending(cases[1])
    out = tmp_path / "second.html"
    assert office.placet("preview", cases[1], "--out", out).code == 0
    assert "Something else is published by now" in out.read_text()
    for who in (BOB, CAROL):
        office.placet("approve", cases[1], "--as", who)
    assert office.placet("wait", cases[1], "--timeout", "30").code != 0
    shown = office.placet("show", cases[1], "--json").document
    assert shown["effect"] == "failed"
    one = office.placet("show", cases[0], "--json").document
    [planned] = [e for e in one["events"] if e["kind"] == "system:request:planned"]
    assert planned["body"]["data"]["scope"]["version"][:12] in json.dumps(shown["events"][-2:])
    assert "One." in (office.home / "site" / "live" / "contested" / "index.html").read_text()


def test_a_secret_is_refused_by_rule_and_told_nowhere(office: Office, tmp_path: Path) -> None:
    secret = "Sommer-Regen-2026"  # noqa: S105 - made up
    submitted = office.placet(
        "publish", document(tmp_path, "telling", f"password = {secret}"), "--wait"
    )
    assert submitted.code != 0
    case = submitted.out.split()[0]
    shown = office.placet("show", case, "--events")
    assert "what looks like a password" in shown.out
    assert secret not in shown.out + shown.err + submitted.out + submitted.err
    assert "telling.md:5" in shown.out


def test_what_cannot_be_published_is_refused_before_anything_is_submitted(
    office: Office, tmp_path: Path
) -> None:
    (tmp_path / "broken.md").write_text("---\ntitel: x\n---\nWords.\n")
    (tmp_path / "binary.md").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    for arguments, told in (
        (("publish", tmp_path / "broken.md"), "broken.md:2:1: titel: is not known here"),
        (("publish", tmp_path / "binary.md"), "binary.md:1: this is not UTF-8 text"),
        (("publish", tmp_path / "gone.md"), "there is no file"),
        (("publish", office.key), "grace.jwk' is no Markdown file"),
        (("versions", "nowhere"), "nothing was ever published under 'nowhere'"),
        (("unpublish", "nowhere", "--as", "alice"), "nothing was ever published under 'nowhere'"),
        (("rollback", "nowhere", "--as", "alice"), "nothing was ever published under 'nowhere'"),
        (("preview", "publish-nothing"), "there is no planned case 'publish-nothing'"),
    ):
        said = office.placet(*arguments)
        assert said.code in {2, 7}
        assert told in said.err


def test_a_preview_needs_no_service(nowhere: dict[str, str], tmp_path: Path) -> None:

    said = run("preview", EXAMPLE, "--out", tmp_path / "p.html", env=nowhere)
    assert said.code == 0, said.err
    assert "not compared with what is published now" in said.err
    assert "Three nights" in (tmp_path / "p.html").read_text()
    printed = run("preview", EXAMPLE, "--out", "-", env=nowhere)
    assert printed.out.startswith("<!doctype html>")
