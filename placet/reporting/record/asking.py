"""What was asked: the content that people decided about, its files, and how it came to be."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from placet.domain.vocabulary import Kind
from placet.files import size_text
from placet.reporting.document import (
    Block,
    Code,
    Facts,
    Note,
    Paragraph,
    Section,
    Table,
    Tone,
    Value,
)
from placet.reporting.reading import part, revealed, text
from placet.reporting.record.story import Story
from placet.told import told_pairs

_BROUGHT = (Kind.SUBMITTED, Kind.RESUBMITTED, Kind.EDITED)


def asked(story: Story) -> Section:
    """Return the section about the request itself."""
    blocks: list[Block] = [*_content(story)]
    revisions = _revisions(story)
    if len(revisions.rows) > 1:
        blocks.append(Paragraph("Each change is a revision with its own digest; it voids votes."))
    blocks.append(revisions)
    return Section("What was asked", tuple(blocks))


def _content(story: Story) -> Iterator[Block]:
    digest = story.row.digest
    stored = story.contents.get(digest or "")
    if digest is None:
        yield Note("There is no content", "The request was never planned, so nothing is kept.")
        return
    if stored is None:
        yield Note(
            "The content is no longer kept",
            "It was erased, or never stored. Its digest stands in the ledger all the same: who has "
            "a copy can show that it is the one that was decided about.",
            Tone.WARNING,
        )
        yield Facts((("SHA-256", Code(digest)),))
        return
    if hashlib.sha256(stored).hexdigest() != digest:
        yield Note(
            "The stored content is not what was decided about",
            "Its SHA-256 is another than the digest in the ledger. Do not rely on what follows.",
            Tone.BAD,
        )
    content = revealed(_parsed(stored))
    rows: list[tuple[str, Value]] = [(_capital(name), value) for name, value in told_pairs(content)]
    rows.append(("SHA-256 of all of it", Code(digest)))
    yield Facts(tuple(rows), f"Its content, revision {story.row.revision}")
    files = tuple(_files(content))
    if files:
        yield Table("Its files", ("File", "Kind", "Size", "SHA-256"), files, (30, 20, 14, 60))


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _parsed(stored: bytes) -> Any:
    try:
        return json.loads(stored)
    except ValueError:
        return None


def _files(value: Any) -> Iterator[tuple[Value, ...]]:
    """Yield each stored file that the content names, wherever it stands in it."""
    if isinstance(value, list):
        for each in value:
            yield from _files(each)
    elif isinstance(value, dict):
        if isinstance(value.get("sha256"), str):
            size = value.get("size")
            yield (
                text(value, "path") or text(value, "name") or "a file",
                text(value, "media_type"),
                size_text(size) if isinstance(size, int) else "",
                Code(value["sha256"]),
            )
        for each in value.values():
            yield from _files(each)


def _revisions(story: Story) -> Table:
    rows: list[tuple[Value, ...]] = []
    for event in story.of(*_BROUGHT):
        who = text(event.body, "actor", "id") or text(event.body, "actor", "address")
        title, amount = text(event.body, "data", "title"), text(event.body, "data", "amount")
        digest = part(event.body, "digest")
        rows.append(
            (
                text(event.body, "revision"),
                story.briefly(event.occurred),
                story.person(who) if who else "",
                ", ".join(each for each in (title, amount) if each),
                Code(digest) if isinstance(digest, str) else "",
            )
        )
    return Table(
        "Its revisions",
        ("No.", "Brought", "By", "Says", "SHA-256"),
        tuple(rows),
        (8, 33, 28, 30, 44),
        numbers=frozenset({0}),
        empty="It was never submitted as a plan could be made of it.",
    )
