"""Read a Markdown document: its front matter, its text, and what in it hides from readers."""

import re
from dataclasses import dataclass
from typing import Any

from placet.domain.base import Model
from placet.domain.errors import InvalidInputError
from placet.domain.publication import (
    MAX_DOCUMENT_BYTES,
    Address,
    Instant,
    Language,
    Slug,
    Tags,
    TargetNames,
)
from placet.domain.text import REPLACEMENT, Line, Text
from placet.files import shown, size_text
from placet.policy.files import model_from, parse

_FENCE = "---"
_MAX_FRONT = 16 * 1024
# Nobody types these into a text; a file that has them is something else.
_BINARY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# What makes a reader see something else than what is there: embeddings, overrides and isolates of
# direction, characters without width or meaning, and the tags that only programs read.
_HIDDEN = re.compile(
    "[\x80-\x9f\u180e\u200b\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


class DocumentError(InvalidInputError):
    """A document cannot be used; the message says where and why."""

    code = "invalid-document"


class FrontMatter(Model):
    """What a document says about itself, between two lines of ``---``.

    Attributes:
        title: The page's title.
        slug: What it is called in every target; made of the file's name when it is missing.
        requester: Who asks for it to be published.
        reference: The requester's own key for the request.
        note: Why, for those who review it.
        summary: What the page says in one line.
        language: In which it is written, such as ``de`` or ``en-GB``.
        tags: Words to sort pages by.
        publish_at: Not before then, with its time zone.
        targets: Where to; everywhere when it is missing.
    """

    title: Line | None = None
    slug: Slug | None = None
    requester: Address | None = None
    reference: Line | None = None
    note: Text | None = None
    summary: Line | None = None
    language: Language | None = None
    tags: Tags | None = None
    publish_at: Instant | None = None
    targets: TargetNames | None = None

    def told(self) -> dict[str, Any]:
        """Return the fields that are there, as JSON."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True)
class Document:
    """A Markdown document.

    Attributes:
        name: What messages call it.
        front: What it says about itself.
        text: All of it, with newlines only; places in it are counted from line 1.
        body: The Markdown below the front matter; hidden characters stand as U+FFFD.
        first_line: On which line of the text the body begins.
        hidden: The lines of the text that hold hidden characters.
    """

    name: str
    front: FrontMatter
    text: str
    body: str
    first_line: int
    hidden: tuple[int, ...]


def read_document(content: bytes, name: str) -> Document:
    """Understand a document.

    Raises:
        DocumentError: It is no text, or too large.
        FileError: Its front matter is broken; with every mistake and its place.
    """
    text = _text(content, name)
    lines = text.split("\n")
    front, body_starts = FrontMatter(), 0
    if lines[0].rstrip() == _FENCE:
        end = next((n for n, line in enumerate(lines) if n and line.rstrip() == _FENCE), None)
        if end is None:
            raise DocumentError(f"{name}:1: the front matter has no end; close it with a line ---")
        # An empty line stands for the fence, so that mistakes are found on their lines.
        raw = "\n".join(["", *lines[1:end]])
        if len(raw) > _MAX_FRONT:
            raise DocumentError(
                f"{name}:1: the front matter is larger than {size_text(_MAX_FRONT)}; shorten it"
            )
        if raw.strip():
            front = model_from(parse(raw, name), FrontMatter)
        body_starts = end + 1
    body = "\n".join(lines[body_starts:])
    if not body.strip():
        raise DocumentError(f"{name}: it says nothing; write the page below the front matter")
    return Document(
        name=name,
        front=front,
        text=text,
        body=_HIDDEN.sub(REPLACEMENT, body),
        first_line=body_starts + 1,
        hidden=tuple(number for number, line in enumerate(lines, start=1) if _HIDDEN.search(line)),
    )


def _text(content: bytes, name: str) -> str:
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentError(
            f"{name}: it is larger than {size_text(MAX_DOCUMENT_BYTES)}; split it into several"
            " pages"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError(
            f"{name}:{line}: this is not UTF-8 text; save it as UTF-8, or name the Markdown file"
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    odd = _BINARY.search(text)
    if odd is not None:
        line = text.count("\n", 0, odd.start()) + 1
        raise DocumentError(
            f"{name}:{line}: the character U+{ord(odd[0]):04X} stands in no text; "
            f"is {shown(name)} really a Markdown file?"
        )
    return text
