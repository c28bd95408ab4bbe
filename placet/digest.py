"""Read JSON without losing anything, and write the one form of it that a digest is taken of."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn

import orjson
import rfc8785
from pydantic import BaseModel

from placet.domain.errors import InvalidInputError
from placet.domain.text import clean_text

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 50
_MAX_NUMBER = 64
_MAX_WHOLE = 2**53 - 1


def read_json(source: str | bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read one JSON document that a person or a program sent.

    Stricter than ``json.loads`` where looseness would change what was meant: a number with a point
    or an exponent becomes an exact ``Decimal``; NaN, Infinity, a key written twice in one object,
    more than 50 levels and more than ``max_bytes`` bytes are refused.

    Raises:
        InvalidInputError: It is not such a document; the message says where and what to do.
    """
    if isinstance(source, bytes):
        if len(source) > max_bytes:
            raise _too_big(max_bytes)
        try:
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f"this is not UTF-8 text (byte {error.start}); save the file as UTF-8"
            ) from None
    else:
        text = source.removeprefix("\ufeff")
        if len(text) > max_bytes or len(text.encode("utf-8", "replace")) > max_bytes:
            raise _too_big(max_bytes)
    if not text.strip():
        raise InvalidInputError("it is empty; write a JSON object, such as those in examples/")
    try:
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise InvalidInputError(
            f"this is not JSON: line {error.lineno}, column {error.colno}: {error.msg.lower()}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if _depth(value) > MAX_DEPTH:
        raise _too_deep()
    return value


def canonical(value: Any) -> bytes:
    """Write ``value`` in its only canonical form: the JSON Canonicalization Scheme of RFC 8785.

    Models are written as their JSON. In plain data a ``Decimal`` is written as a string in full
    (``"12.50"``), a date as ``"2026-03-01"``, an aware datetime in UTC as
    ``"2026-03-01T08:00:00Z"``, an enum as its value, and a set or another type is refused.

    Raises:
        InvalidInputError: Something in it has no canonical form: NaN, a whole number beyond 2**53,
            a lone surrogate, a naive datetime, a key that is no string.
    """
    try:
        if _is_plain(value):
            with suppress(TypeError):  # Something is refused; below it is said why.
                return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return rfc8785.dumps(_plain(value))
    except UnicodeEncodeError:
        raise InvalidInputError(
            "this has no canonical JSON form: it holds half of a surrogate pair; remove it"
        ) from None
    except rfc8785.CanonicalizationError as error:
        raise InvalidInputError(
            f"this has no canonical JSON form: {error}; write large or special numbers as strings"
        ) from None
    except RecursionError:
        raise _too_deep() from None


def _is_plain(value: Any) -> bool:
    """Say whether any JSON of a value, with sorted keys and no spaces, is the canonical one.

    It is for exactly these types, when no number can be written in two ways and the order of keys
    by UTF-16 is that by code points.
    """
    kind = type(value)
    items: Iterable[Any]
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                return False
        items = value.values()
    elif kind is list:
        items = value
    elif kind is int:
        return bool(abs(value) <= _MAX_WHOLE)
    else:
        return kind is str or kind is bool or value is None
    for item in items:  # noqa: SIM110 - all() takes twice as long, for each event
        if type(item) is not str and not _is_plain(item):
            return False
    return True


def digest(value: Any) -> str:
    """SHA-256 of ``canonical(value)``, as 64 lower-case hexadecimal digits.

    Raises:
        InvalidInputError: Something in it has no canonical form.
    """
    return hashlib.sha256(canonical(value)).hexdigest()


def _plain(value: Any) -> Any:
    """Turn a value into what RFC 8785 can write: null, booleans, numbers, text, lists, objects."""
    plain: Any
    match value:
        case BaseModel():
            plain = value.model_dump(mode="json")
        case Enum():
            plain = _plain(value.value)
        case Mapping():
            plain = {_key(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            plain = [_plain(item) for item in value]
        case Decimal():
            plain = _decimal_text(value)
        case date():
            plain = _date_text(value)
        case None | bool() | int() | float() | str():
            plain = value
        case _:
            raise InvalidInputError(
                f"a {type(value).__name__} has no canonical JSON form; turn it into plain JSON"
                " values first"
            )
    return plain


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidInputError(f"the key {key!r} is not a string; JSON keys are strings")
    return key


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > _MAX_NUMBER:
        raise InvalidInputError(f"{value} has no canonical form; write an ordinary number")
    return format(value, "f")


def _date_text(value: date) -> str:
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.tzinfo is None:
        raise InvalidInputError(f"{value.isoformat()} has no time zone; add one, such as Z")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _decimal(text: str) -> Decimal:
    number = Decimal(text) if len(text) <= _MAX_NUMBER and _exponent_is_sane(text) else None
    if number is None:
        raise _absurd(text)
    return number


def _exponent_is_sane(text: str) -> bool:
    """Whether writing the number out in full takes a line and not all memory."""
    _, _, exponent = text.lower().partition("e")
    return not exponent or abs(int(exponent)) <= _MAX_NUMBER


def _integer(text: str) -> int:
    if len(text) > _MAX_NUMBER:
        raise _absurd(text)
    return int(text)


def _absurd(text: str) -> InvalidInputError:
    return InvalidInputError(f"{text[:20]} is no number anybody means; check it")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInputError(f"{name} is not JSON and not an amount; write a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                shown = clean_text(key, 60, multiline=False, truncate=True)
                raise InvalidInputError(f'"{shown}" is written twice in one object; keep one')
            seen.add(key)
    return result


def _depth(value: Any) -> int:
    """Levels of objects and lists, counted without recursion; stops just above the limit."""
    level, depth = [value], 0
    while depth <= MAX_DEPTH:
        nested = [item for item in level if isinstance(item, dict | list)]
        if not nested:
            return depth
        depth += 1
        level = [
            child
            for item in nested
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _too_deep() -> InvalidInputError:
    return InvalidInputError(f"it is nested more than {MAX_DEPTH} levels deep; flatten it")


def _too_big(max_bytes: int) -> InvalidInputError:
    return InvalidInputError(f"it is larger than {max_bytes:,} bytes; split it or shorten it")
