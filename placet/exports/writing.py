"""Writes the file of an export in one pass: copied, packed, encrypted and hashed as it comes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import IO, NamedTuple

from placet.domain.errors import ConflictError, PlacetError, UnavailableError
from placet.domain.export import Compression, Format
from placet.exports.encryption import encrypt
from placet.exports.packing import packed
from placet.exports.parquet import Pulled
from placet.ports import Selected


class StoppedError(PlacetError):
    """Somebody wants no file any more."""

    code = "stopped"


class MiscountedError(ConflictError):
    """The source gave another number of rows than it had counted in the same instant."""

    code = "miscounted"


@dataclass
class Meter:
    """How far it is, for whoever looks on from outside, and how to stop it.

    Attributes:
        total: How many rows there will be.
        rows: How many have been copied.
        bytes: How many have been written.
        stopping: Set it, and the file is given up within a second.
    """

    total: int
    rows: int = 0
    bytes: int = 0
    stopping: Event = field(default_factory=Event)


class Written(NamedTuple):
    """What was written.

    Attributes:
        rows: How many rows.
        bytes: Of the file.
        sha256: Of the file.
        plain: SHA-256 of what it holds once it is decrypted; that of the file without encryption.
    """

    rows: int
    bytes: int
    sha256: str
    plain: str


class Wanted(NamedTuple):
    """What file is wanted; ``key`` is its recipient's, None for one that everybody can read."""

    form: Format
    compression: Compression
    key: str | None


def write(selected: Selected, target: IO[bytes], wanted: Wanted, meter: Meter) -> Written:
    """Write a selection into ``target``; for a thread, as this takes its time.

    Memory stays flat: a few MiB are under way, whatever the size of the selection.

    Raises:
        StoppedError: ``meter`` said so.
        UnavailableError: The source has gone away, or the disk is full.
        InvalidInputError: A value has no place in the form that is wanted.
        MiscountedError: The source contradicts itself.
    """
    plain, sealed = hashlib.sha256(), _Hashed(target, meter)
    pieces = _hashed(
        packed(_copied(selected, meter), selected.types, wanted.form, wanted.compression), plain
    )
    if wanted.key is None:
        for piece in pieces:
            sealed.write(piece)
    else:
        _encrypted(pieces, sealed, wanted.key)
    if meter.rows != selected.rows:
        raise MiscountedError(
            f"the source counted {selected.rows:,} rows and gave {meter.rows:,}; look whether its "
            "view gives the same rows twice, then ask again"
        )
    return Written(meter.rows, meter.bytes, sealed.hash.hexdigest(), plain.hexdigest())


def _copied(selected: Selected, meter: Meter) -> Iterator[bytes]:
    for chunk in selected.chunks():
        if meter.stopping.is_set():
            raise StoppedError("it was stopped")
        meter.rows += chunk.rows
        if chunk.data:
            yield chunk.data


def _hashed(pieces: Iterator[bytes], sha256: "hashlib._Hash") -> Iterator[bytes]:
    for piece in pieces:
        sha256.update(piece)
        yield piece


def _encrypted(pieces: Iterator[bytes], sealed: "_Hashed", key: str) -> None:
    source = Pulled(pieces)
    try:
        encrypt(source, sealed, key)
    except Exception:
        # Whoever encrypts tells what its reader and its writer raise in words of its own.
        problem = source.problem or sealed.problem
        if problem is None:
            raise
        raise problem from None
    # What it held back it writes in the end, and says nothing when that fails.
    if sealed.problem is not None:
        raise sealed.problem


class _Hashed:
    """Passes on what is written, counts it and takes its digest."""

    def __init__(self, target: IO[bytes], meter: Meter) -> None:
        self._target = target
        self._meter = meter
        self.hash = hashlib.sha256()
        self.problem: Exception | None = None

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        try:
            self._target.write(data)
        except OSError as error:
            self.problem = unwritable(error)
            raise self.problem from error
        self.hash.update(data)
        self._meter.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: whoever owns the file makes it durable."""


def unwritable(error: OSError) -> UnavailableError:
    """Return what to say when a file cannot be written: most often, the disk is full."""
    return UnavailableError(
        f"the export cannot be written: {(error.strerror or str(error)).lower()}; make room where "
        "PLACET_EXPORTS is, or correct its rights; it is then tried again by itself"
    )
