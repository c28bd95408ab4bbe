"""Checkpoints as signed notes, and the keys that sign them.

Sources: C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0 and tlog-cosignature (``cosignature/v1``).
A note is a text, an empty line, and one line for each signature. The text of a checkpoint is the
log's origin, the size of the tree and its root. A witness signs the text together with the time.
"""

import base64
import binascii
import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .tree import HASH_BYTES

SIGNATURE = 0x01
"""The type of a log's or a writer's Ed25519 key."""

COSIGNATURE = 0x04
"""The type of a witness's Ed25519 key, whose signatures carry the time."""

MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64

_KEY_BYTES = 32
_ID_BYTES = 4
_TIME_BYTES = 8
_DASH = "\u2014 "
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class NoteError(ValueError):
    """A note or a key cannot be read, or a signature in it is false; the message says which."""


class VerifierKey(NamedTuple):
    """A public key with its name and purpose, written ``name+id+base64``.

    Attributes:
        name: Without spaces and plus signs, like ``example.com/placet``.
        type: :data:`SIGNATURE` or :data:`COSIGNATURE`.
        public: 32 bytes.
    """

    name: str
    type: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Return the four bytes that, with the name, say which key has signed."""
        told = self.name.encode() + b"\n" + bytes([self.type]) + self.public
        return hashlib.sha256(told).digest()[:_ID_BYTES]

    @property
    def short(self) -> str:
        """Return the key's name and id, without the key: what an event names its writer by."""
        return f"{self.name}+{self.id.hex()}"

    def __str__(self) -> str:
        material = base64.b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.short}+{material}"

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Say whether this key made ``signature`` over exactly ``message``."""
        try:
            _opened(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signature(NamedTuple):
    """One signature line of a note."""

    name: str
    key_id: bytes
    content: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.content).decode()}\n"


class Note(NamedTuple):
    """A signed note.

    Attributes:
        text: With its last newline, without the empty line.
        signatures: In the order of their lines.
    """

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    def of(self, key: VerifierKey) -> list[Signature]:
        """Return the signatures that claim to be by ``key``."""
        return [each for each in self.signatures if (each.name, each.key_id) == (key.name, key.id)]


class Checkpoint(NamedTuple):
    """The head of a log's tree.

    Attributes:
        origin: The log's name.
        size: How many leaves the tree has.
        root: 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Return what is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_key(text: str) -> VerifierKey:
    """Read a verifier key.

    Raises:
        NoteError: It is none, or its id is not that of its content.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, material = rest.partition("+")
    raw = _decoded(material)
    if (
        not _NAME.fullmatch(name)
        or raw is None
        or len(raw) != 1 + _KEY_BYTES
        or raw[0] not in {SIGNATURE, COSIGNATURE}
    ):
        raise NoteError(f"{text[:80]!a} is no key: it must be name+id+base64 of an Ed25519 key")
    key = VerifierKey(name, raw[0], raw[1:])
    if key_id != key.id.hex():
        raise NoteError(f"the key {text[:80]!a} has an id that is not its own: copy it again")
    return key


def parse_note(text: str) -> Note:
    """Read a signed note; exactly one text gives each note.

    Raises:
        NoteError: It is none.
    """
    if len(text) > MAX_NOTE_BYTES or any(c < " " and c != "\n" for c in text):
        raise NoteError("the note is too long, or holds control characters")
    body, found, lines = text.rpartition("\n\n")
    if not found or not body or not lines.endswith("\n"):
        raise NoteError("the note has no text followed by an empty line and signatures")
    signatures = tuple(_signature(line) for line in lines.split("\n")[:-1])
    if len(signatures) > MAX_SIGNATURES:
        raise NoteError(f"the note has more than {MAX_SIGNATURES} signatures")
    return Note(body + "\n", signatures)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint's note: three lines, as Placet writes no others.

    Raises:
        NoteError: It is none.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):  # noqa: PLR2004
        raise NoteError("the note is no checkpoint of three lines: origin, size and root")
    root = _decoded(lines[2])
    if root is None or len(root) != HASH_BYTES:
        raise NoteError("the checkpoint's root is no base64 of 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def is_signed(note: Note, key: VerifierKey) -> bool:
    """Say whether a log's key has signed the note.

    Raises:
        NoteError: A line claims to be by this key and is not.
    """
    lines = note.of(key)
    if not all(key.accepts(note.text.encode(), each.content) for each in lines):
        raise NoteError(f"a signature by {key.short} is false")
    return bool(lines)


def cosigned_at(note: Note, key: VerifierKey) -> int | None:
    """Return when a witness cosigned the note, in seconds since 1970; None when it has not.

    Raises:
        NoteError: A line claims to be by this witness and is not.
    """
    times = []
    for each in note.of(key):
        time = int.from_bytes(each.content[:_TIME_BYTES], "big")
        if not key.accepts(_cosigned(note.text, time), each.content[_TIME_BYTES:]):
            raise NoteError(f"a cosignature by {key.short} is false")
        times.append(time)
    return min(times, default=None)


def public_key(name: str, private: Ed25519PrivateKey, of_type: int = SIGNATURE) -> VerifierKey:
    """Return the public half of a key.

    Raises:
        NoteError: The name is empty, or holds a space or a plus sign.
    """
    if not _NAME.fullmatch(name):
        raise NoteError(f"{name!a} is no name for a key: leave out spaces and plus signs")
    return VerifierKey(name, of_type, private.public_key().public_bytes_raw())


def sign(text: str, name: str, private: Ed25519PrivateKey) -> Signature:
    """Sign a note's text as a log."""
    return Signature(name, public_key(name, private).id, private.sign(text.encode()))


def cosign(text: str, name: str, private: Ed25519PrivateKey, time: int) -> Signature:
    """Sign a note's text as a witness that saw it at ``time``, in seconds since 1970."""
    key = public_key(name, private, COSIGNATURE)
    stamp = time.to_bytes(_TIME_BYTES, "big")
    return Signature(name, key.id, stamp + private.sign(_cosigned(text, time)))


@lru_cache(maxsize=256)
def _opened(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _signature(line: str) -> Signature:
    name, _, material = line.removeprefix(_DASH).partition(" ")
    raw = _decoded(material)
    known = line.startswith(_DASH) and _NAME.fullmatch(name)
    if not known or raw is None or len(raw) <= _ID_BYTES:
        raise NoteError(f"the line {line[:80]!a} is no signature")
    return Signature(name, raw[:_ID_BYTES], raw[_ID_BYTES:])


def _decoded(text: str) -> bytes | None:
    """Return what base64 stands for, if it is the one way of writing it."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
