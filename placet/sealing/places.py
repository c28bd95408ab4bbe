"""Places outside the database that hold checkpoints, so that nobody can take back what was sealed.

A place may be down: sealing goes on, and it gets the newest checkpoint when it is back. A place
that holds another history than the database, or a newer one, stops the sealing. One that holds less
than it is known to have held counts as down, and is an alarm until somebody says that it is meant.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

import structlog

from placet.domain.errors import UnavailableError
from placet.domain.plurals import plural
from placet.proof.note import Note, NoteError, parse_checkpoint
from placet.sealing.archive import Archive
from placet.sealing.errors import KEEP_ALL, PlaceLostError, SealingRefusedError
from placet.sealing.head import own_note
from placet.sealing.keys import LogKeys
from placet.sealing.telling import Teller

_LONGEST_WAIT = 60.0
_FIRST_WAIT = 1.0
_LONGEST_ANSWER = 120.0
"""A place that takes longer hangs, as a directory of a machine that is gone does."""
_LOOK_SECONDS = 60.0
"""A place is looked at so often also when there is nothing to bring."""

log = structlog.get_logger(__name__)


class Place(Protocol):
    """Where checkpoints are kept or witnessed."""

    @property
    def name(self) -> str:
        """Return what people call it."""
        ...

    @property
    def tells_all(self) -> bool:
        """Return whether ``newest`` is all that it holds: None for none, never for "unknown"."""
        ...

    async def newest(self, enough: int = 0) -> Note | None:
        """Return the newest checkpoint that it holds; None for none, or when it cannot tell.

        Args:
            enough: Whether one of so many events or more is the newest need not be looked for;
                0 looks always.

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


class PlaceWatch(Protocol):
    """Takes what is noticed about places, for metrics."""

    def lost(self, place: str, *, now: bool) -> None:
        """Take whether a place holds less than it is known to have held."""
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
        self.watch: PlaceWatch | None = None
        self._published = 0
        self._checked = False
        self._more = asyncio.Event()
        self._teller = Teller()

    def offer(self) -> None:
        """Say that there is a newer checkpoint."""
        self._more.set()

    async def catch_up(self) -> None:
        """Bring the newest checkpoint there, unless it is there.

        Raises:
            UnavailableError: The place or the database does not answer now.
            PlaceLostError: The place holds less than it is known to have held.
            SealingRefusedError: The place holds another history, or a newer one.
        """
        try:
            await self._catch_up()
        except PlaceLostError:
            self._watched(lost=True)
            raise
        self._watched(lost=False)

    async def _catch_up(self) -> None:
        # It may be emptied at any time, not only between two sealers.
        if self.place.tells_all or not self._checked:
            self._published = await self._compared()
            self._checked = True
        newest = await self._archive.newest()
        if newest and newest.size > self._published:
            await self.place.publish(newest.note)
            # One that remembers nothing may have left it for later, and is asked again.
            if self.remembers:
                self._published = newest.size
                await self._archive.note_held(self.place.name, newest.size)
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
                self._teller.tell("checkpoint_not_published", away.error, place=self.place.name)
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            wait = _FIRST_WAIT
            await asyncio.sleep(self._every)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._more.wait()

    async def _compared(self) -> int:
        """Return how far the place has come, which the database must agree with."""
        told = await self.place.newest(self._published)
        size = 0
        if told is not None:
            require_own(self.place.name, told, self._keys)
            size = await agreed_size(self.place.name, told, self._archive)
        held = await self._archive.held_by(self.place.name)
        require_kept(self.place, size, held)
        if size > held:
            await self._archive.note_held(self.place.name, size)
        return size

    def _watched(self, *, lost: bool) -> None:
        if self.watch is not None:
            self.watch.lost(self.place.name, now=lost)


def require_own(name: str, told: Note, keys: LogKeys) -> None:
    """Refuse a checkpoint that a place holds and this log has not signed.

    Raises:
        SealingRefusedError: It has not.
    """
    try:
        own_note(str(told), keys)
    except NoteError as error:
        raise SealingRefusedError(f"{name}: {error}. {KEEP_ALL}") from None


def require_kept(place: Place, size: int, held: int) -> None:
    """Demand that a place holds what it is known to have held.

    A witness that does not tell is asked nothing here: it says so when it is to cosign.

    Args:
        place: The place.
        size: The size of the newest checkpoint that it holds; 0 for none.
        held: The size of the largest that it is known to have held.

    Raises:
        PlaceLostError: It holds less.
    """
    if size < held and (size or place.tells_all):
        raise PlaceLostError(place.name, held, size)


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
