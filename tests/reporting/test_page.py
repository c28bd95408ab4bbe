import base64
import hashlib
import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.reporting.document import (
    Bar,
    Bars,
    Code,
    Document,
    Facts,
    Listing,
    Note,
    Paragraph,
    Section,
    Table,
)
from placet.reporting.page import page
from tests.reporting.reading import Page

AS_OF = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "\x00\x1b[2J\u202egnp.exe",
    "</pre></table></main>",
)
typed = st.text(st.characters(codec="utf-8"), max_size=200) | st.sampled_from(HOSTILE)


def everywhere(text: str) -> Document:
    """Return a document that has a text in every place that can have one."""
    head = text[:60]
    blocks = (
        Paragraph(text),
        Note(text, text),
        Facts(((text, text), (text, Code(text))), text),
        Table(text, (head, head), ((text, Code(text)),), (1, 2), frozenset({1}), text),
        Table(text, (head,), (), empty=text),
        Bars(text, (Bar(text, 3, head), Bar(text, 0, head)), (head, head)),
        Listing(text, text),
    )
    opening = (*blocks[:2], Facts(((text, Code(text)),)), *blocks[3:6])
    return Document(text, text, text, AS_OF, opening, (Section(text, blocks, new_page=True),))


@pytest.mark.rule(number=12)
@given(typed)
def test_nothing_that_was_typed_becomes_a_tag(text: str) -> None:
    parsed = Page(page(everywhere(text)))
    plain = Page(page(everywhere("x" if text else "")))
    assert parsed.headings == plain.headings
    assert (parsed.tables, parsed.captions) == (plain.tables, plain.captions)


@pytest.mark.rule(number=12)
@pytest.mark.parametrize("text", HOSTILE)
def test_the_style_sheet_is_the_only_thing_that_is_allowed(text: str) -> None:
    made = page(everywhere(text)).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert Page(made.encode()).security == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


def test_control_characters_and_turned_lines_leave_a_mark() -> None:
    made = page(everywhere("a\x00b\u202ec\x1bd"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", made.decode())
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c" in Page(made).text


def test_headings_tables_and_the_language_are_there_for_everybody() -> None:
    made = page(everywhere("text"))
    parsed = Page(made)
    assert parsed.headings[0] == 1
    assert parsed.headings.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(parsed.headings))
    assert parsed.tables == parsed.captions
    assert b'<html lang="en">' in made


def test_what_a_bar_shows_stands_beside_it_as_a_number() -> None:
    bars = Bars("Ends", (Bar("Approved", 30, "30"), Bar("Rejected", 10, "10")), ("End", "Number"))
    made = page(Document("k", "t", "r", AS_OF, (bars,)))
    assert re.findall(rb'<rect [^>]*width="(\d+)"', made) == [b"1000", b"333"]
    assert "Approved 30" in Page(made).text


def test_the_colours_have_the_contrast_that_the_guidelines_ask_for() -> None:
    style = page(everywhere("x")).decode()
    palettes = re.findall(r":root\{([^}]*--paper[^}]*)\}", style)
    assert len(palettes) == 3
    for palette in palettes:
        colours = dict(re.findall(r"--(\w+):(#[0-9a-f]+)", palette))
        for name in ("ink", "soft"):
            for under in ("paper", "wash"):
                assert _contrast(colours[name], colours[under]) >= 4.5
        for name in ("bar", "good", "bad", "warning"):
            assert _contrast(colours[name], colours["paper"]) >= 3


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
