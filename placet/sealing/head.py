"""Where the tree ends: what the newest checkpoint says, believed only as far as it is signed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from placet.domain.plurals import plural
from placet.proof.note import Note, NoteError, is_signed, parse_checkpoint, parse_note
from placet.proof.tree import Frontier
from placet.sealing.errors import KEEP_ALL, SealingRefusedError
from placet.sealing.keys import LogKeys


class Cursor(NamedTuple):
    """Up to which leaf everything is sealed.

    Attributes:
        cluster: The number of the cluster whose xids are meant.
        xid: The transaction of the last leaf; None while leaves that were restored are sealed.
        seq: The number of the last leaf.
    """

    cluster: int
    xid: str | None
    seq: int


class Head(NamedTuple):
    """The end of the tree.

    Attributes:
        size: How many leaves are sealed.
        frontier: The right edge of the tree, to go on from.
        note: The newest checkpoint as it is signed; None before the first.
        cursor: None before the first.
    """

    size: int
    frontier: Frontier
    note: Note | None
    cursor: Cursor | None


EMPTY = Head(0, Frontier(), None, None)


class Last(NamedTuple):
    """The last place in the tree that is taken.

    Attributes:
        sealed: How many leaves have a place.
        seq: The number of the last of them; None when there is none.
        xid: Its transaction.
    """

    sealed: int
    seq: int | None
    xid: str | None


def checked_head(row: Mapping[str, Any] | None, last: Last, keys: LogKeys) -> Head:
    """Return the head that the newest row of ``audit.checkpoint`` tells of.

    Args:
        row: The row; None when there is none.
        last: What the places in the tree say.
        keys: By which it has to be signed.

    Raises:
        SealingRefusedError: The database says something else than was signed.
    """
    head = _head(row, keys) if row else EMPTY
    if head.size != last.sealed:
        raise SealingRefusedError(
            f"the newest checkpoint is of {plural(head.size, 'event')}, and {last.sealed} have a "
            f"place in the tree: somebody has changed the database. {KEEP_ALL}"
        )
    # Were it moved on, events would be left out.
    if head.cursor and (head.cursor.seq, head.cursor.xid) not in (
        (last.seq, last.xid),
        (last.seq, None),
    ):
        raise SealingRefusedError(
            "the newest checkpoint does not end with the last event that has a place in the tree: "
            f"somebody has changed the database. {KEEP_ALL}"
        )
    return head


def own_note(text: str, keys: LogKeys) -> Note:
    """Read a note of this log's, signed by it.

    Raises:
        NoteError: It is none; the message says why.
    """
    note = parse_note(text)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != keys.origin:
        raise NoteError(
            f"the note is of {checkpoint.origin}, and this ledger is {keys.origin}: correct "
            "PLACET_LEDGER_NAME"
        )
    if not any(is_signed(note, key) for key in keys.known):
        raise NoteError(
            f"the note is signed by no key of this ledger ({', '.join(map(str, keys.known))}): put "
            "the key back, or add the public half of the one before it to log.retired"
        )
    return note


def _head(row: Mapping[str, Any], keys: LogKeys) -> Head:
    size = int(row["tree_size"])
    try:
        note = own_note(row["note"], keys)
        frontier = Frontier.read(size, row["frontier"])
    except ValueError as error:
        raise SealingRefusedError(
            f"the newest checkpoint in the database, of {plural(size, 'event')}, is not this "
            f"ledger's: {error}. {KEEP_ALL}"
        ) from None
    checkpoint = parse_checkpoint(note.text)
    if (checkpoint.size, checkpoint.root) != (size, frontier.root()) or row["root"] != (
        checkpoint.root
    ):
        raise SealingRefusedError(
            f"the newest checkpoint, of {plural(size, 'event')}, says something else than what was "
            f"signed: somebody has changed the database. {KEEP_ALL}"
        )
    return Head(size, frontier, note, Cursor(row["cluster"], row["after_xid"], row["after_seq"]))
