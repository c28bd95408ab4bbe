"""Conditions in CEL: checked when a policy is read, evaluated with bounds, never silently false.

Everything that can go wrong with a condition is an error with its text: an unknown name, an
operator that does not fit its operands, a result that is neither true nor false. A condition is
short and does not nest comprehensions, so its time is bounded by the length of its longest list.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

from placet.domain.errors import InvalidInputError
from placet.domain.facts import FactKind, Facts
from placet.domain.problems import suggestion

if TYPE_CHECKING:
    import cel

MAX_LENGTH = 1000
MAX_DIGITS = 15  # Decimal numbers of at most 15 digits keep their order as doubles (IEEE 754).
MAX_LIST = 10_000
_STRING = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_MACRO = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])")
_MAX_WHOLE = 2**53
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_FUNCTIONS = _MACROS | {
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "int",
    "double",
    "string",
}
_OPERATOR = re.compile(r"^[@_!\-\[]")


class ConditionError(InvalidInputError):
    """A condition cannot be used, or cannot be decided with these facts."""

    code = "invalid-condition"


def check_condition(text: str, known: Mapping[str, FactKind]) -> None:
    """Check ``text`` against the facts a pipeline has, without any real request.

    It is also evaluated with an example of every combination of truth values it looks at, so that
    an operator that does not fit its operands is found now.

    Raises:
        ConditionError: It is not CEL, looks at an unknown fact, or does not give true or false.
    """
    _bounded(text)
    program = _compiled(text)
    bound = {match[2] for match in _MACRO.finditer(_blank(text))}
    names = [name for name in program.variables() if name not in bound]
    for name in names:
        if name not in known:
            raise ConditionError(f"there is no fact '{name}'" + suggestion(name, known))
    for name in bound & known.keys():
        raise ConditionError(f"'{name}' is a fact; name the variable of the list something else")
    for function in program.functions():
        if not _OPERATOR.match(function) and function not in _FUNCTIONS:
            known_functions = suggestion(function, _FUNCTIONS)
            raise ConditionError(f"there is no function '{function}'{known_functions}")
    for example in _examples([name for name in names if name in known], known):
        _run(text, program, example)


def holds(text: str, facts: Facts, known: Mapping[str, FactKind]) -> bool:
    """Say whether the condition ``text`` holds for ``facts``.

    Raises:
        ConditionError: It cannot be decided; the message says why.
    """
    _bounded(text)
    program = _compiled(text)
    values = {}
    for name in program.variables():
        if name in facts:
            values[name] = _value(name, facts[name], known.get(name))
        elif name in known:
            raise ConditionError(f"the request says nothing about '{name}', which '{text}' needs")
    return _run(text, program, values)


def _bounded(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"it is longer than {MAX_LENGTH} characters; split it into routes")
    plain = _blank(text)
    if _nests(plain):
        raise ConditionError("one comprehension is inside another; split it into two conditions")
    for number in _NUMBER.findall(plain):
        if len(number.replace(".", "").lstrip("0")) > MAX_DIGITS:
            raise ConditionError(f"{number} has more than {MAX_DIGITS} digits; shorten it")


def _nests(plain: str) -> bool:
    """Say whether a comprehension stands inside the parentheses of another."""
    opens = {plain.rindex("(", 0, found.end()) for found in _MACRO.finditer(plain)}
    depth = 0
    inside: int | None = None
    for place, sign in enumerate(plain):
        if sign == "(":
            depth += 1
            if place in opens and inside is not None:
                return True
            inside = depth if place in opens else inside
        elif sign == ")":
            inside = None if inside == depth else inside
            depth -= 1
    return False


def _blank(text: str) -> str:
    """Return ``text`` with the content of its string literals blanked, at the same places."""
    return _STRING.sub(lambda found: '"' + " " * (len(found[0]) - 2) + '"', text)


@lru_cache(maxsize=512)
def _compiled(text: str) -> "cel.Program":
    import cel  # noqa: PLC0415 - it loads a whole command line, and most programs judge nothing

    try:
        return cel.compile(text)
    except ValueError as error:
        first = _first_line(error)
        reason = first.partition("Syntax error: ")[2] or first
        raise ConditionError(
            f"'{text}' is not CEL: {reason:.160}; compare docs/policy.md"
        ) from None


def _first_line(error: Exception) -> str:
    # Only the first sentence is about the condition; the rest is general advice.
    return (str(error).splitlines() or [type(error).__name__])[0].partition(". ")[0]


def _run(text: str, program: "cel.Program", values: Mapping[str, Any]) -> bool:
    try:
        result = program.execute(dict(values))
    except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        reason = _first_line(error)[:240]
        if re.search(r"float . int|int . float", reason):
            reason += "; in sums with money write whole numbers with a point, such as 1.0"
        raise ConditionError(f"'{text}' cannot be decided: {reason}") from None
    if not isinstance(result, bool):
        raise ConditionError(f"'{text}' gives {result!r:.40}; a condition must give true or false")
    return result


_EXAMPLES: dict[FactKind, tuple[object, ...]] = {
    FactKind.MONEY: (1.0,),
    FactKind.NUMBER: (1,),
    FactKind.TRUTH: (True, False),
    FactKind.TEXT: ("text",),
    FactKind.TEXTS: (["text"],),
}
_MOST_EXAMPLES = 256


def _examples(names: list[str], known: Mapping[str, FactKind]) -> list[dict[str, object]]:
    choices = [_EXAMPLES[known[name]] for name in names]
    return [
        dict(zip(names, chosen, strict=True))
        for _, chosen in zip(range(_MOST_EXAMPLES), product(*choices), strict=False)
    ]


def _value(name: str, value: object, kind: FactKind | None) -> object:
    """Return a fact as CEL sees it: money as a double, everything else as it is."""
    if kind is FactKind.MONEY and isinstance(value, str):
        digits = value.lstrip("-").replace(".", "").lstrip("0")
        if not re.fullmatch(r"-?\d+(\.\d+)?", value) or len(digits) > MAX_DIGITS:
            raise ConditionError(f"'{name}' is {value!r:.40}, which cannot be compared exactly")
        return float(value)
    if kind is FactKind.MONEY and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, int) and abs(value) > _MAX_WHOLE:
        raise ConditionError(f"'{name}' is too large to be compared exactly")
    if isinstance(value, list) and len(value) > MAX_LIST:
        raise ConditionError(f"'{name}' has more than {MAX_LIST:,} entries; shorten the request")
    return value
