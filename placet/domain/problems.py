"""What is wrong with a file somebody wrote: where, and what to do about it."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple


class Problem(NamedTuple):
    """One mistake: the path to it inside the file, and a message that says what to do."""

    path: tuple[str | int, ...]
    message: str


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest of ``known``, else a list of what exists.

    Returns:
        Text to put at the end of a message; empty when nothing is known.
    """
    names = sorted(set(known))
    near = get_close_matches(wrong, names, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known are: {', '.join(names)}" if names else ""
