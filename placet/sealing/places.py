"""Places outside the database that hold checkpoints, so that nobody can take back what was sealed.

A place may be down: sealing goes on, and it gets the newest checkpoint when it is back. A place
that holds another history than the database, or a newer one, stops the sealing.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import structlog

from placet.domain.errors import UnavailableError
from placet.domain.plurals import plural
from placet.proof.note import Note, NoteError, parse_checkpoint
from placet.sealing.archive import Archive
from placet.sealing.errors import KEEP_ALL, AlarmError, SealingRefusedError
from placet.sealing.head import own_note
from placet.sealing.keys import LogKeys

_LONGEST_WAIT = 60.0
_FIRST_WAIT = 1.0
_LONGEST_ANSWER = 120.0
"""A place that takes longer hangs, as a directory of a machine that is gone does."""
_REMIND_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Place(Protocol):
    """Where checkpoints are kept or witnessed."""

    @property
    def name(self) -> str:
        """Return what people call it."""
        ...

    async def newest(self) -> Note | None:
        """Return the newest checkpoint that it holds; None for none, or when it cannot tell.

        Raises:
            UnavailableError: It does not answer now.
            SealingRefusedError: What it holds cannot be read.
        """
        ...

    async def publish(self, note: Note) -> None:
        """Bring a checkpoint there; one that is there already is left as it is.

        Raises:
            UnavailableError: It does not take it now.
            SealingRefusedError: It holds another history.
        """
        ...


class Publisher:
    """Brings the newest checkpoint to one place, as often as there is one."""

    def __init__(
        self,
        place: Place,
        archive: Archive,
        keys: LogKeys,
        *,
        every: float = 0.0,
        remembers: bool = True,
    ) -> None:
        """Publish to ``place``.

        Args:
            place: Where to.
            archive: Where from.
            keys: By which what is there has to be signed.
            every: Seconds; it is published at most once in so many.
            remembers: Whether the place would notice that the database is older than it was.
        """
        self.place = place
        self._archive = archive
        self._keys = keys
        self._every = every
        self.remembers = remembers
        self._published = 0
        self._checked = False
        self._more = asyncio.Event()
        self._told = float("-inf")

    def offer(self) -> None:
        """Say that there is a newer checkpoint."""
        self._more.set()

    async def catch_up(self) -> None:
        """Bring the newest checkpoint there, unless it is there.

        Raises:
            UnavailableError: The place or the database does not answer now.
            SealingRefusedError: The place holds another history, or a newer one.
        """
        if not self._checked:
            self._published = await self._compared()
            self._checked = True
        newest = await self._archive.newest()
        if newest and newest.size > self._published:
            await self.place.publish(newest.note)
            self._published = newest.size
            log.debug("checkpoint_published", place=self.place.name, tree_size=newest.size)

    async def run(self) -> None:
        """Publish for ever.

        Raises:
            SealingRefusedError: The place holds another history, or a newer one.
        """
        wait = _FIRST_WAIT
        while True:
            self._more.clear()
            if (away := await _problem(self, _LONGEST_ANSWER)) is not None:
                self._tell(away.error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            wait = _FIRST_WAIT
            await asyncio.sleep(self._every)
            await self._more.wait()

    async def _compared(self) -> int:
        """Return how far the place has come, which the database must agree with."""
        told = await self.place.newest()
        if told is None:
            return 0
        require_own(self.place.name, told, self._keys)
        return await agreed_size(self.place.name, told, self._archive)

    def _tell(self, error: UnavailableError) -> None:
        now = time.monotonic()
        if now - self._told >= _REMIND_SECONDS:
            self._told = now
            say = log.error if isinstance(error, AlarmError) else log.warning
            say("checkpoint_not_published", place=self.place.name, problem=str(error))


def require_own(name: str, told: Note, keys: LogKeys) -> None:
    """Refuse a checkpoint that a place holds and this log has not signed.

    Raises:
        SealingRefusedError: It has not.
    """
    try:
        own_note(str(told), keys)
    except NoteError as error:
        raise SealingRefusedError(f"{name}: {error}. {KEEP_ALL}") from None


async def agreed_size(name: str, told: Note, archive: Archive) -> int:
    """Return the size of a checkpoint that a place holds, which the database holds too.

    Raises:
        SealingRefusedError: The database does not.
        NoteError: It is no checkpoint.
    """
    there = parse_checkpoint(told.text).size
    newest = await archive.newest()
    size = newest.size if newest else 0
    if there > size:
        raise SealingRefusedError(
            f"{name} holds a checkpoint of {plural(there, 'event')}, and the database ends at "
            f"{size}: an older database was restored, or events were taken away. Restore the newer "
            f"one. {KEEP_ALL}"
        )
    here = await archive.note_of(there)
    if here is None or here.text != told.text:
        raise SealingRefusedError(
            f"{name} holds another checkpoint of {plural(there, 'event')} than the database: one "
            f"of them was changed. {KEEP_ALL}"
        )
    return there


class Away(NamedTuple):
    """A place that did not take the newest checkpoint, and what it said."""

    publisher: Publisher
    error: UnavailableError


async def caught_up(publishers: Sequence[Publisher], seconds: float) -> list[Away]:
    """Bring what was sealed to every place, and return those that did not take it.

    Args:
        publishers: One for each place.
        seconds: A place that takes longer counts as down.

    Raises:
        SealingRefusedError: One holds another history, or a newer one.
    """
    found = await asyncio.gather(*(_problem(each, seconds) for each in publishers))
    return [away for away in found if away is not None]


async def _problem(publisher: Publisher, seconds: float) -> Away | None:
    try:
        async with asyncio.timeout(seconds):
            await publisher.catch_up()
    except UnavailableError as error:
        return Away(publisher, error)
    except TimeoutError:
        return Away(
            publisher,
            UnavailableError(
                f"{publisher.place.name} does not answer within {seconds:.0f} s; check that it runs"
            ),
        )
    return None
