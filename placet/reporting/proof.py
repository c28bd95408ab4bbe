"""Where a request's events stand in the sealed tree: what whoever seals the ledger can prove.

Until an event is sealed nothing outside the database vouches for it, and the report says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from placet.proof.note import Note, NoteError, parse_checkpoint, parse_note

_TIME_BYTES = 8
_COSIGNATURE_BYTES = 72


@dataclass(frozen=True)
class Place:
    """An event's place in the sealed tree.

    Attributes:
        position: Counted from 0.
        path: The hashes, in hex, that lead from its leaf to the root.
    """

    position: int
    path: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """What has been sealed of some events.

    Attributes:
        note: The newest checkpoint as its signed note; empty when nothing was ever sealed.
        sealed_at: When that was.
        stamps: Name of each time-stamping authority (RFC 3161), with when its stamp was kept.
        places: By the events' numbers in the ledger; an event that is not sealed has none.
        changed: The numbers, in their request, of events that are not what their leaves are of.
        missing: Those of events that are not there, although they were recorded.
    """

    note: str = ""
    sealed_at: datetime | None = None
    stamps: tuple[tuple[str, datetime], ...] = ()
    places: Mapping[int, Place] = field(default_factory=dict)
    changed: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()


NOTHING_SEALED = Proof()


@dataclass(frozen=True)
class Signed:
    """One signature line under a checkpoint, as the note itself tells it; nothing is checked.

    Attributes:
        name: Of the key.
        key_id: Eight hex digits.
        witnessed: When a witness says it saw the checkpoint; None for the log's own signature.
    """

    name: str
    key_id: str
    witnessed: datetime | None


@dataclass(frozen=True)
class Head:
    """What a checkpoint says: whose tree, how large, with which root (hex), and who signed it."""

    origin: str
    size: int
    root: str
    signatures: tuple[Signed, ...]


def head_of(note: str) -> Head | None:
    """Return what a checkpoint's note says, or None when there is none that can be read."""
    try:
        parsed = parse_note(note)
        told = parse_checkpoint(parsed.text)
    except NoteError:
        return None
    return Head(told.origin, told.size, told.root.hex(), tuple(_signatures(parsed)))


def _signatures(note: Note) -> list[Signed]:
    return [
        Signed(each.name, each.key_id.hex(), _witnessed(each.content)) for each in note.signatures
    ]


def _witnessed(content: bytes) -> datetime | None:
    """Return the time that a cosignature begins with; a log's signature has none."""
    if len(content) != _COSIGNATURE_BYTES:
        return None
    try:
        return datetime.fromtimestamp(int.from_bytes(content[:_TIME_BYTES], "big"), UTC)
    except (OverflowError, ValueError, OSError):
        return None
