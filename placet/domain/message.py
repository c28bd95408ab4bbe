"""What callers send to a case: one JSON object, whatever the channel.

``{"actor": "bob@example.com", "reason": "ok"}`` is enough for a review. Anything else that can
arrive (nothing at all, a list, a megabyte of nonsense) becomes a :class:`Malformed` that says what
was wrong and what to send, and keeps none of the content.
"""

import hashlib
import json
from difflib import get_close_matches
from typing import Any, NoReturn

from pydantic import AliasChoices, Field, JsonValue, ValidationError, field_validator

from placet.domain.base import Model, Stored
from placet.domain.text import clean_text
from placet.domain.vocabulary import Action

UPDATE = "decide"
"""The update's name; its object names the action."""

MAX_MESSAGE_BYTES = 64 * 1024
MAX_CHANGE_BYTES = 512 * 1024
MAX_DEPTH = 50
"""How many levels of objects and lists a message may have.

Python's own limit depends on how deep the caller's stack is, so that a replay could disagree.
"""
MAX_DIGITS = 64
MAX_DECISION_ID_BYTES = 200
UNNAMED = "unnamed-"
"""How the keys begin that the gate gives to messages without one; a caller's may not."""
EXAMPLE = '{"actor": "bob@example.com", "reason": "ok"}'


class Message(Model):
    """One thing a caller asks of a case.

    Attributes:
        actor: The address or id the caller claims.
        action: What is asked. A signal's name says it; the update ``decide`` needs it, and takes
            ``verdict`` as another name for it.
        reason: What people will read.
        decision_id: The caller's own key, at most 200 bytes: the same id gives the same answer,
            however often.
        digest: SHA-256 (64 hex) of the revision the caller was shown.
        attestation: A compact JWS over subject, request, digest, stage, verdict and time.
        channel: How it came: ``signal`` unless the sender says otherwise.
        seat_of: Only for ``reassign``: whose seat; the actor's own when absent.
        to: Only for ``reassign``: who takes it.
        request: Only for ``resubmit`` and ``edit``: the whole changed request.
    """

    actor: str = Field(min_length=1, max_length=320)
    action: Action = Field(validation_alias=AliasChoices("action", "verdict"))
    reason: str = Field(default="", max_length=16_000)
    decision_id: str | None = Field(default=None, max_length=200)
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
        if value is None:
            return None
        text = clean_text(value, 320, multiline=False, truncate=True)
        if not text:
            raise ValueError("it is blank; write something or leave it out")
        return text

    @field_validator("decision_id")
    @classmethod
    def _is_key(cls, value: str | None) -> str | None:
        if value is not None and value.startswith(UNNAMED):
            raise ValueError(f"keys that begin with {UNNAMED} are given here; choose another")
        if value is not None and len(value.encode()) > MAX_DECISION_ID_BYTES:
            raise ValueError(f"it is longer than {MAX_DECISION_ID_BYTES} bytes; shorten it")
        return value

    @property
    def fingerprint(self) -> str:
        """What must be equal when a decision id comes a second time (16 hex)."""
        told = [self.actor.casefold(), self.action, self.digest, self.to, self.seat_of]
        if self.request is not None:
            told.append(json.dumps(self.request, sort_keys=True))
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
    may_change = name == UPDATE or Action(name).changes
    limit = MAX_CHANGE_BYTES if may_change else MAX_MESSAGE_BYTES
    if len(data) > limit:
        raise _MisreadError(f"{len(data)} bytes; a message may have {limit}")
    if encoding != "json/plain":
        raise _MisreadError(f"encoding {encoding[:40] or 'missing'}; send JSON such as {EXAMPLE}")
    try:
        value = read_json(data)
    except json.JSONDecodeError as error:
        raise _MisreadError(f"not valid JSON; send an object such as {EXAMPLE}") from error
    except (ValueError, RecursionError) as error:
        raise _MisreadError(f"{error}; send an object such as {EXAMPLE}") from error
    if not isinstance(value, dict):
        raise _MisreadError(f"a JSON {_kind(value)}; send an object such as {EXAMPLE}")
    message = _message(name, value, channel)
    if not message.action.changes and len(data) > MAX_MESSAGE_BYTES:
        raise _MisreadError(f"{len(data)} bytes; a message may have {MAX_MESSAGE_BYTES}")
    return message


def read_json(data: bytes) -> Any:
    """Read JSON that can be written again anywhere, without rounding a number.

    A number with a fraction comes back as the text it was written as, so that ``12.50`` stays
    exact until a model makes it a Decimal.

    Raises:
        ValueError: It is no JSON, has a key twice, is nested more than 50 levels deep, or holds
            NaN, Infinity, a number of more than 64 characters or text that UTF-8 cannot hold. The
            message repeats nothing of it.
    """
    try:
        value = json.loads(
            data,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_number,
            parse_int=lambda digits: int(_number(digits)),
        )
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _depth(value) > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half a character, which no text can") from None
    return value


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"
_ONLY_FOR = {
    "request": (Action.RESUBMIT, Action.EDIT),
    "to": (Action.REASSIGN,),
    "seat_of": (Action.REASSIGN,),
}


def _message(name: str, value: dict[str, Any], channel: str) -> Message:
    told = {"channel": channel, **value}
    if name != UPDATE:
        if "verdict" in value or value.get("action", name) != name:
            raise _MisreadError(f"the signal {name} carries no other action")
        told["action"] = name
    for both in (("action", "verdict"), ("from", "seat_of")):
        if all(field in told for field in both):
            raise _MisreadError(f"{both[0]} and {both[1]} mean the same; send one of them")
    try:
        message = Message.model_validate(told)
    except ValidationError as error:
        raise _MisreadError(_explain(error)) from error
    for field, actions in _ONLY_FOR.items():
        if getattr(message, field) is not None and message.action not in actions:
            shown = "from" if field == "seat_of" else field
            owners = " and ".join(actions)
            raise _MisreadError(f'"{shown}" belongs to {owners}, not to {message.action}')
    _demand_what_is_needed(message)
    return message


def _demand_what_is_needed(message: Message) -> None:
    if message.action is Action.REASSIGN and message.to is None:
        raise _MisreadError('reassign needs "to": who takes the seat')
    if message.action.changes and message.request is None:
        raise _MisreadError(f'{message.action} needs "request": the whole changed request')
    if message.action is Action.EDIT and message.digest is None:
        # Without it the second of two edits would undo the first, which its author never saw.
        raise _MisreadError('edit needs "digest": the digest of the revision that it changes')


def _explain(error: ValidationError) -> str:
    """Say what is wrong with which field, without repeating anything that was sent."""
    problems = []
    # Only the first few are looked at: a megabyte can hold a hundred thousand unknown fields, and
    # a workflow that thinks about them for two seconds is taken for one that hangs.
    for item in error.errors(include_input=False, include_url=False)[:_EXPLAINED]:
        field = str(item["loc"][0]) if item["loc"] else "object"
        if item["type"] == "extra_forbidden":
            near = get_close_matches(field[:_LONGEST_FIELD], _FIELDS, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            problems.append(f"a field that is not known; {hint}known are {', '.join(_FIELDS)}")
        else:
            problems.append(f"{field}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(dict.fromkeys(problems))


_EXPLAINED = 5
_LONGEST_FIELD = 32
_FIELDS = ("from", *(name for name in Message.model_fields if name != "seat_of"))


def _kind(value: object) -> str:
    names = {str: "string", list: "list", bool: "boolean", int: "number", type(None): "null"}
    return names[type(value)]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("it has a key twice in one object")
    return result


def _number(text: str) -> str:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"it holds a number of more than {MAX_DIGITS} characters")
    return text


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("it holds NaN or Infinity, which are no JSON")


def _depth(value: Any) -> int:
    """Count levels of objects and lists without recursion; stops just above the limit."""
    level, depth = [value], 0
    while depth <= MAX_DEPTH:
        nested = [item for item in level if isinstance(item, dict | list)]
        if not nested:
            break
        depth += 1
        level = [child for item in nested for child in _children(item)]
    return depth


def _children(item: dict[str, Any] | list[Any]) -> list[Any]:
    return list(item.values()) if isinstance(item, dict) else item
