"""What a log says to a witness: C2SP tlog-witness, ``add-checkpoint``.

A request is a line with the size from which the proof leads, the proof's hashes, an empty line and
the signed checkpoint. Exactly one text says each request.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple

from placet.domain.errors import InvalidInputError
from placet.proof.note import Checkpoint, Note, NoteError, parse_checkpoint, parse_note
from placet.proof.tree import HASH_BYTES

PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
"""The content type of an answer that says how far the witness has seen the log."""

MAX_REQUEST_BYTES = 64 * 1024
MAX_PROOF_LINES = 63

_OLD = "old "
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class MalformedRequestError(InvalidInputError):
    """A request to a witness is not of the form that its specification gives."""

    code = "malformed-request"


class Submission(NamedTuple):
    """A checkpoint that a witness is asked to cosign.

    Attributes:
        old_size: The size from which ``proof`` leads to the checkpoint's.
        proof: The hashes of the consistency proof, 32 bytes each.
        note: The checkpoint with its signatures.
        checkpoint: What the note's text says.
    """

    old_size: int
    proof: Sequence[bytes]
    note: Note
    checkpoint: Checkpoint

    def __bytes__(self) -> bytes:
        lines = [
            f"{_OLD}{self.old_size}",
            *(base64.b64encode(each).decode() for each in self.proof),
        ]
        return ("\n".join(lines) + f"\n\n{self.note}").encode()


def parse_submission(body: bytes) -> Submission:
    """Read a request.

    Raises:
        MalformedRequestError: It is none; the message says what is wrong, and repeats nothing.
    """
    try:
        head, found, rest = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise MalformedRequestError("the request is not UTF-8") from None
    first, *lines = head.split("\n")
    old_size = parse_size(first.removeprefix(_OLD)) if first.startswith(_OLD) else None
    if not found or old_size is None:
        raise MalformedRequestError("the request does not begin with an old size and a proof")
    if len(lines) > MAX_PROOF_LINES:
        raise MalformedRequestError(f"the proof has more than {MAX_PROOF_LINES} lines")
    proof = [_hash(line) for line in lines]
    try:
        note = parse_note(rest)
        checkpoint = parse_checkpoint(note.text)
    except NoteError:
        raise MalformedRequestError("what follows the proof is no signed checkpoint") from None
    return Submission(old_size, proof, note, checkpoint)


def parse_size(text: str) -> int | None:
    """Return the size of a tree; None when the text is not exactly one number."""
    return int(text) if _SIZE.fullmatch(text) else None


def _hash(line: str) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != HASH_BYTES or base64.b64encode(raw).decode() != line:
        raise MalformedRequestError("a line of the proof is no base64 of 32 bytes")
    return raw
