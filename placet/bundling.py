"""Writes a bundle: the directory from which anybody can check the ledger without a database."""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from placet.digest import canonical
from placet.domain.errors import ConflictError, NotFoundError
from placet.ledger.bundles import Snapshot
from placet.personal.keys import SubjectKeys
from placet.personal.sealing import TOKEN_BYTES, Ciphertext, opening_key, tokens_of
from placet.proof.bundle import (
    CHECKPOINT,
    CHECKPOINTS,
    EVENTS,
    FORMAT,
    MANIFEST,
    PERSONAL,
    PROOF,
    STAMP,
)
from placet.proof.lines import EVENT_KEYS, PERSONAL_KEYS, PRUNED_KEYS
from placet.proof.tree import inclusion_proofs

_AT_ONCE = 500
_ANCHOR_SIZE_BYTES = 8
_MOST = 2**63 - 1
"""What a number in the database may be at most."""

Progress = Callable[[int], None]


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
    with _whole(path) as directory, ExitStack() as stack:
        files = _Files(directory, stack)
        part = _Part(snapshot, files, keys, progress)
        if wish.request is not None:
            rows = _with_reasons(snapshot, snapshot.events_of(wish.request, head.size), head.size)
            part.write(rows)
            positions = [row["position"] for row in rows]
            paths = inclusion_proofs(snapshot.leaves(0, head.size), positions)
            told = [[node.hex() for node in paths[position]] for position in positions]
            files.write(PROOF, canonical({"paths": told}) + b"\n")
            seen = {snapshot.cosigned_after(position, head.size) for position in positions}
            sizes = part.anchors | {size for size in seen if size is not None}
            _notes(snapshot, files, head.size, head.size, sizes)
        else:
            part.write(snapshot.events(first, head.size))
            if first:
                nodes = [node.hex() for node in snapshot.frontier(first).nodes]
                files.write(PROOF, canonical({"frontier": nodes}) + b"\n")
            older = {size for size in part.anchors if size < first}
            _notes(snapshot, files, head.size, first, older)
        stamp = snapshot.stamp(head.size)
        if stamp is not None:
            files.write(STAMP, stamp)
        for digest in sorted(part.policies):
            content = snapshot.content(digest)
            if content is not None:
                files.write(f"policies/{digest}.json", content)
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


class _Part:
    """Writes events and what is personal in them, and notes what they refer to.

    Attributes:
        events: How many were written.
        anchors: Sizes of the trees that writers had seen.
        policies: Digests of the policies they name.
        unopened: How many texts were to be opened, and have no key here.
    """

    def __init__(
        self, snapshot: Snapshot, files: "_Files", keys: SubjectKeys | None, progress: Progress
    ) -> None:
        self.events = self.unopened = 0
        self.anchors: set[int] = set()
        self.policies: set[str] = set()
        self._snapshot = snapshot
        self._files = files
        self._keys = keys
        self._progress = progress

    def write(self, rows: Iterable[DictRow]) -> None:
        """Write all of them, some at once."""
        self._files.write(EVENTS, b"")
        self._files.write(PERSONAL, b"")
        waiting = iter(rows)
        while some := list(islice(waiting, _AT_ONCE)):
            found = list(map(_tokens, some))
            personal = self._snapshot.personal([token for each in found for token in each])
            for row, names in zip(some, found, strict=True):
                self._event(row)
                for name in names:
                    if (sealed := personal.get(name)) is not None:
                        self._personal(row, sealed)
            self._progress(self.events)

    def _event(self, row: Mapping[str, Any]) -> None:
        told = dict(row)
        told["signature"] = base64.b64encode(row["signature"]).decode()
        body = row["body"]
        if body is not None:
            told["body"] = bytes(body).decode(errors="surrogateescape")
        self._files.write(EVENTS, _line(told, PRUNED_KEYS if body is None else EVENT_KEYS))
        self.events += 1
        anchor = bytes.fromhex(row["anchor"])
        if anchor:
            size = int.from_bytes(anchor[:_ANCHOR_SIZE_BYTES], "big")
            # Whoever has the application's password may have written anything there.
            self.anchors.add(min(size, _MOST))
        policy = None if body is None else _policy(told["body"])
        if policy is not None:
            self.policies.add(policy)

    def _personal(self, row: Mapping[str, Any], sealed: Ciphertext) -> None:
        # An event that only names what another says does not open it.
        is_own = sealed.key_id.partition(":")[2] == row["event_id"]
        key = opening_key(sealed, self._keys) if self._keys and is_own else None
        self.unopened += self._keys is not None and is_own and key is None
        told = {
            "position": row["position"],
            "digest": sealed.digest.hex(),
            "subject": sealed.subject,
            "key_id": sealed.key_id,
            "ciphertext": base64.b64encode(sealed.ciphertext).decode(),
            "key": base64.b64encode(key).decode() if key else None,
        }
        self._files.write(PERSONAL, _line(told, PERSONAL_KEYS))


class _Files:
    """Writes the files of a bundle and takes their digests meanwhile."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self._open: dict[str, tuple[Any, Any]] = {}

    def write(self, name: str, content: bytes) -> None:
        """Write more of a file."""
        if name not in self._open:
            path = self._directory / name
            path.parent.mkdir(exist_ok=True)
            stream = self._stack.enter_context(path.open("xb"))
            self._open[name] = (stream, hashlib.sha256())
        stream, digest = self._open[name]
        stream.write(content)
        digest.update(content)

    def finish(self, told: dict[str, Any]) -> None:
        """Close the files, and write what the bundle is."""
        digests = {name: digest.hexdigest() for name, (_, digest) in self._open.items()}
        self.write(MANIFEST, canonical({**told, "files": digests}) + b"\n")
        for stream, _ in self._open.values():
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()


def _notes(snapshot: Snapshot, files: _Files, size: int, first: int, sizes: Iterable[int]) -> None:
    """Write the newest note by itself, and the others behind each other."""
    files.write(CHECKPOINTS, b"")
    newest = None
    for note in snapshot.notes(size=size, first=first, sizes=sizes):
        if newest is not None:
            files.write(CHECKPOINTS, f"{newest}\n".encode())
        newest = note
    files.write(CHECKPOINT, (newest or "").encode())


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a directory beside ``path`` that becomes it when all went well."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        temporary.mkdir(mode=0o700)
        yield temporary
        temporary.rename(path)
    except OSError as error:
        raise NotFoundError(
            f"{path}: {error.strerror or error}; name a directory that can be made, in one that is "
            "there"
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    tokens = {token for row in rows for token in _tokens(row)}
    gone = tokens - snapshot.personal(tokens).keys()
    more = snapshot.erasures_of(gone, size) if gone else []
    if pruned := [row["seq"] for row in rows if row["body"] is None]:
        more += snapshot.tombstones_of(pruned, size)
    found = {row["position"]: row for row in (*rows, *more)}
    return [found[position] for position in sorted(found)]


def _tokens(row: Mapping[str, Any]) -> list[str]:
    """Return the digests of the ciphertexts that an event names, each once."""
    body = row["body"]
    if not body or not TOKEN_BYTES.search(body):
        return []
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return tokens_of(told) if isinstance(told, dict) else []


def _line(told: Mapping[str, Any], keys: Iterable[str]) -> bytes:
    ordered = {key: told[key] for key in keys}
    text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogateescape") + b"\n"


def _policy(body: str) -> str | None:
    """Return the digest of the policy that a body names."""
    try:
        digest = json.loads(body)["policy"]["digest"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return digest if isinstance(digest, str) and _is_digest(digest) else None


def _is_digest(text: str) -> bool:
    return len(text) == hashlib.sha256().digest_size * 2 and set(text) <= set("0123456789abcdef")
