from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.cli.records import LocalFiles
from placet.content.bundle import Blob, read_bundle
from placet.content.difference import changed_files, changed_lines
from placet.content.preview import MAX_SHOWN_LINES
from placet.digest import digest
from placet.domain.ledger_rows import PublicationRow, PublicationState
from placet.domain.publication import Manifest, PublishedFile
from placet.pipelines.pipeline import File, Prepared, Viewed
from placet.pipelines.publish import preview_publish
from tests.content.made import FRONT, NOW, PNG, page_of, prepared, published
from tests.content.test_secrets import REAL


class Shelf(LocalFiles):
    """Files, and what is published now."""

    def __init__(self, files: list[File], now: Prepared | None = None) -> None:
        super().__init__(files)
        self.now = now

    async def published(self, slug: str) -> PublicationRow | None:
        """Return what is published now."""
        if self.now is None:
            return None
        return PublicationRow(
            slug=slug,
            version=str(self.now.scope["version"]),
            replaces=None,
            action="publish",
            title=self.now.title,
            request="publish-1",
            permit_id="permit-1",
            state=PublicationState.DONE,
            at=NOW,
        )


class Seen(HTMLParser):
    """What a preview holds that could run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.pictures: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that loads or runs something."""
        if tag in {"script", "iframe", "object", "embed", "link", "form", "base"}:
            self.wrong.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.wrong.append(f"{tag} {name}")
            if name == "src":
                self.pictures.append(str(value))


async def shown(made: Prepared, files: list[File], now: Prepared | None = None, **more: Any) -> str:
    """Return the preview of what was prepared."""
    scope = {**made.scope, "replaces": now.scope["version"] if now else None}
    viewed = Viewed(
        request=made.request.model_dump(mode="json"),
        digest=digest(made.request),
        case="publish-1f",
        facts=made.facts,
        findings=made.findings[:50],
        scope=scope,
        effect_at=made.effect_at,
        **more,
    )
    content = await preview_publish(viewed, Shelf([*files, *made.made], now))
    return content.decode()


async def bundle(
    folder: Path, text: str, files: dict[str, bytes] | None = None
) -> tuple[Prepared, list[File]]:
    made = await published(folder, text, files)
    return made, [*read_bundle(folder / "page").files, *made.made]


async def test_a_reviewer_sees_all_that_matters(tmp_path: Path) -> None:
    text = f"{FRONT}Words, ![a taxi](pic.png) [gone](x.pdf) [web](https://example.com/a?b=1&c=2)\n"
    made, files = await bundle(tmp_path, text, {"pic.png": PNG})
    page = await shown(made, files)
    for told in (
        "<title>Preview: A page</title>",
        "alice@example.com",
        str(made.scope["version"]),
        digest(made.request),
        "site (file:///srv/site)",
        "as soon as it is approved",
        "2 findings",
        "broken-link",
        "index.md:5",
        "This page is new.",
        "https://example.com/a?b=1&amp;c=2",
        "160",
    ):
        assert told in page
    assert [url[:22] for url in Seen(page).pictures] == ["data:image/png;base64,"]


async def test_the_page_in_the_preview_is_the_page_that_goes_out(tmp_path: Path) -> None:
    made, files = await bundle(tmp_path, f"{FRONT}Some *words*,\n\n- and\n- a list\n")
    body = page_of(made).partition("<main>")[2].partition("</main>")[0].strip()
    assert body in await shown(made, files)


@pytest.mark.rule(number=12)
async def test_a_preview_runs_nothing_and_loads_nothing(tmp_path: Path) -> None:
    front = (
        "---\ntitle: '<script>alert(1)</script>'\nrequester: alice@example.com\n"
        "note: '</dd><img src=x onerror=alert(1)>'\n---\n"
    )
    text = (
        f"{front}<img src=x onerror=alert(1)> <script>alert(1)</script>\n\n"
        '[x](javascript:alert(1)) [y](<x"onclick=z>) ![z](https://evil.example/x.png)\n'
    )
    files = {"a<b>.txt": b"x", "pic.png": PNG}
    made, kept = await bundle(tmp_path, text, files)
    old, _ = await bundle(tmp_path / "old", f"{FRONT}<script>old</script>\n")
    page = await shown(made, [*kept, *old.made, *_sources(tmp_path / "old")], old)
    assert Seen(page).wrong == []
    assert "default-src &#x27;none&#x27;; img-src data:; style-src &#x27;sha256-" in page
    assert "&lt;script&gt;old" in page


def _sources(folder: Path) -> list[File]:
    return list(read_bundle(folder / "page").files)


async def test_a_secret_is_shown_only_where_it_was_written(tmp_path: Path) -> None:
    value = REAL["an AWS access key"]
    made, files = await bundle(tmp_path, f"{FRONT}<!-- {value} -->\n\nWords.\n")
    assert made.facts["secrets"] == 1
    assert value not in await shown(made, files)


async def test_the_difference_to_what_is_published_is_shown(tmp_path: Path) -> None:
    words = "\n\n".join(f"Paragraph {number}." for number in range(20))
    old, old_files = await bundle(
        tmp_path / "a", f"{FRONT}{words}\n\n![x](old.png)\n", {"old.png": PNG}
    )
    text = (
        f"{FRONT.replace('A page', 'B page')}{words.replace('h 7.', 'h <7>.')}\n\n![x](new.png)\n"
    )
    new, new_files = await bundle(tmp_path / "b", text, {"new.png": PNG + b"\n"})
    page = await shown(new, [*new_files, *old_files], old)
    assert "The title was <del>A page</del> and becomes <ins>B page</ins>." in page
    assert "Added: <code>new.png</code>" in page
    assert "Removed: <code>old.png</code>" in page
    assert '<span class="gone">- Paragraph 7.</span>' in page
    assert '<span class="new">+ Paragraph &lt;7&gt;.</span>' in page
    assert '<span class="same">  Paragraph 8.</span>' in page
    assert "Paragraph 12.</span>" not in page


async def test_what_was_published_since_is_said(tmp_path: Path) -> None:
    made, files = await bundle(tmp_path / "a", f"{FRONT}One.\n")
    other, other_files = await bundle(tmp_path / "b", f"{FRONT}Two.\n")
    viewed = Viewed(
        request=made.request.model_dump(mode="json"),
        digest=digest(made.request),
        case=None,
        facts=made.facts,
        findings=(),
        scope=made.scope,
        effect_at=None,
    )
    page = await preview_publish(viewed, Shelf([*files, *other_files], other))
    assert b"Something else is published by now" in page
    assert str(other.scope["version"]).encode() in page


async def test_without_a_ledger_nothing_is_said_about_what_is_published(tmp_path: Path) -> None:
    made, files = await bundle(tmp_path, f"{FRONT}One.\n")
    page = await shown(made, files, offline=True)
    assert "The ledger could not be asked what is published now." in page
    assert "This page is new" not in page


async def test_a_picture_that_is_shown_a_thousand_times_does_not_fill_the_preview(
    tmp_path: Path,
) -> None:
    picture = PNG + bytes(2 * 1024 * 1024)
    text = FRONT + "\n\n".join(["![x](pic.png)"] * 200)
    made, files = await bundle(tmp_path, text, {"pic.png": picture})
    page = await shown(made, files)
    assert len(page) < 100 * 1024 * 1024
    assert {url[:6] for url in Seen(page).pictures} == {"data:i", "data:,"}


async def test_a_difference_of_thousands_of_lines_is_cut_short(tmp_path: Path) -> None:
    def listing(name: str) -> str:
        return FRONT + "\n".join(["```", *(f"{name}{number}" for number in range(9_000)), "```"])

    old, old_files = await bundle(tmp_path / "a", listing("a"))
    new, new_files = await bundle(tmp_path / "b", listing("b"))
    page = await shown(new, [*new_files, *old_files], old)
    assert page.count('<span class="gone">') <= MAX_SHOWN_LINES
    assert "more changed lines" in page


async def test_a_file_of_the_page_can_be_taken_out_of_the_preview(tmp_path: Path) -> None:
    made, files = await bundle(tmp_path, f"{FRONT}[list](l.csv#x)\n", {"l.csv": b"a,b\n"})
    assert 'href="data:text/csv;base64,YSxiCg==" download="file"' in await shown(made, files)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.sampled_from("abc"), max_size=30))
def test_a_difference_says_what_becomes_of_every_line(old: list[str], new: list[str]) -> None:
    before, after = "\n".join(old), "\n".join(new)
    lines = [line for place in changed_lines(before, after) for line in place]
    assert bool(lines) == (before != after)
    for line in lines:
        told = before if line.sign == "-" else after
        assert told.split("\n")[line.number - 1] == line.text
    gone = sum(line.sign == "-" for line in lines)
    come = sum(line.sign == "+" for line in lines)
    assert len(before.split("\n")) - gone + come == len(after.split("\n"))


def test_files_that_come_go_and_change_are_told_apart() -> None:
    def version(**files: str) -> Manifest:
        listed = tuple(
            PublishedFile(
                name=f"files/{sha * 8}-{path}.txt",
                path=path,
                sha256=sha * 32,
                media_type="text/plain",
                size=1,
            )
            for path, sha in files.items()
        )
        return Manifest(
            slug="a", title="A", source="ab" * 32, page="cd" * 32, page_size=1, files=listed
        )

    changed = changed_files(version(a="aa", b="bb", c="cc"), version(a="aa", b="dd", e="ee"))
    assert changed == (["e"], ["c"], ["b"])
    assert changed_files(None, version(a="aa")) == (["a"], [], [])
    assert changed_files(version(a="aa"), None) == ([], ["a"], [])


def test_a_blob_is_named_by_its_content() -> None:
    assert Blob.of(b"", "text/html").sha256.startswith("e3b0c442")


async def test_a_bundle_is_prepared_as_it_was_read(tmp_path: Path) -> None:
    made, _ = await bundle(tmp_path, f"{FRONT}One.\n")
    again = await prepared(read_bundle(tmp_path / "page"))
    assert digest(made.request) == digest(again.request)
