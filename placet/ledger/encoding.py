"""Writes events as the database takes them: bodies as canonical JSON, signed by their writer."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import JsonValue

from placet.digest import canonical
from placet.domain.errors import InvalidInputError
from placet.domain.ledger import MAX_BODY_BYTES, LedgerEvent
from placet.personal.sealing import TOKEN_BYTES, Ciphertext
from placet.personal.vault import Vault
from placet.proof.leaf import signed_message
from placet.proof.signatures import sign_together
from placet.signing import Signer

ANCHOR_SECONDS = 5.0
"""How old a writer's knowledge of the newest checkpoint may be."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Encoded(NamedTuple):
    """Events as ``audit.append()`` takes them, but for their signatures.

    Attributes:
        columns: The other arguments, by their names: parallel arrays.
        messages: What is to be signed, one for each event; all empty when nobody signs.
    """

    columns: dict[str, list[Any]]
    messages: list[bytes]


class Encoder:
    """Writes events as ``audit.append()`` takes them: parallel arrays, signed by this writer.

    Attributes:
        anchor: The newest checkpoint that this writer knows, as it stands in events: the tree's
            size in eight bytes and its root. Empty while there is none.
    """

    def __init__(self, signer: Signer | None = None, vault: Vault | None = None) -> None:
        """Sign with ``signer`` and seal what is personal in ``vault``; without, neither is done."""
        self._signer = signer
        self.vault = vault
        self.anchor = b""
        self._anchored_at = float("-inf")

    @cached_property
    def _key(self) -> str:
        return self._signer.key.short if self._signer else ""

    def wants_anchor(self) -> bool:
        """Say, once in a while, that it is time to look for a newer checkpoint."""
        now = time.monotonic()
        if self._signer is None or now - self._anchored_at < ANCHOR_SECONDS:
            return False
        self._anchored_at = now
        return True

    def encode(self, events: Sequence[LedgerEvent], *, at_once: bool = False) -> Encoded:
        """Write events, to be signed together with whatever else is appended with them.

        Args:
            events: As they were told.
            at_once: Whether to do without the disk.

        Raises:
            KeyNotAtHandError: It cannot be done without.
            SigningKeyError: The writer's key cannot be used.
            InvalidInputError: An event has no canonical form, or is too large.
            UnavailableError: A key of personal data can be neither read nor made now.
        """
        sealed = [self._sealed(event, at_once=at_once) for event in events]
        personal = [row for _, rows in sealed for row in rows]
        key = self._key
        anchor = self.anchor if key else b""
        count = len(events)
        columns: dict[str, list[Any]] = {
            "event_ids": [bytes.fromhex(event.event_id) for event in events],
            "streams": [event.stream for event in events],
            "kinds": [event.kind for event in events],
            "occurred": [event.occurred for event in events],
            "bodies": [body for body, _ in sealed],
            "signing_keys": [key] * count,
            "anchors": [anchor] * count,
            "retention_classes": [""] * count,
            "personal_digests": [row.digest for row in personal],
            "personal_subjects": [row.subject for row in personal],
            "personal_keys": [row.key_id for row in personal],
            "personal_ciphertexts": [row.ciphertext for row in personal],
        }
        messages = [
            _message(event, body, key, anchor) if key else b""
            for event, (body, _) in zip(events, sealed, strict=True)
        ]
        return Encoded(columns, messages)

    def signed(self, encoded: Encoded) -> dict[str, Any]:
        """Return the arguments of ``audit.append()`` for events that are appended alone."""
        return {**encoded.columns, "signatures": self.sign(encoded.messages)}

    def sign(self, messages: Sequence[bytes]) -> list[bytes]:
        """Return a signature for each message, made together; none without a signer."""
        if self._signer is None:
            return [b""] * len(messages)
        return sign_together(messages, self._signer.sign)

    def _sealed(self, event: LedgerEvent, *, at_once: bool) -> tuple[bytes, tuple[Ciphertext, ...]]:
        """Return an event's body without what is personal, and that as ciphertexts."""
        if self.vault is None:
            return _body(event, event.body), ()
        try:
            sealed = self.vault.seal(event, at_once=at_once)
            body = _body(event, sealed.body, sealed.ciphertexts)
            if len(TOKEN_BYTES.findall(body)) != sealed.tokens:
                sealed = self.vault.seal(event, strays=True, at_once=at_once)
                body = _body(event, sealed.body, sealed.ciphertexts)
        except InvalidInputError:
            _check_texts(event)
            raise
        return body, sealed.ciphertexts


def anchor_of(size: int, root: bytes) -> bytes:
    """Return a checkpoint as events name it."""
    return size.to_bytes(8, "big") + root


def microseconds(instant: datetime) -> int:
    """Return an instant as leaves and signatures hold it: microseconds since 1970 in UTC."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _message(event: LedgerEvent, body: bytes, key: str, anchor: bytes) -> bytes:
    return signed_message(
        event_id=bytes.fromhex(event.event_id),
        stream=event.stream,
        kind=event.kind,
        occurred=microseconds(event.occurred),
        signing_key=key,
        anchor=anchor,
        retention_class="",
        body=body,
    )


def _body(
    event: LedgerEvent, told: dict[str, JsonValue], ciphertexts: Sequence[Ciphertext] = ()
) -> bytes:
    try:
        body = canonical(told)
    except InvalidInputError:
        _check_texts(event)
        raise
    # A text may well hold these six characters; only then each is looked at.
    if b"\\u0000" in body or not _storable(event.stream):
        _check_texts(event)
    size = len(body) + sum(len(row.ciphertext) for row in ciphertexts)
    if size > MAX_BODY_BYTES:
        raise InvalidInputError(
            f"The body of {event.kind} has {size} bytes, more than {MAX_BODY_BYTES}: put "
            "large things into the content store and record their digest."
        )
    return body


def _check_texts(event: LedgerEvent) -> None:
    if not all(map(_storable, _texts([event.stream, event.body]))):
        raise InvalidInputError(
            f"The event {event.kind} holds a NUL character or half of a surrogate pair: remove it "
            "before recording."
        )


def _storable(text: str) -> bool:
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, without recursion."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as fields:
                waiting.extend(fields)
                waiting.extend(fields.values())
            case list() as items:
                waiting.extend(items)
