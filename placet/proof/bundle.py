"""A bundle's files, read strictly and piece by piece: never all of one in memory.

A bundle is a directory. ``bundle.json`` says what is in it and names each file with its SHA-256;
that only tells damage apart from forgery, for whoever changes a file can change its digest too.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .canonical import read_canonical
from .findings import Code, DamagedError, Finding, MissingError, UnusableError, shown
from .note import MAX_NOTE_BYTES

FORMAT = "placet-bundle/1"

MANIFEST = "bundle.json"
EVENTS = "events.jsonl"
PERSONAL = "personal.jsonl"
CHECKPOINT = "checkpoint"
CHECKPOINTS = "checkpoints"
PROOF = "proof.json"
STAMP = "stamp.tsr"
ALWAYS = {EVENTS, PERSONAL, CHECKPOINT, CHECKPOINTS}
_LARGE = {EVENTS, PERSONAL, CHECKPOINTS, PROOF}

MAX_LINE = 8 << 20
"""A body has a mebibyte at most; written as a string in a line it may take several times that."""

MAX_SMALL_FILE = 16 << 20
_PROOF_TIMES = 8
_PIECE = 1 << 20
_BEGINNING = 64
_MAX_FILES = 1_000_000
_FLAGS = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    # Not every system has all of them.
    _FLAGS |= getattr(os, _flag, 0)
_PLAIN_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789./-_")
_KEYS = {"count", "files", "format", "from", "log", "request", "size"}


class Bundle(NamedTuple):
    """What a bundle says it is.

    Attributes:
        path: Its directory.
        log: The log's origin.
        first: The position of its first event; 0 for a whole ledger or a single request.
        size: How many leaves the tree had when the bundle was made.
        request: The request whose events it holds; None when it holds all from ``first`` on.
        events: How many events it holds.
        files: The SHA-256 of each file, in hex.
    """

    path: Path
    log: str
    first: int
    size: int
    request: str | None
    events: int
    files: dict[str, str]

    def open(self, name: str) -> BinaryIO:
        """Open one of its files.

        Raises:
            UnusableError: It cannot be read.
        """
        return _open(self.path, name)

    def json(self, name: str) -> Any:
        """Return one of its small files.

        Raises:
            UnusableError: It is not canonical JSON with a newline at its end.
        """
        # A path for each event may be some times as long as the events are.
        most = max(MAX_SMALL_FILE, _PROOF_TIMES * _length(self, EVENTS))
        return _json(self.path, name, most)


def open_bundle(path: Path) -> Bundle:
    """Read what a bundle says it is.

    Raises:
        UnusableError: It is no bundle.
    """
    told = _json(path, MANIFEST)
    if not isinstance(told, dict) or told.keys() != _KEYS or told["format"] != FORMAT:
        raise DamagedError(f"{MANIFEST} is not of the form {FORMAT}")
    files, request = told["files"], told["request"]
    numbers = (told["from"], told["size"], told["count"])
    if (
        not all(type(number) is int and number >= 0 for number in numbers)
        or type(told["log"]) is not str
        or type(request) not in {str, type(None)}
        or not isinstance(files, dict)
        or not files.keys() >= ALWAYS
    ):
        raise DamagedError(f"{MANIFEST} does not say what a bundle must say")
    return Bundle(path, told["log"], told["from"], told["size"], request, told["count"], files)


def check_files(bundle: Bundle) -> Iterator[Finding]:
    """Compare the files that are there with those that ``bundle.json`` names."""
    found = dict(_found(bundle.path))
    for name in sorted(found.keys() - bundle.files.keys() - {MANIFEST}):
        yield Finding(Code.FILE_UNEXPECTED, shown(name), "the bundle does not name this file")
    for name, digest in sorted(bundle.files.items()):
        if not found.get(name):
            yield Finding(Code.FILE_MISSING, shown(name), "the bundle names it, it is not there")
        elif not _is_expected(name, bundle):
            yield Finding(Code.FILE_UNEXPECTED, shown(name), "no bundle has such a file")
        elif name not in _LARGE and _length(bundle, name) > MAX_SMALL_FILE:
            # A file with holes may be longer than anybody can read, and take no room.
            yield Finding(Code.FILE_UNEXPECTED, _told(name), "no such file is so long")
        else:
            actual, place = _digest(bundle, name), _told(name)
            if actual != digest:
                yield Finding(Code.FILE_CHANGED, place, "it is not the file that was exported")
            if name.startswith("policies/") and name != f"policies/{actual}.json":
                yield Finding(Code.POLICY_CHANGED, place, "the policy is not what its name says")


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file without their newlines.

    Of one that is longer than any may be comes its beginning, which the reader will find
    unreadable: a single event must not keep the others from being looked at.
    """
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            while (rest := stream.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            line = line[:_BEGINNING]
        # A last line without its end is kept as it is not: the reader will find it unreadable.
        yield line[:-1] if line.endswith(b"\n") else line + b"\n"


def notes(stream: BinaryIO) -> Iterator[str]:
    """Yield the notes of a file in which each is followed by an empty line.

    Raises:
        UnusableError: It is not UTF-8, or a note is longer than any may be.
    """
    note, empty = b"", 0
    while line := stream.readline(MAX_NOTE_BYTES):
        if line == b"\n" and (empty := empty + 1) == 2:  # noqa: PLR2004 - before and after signatures
            yield _text(note)
            note, empty = b"", 0
            continue
        note += line
        if len(note) > MAX_NOTE_BYTES:
            raise DamagedError(f"a note has more than {MAX_NOTE_BYTES} bytes")
    if note:
        # Without its empty line it is no note of this file; reading it will say so.
        yield _text(note) + "\n\n"


def _length(bundle: Bundle, name: str) -> int:
    with bundle.open(name) as stream:
        return os.fstat(stream.fileno()).st_size


def _digest(bundle: Bundle, name: str) -> str:
    digest = hashlib.sha256()
    with bundle.open(name) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _is_expected(name: str, bundle: Bundle) -> bool:
    if name == PROOF:
        return bundle.request is not None or bundle.first > 0
    return name in ALWAYS or name.startswith("policies/") or name == STAMP


def _told(name: str) -> str:
    return name if _PLAIN_NAME.issuperset(name) else shown(name)


def _open(path: Path, name: str) -> BinaryIO:
    """Open a plain file: of anything else, such as a pipe, nobody knows when it ends."""
    try:
        stream = os.fdopen(os.open(path / name, _FLAGS), "rb")
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no name"
        missing = MissingError if name == MANIFEST else UnusableError
        raise missing(
            f"{path / _told(name)}: {told}; name the directory of a whole bundle, as `audit export`"
            " made it"
        ) from None
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise DamagedError(f"{_told(name)} cannot be read: it is no plain file")
    return stream


def _found(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the name of everything in a bundle but directories, and whether it is a plain file.

    Raises:
        UnusableError: A directory cannot be read, or there is no end of them.
    """
    waiting = [""]
    seen = 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(path / folder) as entries:
                for entry in entries:
                    seen += 1
                    name = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{name}/")
                    else:
                        yield name, entry.is_file(follow_symlinks=False)
        except OSError as error:
            told = error.strerror or "it is no directory"
            raise DamagedError(f"{_told(folder) or 'it'} cannot be read: {told}") from None
        if seen > _MAX_FILES:
            raise DamagedError(f"there are more than {_MAX_FILES} files; no bundle has so many")


def _json(path: Path, name: str, most: int = MAX_SMALL_FILE) -> Any:
    with _open(path, name) as stream:
        raw = stream.read(most + 1)
    if len(raw) > most:
        raise DamagedError(f"{name} has more than {most} bytes")
    if not raw.endswith(b"\n"):
        raise DamagedError(f"{name} has no newline at its end")
    try:
        return read_canonical(raw[:-1].decode())
    except ValueError as error:
        raise DamagedError(f"{name} cannot be read: {error}") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except ValueError:
        raise DamagedError("a note is not UTF-8") from None
