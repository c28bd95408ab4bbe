"""What a leaf of the tree binds, and what the writer of an event signs.

The database computes the same leaf in ``audit.leaf_hash()``; tests compare the two.
"""

import hashlib
import struct
from typing import NamedTuple

LEAF_PREFIX = b"\x00placet/v1"
"""RFC 6962 starts a leaf with a zero byte; the name separates our hashes from anybody else's."""

SIGNED_PREFIX = b"placet/v1 event"
"""What a writer's signature covers begins with this; no leaf and no note does."""


class Event(NamedTuple):
    """An event exactly as it stands in the ledger.

    Attributes:
        event_id: 32 bytes; the same logical step always has the same.
        stream: The request.
        stream_seq: The place in the request's story: 1, 2, 3, without a gap.
        seq: The place in the ledger's numbering, which may have gaps.
        kind: ``source:subject:action``.
        occurred: The workflow's time, in microseconds since 1970 (UTC).
        recorded: The database's time, likewise.
        signing_key: Name and id of the writer's key; empty when nobody signed.
        anchor: A checkpoint that the writer had seen: the tree's size in eight bytes, big-endian,
            and its root. Empty before there was one. The event is no older than it.
        retention_class: How long the body is kept; empty for as long as there is no rule.
        body: RFC 8785 canonical JSON, as bytes.
        signature: The writer's, over :func:`signed_message`, alone or together with others, as
            :mod:`placet.proof.signatures` has it; empty when nobody signed.
    """

    event_id: bytes
    stream: str
    stream_seq: int
    seq: int
    kind: str
    occurred: int
    recorded: int
    signing_key: str
    anchor: bytes
    retention_class: str
    body: bytes
    signature: bytes


def leaf_hash(event: Event, body_digest: bytes | None = None) -> bytes:
    """Return the hash of an event's leaf, 32 bytes.

    ``sha256(0x00 ‖ "placet/v1" ‖ framed(header) ‖ sha256(body) ‖ sha256(signature))``, where the
    header is each of its fields framed, and framing puts a length of four bytes, big-endian, before
    the content. Numbers are eight bytes, big-endian.

    Args:
        event: The event.
        body_digest: The SHA-256 of a body that is no longer there; ``event.body`` is not read then.
    """
    header = b"".join(
        (
            _framed(event.event_id),
            _framed(event.stream.encode()),
            _framed(_eight_bytes(event.stream_seq)),
            _framed(_eight_bytes(event.seq)),
            _framed(event.kind.encode()),
            _framed(_eight_bytes(event.occurred)),
            _framed(_eight_bytes(event.recorded)),
            _framed(event.signing_key.encode()),
            _framed(event.anchor),
            _framed(event.retention_class.encode()),
        )
    )
    digests = _digest(event.body, body_digest) + hashlib.sha256(event.signature).digest()
    return hashlib.sha256(LEAF_PREFIX + _framed(header) + digests).digest()


def signed_message(  # noqa: PLR0913 - each is one field of an event
    *,
    event_id: bytes,
    stream: str,
    kind: str,
    occurred: int,
    signing_key: str,
    anchor: bytes,
    retention_class: str,
    body: bytes,
    body_digest: bytes | None = None,
) -> bytes:
    """Return what a writer signs: all of an event that the database does not add itself.

    ``body_digest`` is as for :func:`leaf_hash`.
    """
    header = b"".join(
        (
            _framed(event_id),
            _framed(stream.encode()),
            _framed(kind.encode()),
            _framed(_eight_bytes(occurred)),
            _framed(signing_key.encode()),
            _framed(anchor),
            _framed(retention_class.encode()),
        )
    )
    return SIGNED_PREFIX + _framed(header) + _digest(body, body_digest)


def _digest(body: bytes, known: bytes | None) -> bytes:
    return hashlib.sha256(body).digest() if known is None else known


_length = struct.Struct(">I").pack
_eight_bytes = struct.Struct(">q").pack


def _framed(content: bytes) -> bytes:
    return _length(len(content)) + content
