"""Say how two versions of a page differ: line by line in what was written, and file by file."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from placet.domain.publication import Manifest

_CONTEXT = 3
_MOST_LINES = 50_000
"""Beyond this, telling lines apart takes longer than anybody would read."""


class Line(NamedTuple):
    """One line of a difference: its sign (space, ``-`` or ``+``), its number and its text.

    The number counts from 1, in the old text for ``-`` and in the new one else.
    """

    sign: str
    number: int
    text: str


def changed_lines(old: str, new: str) -> list[list[Line]]:
    """Return the places that differ, each with three lines around it; empty when nothing does."""
    before, after = old.split("\n"), new.split("\n")
    if before == after:
        return []
    if max(len(before), len(after)) > _MOST_LINES:
        return [[*_lines("-", before, 0, len(before)), *_lines("+", after, 0, len(after))]]
    places = SequenceMatcher(None, before, after).get_grouped_opcodes(_CONTEXT)
    return [list(_place(place, before, after)) for place in places]


def _place(
    steps: Sequence[tuple[str, int, int, int, int]], before: list[str], after: list[str]
) -> Iterator[Line]:
    for kind, old_from, old_to, new_from, new_to in steps:
        if kind == "equal":
            yield from _lines(" ", after, new_from, new_to)
        else:
            yield from _lines("-", before, old_from, old_to)
            yield from _lines("+", after, new_from, new_to)


def _lines(sign: str, lines: list[str], start: int, end: int) -> Iterator[Line]:
    for index in range(start, end):
        yield Line(sign, index + 1, lines[index])


class ChangedFiles(NamedTuple):
    """The paths of files that come, go, and change."""

    added: list[str]
    removed: list[str]
    changed: list[str]


def changed_files(old: Manifest | None, new: Manifest | None) -> ChangedFiles:
    """Compare the files of two versions; None is no version."""
    before = {file.path: file.sha256 for file in old.files} if old else {}
    after = {file.path: file.sha256 for file in new.files} if new else {}
    return ChangedFiles(
        added=sorted(after.keys() - before.keys()),
        removed=sorted(before.keys() - after.keys()),
        changed=sorted(
            path for path in before.keys() & after.keys() if before[path] != after[path]
        ),
    )
