"""Seals what is personal in an event, and reveals it again while its key exists.

All that one event says about one person is one ciphertext: AES-SIV over ``{path: value}``, with a
key that is derived for this event and this person. It is deterministic, so an append that is
repeated brings the same bytes, and one such key opens nothing else.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from placet.digest import canonical
from placet.domain.errors import InvalidInputError
from placet.domain.ledger import LedgerEvent
from placet.personal.keys import SubjectKey, SubjectKeys
from placet.personal.paths import STRUCTURE, Personal, personal_values, subject_of_request

TOKEN = re.compile(r"sealed:([0-9a-f]{64})")
TOKEN_BYTES = re.compile(rb'"sealed:([0-9a-f]{64})"')
"""Finds every token in a body's bytes, and now and then a text that only looks like one."""

ERASED = "[erased]"
"""Stands for what has been erased: its ciphertext is gone."""
SEALED = "[sealed]"
"""Stands for what cannot be opened here: the key is gone, or is kept elsewhere."""

Where = tuple[str | int, ...]


class Ciphertext(NamedTuple):
    """What one event says about one person, as ``audit.pii`` keeps it.

    Attributes:
        digest: SHA-256 of the ciphertext.
        subject: Whom it is about.
        key_id: Which key opens it: the version of that person's, and the event it is derived for.
        ciphertext: AES-SIV.
    """

    digest: bytes
    subject: str
    key_id: str
    ciphertext: bytes

    @property
    def token(self) -> str:
        """Return what stands in the event in its place."""
        return f"sealed:{self.digest.hex()}"


def event_key(secret: bytes, event_id: bytes, subject: str) -> bytes:
    """Return the key (64 bytes) that opens one event's ciphertext about one person."""
    name = subject.encode()
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in (event_id, name))
    return hmac.digest(secret, b"placet-personal/1" + framed, "sha512")


Values = dict[str, tuple[Where, Any]]
"""What one event says about one person, by path."""


def gathered(event: LedgerEvent, *, strays: bool = False) -> dict[str, Values]:
    """Return what is personal in an event, by subject and by path.

    Args:
        event: As the workflow told it.
        strays: Also return every other text that looks like one of our tokens: somebody typed it.
    """
    found: dict[str, Values] = {}
    told = personal_values(event)
    for path, subject, value in chain(told, _strays(event)) if strays else told:
        if value not in (None, ""):
            found.setdefault(subject, {})[dotted(path)] = (path, value)
    return found


def _strays(event: LedgerEvent) -> Iterator[Personal]:
    known = {path for path, _, _ in personal_values(event)}
    nobody = subject_of_request(event.stream)
    for path, text in _tokens(event.body):
        if not any(path[:length] in known for length in range(1, len(path) + 1)):
            yield Personal(path, nobody, text)


def seal(values: Values, subject: str, key: SubjectKey, event_id: str) -> Ciphertext:
    """Encrypt what an event says about one person, with a key for both.

    Raises:
        InvalidInputError: It holds a number that JSON has no form for, or a text that no event may.
    """
    plain = canonical({path: value for path, (_, value) in values.items()})
    # What is left of escapes without those of backslashes is that of a NUL character.
    if b"\\u0000" in plain and b"\\u0000" in plain.replace(b"\\\\", b""):
        raise InvalidInputError("an event cannot be recorded: it holds a NUL character; remove it")
    secret = event_key(key.secret, bytes.fromhex(event_id), subject)
    ciphertext = AESSIV(secret).encrypt(plain, None)
    name = f"{key.key_id}:{event_id}"
    return Ciphertext(hashlib.sha256(ciphertext).digest(), subject, name, ciphertext)


def opening_key(row: Ciphertext, keys: SubjectKeys) -> bytes | None:
    """Return the key that opens exactly this ciphertext; None when it is gone."""
    version, _, event_id = row.key_id.partition(":")
    key = keys.find(row.subject, version)
    try:
        return event_key(key.secret, bytes.fromhex(event_id), row.subject) if key else None
    except ValueError:
        return None


def open_sealed(ciphertext: bytes, key: bytes) -> dict[str, Any] | None:
    """Return what a ciphertext says, by path; None when the key does not open it."""
    try:
        told = json.loads(AESSIV(key).decrypt(ciphertext, None))
    except (InvalidTag, ValueError):
        return None
    return told if isinstance(told, dict) else None


def replaced(body: Mapping[str, Any], places: Iterable[tuple[Where, str]]) -> dict[str, Any]:
    """Return a body with a token at each of the places; the body itself stays as it is."""
    new = dict(body)
    copied: dict[Where, Any] = {(): new}
    for path, token in places:
        container = new
        for length in range(1, len(path)):
            part = path[:length]
            if part not in copied:
                inner: Any = container[path[length - 1]]  # type: ignore[index]
                copied[part] = dict(inner) if isinstance(inner, dict) else list(inner)
                container[path[length - 1]] = copied[part]  # type: ignore[index]
            container = copied[part]
        container[path[-1]] = token  # type: ignore[index]
    return new


def revealed(body: dict[str, Any], opened: Mapping[str, Mapping[str, Any] | str]) -> dict[str, Any]:
    """Return a body with what its tokens stand for.

    Args:
        body: As it is recorded.
        opened: By the digest in hex: what the ciphertext says by path, or the text to show.
    """
    for path, text in list(_tokens(body)):
        container: Any = body
        for part in path[:-1]:
            container = container[part]
        container[path[-1]] = value_of(text, dotted(path), opened)
    return body


def tokens_of(body: Mapping[str, Any]) -> list[str]:
    """Return the digests (hex) of the ciphertexts that a body names, each once.

    Only a whole text is a token, outside of what is never sealed: nobody names a ciphertext by
    typing something that holds one.
    """
    return list(dict.fromkeys(text.removeprefix("sealed:") for _, text in _tokens(body)))


def value_of(text: str, path: str, opened: Mapping[str, Mapping[str, Any] | str]) -> Any:
    """Return what a token stands for at a path; another text stands for itself."""
    token = TOKEN.fullmatch(text)
    if token is None:
        return text
    told = opened.get(token[1], ERASED)
    if isinstance(told, str):
        return told
    return _as_typed(told[path]) if path in told else SEALED


def _as_typed(value: Any) -> Any:
    """Return what somebody said; a text that looks as if it was erased is put in quotes."""
    match value:
        case str() if value in {ERASED, SEALED}:
            return f'"{value}"'
        case dict():
            return {name: _as_typed(each) for name, each in value.items()}
        case list():
            return [_as_typed(each) for each in value]
    return value


def dotted(path: Where) -> str:
    """Return a path as ciphertexts write it, such as ``waiting_for.0.name``."""
    return ".".join(map(str, path))


def _tokens(body: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """Yield each text that looks like a token, with where it stands; without recursion."""
    waiting: list[tuple[Where, Any]] = [
        ((name,), value) for name, value in body.items() if name not in STRUCTURE
    ]
    while waiting:
        path, value = waiting.pop()
        match value:
            case str() if TOKEN.fullmatch(value):
                yield path, value
            case dict():
                waiting.extend(((*path, key), item) for key, item in value.items())
            case list():
                waiting.extend(((*path, place), item) for place, item in enumerate(value))
