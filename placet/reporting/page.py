"""Writes a report as HTML: one file that needs nothing else, and in which nothing can run."""

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from placet.reporting.document import Block, Code, Document
from placet.reporting.plain import plain

MEDIA_TYPE = "text/html"


def page(document: Document) -> bytes:
    """Return a report as one HTML file, in UTF-8.

    It loads nothing and runs nothing: its policy allows only its own style sheet, by its digest.
    The same document gives the same bytes.
    """
    style = Markup(_style().render(running=_css_text(document.running)))  # noqa: S704 - our own sheet; the one text in it is written in escapes
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    security = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return _page().render(document=document, style=style, security=security).encode()


def _css_text(text: str) -> str:
    """Return a text as it may stand in a string of a style sheet: every character by its number."""
    return "".join(f"\\{ord(character):06x}" for character in plain(text))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("placet.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
        keep_trailing_newline=True,
    )
    made.filters["kind"] = _kind
    made.tests["code"] = lambda value: isinstance(value, Code)
    return made


def _page() -> Template:
    return _environment().get_template("report.html.j2")


def _style() -> Template:
    return _environment().get_template("report.css.j2")


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _harmless(value: Any) -> Any:
    """Clean each text on its way into the page; what a template has made already is left alone."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
