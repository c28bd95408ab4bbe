"""A bundle's files, read strictly and piece by piece: never all of one in memory.

A bundle is a directory. ``bundle.json`` says what is in it and names each file with its SHA-256;
that only tells damage apart from forgery, for whoever changes a file can change its digest too.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .canonical import read_canonical
from .findings import Code, Finding, UnusableError, shown
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

MAX_LINE = 8 << 20
"""A body has a mebibyte at most; written as a string in a line it may take several times that."""

_MAX_SMALL_FILE = 16 << 20
_PIECE = 1 << 20
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
        try:
            return (self.path / name).open("rb")
        except OSError as error:
            raise UnusableError(f"{name} cannot be read: {error.strerror}") from None

    def json(self, name: str) -> Any:
        """Return one of its small files.

        Raises:
            UnusableError: It is not canonical JSON with a newline at its end.
        """
        return _json(self.path / name)


def open_bundle(path: Path) -> Bundle:
    """Read what a bundle says it is.

    Raises:
        UnusableError: It is no bundle.
    """
    told = _json(path / MANIFEST)
    if not isinstance(told, dict) or told.keys() != _KEYS or told["format"] != FORMAT:
        raise UnusableError(f"{MANIFEST} is not of the form {FORMAT}")
    files, request = told["files"], told["request"]
    numbers = (told["from"], told["size"], told["count"])
    if (
        not all(type(number) is int and number >= 0 for number in numbers)
        or type(told["log"]) is not str
        or type(request) not in {str, type(None)}
        or not isinstance(files, dict)
        or not files.keys() >= ALWAYS
    ):
        raise UnusableError(f"{MANIFEST} does not say what a bundle must say")
    return Bundle(path, told["log"], told["from"], told["size"], request, told["count"], files)


def check_files(bundle: Bundle) -> Iterator[Finding]:
    """Compare the files that are there with those that ``bundle.json`` names."""
    found = {
        each.relative_to(bundle.path).as_posix()
        for each in bundle.path.rglob("*")
        if each.is_symlink() or not each.is_dir()
    }
    for name in sorted(found - bundle.files.keys() - {MANIFEST}):
        yield Finding(Code.FILE_UNEXPECTED, shown(name), "the bundle does not name this file")
    for name, digest in sorted(bundle.files.items()):
        if name not in found or (bundle.path / name).is_symlink():
            yield Finding(Code.FILE_MISSING, shown(name), "the bundle names it, it is not there")
        elif not _is_expected(name, bundle):
            yield Finding(Code.FILE_UNEXPECTED, shown(name), "no bundle has such a file")
        else:
            actual = _digest(bundle, name)
            if actual != digest:
                yield Finding(Code.FILE_CHANGED, name, "it is not the file that was exported")
            if name.startswith("policies/") and name != f"policies/{actual}.json":
                yield Finding(Code.POLICY_CHANGED, name, "the policy is not what its name says")


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file without their newlines.

    Raises:
        UnusableError: A line is longer than any may be.
    """
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise UnusableError(f"a line has more than {MAX_LINE} bytes")
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
            raise UnusableError(f"a note has more than {MAX_NOTE_BYTES} bytes")
    if note:
        # Without its empty line it is no note of this file; reading it will say so.
        yield _text(note) + "\n\n"


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


def _json(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_SMALL_FILE + 1)
    except OSError as error:
        raise UnusableError(f"{path.name} cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_SMALL_FILE:
        raise UnusableError(f"{path.name} has more than {_MAX_SMALL_FILE} bytes")
    if not raw.endswith(b"\n"):
        raise UnusableError(f"{path.name} has no newline at its end")
    try:
        return read_canonical(raw[:-1].decode())
    except ValueError as error:
        raise UnusableError(f"{path.name} cannot be read: {error}") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except ValueError:
        raise UnusableError("a note is not UTF-8") from None
