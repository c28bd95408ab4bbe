"""The signed notes: who signed and cosigned them, when, and whether the tree is theirs."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from .findings import Code, Finding, Findings, shown
from .note import Checkpoint, Note, NoteError, cosigned_at, is_signed, parse_checkpoint, parse_note
from .trust import Trust


class Cosigned(NamedTuple):
    """A checkpoint that the pinned log signed.

    Attributes:
        checkpoint: The tree's head.
        witnesses: When each pinned witness cosigned it, in seconds since 1970, by its key's name.
        others: How many signatures by keys nobody pinned it carries.
    """

    checkpoint: Checkpoint
    witnesses: dict[str, int]
    others: int

    @property
    def time(self) -> int | None:
        """Return when it existed at the latest; None when no pinned witness says."""
        return min(self.witnesses.values(), default=None)


def read_note(text: str, trust: Trust, place: str, findings: Findings) -> Cosigned | None:
    """Check a checkpoint's note by itself; None when it proves nothing."""

    def wrong(code: Code, sentence: str) -> None:
        findings.add([Finding(code, place, sentence)])

    try:
        note = parse_note(text)
        checkpoint = parse_checkpoint(note.text)
    except NoteError as error:
        wrong(Code.NOTE_UNREADABLE, str(error))
        return None
    if checkpoint.origin != trust.origin:
        told = f"it is of the log {shown(checkpoint.origin)}, not of {trust.origin}"
        wrong(Code.NOTE_OTHER_ORIGIN, told)
        return None
    try:
        # All are looked at: one true signature does not make up for a false one.
        signed = [is_signed(note, key) for key in trust.log]
        if not any(signed):
            wrong(*_unsigned(note, trust))
            return None
    except NoteError as error:
        wrong(Code.NOTE_FALSE, str(error))
        return None
    times = {}
    for key in trust.witnesses:
        try:
            time = cosigned_at(note, key)
        except NoteError as error:
            wrong(Code.WITNESS_FALSE, str(error))
            continue
        if time is not None:
            times[key.name] = time
    pinned = {(key.name, key.id) for key in (*trust.log, *trust.witnesses)}
    others = sum((each.name, each.key_id) not in pinned for each in note.signatures)
    return Cosigned(checkpoint, times, others)


def _unsigned(note: Note, trust: Trust) -> tuple[Code, str]:
    names = {key.name for key in trust.log}
    if any(each.name in names for each in note.signatures):
        return Code.NOTE_OTHER_KEY, "a key signed it that has the pinned key's name and is another"
    return Code.NOTE_UNSIGNED, "no pinned key of the log signed it"


class Due(NamedTuple):
    """A checkpoint that a growing tree must pass through.

    Attributes:
        size: When the tree has so many leaves,
        root: this must be its root.
        time: When witnesses had seen it at the latest, in seconds since 1970; None if none did.
        place: Where its note stands.
    """

    size: int
    root: bytes
    time: int | None
    place: str


class Timetable:
    """The checkpoints of a bundle, the smallest first.

    Attributes:
        known: The root of each, by its size.
    """

    def __init__(self) -> None:
        self.known: dict[int, bytes] = {}
        self._due: deque[Due] = deque()

    def plan(self, cosigned: Cosigned, place: str) -> Iterator[Finding]:
        """Note a checkpoint; each must be larger than the one before."""
        _, size, root = cosigned.checkpoint
        if self.known and size <= next(reversed(self.known)):
            yield Finding(Code.NOTE_ORDER, place, "it is not larger than the checkpoint before it")
            return
        self.known[size] = root
        self._due.append(Due(size, root, cosigned.time, place))

    def until(self, position: int) -> Iterator[Due]:
        """Yield, once, the checkpoints that are due before the leaf at ``position``."""
        while self._due and self._due[0].size <= position:
            yield self._due.popleft()
