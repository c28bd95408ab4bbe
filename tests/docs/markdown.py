"""Reads the project's Markdown pages: their code blocks, tables, links and headings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"(?ms)^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$")


class Block(NamedTuple):
    """A code block: its language, the rest of its first line, and its text."""

    language: str
    note: str
    code: str


def pages() -> list[Path]:
    """Return every page that people read."""
    folders = ("", "docs", "design", "deploy")
    return sorted(page for folder in folders for page in (REPOSITORY / folder).glob("*.md"))


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in order."""
    found = []
    for match in _FENCE.finditer(page.read_text(encoding="utf-8")):
        language, _, note = match["info"].partition(" ")
        found.append(Block(language, note, match["code"]))
    return found


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands() -> Iterator[tuple[Path, str]]:
    """Return every line of every shell block, with lines that end in a backslash joined.

    Of ``NAME=$(command)`` it is the command. A block with a note is run by a test of its own and
    left out here.
    """
    for page in pages():
        for block in blocks(page):
            if block.language == "sh" and not block.note:
                for line in block.code.replace("\\\n", " ").splitlines():
                    command = re.sub(r"\s+#.*$", "", line).strip()
                    command = re.sub(r"^\w+=\$\((.*)\)$", r"\1", command)
                    if command and not command.startswith("#"):
                        yield page, command


def first_cells(page: Path, heading: str) -> list[str]:
    """Return the first cell of each row of the tables below a heading, without back-ticks."""
    text = page.read_text(encoding="utf-8")
    below = re.split(rf"(?m)^#+ {re.escape(heading)}$", text)[1]
    section = re.split(r"(?m)^#+ ", below)[0]
    rows = re.findall(r"(?m)^\| ([^|]+) \|", section)
    return [row.strip().strip("`") for row in rows if set(row.strip()) != {"-"}]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose(page))
    return {
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        for heading in headings
    }


def links(page: Path) -> list[str]:
    """Return where a page's links lead."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))
