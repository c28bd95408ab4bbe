"""Puts a bundle together: the part of the ledger, and all that it takes to check it."""

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from psycopg.rows import DictRow

from placet.bundling.files import BundleFiles, whole_directory
from placet.bundling.part import Part, Progress, tokens_in
from placet.digest import canonical
from placet.domain.errors import ConflictError, NotFoundError
from placet.ledger.bundles import Snapshot
from placet.personal.keys import SubjectKeys
from placet.proof.bundle import CHECKPOINT, CHECKPOINTS, FORMAT, PROOF, STAMP
from placet.proof.tree import inclusion_proofs


class Wish(NamedTuple):
    """Which part of the ledger to export.

    Attributes:
        request: Only this request's events.
        since: Only events from this position on, or recorded from this instant on.
        unwitnessed: Up to the newest checkpoint, even when no witness has cosigned it.
    """

    request: str | None = None
    since: int | datetime | None = None
    unwitnessed: bool = False


class Written(NamedTuple):
    """What a bundle holds.

    Attributes:
        events: How many events.
        first: The position it begins at.
        size: Of the tree.
        left_out: How many events are recorded and not in the tree.
        erasing: Whether something has been erased whose event is not in the tree.
        pruning: Whether bodies have been pruned whose tombstone is not in the tree.
        unopened: How many texts stay sealed, as their keys are not here.
    """

    events: int
    first: int
    size: int
    left_out: int
    erasing: bool
    pruning: bool
    unopened: int


def write_bundle(  # noqa: PLR0913 - each is told apart at the door
    path: Path,
    snapshot: Snapshot,
    log: str,
    wish: Wish,
    *,
    keys: SubjectKeys | None,
    progress: Progress = lambda _: None,
) -> Written:
    """Write a bundle; it is there as a whole, or not at all.

    Args:
        path: The directory to make.
        snapshot: The ledger.
        log: The log's origin.
        wish: Which part.
        keys: With which to open what is personal; None to leave it sealed.
        progress: Is told now and then how many events are written.

    Raises:
        ConflictError: The directory exists.
        NotFoundError: It cannot be made, nothing is sealed there, or the request has no events.
    """
    if path.exists():
        raise ConflictError(f"{path} exists; name a directory that does not")
    head = snapshot.head(unwitnessed=wish.unwitnessed)
    first = _first(snapshot, wish.since, head.size)
    with whole_directory(path) as directory, ExitStack() as stack:
        files = BundleFiles(directory, stack)
        part = Part(snapshot, files, keys, progress)
        if wish.request is not None:
            rows = _with_reasons(snapshot, snapshot.events_of(wish.request, head.size), head.size)
            part.write(rows)
            positions = [row["position"] for row in rows]
            paths = inclusion_proofs(snapshot.leaves(0, head.size), positions)
            told = [[node.hex() for node in paths[position]] for position in positions]
            files.put(PROOF, canonical({"paths": told}) + b"\n")
            seen = {snapshot.cosigned_after(position, head.size) for position in positions}
            sizes = part.anchors | {size for size in seen if size is not None}
            _notes(snapshot, files, head.size, head.size, sizes)
        else:
            part.write(snapshot.events(first, head.size))
            if first:
                nodes = [node.hex() for node in snapshot.frontier(first).nodes]
                files.put(PROOF, canonical({"frontier": nodes}) + b"\n")
            older = {size for size in part.anchors if size < first}
            _notes(snapshot, files, head.size, first, older)
        stamp = snapshot.stamp(head.size)
        if stamp is not None:
            files.put(STAMP, stamp)
        for digest in sorted(part.policies):
            content = snapshot.content(digest)
            if content is not None:
                files.put(f"policies/{digest}.json", content)
        files.finish(
            {
                "format": FORMAT,
                "log": log,
                "from": first,
                "size": head.size,
                "request": wish.request,
                "count": part.events,
            }
        )
        gone = snapshot.erasing(head.size), snapshot.pruning(head.size)
    return Written(part.events, first, head.size, head.left_out, *gone, part.unopened)


def _notes(
    snapshot: Snapshot, files: BundleFiles, size: int, first: int, sizes: Iterable[int]
) -> None:
    """Write the newest note by itself, and the others behind each other."""
    files.append(CHECKPOINTS, b"")
    newest = None
    for note in snapshot.notes(size=size, first=first, sizes=sizes):
        if newest is not None:
            files.append(CHECKPOINTS, f"{newest}\n".encode())
        newest = note
    files.put(CHECKPOINT, (newest or "").encode())


def _first(snapshot: Snapshot, since: int | datetime | None, size: int) -> int:
    position = snapshot.position_at(since) if isinstance(since, datetime) else since or 0
    if position is None or not 0 <= position < max(size, 1):
        raise NotFoundError(
            f"no sealed event is that young; the newest has the position {size - 1}: name that or "
            "an earlier one, or an earlier day"
        )
    return position


def _with_reasons(snapshot: Snapshot, rows: list[DictRow], size: int) -> list[DictRow]:
    """Add the events, of other requests, that tell why ciphertexts or bodies are gone."""
    tokens = {token for row in rows for token in tokens_in(row)}
    gone = tokens - snapshot.personal(tokens).keys()
    more = snapshot.erasures_of(gone, size) if gone else []
    if pruned := [row["seq"] for row in rows if row["body"] is None]:
        more += snapshot.tombstones_of(pruned, size)
    found = {row["position"]: row for row in (*rows, *more)}
    return [found[position] for position in sorted(found)]
