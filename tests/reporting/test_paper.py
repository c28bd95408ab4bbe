import dataclasses
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from placet.reporting import fonts
from placet.reporting.document import Document, Paragraph
from placet.reporting.fonts import NoPdfError, in_letters
from placet.reporting.paper import paper
from tests.reporting.reading import paper_text, solid
from tests.reporting.test_page import AS_OF, everywhere

NAMES = (
    "Příliš žluťoučký kůň",
    "Ελληνικά άς",
    "Привет",
    "张伟 田中 김철수",
    "नमस्ते",
    "สวัสดี",
)
HOSTILE = (
    "#panic(1)",
    '#read("/etc/passwd")',
    "$x^2$ *bold* _it_ `code` <label> @ref = h",
    "#{sys.inputs}",
    "\\u{41} \\ //c /* */",
    ']#eval("1")[',
)


def a_paper(text: str) -> bytes:
    """Return a PDF that says one thing."""
    return paper(Document("Kind", text, "running", AS_OF, (Paragraph(text),)))


@pytest.mark.parametrize("name", NAMES)
def test_names_of_every_script_are_set_and_can_be_found_again(name: str) -> None:
    assert in_letters(name) == name
    assert a_paper(name).startswith(b"%PDF")


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_reader_finds_the_letters_that_were_written(name: str) -> None:
    assert solid(name) in paper_text(a_paper(name))


@pytest.mark.rule(number=12)
@pytest.mark.parametrize("text", HOSTILE)
def test_what_was_typed_is_never_read_as_typst(text: str) -> None:
    assert solid(text) in paper_text(a_paper(text))
    paper(everywhere(text))


@pytest.mark.rule(number=12)
@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_can_be_set(text: str) -> None:
    assert a_paper(f"{text} {text}").startswith(b"%PDF")


@pytest.mark.parametrize("text", ["", " \n ", "x" * 20_000, "א\u200f\u202eb\x00", "\ue000\ufdd0"])
def test_texts_at_the_edge_can_be_set_everywhere(text: str) -> None:
    assert paper(everywhere(text)).startswith(b"%PDF")


def test_what_no_font_has_is_written_by_its_number() -> None:
    assert in_letters("a\ue000b") == "a[U+E000]b"
    assert in_letters("张\u0e31") == "[U+5F20][U+0E31]"
    assert in_letters("e\u0301 \n\t") == "e\u0301 \n\t"


def test_it_is_for_keeping_and_for_everybody() -> None:
    reader = PdfReader(io.BytesIO(a_paper("text")))
    metadata = reader.xmp_metadata
    assert metadata is not None
    assert (metadata.pdfaid_part, metadata.pdfaid_conformance) == ("2", "A")
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert reader.metadata is not None
    assert reader.metadata.title == "Kind: text"
    assert reader.metadata.creation_date == AS_OF


def test_every_page_is_numbered_and_names_what_it_is_about() -> None:
    document = Document(
        "Kind", "t", "expense-1", AS_OF, tuple(Paragraph("x " * 3000) for _ in "abc")
    )
    pages = PdfReader(io.BytesIO(paper(document))).pages
    count = len(pages)
    assert count > 1
    for number, each in enumerate(pages, start=1):
        shown = each.extract_text()
        assert f"{number} / {count}" in shown
        assert ("expense-1" in shown) == (number > 1)


def test_the_same_document_gives_the_same_bytes() -> None:
    document = Document("Kind", "t", "r", AS_OF)
    assert paper(document) == paper(document)
    assert paper(document) != paper(dataclasses.replace(document, title="u"))


def test_without_the_fonts_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_PACKAGES", ("there_is_no_such_package",))
    with pytest.raises(NoPdfError, match="install placet"):
        fonts.folders()
