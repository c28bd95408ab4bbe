"""The keys of rows as Postgres copies them: a line for each, its columns separated by tabs.

This is the text that a selection's digest is taken of. A tab, a line break or a backslash inside of
a value is written with a backslash, so that a line is always one row.
"""

import re
from collections.abc import Sequence

Key = tuple[str, ...]
"""The values of a row's key columns, as text."""

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WRITTEN = {meant: letter for letter, meant in _MEANT.items()} | {"\\": "\\"}
_UNSAFE = re.compile("[\b\f\n\r\t\v\\\\]")

NULL = "\\N"


def read_key(line: str) -> Key:
    """Read one line, without its end.

    Raises:
        ValueError: A column of it is null, which no key has.
    """
    parts = line.split("\t")
    if "\\" not in line:
        return tuple(parts)
    if NULL in parts:
        raise ValueError(line)
    return tuple(_ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), p) for p in parts)


def write_key(key: Key) -> str:
    """Write a key as Postgres would, without the line's end."""
    return "\t".join(_UNSAFE.sub(lambda found: f"\\{_WRITTEN[found[0]]}", part) for part in key)


def columns_of(keys: Sequence[Key]) -> list[list[str]]:
    """Turn keys into a list for each column, as a statement takes them."""
    return [list(values) for values in zip(*keys, strict=True)]
