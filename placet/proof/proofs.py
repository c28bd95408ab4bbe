"""Ties the events to the checkpoints: by the whole tree, or by a path for each event."""

from collections.abc import Iterator
from typing import Any

from .bundle import PROOF, Bundle
from .checkpoints import Cosigned, Timetable
from .events import Checked
from .findings import Code, DamagedError, Finding, plural
from .lines import read_hex
from .note import Checkpoint
from .order import Order
from .tree import HASH_BYTES, Frontier, root_from_inclusion


class WholeTree:
    """The tree over all events of a bundle, on top of the frontier that it may begin with."""

    def __init__(
        self, bundle: Bundle, timetable: Timetable, order: Order, held: Checkpoint | None
    ) -> None:
        """Begin with what stands before the first event.

        Raises:
            DamagedError: The frontier is none.
        """
        self._timetable, self._order, self._held = timetable, order, held
        self._first = bundle.first
        nodes = _proof(bundle, "frontier") if bundle.first else []
        try:
            self._tree = Frontier(bundle.first, [read_hex(node, HASH_BYTES) for node in nodes])
        except (TypeError, ValueError) as error:
            raise DamagedError(f"{PROOF} holds no frontier: {error}") from None

    def before(self, position: int) -> Iterator[Finding]:
        """Compare the tree with the checkpoints that are due before the leaf at ``position``."""
        tree, held = self._tree, self._held
        for due in self._timetable.until(position):
            if due.size >= self._first and (tree.size, tree.root()) != (due.size, due.root):
                told = f"the events do not have the root that it says for a tree of {due.size}"
                yield Finding(Code.ROOT_DIFFERS, due.place, told)
            if due.time is not None:
                yield from self._order.witnessed(due.time, due.place)
        if held is not None and held.size <= position:
            self._held = None
            if held.size < self._first:
                yield _unproved(held)
            elif (tree.size, tree.root()) != (held.size, held.root):
                yield _fork(held)

    def add(self, one: Checked) -> Iterator[Finding]:
        """Put an event's leaf into the tree."""
        self._tree.add(one.leaf)
        yield from ()

    def finish(self, newest: Cosigned | None) -> Iterator[Finding]:
        """Compare the tree with all that is left; nothing lies behind the newest checkpoint."""
        yield from self.before(self._tree.size)
        for due in self._timetable.until(2**63):
            told = f"the events end with {self._tree.size}, before its tree of {due.size}"
            yield Finding(Code.ROOT_DIFFERS, due.place, told)
        if newest is not None and self._tree.size > newest.checkpoint.size:
            more = self._tree.size - newest.checkpoint.size
            told = plural(more, "event lies behind it", "events lie behind it")
            yield Finding(Code.ROOT_DIFFERS, "checkpoint", told)
        if self._held is not None:
            yield _rollback(self._held)


class Paths:
    """An audit path for each event of one request, to the newest checkpoint's root."""

    def __init__(
        self,
        bundle: Bundle,
        timetable: Timetable,
        order: Order,
        held: Checkpoint | None,
        newest: Cosigned | None,
    ) -> None:
        """Read the paths.

        Raises:
            DamagedError: They are none.
        """
        self._timetable, self._order, self._held = timetable, order, held
        self._newest = newest.checkpoint if newest else None
        try:
            told = [
                [read_hex(node, HASH_BYTES) for node in path] for path in _proof(bundle, "paths")
            ]
        except (TypeError, ValueError) as error:
            raise DamagedError(f"{PROOF} holds no paths: {error}") from None
        self._paths = iter(told)

    def before(self, position: int) -> Iterator[Finding]:
        """Judge times by the checkpoints that are due before the leaf at ``position``."""
        for due in self._timetable.until(position):
            if due.time is not None:
                yield from self._order.witnessed(due.time, due.place)

    def add(self, one: Checked) -> Iterator[Finding]:
        """Check that an event's path leads to the root."""
        path, newest = next(self._paths, None), self._newest
        if newest is None:
            return
        try:
            root = root_from_inclusion(one.leaf, one.position, newest.size, path or [])
        except ValueError:
            root = b""
        if path is None or root != newest.root:
            told = "its path does not lead to the checkpoint's root"
            yield Finding(Code.PROOF_FALSE, f"position {one.position}", told)

    def finish(self, newest: Cosigned | None) -> Iterator[Finding]:
        """Judge the rest."""
        yield from self.before(2**63)
        if next(self._paths, None) is not None:
            yield Finding(Code.PROOF_FALSE, PROOF, "it holds more paths than there are events")
        held, of = self._held, newest.checkpoint if newest else None
        if held is None or of is None:
            return
        if held.size > of.size:
            yield _rollback(held)
        elif held.size < of.size:
            yield _unproved(held)
        elif held.root != of.root:
            yield _fork(held)


def _proof(bundle: Bundle, part: str) -> list[Any]:
    told = bundle.json(PROOF)
    if not isinstance(told, dict) or told.keys() != {part} or not isinstance(told[part], list):
        raise DamagedError(f"{PROOF} does not hold the {part} that this bundle needs")
    found: list[Any] = told[part]
    return found


def _fork(held: Checkpoint) -> Finding:
    told = (
        f"the log now has another tree of {held.size} than in the note you kept: it was rewritten"
    )
    return Finding(Code.HELD_FORK, "held note", told)


def _rollback(held: Checkpoint) -> Finding:
    told = f"you have seen a tree of {held.size}; the bundle ends before it: events have been lost"
    return Finding(Code.HELD_ROLLBACK, "held note", told)


def _unproved(held: Checkpoint) -> Finding:
    told = f"the bundle cannot be compared with a tree of {held.size}; ask for the whole ledger"
    return Finding(Code.HELD_UNPROVED, "held note", told)
