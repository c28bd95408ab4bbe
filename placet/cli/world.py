"""What most commands need: the settings, the people, and a loop to run in."""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from placet.directory import load_directory
from placet.domain.errors import NotFoundError
from placet.domain.money import RateTable
from placet.domain.people import Directory, Person
from placet.policy.files import model_from, read
from placet.settings import Settings

DIRECTORY = "directory.yaml"
RATES = "rates.yaml"


def go(work: Coroutine[Any, Any, int]) -> int:
    """Run a command's work to its end and return its exit code."""
    # The pool and Temporal's client tell their troubles in errors; their warnings add noise.
    logging.getLogger().addHandler(logging.NullHandler())
    return asyncio.run(work)


def now() -> datetime:
    """Return the current instant, in UTC."""
    return datetime.now(UTC)


def people(settings: Settings) -> Directory:
    """Read the directory.

    Raises:
        FileError: With every mistake and its place.
    """
    return load_directory(settings.policies / DIRECTORY)


def person(settings: Settings, who: str) -> Person:
    """Return whom an address in any spelling, or an id, means.

    Raises:
        NotFoundError: Nobody.
    """
    found = people(settings).resolve(who)
    if found is None:
        raise NotFoundError(
            f"nobody in {settings.policies / DIRECTORY} goes by {who[:100]!r}; use an address or "
            "id that the directory has"
        )
    return found


def rates(settings: Settings) -> RateTable:
    """Read the exchange rates.

    Raises:
        FileError: With every mistake and its place.
    """
    return model_from(read(settings.policies / RATES), RateTable)


def read_bytes(file: str, limit: int) -> tuple[bytes, Path]:
    """Read a file, or the standard input for ``-``, at most one byte more than ``limit``.

    Returns:
        The content, and the directory that paths in it are relative to.

    Raises:
        NotFoundError: It cannot be read.
    """
    if file == "-":
        return sys.stdin.buffer.read(limit + 1), Path.cwd()
    path = Path(file)
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1), path.resolve().parent
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotFoundError(f"{file}: {reason}; name a file that can be read") from None
