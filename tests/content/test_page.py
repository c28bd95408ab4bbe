import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from placet.content.bundle import read_bundle
from placet.content.document import read_document
from placet.content.manifest import ManifestError, manifest_bytes, read_manifest, version_of
from placet.content.page import page, written_part
from placet.content.rendering import MAX_PARAGRAPH, parse
from placet.domain.errors import InvalidInputError
from placet.domain.publication import BundleFile, FileType, Manifest, published_file
from tests.content.made import FRONT, PNG, body_of, page_of, prepared, published

EXAMPLE = Path(__file__).parents[2] / "examples" / "publish-spring-offer"
FORGET_THE_SEED = """
import sys
from pathlib import Path
from placet.content.document import read_document
from placet.content.page import page
from placet.content.rendering import parse
document = read_document(Path(sys.argv[1]).read_bytes(), "index.md")
made = page(parse(document), title="t", language="en", summary="s", assets={})
sys.stdout.buffer.write(made)
"""


def made(text: str) -> str:
    document = read_document(text.encode(), "index.md")
    return page(parse(document), title="t", language="en", summary=None, assets={}).decode()


def refusal(text: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        made(text)
    return str(caught.value)


class Outline(HTMLParser):
    """The tags of a page in order, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of every tag of a name."""
        return [attributes for tag, attributes in self.tags if tag == name]


async def test_a_page_is_complete_and_accessible(tmp_path: Path) -> None:
    front = FRONT.replace(
        "title: A page", 'title: "Tom & <Jerry>"\nlanguage: de\nsummary: "A \\"b\\""'
    )
    text = page_of(await published(tmp_path, f"{front}![A taxi](pic.png)\n", {"pic.png": PNG}))
    outline = Outline(text)
    assert text.startswith("<!doctype html>\n")
    assert outline.all("html") == [{"lang": "de"}]
    assert "<title>Tom &amp; &lt;Jerry&gt;</title>" in text
    assert "<h1>Tom &amp; &lt;Jerry&gt;</h1>" in text
    names = {each.get("name"): each.get("content") for each in outline.all("meta")}
    assert names["viewport"] == "width=device-width, initial-scale=1"
    assert names["description"] == 'A "b"'
    [picture] = outline.all("img")
    assert (picture["alt"], picture["width"], picture["height"]) == ("A taxi", "160", "90")
    assert outline.all("script") == []


async def test_a_page_lets_nothing_run_even_if_something_were_in_it(tmp_path: Path) -> None:
    text = page_of(await published(tmp_path, f"{FRONT}Words.\n"))
    rules = [each["content"] for each in Outline(text).all("meta") if "http-equiv" in each]
    assert len(rules) == 1
    assert str(rules[0]).startswith("default-src 'none'; img-src 'self'; style-src 'sha256-")
    assert "unsafe" not in str(rules[0])


async def test_a_document_with_a_title_of_its_own_has_one_title(tmp_path: Path) -> None:
    with_one = page_of(await published(tmp_path / "a", f"{FRONT}# Mine\n\nWords.\n"))
    without = page_of(await published(tmp_path / "b", f"{FRONT}## Part\n\nWords.\n"))
    assert (with_one.count("<h1"), without.count("<h1")) == (1, 1)
    assert "<h1>A page</h1>" in without


async def test_headings_can_be_linked_to_and_twins_are_told_apart(tmp_path: Path) -> None:
    text = f"{FRONT}## Über *uns*\n\n## A b!\n\n## A b\n\n[x](#über-uns) [y](#a-b-1) [z](#a-b)\n"
    result = await published(tmp_path, text)
    body = body_of(result)
    assert [each["id"] for each in Outline(body).all("h2")] == ["über-uns", "a-b", "a-b-1"]
    assert all("href" in each for each in Outline(body).all("a"))
    assert result.findings == ()


async def test_the_same_bundle_is_the_same_version() -> None:
    first, second = [await prepared(read_bundle(EXAMPLE)) for _ in range(2)]
    assert [file.content for file in first.made] == [file.content for file in second.made]
    assert first.scope["version"] == second.scope["version"]


def test_the_bytes_of_a_page_do_not_depend_on_the_process() -> None:
    pages = {
        subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", FORGET_THE_SEED, str(EXAMPLE / "index.md")],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(EXAMPLE.parents[1])},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(pages) == 1


def test_files_are_named_by_what_is_in_them() -> None:
    file = BundleFile(path="a/Ünser Plan.PDF", sha256="ab" * 32, media_type=FileType.PDF, size=3)
    assert published_file(file).name == "files/abababababababab-unser-plan.pdf"
    odd = file.model_copy(update={"path": "日本.html", "media_type": FileType.TEXT})
    assert published_file(odd).name == "files/abababababababab-file.txt"


def test_a_version_is_the_digest_of_its_manifest() -> None:
    manifest = Manifest(slug="a", title="A", source="ab" * 32, page="cd" * 32, page_size=3)
    version = version_of(manifest)
    assert read_manifest(manifest_bytes(manifest), version) == manifest
    assert version != version_of(manifest.model_copy(update={"page": "ce" * 32}))
    with pytest.raises(ManifestError, match="has the digest"):
        read_manifest(manifest_bytes(manifest) + b" ", version)


# What would keep a renderer busy for hours, or fill all memory.
BOMBS = {
    "brackets": "[" * 200_000,
    "open links": "[a](<b" * 100_000,
    "emphasis": "*a **b " * 80_000,
    "quotes": ">" * 300_000 + "a",
    "lists": "- " * 300_000 + "a",
    "cells": "|a" * 10 + "\n" + "|-" * 10 + "\n" + "|a|a|a|a|a|a|a|a|a|a\n" * 45_000,
    "wide table": "|a" * 20_000 + "\n" + "|-" * 20_000 + "\n" + "a\n" * 20_000,
    "items": "-\n" * 500_000,
    "paragraphs": "*a*\n\n" * 200_000,
    "references": f"[a]: https://example.com/{'x' * 10_000}\n\n" + "[a] [a] [a]\n\n" * 5_000,
    "html": "<b><i>" * 100_000,
    "comments": "<!-- <!--" * 80_000,
    "attributes": "<p " + "a=b " * 100_000,
    "headings": "# a\n" * 100_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_hostile_document_ends_as_a_page_or_in_one_clear_error(bomb: str) -> None:
    text = BOMBS[bomb][: 1024 * 1024 - 10]
    try:
        content = made(text).encode()
    except InvalidInputError as error:
        told = str(error)
    else:
        told, _ = "split it", written_part(content)
        assert len(content) < 10 * 1024 * 1024
    assert "split it" in told or "write it out" in told


def test_a_paragraph_that_is_too_long_is_named_by_its_line() -> None:
    long = "a " * MAX_PARAGRAPH
    assert refusal(f"---\ntitle: t\n---\n\nx\n\n{long}\n").startswith(
        "index.md:7: this paragraph is"
    )
