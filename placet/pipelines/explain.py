"""Turn everything that is wrong with a request into one error that a person can act on."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from placet.domain.errors import InvalidInputError
from placet.domain.problems import Problem
from placet.domain.text import clean_text

MAX_SHOWN = 20

_HEX64 = "^[0-9a-f]{64}$"

_SAID = {
    "missing": "it is missing; add it",
    "extra_forbidden": "there is no such field; correct its name or remove it",
    "string_type": "it is not text; write it in quotes",
    "string_unicode": "it holds half a character, which no text can; write it again",
    "model_type": "it is not an object; write it as {...}",
    "model_attributes_type": "it is not an object; write it as {...}",
    "tuple_type": "it is not a list; write it as [...]",
    "int_type": "it is not a whole number; write one",
    "int_parsing": "it is not a whole number; write one",
}


def problems_in(error: ValidationError) -> list[Problem]:
    """List what pydantic found wrong, in our words."""
    return [Problem(details["loc"], _message(details)) for details in error.errors()]


def refused(what: str, problems: Iterable[Problem]) -> InvalidInputError:
    """Make one error of several problems: one line for each, the first 20 of them.

    Args:
        what: What is refused, such as ``this expense``.
        problems: At least one.
    """
    listed = list(problems)
    lines = [f"{path_text(path)}: {message}" for path, message in listed[:MAX_SHOWN]]
    if len(listed) > MAX_SHOWN:
        lines.append(f"and {len(listed) - MAX_SHOWN} more; correct these first")
    return InvalidInputError("\n  ".join([f"{what} cannot be accepted:", *lines]))


def path_text(path: tuple[str | int, ...]) -> str:
    """Write a path the way people point at a value: ``lines[2].amount``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + clean_text(part, 60, multiline=False, truncate=True)
    return text or "the whole"


def _message(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in {"enum", "literal_error"}:
        return f"{_shown(details['input'])} is not known; write {context['expected']}"
    if kind == "string_pattern_mismatch" and context["pattern"] == _HEX64:
        return f"{_shown(details['input'])} is no SHA-256; write all of its 64 hex digits"
    if kind == "too_short":
        return f"there are {context['actual_length']}; write at least {context['min_length']}"
    return _SAID.get(kind) or details["msg"][:1].lower() + details["msg"][1:]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(clean_text(value, 40, multiline=False, truncate=True))
    return "this"
