import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.content.document import read_document
from placet.domain.errors import InvalidInputError

GOOD = """\
---
title: Spring offer
requester: alice@example.com
tags: [a, b]
publish_at: 2026-12-01T09:00:00+01:00
---
Words.
"""


def refusal(content: str | bytes) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read_document(content.encode() if isinstance(content, str) else content, "page.md")
    return str(caught.value)


def test_front_matter_is_read_and_the_lines_below_it_are_counted() -> None:
    document = read_document(GOOD.replace("\n", "\r\n").encode("utf-8-sig"), "page.md")
    assert document.front.told() == {
        "title": "Spring offer",
        "requester": "alice@example.com",
        "tags": ["a", "b"],
        "publish_at": "2026-12-01T09:00:00+01:00",
    }
    assert (document.body, document.first_line) == ("Words.\n", 7)


def test_a_document_needs_no_front_matter() -> None:
    document = read_document(b"Words.\n\n---\n\nMore.", "page.md")
    assert (document.front.told(), document.first_line) == ({}, 1)
    assert read_document(b"---\n---\nWords.", "page.md").front.told() == {}


# What people get wrong in front matter, and where they are told.
BROKEN = {
    "titel: x": "page.md:2:1: titel: is not known here; did you mean 'title'?",
    "title: [": "page.md:2:9: expected",
    "title: 3": "page.md:2:1: title: must be text; put it in quotes",
    "title: ''": "page.md:2:1: title: it is empty",
    "slug: A b": "page.md:2:1: slug: 'A b' is no slug; write up to 80 lower-case letters",
    "slug: ../x": "is no slug",
    "publish_at: 2026-12-01": "write it with its time zone, such as 2026-12-01T09:00:00+01:00",
    "publish_at: 2026-12-01T09:00": "write it with its time zone",
    "publish_at: 1767225600": "write it with its time zone",
    "language: klingon!": "'klingon!' is no language; write it as en, de or pt-BR",
    "targets: [Site]": "'Site' is no target's name",
    "targets: [site, site]": "site: written twice; keep one",
    "title: a\ntitle: b": "page.md:3:1: title: is written twice; keep one",
    "title: !!python/object:os.system x": "the tag",
    "- a": "is no mapping",
    "a: &a [*a]": "contains itself",
}


@pytest.mark.parametrize("front", BROKEN)
def test_broken_front_matter_is_told_with_its_line(front: str) -> None:
    assert BROKEN[front] in refusal(f"---\n{front}\n---\nWords.\n")


def test_front_matter_without_an_end_is_said_so() -> None:
    assert "page.md:1: the front matter has no end; close it with" in refusal("---\ntitle: x\n")
    assert "is larger than 16 KiB" in refusal(f"---\ntitle: {'x' * 20_000}\n---\nx")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "page.md:1: this is not UTF-8 text"),
        (b"PK\x03\x04 a zip", "page.md:1: the character U+0003 stands in no text"),
        (b"words\n\nmore\x00words", "page.md:3: the character U+0000 stands in no text"),
        (b"words\n\x1b[31mred", "page.md:2: the character U+001B stands in no text"),
        (b"words \xff", "page.md:1: this is not UTF-8 text"),
        ("words".encode("utf-16"), "this is not UTF-8 text"),
        (b"", "it says nothing"),
        (b"---\ntitle: x\n---\n \n", "it says nothing"),
        (b"a" * (1024 * 1024 + 1), "it is larger than 1 MiB"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(content: bytes, told: str) -> None:
    assert told in refusal(content)


@pytest.mark.parametrize(
    "hidden",
    [
        "\N{RIGHT-TO-LEFT OVERRIDE}",
        "\N{FIRST STRONG ISOLATE}",
        "\N{ZERO WIDTH SPACE}",
        "\N{WORD JOINER}",
        "\N{TAG LATIN SMALL LETTER A}",
        "\N{LINE SEPARATOR}",
        "\N{ZERO WIDTH NO-BREAK SPACE}",
    ],
)
def test_what_hides_is_shown_and_its_line_is_told(hidden: str) -> None:
    document = read_document(f"{GOOD}pay{hidden}ment\n".encode(), "page.md")
    assert document.hidden == (8,)
    assert document.body == "Words.\npay\N{REPLACEMENT CHARACTER}ment\n"


def test_scripts_that_need_joiners_and_marks_keep_them() -> None:
    text = (
        "می\N{ZERO WIDTH NON-JOINER}خواهم, 👩\N{ZERO WIDTH JOINER}🚀, שלום\N{LEFT-TO-RIGHT MARK}!"
    )
    document = read_document(text.encode(), "page.md")
    assert (document.hidden, document.body) == ((), text)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_one_clear_error(content: bytes) -> None:
    try:
        document = read_document(content, "page.md")
    except InvalidInputError:
        return
    assert document.body.strip()
