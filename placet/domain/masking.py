"""Values as reviewers see them: personal ones without any of their characters, others cut short."""

from itertools import groupby

from placet.domain.text import clean_text

MASKED = 12
"""The most characters of a masked value."""
SHOWN = 60


def masked(value: str) -> str:
    """Return the shape of a value: letters as x, digits as 9, spaces, and anything else as *.

    However many follow each other are one: by their lengths true and false, or the name of a town,
    would be told from others.
    """
    shape = "".join(kind for kind, _ in groupby(map(_shape, value)))
    return shape if len(shape) <= MASKED else shape[: MASKED - 1] + "…"


def _shape(character: str) -> str:
    if character.isalpha():
        return "x"
    if character.isdigit():
        return "9"
    return " " if character.isspace() else "*"


def shortened(value: str) -> str:
    """Return a value on one line, at most 60 characters of it, safe to show anywhere."""
    return clean_text(value, SHOWN, multiline=False, truncate=True)
