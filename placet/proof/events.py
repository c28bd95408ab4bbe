"""What can be checked of an event by itself, in any process: the costly part of a verification."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from .attestation import check_attestation
from .canonical import read_canonical
from .findings import Code, Finding, shown
from .leaf import Event
from .lines import EventLine, PersonalLine, event_line, personal_line
from .trust import Trust

SCHEMA = "placet.event/1"

_TOKEN = re.compile(r"sealed:([0-9a-f]{64})")
_SEAL = '"sealed:'
_STRUCTURE = {"schema", "kind", "request", "occurred", "service"}
"""Parts of a body in which nothing is ever sealed, whatever they look like."""

_REVEALED = ("attestation", "decision_id")
"""What is looked at as it was before it was sealed."""

_Where = tuple[str | int, ...]
"""Where something stands in a body, such as ``("waiting_for", 0, "name")``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Checked(NamedTuple):
    """What is left to be judged together with other events.

    Attributes:
        position: Its place in the tree.
        leaf: The leaf that the event has.
        event: Without its body.
        body: The body as JSON; None when it has been pruned, or is none.
        pruned: Whether it has been pruned.
        lacking: Digests of ciphertexts that the bundle does not hold.
        unopened: How many ciphertexts came without their key.
        hidden: Whether somebody's signature is in one of these, or gone.
    """

    position: int
    leaf: bytes
    event: Event
    body: dict[str, Any] | None
    pruned: bool
    lacking: tuple[str, ...]
    unopened: int
    hidden: bool


def check_events(
    events: Sequence[bytes], personal: Sequence[bytes], trust: Trust, at: int
) -> tuple[list[Checked], list[Finding]]:
    """Check the lines of some events, each by itself.

    Args:
        events: Lines of ``events.jsonl``.
        personal: The lines of ``personal.jsonl`` for their positions, and for no others.
        trust: What is pinned.
        at: The number of the first line.

    Returns:
        The events that can be read, in their order, and what is wrong.
    """
    checked: list[Checked] = []
    findings: list[Finding] = []
    sealed: dict[tuple[int, str], PersonalLine] = {}
    for raw in personal:
        try:
            row = personal_line(raw)
        except ValueError as error:
            findings.append(Finding(Code.LINE_UNREADABLE, "personal.jsonl", str(error)))
            continue
        if (row.position, row.digest) in sealed:
            findings.append(
                Finding(Code.PERSONAL_UNUSED, f"position {row.position}", "a row stands twice")
            )
        sealed[row.position, row.digest] = row
    for number, raw in enumerate(events, at + 1):
        try:
            line = event_line(raw)
        except ValueError as error:
            findings.append(Finding(Code.LINE_UNREADABLE, f"line {number}", str(error)))
            continue
        one = _Event(line, trust, sealed)
        findings += one.findings()
        checked.append(one.checked())
    findings += [
        Finding(
            Code.PERSONAL_UNUSED,
            f"position {row.position}",
            f"no event there names the ciphertext {row.digest}",
        )
        for row in sealed.values()
    ]
    return checked, findings


class _Event:
    """One event under examination."""

    def __init__(
        self, line: EventLine, trust: Trust, sealed: dict[tuple[int, str], PersonalLine]
    ) -> None:
        self._line = line
        self._trust = trust
        self._sealed = sealed
        self._place = f"position {line.position}"
        self._leaf = line.computed_leaf()
        self._body: dict[str, Any] | None = None
        self._lacking: list[str] = []
        self._unopened = 0
        self._hidden = False

    def checked(self) -> Checked:
        """Return what is left to be judged."""
        return Checked(
            self._line.position,
            self._leaf,
            self._line.event._replace(body=b""),
            self._body,
            self._line.body_digest is not None,
            tuple(self._lacking),
            self._unopened,
            self._hidden,
        )

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the event."""
        if self._leaf != self._line.leaf:
            event = self._line.event
            of = f"{shown(event.kind)}, number {event.stream_seq} of {shown(event.stream)}"
            yield self._wrong(
                Code.LEAF_CHANGED, f"the leaf is not that of the event beside it: {of}"
            )
        yield from self._signature()
        if self._line.body_digest is None:
            yield from self._story()

    def _signature(self) -> Iterator[Finding]:
        event = self._line.event
        if not event.signature and not event.signing_key:
            if self._line.position >= self._trust.unsigned_before:
                yield self._wrong(Code.SIGNATURE_MISSING, "no writer has signed the event")
            return
        key = self._trust.writers.get(event.signing_key)
        if key is None:
            told = f"the writer's key {shown(event.signing_key)} is not pinned"
            yield self._wrong(Code.WRITER_UNKNOWN, told)
        elif not self._line.is_signed_by(key):
            yield self._wrong(Code.SIGNATURE_FALSE, f"it is not what {key.short} signed")
        elif self._line.position >= self._trust.retired.get(key.short, 2**63):
            yield self._wrong(
                Code.WRITER_RETIRED, f"the writer's key {key.short} signs nothing any more"
            )

    def _story(self) -> Iterator[Finding]:
        event = self._line.event
        text = event.body.decode()
        try:
            body = read_canonical(text)
        except ValueError as error:
            yield self._wrong(Code.BODY_NOT_CANONICAL, f"its body is no canonical JSON: {error}")
            return
        if not isinstance(body, dict) or body.get("schema") != SCHEMA:
            yield self._wrong(Code.BODY_DIFFERS, f"its body is not of schema {SCHEMA}")
            return
        self._body = body
        for name, value, same in (
            ("kind", event.kind, body.get("kind") == event.kind),
            ("request", event.stream, body.get("request") == event.stream),
            ("occurred", event.occurred, _microseconds(body.get("occurred")) == event.occurred),
        ):
            if not same:
                told = f"its body tells another {name}, {shown(body.get(name))}, not {shown(value)}"
                yield self._wrong(Code.BODY_DIFFERS, told)
        revealed: dict[str, str] = {}
        for digest, paths in (_tokens(body) if _SEAL in text else {}).items():
            yield from self._open(digest, paths, revealed)
        yield from self._attestation(body, revealed)

    def _open(
        self, digest: str, paths: Sequence[_Where], revealed: dict[str, str]
    ) -> Iterator[Finding]:
        """Check one ciphertext that the body names, and reveal it where its key is there."""
        row = self._sealed.pop((self._line.position, digest), None)
        if row is None:
            self._lacking.append(digest)
            return
        if hashlib.sha256(row.ciphertext).hexdigest() != digest:
            yield self._wrong(Code.PERSONAL_CHANGED, "a ciphertext is not the one it was")
            return
        if row.key is None:
            self._unopened += 1
            return
        try:
            opened = dict(json.loads(AESSIV(row.key).decrypt(row.ciphertext, None)))
            missing = next((path for path in map(_dotted, paths) if path not in opened), None)
        except (InvalidTag, ValueError, TypeError, RecursionError):
            yield self._wrong(Code.PERSONAL_CHANGED, "a key does not open its ciphertext")
            return
        if missing is not None:
            told = f"a ciphertext says nothing of {shown(missing)}"
            yield self._wrong(Code.PERSONAL_CHANGED, told)
        revealed.update(opened)

    def _attestation(
        self, body: Mapping[str, Any], revealed: Mapping[str, str]
    ) -> Iterator[Finding]:
        hidden = {
            name: name in revealed
            for name in _REVEALED
            if isinstance(body.get(name), str) and _TOKEN.fullmatch(body[name])
        }
        if body.get("attestation") is not None and not all(hidden.values()):
            self._hidden = True
            return
        body = {**body, **{name: revealed[name] for name in hidden if hidden[name]}}
        yield from check_attestation(body, self._trust.people, self._place)

    def _wrong(self, code: Code, sentence: str) -> Finding:
        return Finding(code, self._place, sentence)


def _microseconds(told: Any) -> int | None:
    try:
        return (datetime.fromisoformat(told) - _EPOCH) // timedelta(microseconds=1)
    except (TypeError, ValueError, OverflowError):
        return None


def _dotted(path: _Where) -> str:
    return ".".join(map(str, path))


def _tokens(body: Mapping[str, Any]) -> dict[str, list[_Where]]:
    """Return the digest of each ciphertext that a body names, with where it stands.

    Only a whole text is a token, as in ``waiting_for.0.name``; whoever types something that looks
    like a part of one, or begins a request under such a name, names no ciphertext.
    """
    # Written out, paths through a long name would be many times as long as the body.
    found: dict[str, list[_Where]] = {}
    waiting: list[tuple[_Where, Any]] = [
        ((name,), value) for name, value in body.items() if name not in _STRUCTURE
    ]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str) and (token := _TOKEN.fullmatch(value)):
            found.setdefault(token[1], []).append(path)
        elif isinstance(value, dict):
            waiting += (((*path, key), item) for key, item in value.items())
        elif isinstance(value, list):
            waiting += (((*path, place), item) for place, item in enumerate(value))
    return found
