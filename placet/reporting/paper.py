"""Writes a report as PDF: for keeping (PDF/A-2a) and for everybody (PDF/UA-1, tagged).

The layout is a Typst template; what people typed reaches it as JSON and is never read as Typst.
"""

import importlib.resources
import json
from typing import Any

from placet.domain.errors import UnavailableError
from placet.domain.text import clean_text
from placet.reporting.document import (
    Bars,
    Block,
    Code,
    Document,
    Facts,
    Listing,
    Note,
    Paragraph,
    Table,
    Value,
)
from placet.reporting.fonts import folders, in_letters, typst
from placet.reporting.plain import plain

MEDIA_TYPE = "application/pdf"
STANDARDS = ["a-2a", "ua-1"]
_LONGEST_HEADING = 300


class UnprintableError(UnavailableError):
    """A report cannot be set as a PDF."""

    code = "unprintable"


def paper(document: Document) -> bytes:
    """Return a report as PDF; the same document gives the same bytes.

    Raises:
        NoPdfError: What makes PDFs is not installed.
        UnprintableError: A letter in it cannot be set; HTML takes all of them.
    """
    library = typst()
    fonts = library.Fonts(include_system_fonts=False, font_paths=folders())
    template = importlib.resources.files("placet.reporting") / "templates" / "report.typ"
    told = json.dumps(_document(document), ensure_ascii=False)
    compiler = library.Compiler(
        template.read_bytes(), font_paths=fonts, sys_inputs={"document": told}
    )
    try:
        made: bytes = compiler.compile(
            format="pdf", pdf_standards=STANDARDS, timestamp=document.as_of.replace(microsecond=0)
        )
    except library.TypstError as error:
        raise UnprintableError(
            f"the PDF cannot be made: {error}; name a file that ends in .html instead"
        ) from error
    return made


def _document(document: Document) -> dict[str, Any]:
    return {
        "kind": _heading(document.kind),
        "title": _heading(document.title),
        "running": _heading(document.running),
        "as_of": f"{document.as_of:%Y-%m-%d %H:%M:%S} UTC",
        "opening": [_block(block) for block in document.opening],
        "sections": [
            {
                "title": _heading(section.title),
                "new_page": section.new_page,
                "blocks": [_block(block) for block in section.blocks],
            }
            for section in document.sections
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph(text):
            told: dict[str, Any] = {"text": _text(text)}
        case Note(title, text, tone):
            told = {"title": _text(title), "text": _text(text), "tone": tone.value}
        case Facts(rows, title):
            told = {
                "title": _heading(title) if title else "",
                "rows": [[_text(name), _value(value)] for name, value in rows],
            }
        case Table():
            told = _table(block)
        case Bars(caption, bars, heads):
            told = {
                "caption": _text(caption),
                "heads": [_text(head) for head in heads],
                "longest": max((bar.value for bar in bars), default=0),
                "bars": [[_text(bar.label), bar.value, _text(bar.text)] for bar in bars],
            }
        case Listing(caption, text):
            told = {"caption": _heading(caption), "text": _text(text)}
    return {"is": type(block).__name__.lower(), **told}


def _table(table: Table) -> dict[str, Any]:
    return {
        "caption": _text(table.caption),
        "heads": [_text(head) for head in table.heads],
        "rows": [[_value(value) for value in row] for row in table.rows],
        "widths": list(table.widths) or [1] * len(table.heads),
        "numbers": sorted(table.numbers),
        "empty": _text(table.empty),
    }


def _value(value: Value) -> dict[str, str]:
    if isinstance(value, Code):
        return {"code": _text(value.text)}
    return {"text": _text(value)}


def _heading(text: str) -> str:
    """Return a text as a heading: PDF/UA takes no empty ones, and PDF/A no endless ones."""
    letters = in_letters(clean_text(text, _LONGEST_HEADING, multiline=False, truncate=True))
    return letters if any(not each.isspace() for each in letters) else "Untitled"


def _text(text: str) -> str:
    return in_letters(plain(text))
