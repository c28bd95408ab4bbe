"""The lines of ``events.jsonl`` and ``personal.jsonl``: what must stand in them, and only that."""

import base64
import re
from typing import Any, NamedTuple

from .canonical import read_line
from .leaf import Event, leaf_hash, signed_message
from .note import VerifierKey
from .signatures import is_signed

_KINDS = re.compile(r"[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*){2}")
_HEX = re.compile(r"([0-9a-f]{2})*")
_POSITION = re.compile(rb'\{"position":([0-9]{1,19}),')
_ID_BYTES = _DIGEST_BYTES = 32
_ANCHOR_BYTES = 8 + 32
_MAX_NUMBER = 2**63 - 1

EVENT_KEYS = (
    "position",
    "seq",
    "event_id",
    "stream",
    "stream_seq",
    "kind",
    "occurred",
    "recorded",
    "signing_key",
    "anchor",
    "retention_class",
    "signature",
    "leaf",
    "body",
)
"""The keys of an event's line, in their order."""

PRUNED_KEYS = (*EVENT_KEYS, "body_digest")
"""The same when the body, now null, has been pruned: its SHA-256 keeps the rest provable."""

PERSONAL_KEYS = ("position", "digest", "subject", "key_id", "ciphertext", "key")
"""The keys of a line with sealed personal data, in their order."""


class EventLine(NamedTuple):
    """An event of a bundle.

    Attributes:
        position: Its place in the tree, from 0.
        leaf: Its leaf, as the ledger keeps it.
        event: The event; its body is empty when it has been pruned.
        body_digest: The SHA-256 of a pruned body; None when the body is there.
    """

    position: int
    leaf: bytes
    event: Event
    body_digest: bytes | None

    def computed_leaf(self) -> bytes:
        """Return the leaf that the event has."""
        return leaf_hash(self.event, self.body_digest)

    def is_signed_by(self, key: VerifierKey) -> bool:
        """Say whether ``key`` made the event's signature."""
        event = self.event
        message = signed_message(
            event_id=event.event_id,
            stream=event.stream,
            kind=event.kind,
            occurred=event.occurred,
            signing_key=event.signing_key,
            anchor=event.anchor,
            retention_class=event.retention_class,
            body=event.body,
            body_digest=self.body_digest,
        )
        return is_signed(message, event.signature, key)


class PersonalLine(NamedTuple):
    """Personal data of one person in one event, sealed.

    Attributes:
        position: The event's.
        digest: The ciphertext's SHA-256 in hex, by which the body names it.
        subject: Whose data it is.
        ciphertext: AES-SIV over a JSON object ``{path: value}``.
        key: Opens exactly this ciphertext; None when the data was not to be shown.
    """

    position: int
    digest: str
    subject: str
    ciphertext: bytes
    key: bytes | None


def position_of(raw: bytes) -> int:
    """Return the position at the start of a line that has not been read yet; -1 without one."""
    found = _POSITION.match(raw)
    return int(found[1]) if found else -1


def event_line(raw: bytes) -> EventLine:
    """Read an event's line.

    Raises:
        ValueError: Something else stands there, or it could be written in another way.
    """
    told = _object(raw, EVENT_KEYS, PRUNED_KEYS)
    body, pruned = told["body"], "body_digest" in told
    if pruned is (body is not None):
        raise ValueError("its body is either text, or null beside its digest")
    event = Event(
        event_id=read_hex(told["event_id"], _ID_BYTES),
        stream=_text(told["stream"]),
        stream_seq=_number(told["stream_seq"], 1),
        seq=_number(told["seq"], 0),
        kind=_text(told["kind"]),
        occurred=_number(told["occurred"], -_MAX_NUMBER),
        recorded=_number(told["recorded"], -_MAX_NUMBER),
        signing_key=_text(told["signing_key"]),
        anchor=read_hex(told["anchor"], 0, _ANCHOR_BYTES),
        retention_class=_text(told["retention_class"]),
        body=b"" if body is None else _text(body).encode(),
        signature=_base64(told["signature"]),
    )
    if not event.stream or not _KINDS.fullmatch(event.kind):
        raise ValueError("it has no stream, or no kind")
    digest = read_hex(told["body_digest"], _DIGEST_BYTES) if pruned else None
    leaf = read_hex(told["leaf"], _DIGEST_BYTES)
    return EventLine(_number(told["position"], 0), leaf, event, digest)


def personal_line(raw: bytes) -> PersonalLine:
    """Read a line with sealed personal data.

    Raises:
        ValueError: As for :func:`event_line`.
    """
    told = _object(raw, PERSONAL_KEYS)
    read_hex(told["digest"], _DIGEST_BYTES)
    _text(told["key_id"])
    return PersonalLine(
        position=_number(told["position"], 0),
        digest=told["digest"],
        subject=_text(told["subject"]),
        ciphertext=_base64(told["ciphertext"]),
        key=None if told["key"] is None else _base64(told["key"]),
    )


def _object(raw: bytes, *allowed: tuple[str, ...]) -> dict[str, Any]:
    told = read_line(raw.decode())
    if not isinstance(told, dict) or tuple(told) not in allowed:
        raise ValueError(f"it does not have the keys {', '.join(allowed[0])}, in this order")
    return told


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!a:.40} is no text")
    return value


def _number(value: Any, least: int) -> int:
    if type(value) is not int or not least <= value <= _MAX_NUMBER:
        raise ValueError(f"{value!a:.40} is no such number")
    return value


def read_hex(value: Any, *lengths: int) -> bytes:
    """Return what lower-case hex stands for.

    Raises:
        ValueError: It is something else, or has another length in bytes.
    """
    raw = bytes.fromhex(value) if _HEX.fullmatch(_text(value)) else None
    if raw is None or len(raw) not in lengths:
        raise ValueError(f"{value!a:.80} is not that many bytes in hex")
    return raw


def _base64(value: Any) -> bytes:
    raw = base64.b64decode(_text(value), validate=True)
    if base64.b64encode(raw).decode() != value:
        raise ValueError(f"{value!a:.80} is not the only base64 of its bytes")
    return raw
