"""A report before it has a form: sections of facts, tables, notes and bars.

Both writers, HTML and PDF, take this, so that both say the same. All of it is plain text: nothing
here is markup, and the writers make every character harmless.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class Code:
    """A text in letters of one width that may break anywhere: a digest, an id, a key."""

    text: str


Value = str | Code
"""What stands in a cell; a line break in it is kept."""


class Tone(StrEnum):
    """How a note is meant; its words say the same, so that no colour has to."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"


@dataclass(frozen=True)
class Paragraph:
    """Sentences."""

    text: str


@dataclass(frozen=True)
class Note:
    """Something that nobody should miss."""

    title: str
    text: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Facts:
    """Names and their values, below each other.

    Attributes:
        rows: In order.
        title: What they are about, when there are several of them; it becomes a heading.
    """

    rows: tuple[tuple[str, Value], ...]
    title: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under headings.

    Attributes:
        caption: What the table shows.
        heads: One for each column.
        rows: Each as long as ``heads``.
        widths: The columns' shares of the width; equal ones when empty.
        numbers: The columns, from 0, whose cells are numbers and stand to the right.
        empty: What is said instead when there are no rows.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    widths: tuple[int, ...] = ()
    numbers: frozenset[int] = frozenset()
    empty: str = "None."


@dataclass(frozen=True)
class Bar:
    """One bar: what it is of, how long it is, and what is written at its end."""

    label: str
    value: float
    text: str


@dataclass(frozen=True)
class Bars:
    """Bars to compare; the table with the same numbers stands beside them for whoever wants it.

    Attributes:
        caption: What they show.
        bars: From top to bottom; no value is negative.
        heads: The table's two headings.
    """

    caption: str
    bars: tuple[Bar, ...]
    heads: tuple[str, str]


@dataclass(frozen=True)
class Listing:
    """Lines to copy as they are: a command, a signed note."""

    caption: str
    text: str


Block = Paragraph | Note | Facts | Table | Bars | Listing


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]
    new_page: bool = False


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        kind: What sort of report it is, such as ``Approval record``.
        title: What it is about.
        running: What stands at the head of each page, such as the request's id.
        as_of: The newest instant that the report knows of; it is the date of the document, so that
            the same facts give the same bytes.
        opening: What stands above the first section; nothing in it has a heading of its own.
        sections: In order.
    """

    kind: str
    title: str
    running: str
    as_of: datetime
    opening: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = field(default=())
