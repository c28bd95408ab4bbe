"""The letters that a PDF is set in, and what is done about letters that none of them has.

A PDF for keeping (PDF/A) must carry every letter it shows. What no font has, such as a letter of a
rare script, is written by its number: nothing is left out, and nothing stops the report.
"""

import importlib.resources
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from placet.domain.errors import UnavailableError

_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
_SUFFIXES = {".ttf", ".otf", ".ttc"}
_NEVER = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Control characters, halves of characters, private and unassigned ones: PDF/A has none of them."""

_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u00ad\ufe0e\ufe0f\u061c"
"""Shape or direct what stands beside them, and need no letter of their own."""


class NoPdfError(UnavailableError):
    """What makes PDFs is not installed."""

    code = "no-pdf"


def typst() -> Any:
    """Return the typesetting library.

    Raises:
        NoPdfError: It is not installed.
    """
    try:
        import typst as found  # noqa: PLC0415 - it is large, and only PDFs need it
    except ImportError:
        raise NoPdfError(
            "PDF needs more packages: install placet[pdf], or name a file that ends in .html"
        ) from None
    return found


def folders() -> list[Path]:
    """Return where the fonts are.

    Raises:
        NoPdfError: They are not installed.
    """
    try:
        return [Path(str(importlib.resources.files(name))) for name in _PACKAGES]
    except ImportError:
        raise NoPdfError(
            "the fonts are missing: install placet[pdf], or name a file that ends in .html"
        ) from None


def in_letters(text: str) -> str:
    """Return a text in which every letter is one that the fonts have.

    A letter and the marks on it count together: a font has to have all of them. Others are written
    as ``[U+1F600]``.
    """
    return "".join(_written(cluster) for cluster in _clusters(text))


def _written(cluster: str) -> str:
    if cluster.isascii() and (cluster.isprintable() or cluster in "\n\t"):
        return cluster
    needed = {ord(each) for each in cluster if each not in _INVISIBLE}
    if not any(unicodedata.category(each) in _NEVER for each in cluster) and any(
        needed <= _letters(font) for font in _fonts()
    ):
        return cluster
    return "".join(
        each if each.isascii() and each.isprintable() else _number(each) for each in cluster
    )


def _number(character: str) -> str:
    return character if character in "\n\t" else f"[U+{ord(character):04X}]"


def _clusters(text: str) -> Iterator[str]:
    """Yield each character with the marks and joiners that follow it."""
    cluster = ""
    for each in text:
        joins = each in _INVISIBLE or unicodedata.category(each).startswith("M")
        if cluster and not joins and not cluster.endswith("\u200d"):
            yield cluster
            cluster = ""
        cluster += each
    if cluster:
        yield cluster


@cache
def _fonts() -> tuple[Path, ...]:
    """Return the fonts' files, the one that has most of what is written first."""
    files = (path for folder in folders() for path in folder.iterdir() if path.suffix in _SUFFIXES)
    return tuple(sorted(files, key=lambda path: (path.suffix == ".ttc", len(path.name), path.name)))


@cache
def _letters(font: Path) -> frozenset[int]:
    """Return which characters a font has; the faces of a collection have the same ones."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # noqa: PLC0415 - only PDFs need it

    with TTFont(font, fontNumber=0, lazy=True) as opened:
        return frozenset(opened.getBestCmap())
