"""What callers send to a case: one JSON object, whatever the channel.

``{"actor": "bob@example.com", "reason": "ok"}`` is enough for a review. Anything else that can
arrive (nothing at all, a list, a megabyte of nonsense) becomes a :class:`Malformed` that says what
was wrong and what to send, and keeps none of the content.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, Field, JsonValue, ValidationError, field_validator

from placet.domain.base import Model, Stored
from placet.domain.text import clean_text
from placet.domain.vocabulary import Action

UPDATE = "decide"
"""The update's name; its object names the action."""

MAX_MESSAGE_BYTES = 64 * 1024
MAX_RESUBMISSION_BYTES = 1024 * 1024
EXAMPLE = '{"actor": "bob@example.com", "reason": "ok"}'


class Message(Model):
    """One thing a caller asks of a case.

    Attributes:
        actor: The address or id the caller claims.
        action: What is asked. A signal's name says it; the update ``decide`` needs it, and takes
            ``verdict`` as another name for it.
        reason: What people will read.
        decision_id: The caller's own key: the same id gives the same answer, however often.
        digest: SHA-256 (64 hex) of the revision the caller was shown.
        attestation: A compact JWS over subject, request, digest, stage, verdict and time.
        channel: How it came: ``signal`` unless the sender says otherwise.
        seat_of: Only for ``reassign``: whose seat; the actor's own when absent.
        to: Only for ``reassign``: who takes it.
        request: Only for ``resubmit``: the whole changed request.
    """

    actor: str = Field(min_length=1, max_length=320)
    action: Action = Field(validation_alias=AliasChoices("action", "verdict"))
    reason: str = Field(default="", max_length=16_000)
    decision_id: str | None = Field(default=None, min_length=1, max_length=200)
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    attestation: str | None = Field(default=None, max_length=8_192)
    channel: str = Field(default="signal", pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    seat_of: str | None = Field(
        default=None, max_length=320, validation_alias=AliasChoices("from", "seat_of")
    )
    to: str | None = Field(default=None, max_length=320)
    request: dict[str, JsonValue] | None = None

    @field_validator("reason")
    @classmethod
    def _clean_reason(cls, value: str) -> str:
        return clean_text(value, limit=4_000, truncate=True)

    @field_validator("actor", "decision_id", "seat_of", "to")
    @classmethod
    def _clean_name(cls, value: str | None) -> str | None:
        return None if value is None else clean_text(value, 320, multiline=False, truncate=True)

    @property
    def fingerprint(self) -> str:
        """What must be equal when a decision id comes a second time (16 hex)."""
        told = [self.actor.casefold(), self.action, self.digest, self.to, self.seat_of]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


class Malformed(Stored):
    """A message nobody could understand: what was wrong and its SHA-256, never its content."""

    name: str
    problem: str
    size: int
    sha256: str
    channel: str = "signal"


def parse(name: str, arguments: list[tuple[str, bytes]], channel: str) -> Message | Malformed:
    """Read what a signal or an update carried.

    Args:
        name: The signal's name, or ``decide`` for the update, whose object names the action.
        arguments: Encoding (as in Temporal's payload metadata) and bytes of each argument.
        channel: How it came, unless the object says otherwise.

    Returns:
        The message, or what was wrong with it. Never raises.
    """
    try:
        return _read(name, arguments, channel)
    except _MisreadError as error:
        return Malformed(
            name=clean_text(name, 64, multiline=False, truncate=True),
            problem=clean_text(str(error), 500, multiline=False, truncate=True),
            size=sum(len(data) for _, data in arguments),
            sha256=hashlib.sha256(b"".join(data for _, data in arguments)).hexdigest(),
            channel=channel,
        )


class _MisreadError(Exception):
    """Why a message cannot be understood."""


def _read(name: str, arguments: list[tuple[str, bytes]], channel: str) -> Message:
    if name != UPDATE and name not in set(Action):
        known = ", ".join(Action)
        raise _MisreadError(f"there is no signal of this name; use one of {known}")
    if len(arguments) != 1:
        raise _MisreadError(f"{len(arguments)} arguments; send one JSON object such as {EXAMPLE}")
    encoding, data = arguments[0]
    limit = MAX_RESUBMISSION_BYTES if name in {Action.RESUBMIT, UPDATE} else MAX_MESSAGE_BYTES
    if len(data) > limit:
        raise _MisreadError(f"{len(data)} bytes; a message may have {limit}")
    if encoding != "json/plain":
        raise _MisreadError(f"encoding {encoding or 'missing'}; send JSON such as {EXAMPLE}")
    try:
        value = read_json(data)
    except (ValueError, RecursionError) as error:
        raise _MisreadError(f"not valid JSON; send an object such as {EXAMPLE}") from error
    if not isinstance(value, dict):
        raise _MisreadError(f"a JSON {_kind(value)}; send an object such as {EXAMPLE}")
    return _message(name, value, channel)


def read_json(data: bytes) -> Any:
    """Read JSON that can be written again anywhere, without rounding a number.

    A number with a fraction comes back as the text it was written as, so that ``12.50`` stays
    exact until a model makes it a Decimal.

    Raises:
        ValueError: It is no JSON, holds NaN or Infinity, or text that UTF-8 cannot hold.
        RecursionError: It is nested too deeply.
    """
    value = json.loads(data, parse_constant=_refuse_constant, parse_float=str)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _message(name: str, value: dict[str, Any], channel: str) -> Message:
    told: Mapping[str, Any] = {"channel": channel, **value}
    if name != UPDATE:
        if "verdict" in value or value.get("action", name) != name:
            raise _MisreadError(f"the signal {name} carries no other action")
        told = {**told, "action": name}
    try:
        message = Message.model_validate(told)
    except (ValidationError, RecursionError) as error:
        raise _MisreadError(_explain(error)) from error
    if message.action is Action.REASSIGN and not message.to:
        raise _MisreadError('reassign needs "to": who takes the seat')
    if message.action is Action.RESUBMIT and message.request is None:
        raise _MisreadError('resubmit needs "request": the whole changed request')
    return message


def _explain(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    problems = [
        f"{'.'.join(str(part) for part in item['loc']) or 'object'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False)
    ]
    return "; ".join(problems[:5])


def _kind(value: object) -> str:
    names = {str: "string", list: "list", bool: "boolean", int: "number", type(None): "null"}
    return names[type(value)]


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
