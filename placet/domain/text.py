"""What a person typed, made safe to store and show anywhere.

Postgres refuses NUL, UTF-8 refuses lone surrogates, XML refuses control characters, and a
bidirectional override makes a screen show something other than what is stored. ``clean_text``
settles all of it once, at the door, so that no adapter has to.
"""

import re
import unicodedata
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from placet.domain.errors import InvalidInputError

LINE_LIMIT = 200
TEXT_LIMIT = 4_000
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # Control characters; newline and tab are left alone here.
    "\u202a-\u202e\u2066-\u2069"  # Bidirectional embeddings, overrides and isolates.
    "\ud800-\udfff"  # Halves of a surrogate pair: no encoding of Unicode has them.
    "\ufff9-\ufffb"  # Interlinear annotations, which hide text.
    "\ufdd0-\ufdef\ufffe\uffff"  # Code points that are no characters; XML refuses some.
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(1 << 16, 17 << 16, 1 << 16)
    )
    + "]"
)


class TextError(InvalidInputError, ValueError):
    """A text is too long or says nothing.

    It is a ``ValueError`` too, so that a validator may raise it.
    """

    code = "invalid-text"


def clean_text(value: str, limit: int, *, multiline: bool = True, truncate: bool = False) -> str:
    """Make a typed text safe to store and show.

    Line breaks become newlines (a space when not ``multiline``); control characters, bidirectional
    overrides, lone surrogates and non-characters become U+FFFD, so that a reader sees something
    stood there; then NFC (Unicode Standard Annex 15) and trimming. The result always encodes as
    UTF-8 and is legal in JSON, XML 1.0 and Postgres. Cleaning twice changes nothing.

    Args:
        value: What was typed.
        limit: The most code points the result may have, at least 1.
        multiline: Whether line breaks and tabs are kept.
        truncate: Cut what is too long and end it with an ellipsis, where nobody can be asked to
            write less (a signal has no answer).

    Raises:
        TextError: It is longer than ``limit`` and ``truncate`` is off.
    """
    text = _LINE_BREAK.sub("\n", value.replace("\ufeff", "")).strip()
    # Composition never makes eight characters one, so nothing that could count is cut off here;
    # it bounds the work on a megabyte of nonsense.
    if len(text) > 8 * limit:
        if not truncate:
            raise _too_long(len(text), limit)
        text = text[: 8 * limit]
    if not multiline:
        text = text.replace("\n", " ").replace("\t", " ")
    text = unicodedata.normalize("NFC", _UNSAFE.sub(REPLACEMENT, text)).strip()
    if len(text) <= limit:
        return text
    if not truncate:
        raise _too_long(len(text), limit)
    return text[: limit - 1].rstrip() + "…"


def _too_long(length: int, limit: int) -> TextError:
    return TextError(f"it is {length} characters long; at most {limit} are allowed, shorten it")


def _line(value: Any) -> Any:
    """Clean one line; a value of another type is left for pydantic to refuse."""
    if not isinstance(value, str):
        return value
    text = clean_text(value, LINE_LIMIT, multiline=False)
    if not any(character.isprintable() and not character.isspace() for character in text):
        raise TextError("it is empty; write something a reader can see")
    return text


def _text(value: Any) -> Any:
    """Clean a longer text; a value of another type is left for pydantic to refuse."""
    return clean_text(value, TEXT_LIMIT) if isinstance(value, str) else value


Line = Annotated[str, BeforeValidator(_line), Field(max_length=LINE_LIMIT)]
"""One line that says something: 1 to 200 code points. Longer input is refused."""

Text = Annotated[str, BeforeValidator(_text), Field(max_length=TEXT_LIMIT)]
"""Up to 4,000 code points, line breaks kept, may be empty. Longer input is refused."""


def problem_text(problem: str) -> str:
    """Return what another part says is wrong, so that it fits anywhere."""
    return clean_text(problem, TEXT_LIMIT, truncate=True) or "no reason was given"
