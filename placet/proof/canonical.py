"""Reads JSON that can be written in one way only: RFC 8785, or compact lines of fixed keys."""

import json
import math
import re
from decimal import Decimal
from typing import Any, NoReturn

_MAX_SAFE = 2**53 - 1
_SAFE_DIGITS = 15
_MAX_DEPTH = 100
_PLAIN_FROM, _PLAIN_UP_TO = -6, 21
_RARE_CHARACTER = re.compile("[\U00010000-\U0010ffff]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SORTING = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def read_canonical(text: str) -> Any:
    """Return what RFC 8785 JSON stands for.

    Raises:
        ValueError: It is no JSON, or is not written in the one way that RFC 8785 allows.
    """
    _rare_numbers.clear()
    value = _load(_DECODER, text)
    # Python sorts keys and writes numbers as RFC 8785 does, apart from what is looked for here.
    rare = _rare_numbers or (not text.isascii() and _RARE_CHARACTER.search(text))
    if text.count("{") + text.count("[") > _MAX_DEPTH and _depth(value) > _MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if (rfc8785(value) if rare else _SORTING.encode(value)) != text:
        raise ValueError("it is not written as RFC 8785 says")
    return value


def read_line(line: str) -> Any:
    """Return what a compact line of JSON stands for, whose keys keep their order.

    Raises:
        ValueError: It is no JSON, holds a fraction, or could be written in another way.
    """
    value = _load(_LINE_DECODER, line)
    if _ENCODER.encode(value) != line:
        raise ValueError("it is not compact JSON in the one form that it has")
    return value


def rfc8785(value: Any) -> str:
    """Write a JSON value as RFC 8785 says.

    Raises:
        ValueError: A number has no such form.
    """
    if isinstance(value, dict):
        ordered = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_ENCODER.encode(k)}:{rfc8785(value[k])}" for k in ordered) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(rfc8785, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int) and abs(value) > _MAX_SAFE:
        return _number(_nearest(value))
    return _ENCODER.encode(value)


def _load(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while nested := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [i for n in nested for i in (n.values() if isinstance(n, dict) else n)]
    return depth


def _nearest(value: int) -> float:
    """Return what a number beyond 2**53 is in RFC 8785, which knows only doubles."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number is too large") from None


def _number(value: float) -> str:
    """Write a number as ECMAScript does: the shortest digits, plain from 1e-6 up to 1e21."""
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    if value == 0:
        return "0"
    told = Decimal(repr(abs(value))).normalize().as_tuple()
    digits = "".join(map(str, told.digits))
    point = len(digits) + int(told.exponent)
    if len(digits) <= point <= _PLAIN_UP_TO:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= _PLAIN_UP_TO:
        text = f"{digits[:point]}.{digits[point:]}"
    elif _PLAIN_FROM < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        rest = f".{digits[1:]}" if digits[1:] else ""
        text = f"{digits[0]}{rest}e{point - 1:+d}"
    return f"-{text}" if value < 0 else text


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"{number[:40]} is no number that may stand here")


def _fraction(number: str) -> float:
    _rare_numbers.append(number)
    return float(number)


def _whole(number: str) -> int:
    if len(number) > _SAFE_DIGITS:
        _rare_numbers.append(number)
    return int(number)


_rare_numbers: list[str] = []
"""Numbers of the text just read that Python might write in another way than RFC 8785."""

_DECODER = json.JSONDecoder(parse_float=_fraction, parse_int=_whole, parse_constant=_refuse)
_LINE_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
