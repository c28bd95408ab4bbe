"""Writes what a command has to say: results to stdout, everything else to stderr.

Whatever people typed goes through :func:`safe` first, so that nothing a request says can move the
cursor, change a colour or turn the line round (rule 12).
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_GAP = "  "


def safe(text: object, *, lines: bool = False) -> str:
    """Return text that a terminal prints and does not obey.

    Args:
        text: What to show.
        lines: Whether line breaks stay; else they become spaces.
    """
    cleaned = _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text).replace("\r\n", "\n"))
    return cleaned if lines else cleaned.replace("\n", " ").replace("\t", " ")


def out(text: str) -> None:
    """Print a result."""
    sys.stdout.write(f"{safe(text, lines=True)}\n")


def say(text: str) -> None:
    """Tell a person something; a program that reads the results does not see it."""
    sys.stderr.write(f"{safe(text, lines=True)}\n")
    sys.stderr.flush()


def as_json(value: Any) -> None:
    """Print one JSON document on one line, in ASCII: no terminal obeys anything in it."""
    sys.stdout.write(f"{json.dumps(value, separators=(',', ':'), sort_keys=True)}\n")
    sys.stdout.flush()


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: drawn on a terminal, aligned by tabs for everything else."""
    cells = [[safe(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(heads, cells)
        return
    for row in (heads, *cells):
        sys.stdout.write("\t".join(row) + "\n")


def pairs(rows: Iterable[tuple[str, str | None]]) -> None:
    """Print names and values below each other; a value of None is left out."""
    shown = [(name, value) for name, value in rows if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        out(f"{_GAP}{name:<{width}}{_GAP}{safe(value)}")


def _draw(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only a terminal needs it
    from rich.console import Console  # noqa: PLC0415 - the same
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for row in rows:
        # Text, not str: square brackets in a title are no markup.
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)
