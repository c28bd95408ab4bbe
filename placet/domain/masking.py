"""Values as reviewers see them: personal ones without any of their characters, others cut short."""

from placet.domain.text import clean_text

MASKED = 12
"""The most characters of a masked value: its length beyond that says nothing either."""
SHOWN = 60


def masked(value: str) -> str:
    """Return the shape of a value: letters as x, digits as 9, spaces, and anything else as *."""
    shape = "".join(map(_shape, value[:MASKED]))
    return shape if len(value) <= MASKED else shape[: MASKED - 1] + "…"


def _shape(character: str) -> str:
    if character.isalpha():
        return "x"
    if character.isdigit():
        return "9"
    return " " if character.isspace() else "*"


def shortened(value: str) -> str:
    """Return a value on one line, at most 60 characters of it, safe to show anywhere."""
    return clean_text(value, SHOWN, multiline=False, truncate=True)
