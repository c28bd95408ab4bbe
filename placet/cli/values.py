"""Read what people type; each reader says what it takes, with an example, when it is not that.

Typer adds the option's name to what they raise, and the exit code is that of a wrong command.
"""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import typer

_FIRST, _LAST = date(1970, 1, 1), date(9998, 12, 31)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_POSITION = re.compile(r"[0-9]{1,18}")
_SHOWN = 40


def something(text: str | None) -> str | None:
    """Return a text as it is, unless it says nothing; a callback for arguments and options.

    Raises:
        BadParameter: It is empty, or only spaces.
    """
    if text is not None and not text.strip():
        raise typer.BadParameter("it is empty; the help shows an example")
    return text


def path(text: str) -> Path:
    """Return the path of a file or a directory.

    Raises:
        BadParameter: It is empty; the current directory is written as a dot.
    """
    if not text:
        raise typer.BadParameter("it is empty; name a file or a directory")
    return Path(text)


def day(text: str) -> date:
    """Return a day, such as 2026-03-01.

    Raises:
        BadParameter: It is none.
    """
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise typer.BadParameter(f"{text[:_SHOWN]!r} is no day; write it as 2026-03-01")
    return _within(found)


def instant(text: str) -> datetime:
    """Return a day's beginning, or a time of a day, in UTC unless it says another zone.

    Raises:
        BadParameter: It is neither.
    """
    found = _instant(text)
    if found is None:
        raise typer.BadParameter(
            f"{text[:_SHOWN]!r} is no day and no time; write 2026-03-01 or 2026-03-01T08:30"
        )
    return found


def start(text: str) -> int | datetime:
    """Return a position in the ledger, or an instant.

    Raises:
        BadParameter: It is neither.
    """
    if _POSITION.fullmatch(text):
        return int(text)
    found = _instant(text)
    if found is None:
        raise typer.BadParameter(
            f"{text[:_SHOWN]!r} is neither a position nor a day; write 1200 or 2026-03-01"
        )
    return found


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if _INSTANT.fullmatch(text) else None
    except ValueError:
        return None
    if found is None:
        return None
    _within(found.date())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _within(found: date) -> date:
    if not _FIRST <= found <= _LAST:
        raise typer.BadParameter(f"{found} is too far away; write a day from {_FIRST} to {_LAST}")
    return found
