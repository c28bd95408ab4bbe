"""Say how two versions of a page differ: line by line in what was written, and file by file."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher
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
    places = _Anchored(before, after).get_grouped_opcodes(_CONTEXT)
    return [list(_place(place, before, after)) for place in places]


class _Anchored(SequenceMatcher[str]):
    """Compares lines between anchors: lines that both texts have once, and in the same order.

    It is what people expect to see, and a long text costs little more than its changes.
    """

    def __init__(self, before: list[str], after: list[str]) -> None:
        super().__init__(None, (), ())
        self.a, self.b = before, after

    def get_matching_blocks(self) -> list[Match]:
        found: list[Match] = []
        old = new = 0
        for old_to, new_to in [*_anchors(self.a, self.b), (len(self.a), len(self.b))]:
            gone, come = self.a[old:old_to], self.b[new:new_to]
            if gone == come:
                found.append(Match(old, new, len(gone) + 1))
            else:
                inside = SequenceMatcher(None, gone, come).get_matching_blocks()
                found += [Match(old + a, new + b, size) for a, b, size in inside if size]
                found.append(Match(old_to, new_to, 1))
            old, new = old_to + 1, new_to + 1
        # The ends of both texts were taken for an anchor; they are no line.
        last = found.pop()
        ends = Match(len(self.a), len(self.b), 0)
        return [*_joined([*found, last._replace(size=last.size - 1)]), ends]


def _joined(matches: Sequence[Match]) -> Iterator[Match]:
    """Yield matches that follow on each other as one."""
    whole = Match(0, 0, 0)
    for match in matches:
        if (match.a, match.b) == (whole.a + whole.size, whole.b + whole.size):
            whole = whole._replace(size=whole.size + match.size)
        else:
            if whole.size:
                yield whole
            whole = match
    if whole.size:
        yield whole


class _Link(NamedTuple):
    """An anchor, and the row of anchors before it."""

    old: int
    new: int
    before: "_Link | None"


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return where the anchors are in both: the longest row of them that rises in both."""
    once = {line for line, count in Counter(before).items() if count == 1}
    once &= {line for line, count in Counter(after).items() if count == 1}
    places = {line: place for place, line in enumerate(after) if line in once}
    ends: list[int] = []
    chains: list[_Link] = []
    for place, line in enumerate(before):
        if line in once:
            other = places[line]
            at = bisect_left(ends, other)
            link = _Link(place, other, chains[at - 1] if at else None)
            ends[at : at + 1] = [other]
            chains[at : at + 1] = [link]
    found = []
    link_now = chains[-1] if chains else None
    while link_now is not None:
        found.append((link_now.old, link_now.new))
        link_now = link_now.before
    return found[::-1]


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
