"""Checkpoints as they are kept: what they are called, and read only where they are some."""

import re

from placet.proof.note import MAX_NOTE_BYTES, Note, NoteError, parse_checkpoint, parse_note
from placet.sealing.errors import KEEP_ALL, SealingRefusedError

LATEST = "latest"
"""What the newest one is called besides."""

NOTE_NAME = re.compile(r"[0-9]{20}\.note")

ENOUGH_BYTES = MAX_NOTE_BYTES + 1
"""More need not be read: what is longer than a note is none."""


def note_name(size: int) -> str:
    """Return what a checkpoint is called: names sort as sizes do."""
    return f"{size:020}.note"


def size_of(note: Note) -> int:
    """Return the size of the tree that a checkpoint is of."""
    return parse_checkpoint(note.text).size


def read_checkpoint(content: bytes, where: str, name: str) -> Note:
    """Read a signed checkpoint.

    A name that is not its size's could stand behind all others and hide them, also where nothing
    can be deleted.

    Args:
        content: All of it, or its first :data:`ENOUGH_BYTES`.
        where: Where it is kept, for people.
        name: Under which name, which promises its size.

    Raises:
        SealingRefusedError: It is none, or not the one that the name promises.
    """
    try:
        return _read(content, name)
    except NoteError as error:
        raise SealingRefusedError(f"{where} is no checkpoint ({error}). {KEEP_ALL}") from None


def _read(content: bytes, name: str) -> Note:
    if len(content) > MAX_NOTE_BYTES:
        raise NoteError(f"it has more than {MAX_NOTE_BYTES} bytes")
    try:
        note = parse_note(content.decode())
    except UnicodeDecodeError:
        raise NoteError("it is not UTF-8") from None
    if name not in {LATEST, note_name(size_of(note))}:
        raise NoteError(f"it is of {size_of(note)} events")
    return note
