"""What can be wrong with a bundle: one code for each, so that programs can tell them apart."""

from enum import StrEnum
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        code: What kind of thing.
        place: Where, such as ``position 7`` or ``checkpoint``.
        sentence: What is wrong, for people.
    """

    code: StrEnum
    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code} {self.place}: {self.sentence}"


def shown(text: object) -> str:
    """Return what somebody else wrote, short and in ASCII: no terminal obeys anything in it."""
    told = ascii(text)
    return told if len(told) <= 80 else f"{told[:77]}..."  # noqa: PLR2004 - a line's width
