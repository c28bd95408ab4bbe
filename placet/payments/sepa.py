"""Text in the few characters that every bank in SEPA must accept."""

import re

from text_unidecode import unidecode  # type: ignore[import-untyped]

MAX_NAME = 70
MAX_REMITTANCE = 140

_REPLACED = str.maketrans({"&": "+", "_": "-", ";": ",", "@": ".", '"': "'", "`": "'"})
_NOT_SEPA = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]+", re.ASCII)


def sepa_text(text: str, limit: int) -> str:
    """Write ``text`` in the SEPA character set, cut at ``limit`` characters.

    The set is a-z A-Z 0-9 / - ? : ( ) . , ' + and space (EPC217-08). Letters of other alphabets
    are transliterated, what has no counterpart (an emoji) is left out.

    Returns:
        The text without leading or trailing spaces and slashes and without double slashes, which
        banks read as separators. Empty when nothing could be written.
    """
    plain = _NOT_SEPA.sub(" ", unidecode(text).translate(_REPLACED))
    plain = re.sub(r"/{2,}", "/", " ".join(plain.split()))
    return plain.strip(" /")[:limit].rstrip(" /")


def says_something(text: str) -> bool:
    """Whether a letter or a digit is left of ``text`` in the SEPA character set."""
    return any(character.isalnum() for character in sepa_text(text, len(text) * 4 + 1))
