"""How a writer signs what it appends at the same time: the root of a tree, once.

Making a signature, and checking it, costs more than all else that is done with an event. So a
writer signs the root of an RFC 6962 tree over the messages (:func:`.leaf.signed_message`) of all
that it writes in one statement, and each event carries that signature with its own audit path. A
leaf covers some random bytes too, which only its own event carries: so a path tells nothing of what
the others say. A message that is alone is signed as it is.
"""

import hashlib
import os
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

from .note import VerifierKey
from .tree import HASH_BYTES, inclusion_proofs, root_from_inclusion

PREFIX = b"placet/v1 events"
"""What a signature over a root covers begins with this; no message and no note does."""

_SIGNATURE_BYTES = 64
_SALT_BYTES = 16
_HEAD = struct.Struct(f">{_SIGNATURE_BYTES}sII{_SALT_BYTES}s")
_KNOWN = 4096


def sign_together(messages: Sequence[bytes], sign: Callable[[bytes], bytes]) -> list[bytes]:
    """Return a signature for each message, of which only one is made.

    Each is the signature (64 bytes), how many messages there were and which of them this one is
    (four bytes each, big-endian, from 0), 16 random bytes, and the audit path, 32 bytes for each
    level. A message that is alone has the signature over itself, and nothing else.
    """
    if len(messages) < 2:  # noqa: PLR2004 - alone
        return [sign(message) for message in messages]
    size = len(messages)
    salts = [os.urandom(_SALT_BYTES) for _ in messages]
    leaves = list(map(_leaf, salts, messages))
    paths = inclusion_proofs(leaves, range(size))
    root = root_from_inclusion(leaves[0], 0, size, paths[0])
    made = sign(_root_message(size, root))
    return [
        _HEAD.pack(made, size, place, salt) + b"".join(paths[place])
        for place, salt in enumerate(salts)
    ]


def is_signed(message: bytes, signature: bytes, key: VerifierKey) -> bool:
    """Say whether ``key`` made ``signature`` over exactly ``message``, alone or with others."""
    if len(signature) == _SIGNATURE_BYTES:
        return key.accepts(message, signature)
    if len(signature) <= _HEAD.size or (len(signature) - _HEAD.size) % HASH_BYTES:
        return False
    made, size, place, salt = _HEAD.unpack_from(signature)
    path = [
        signature[start : start + HASH_BYTES]
        for start in range(_HEAD.size, len(signature), HASH_BYTES)
    ]
    try:
        root = root_from_inclusion(_leaf(salt, message), place, size, path)
    except ValueError:
        return False
    return _accepts(key, _root_message(size, root), made)


@lru_cache(maxsize=_KNOWN)
def _accepts(key: VerifierKey, message: bytes, signature: bytes) -> bool:
    """Check what many events share once."""
    return key.accepts(message, signature)


def _root_message(size: int, root: bytes) -> bytes:
    return PREFIX + size.to_bytes(8, "big") + root


def _leaf(salt: bytes, message: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + salt + message).digest()
