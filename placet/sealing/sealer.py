"""Seals what has been appended, round by round; of many that run, one works.

A round is one transaction on the connection that also holds the lock by which its sealer was
elected. What it has signed is published only after it is committed, and it is published again by
whoever comes next if this one dies before.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Protocol

import structlog

from placet.db import Pool, open_pool
from placet.domain.errors import PlacetError, UnavailableError
from placet.domain.plurals import plural
from placet.sealing.archive import Archive
from placet.sealing.backlog import Backlog, look
from placet.sealing.errors import AlarmError, SealingRefusedError
from placet.sealing.keys import LogKeys
from placet.sealing.places import PlaceWatch, Publisher, caught_up
from placet.sealing.session import SealingSession, open_session
from placet.sealing.telling import REMIND_SECONDS, Teller

BATCH = 50_000
"""Leaves in one round at most."""

_STANDBY_SECONDS = 1.0
_LONGEST_WAIT = 10.0
_LOOK_SECONDS = 10.0
_SERVER_PATIENCE = 30.0
_OTHER_SECONDS = 60.0
_OLD_SECONDS = 60.0
"""Who has waited for longer to be sealed is spoken of."""

log = structlog.get_logger(__name__)


class Pace(NamedTuple):
    """How often, and how much at once.

    Attributes:
        seconds: Between two rounds, when there is no more than one round takes.
        batch: Leaves in one round at most.
        patience: Seconds without a word after which the server gives up a sealer.
    """

    seconds: float = 1.0
    batch: int = BATCH
    patience: float = _SERVER_PATIENCE


class Watch(PlaceWatch, Protocol):
    """Takes what a sealer tells of itself, for metrics."""

    def waiting(self, found: Backlog) -> None:
        """Take what waits to be sealed."""

    def refused(self, *, now: bool) -> None:
        """Take whether sealing is refused."""


class _Unwatched:
    """Takes it and does nothing with it."""

    def waiting(self, found: Backlog) -> None:
        """Take what waits to be sealed."""

    def refused(self, *, now: bool) -> None:
        """Take whether sealing is refused."""

    def lost(self, place: str, *, now: bool) -> None:
        """Take whether a place holds less than it is known to have held."""


class Sealer:
    """Seals one ledger."""

    def __init__(
        self,
        url: str,
        keys: LogKeys,
        places: Callable[[Archive], Sequence[Publisher]],
        pace: Pace | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Seal the ledger at ``url``, as ``placet_app_sealer``, and publish to ``places``."""
        self._url = url
        self._keys = keys
        self._places = places
        self._pace = pace or Pace()
        self._watch = watch or _Unwatched()
        self._teller = Teller()
        self._looked = float("-inf")

    async def run(self) -> None:
        """Seal until cancelled; whatever goes wrong is told and tried again.

        What waits is looked at all the time, above all while nothing is sealed.
        """
        async with open_pool(self._url, max_size=1) as pool, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_often(pool))
            tasks.create_task(self._reign_again())

    async def _reign_again(self) -> None:
        wait = self._pace.seconds
        while True:
            started = time.monotonic()
            try:
                await self._reign()
            except* SealingRefusedError as refused:
                self._watch.refused(now=True)
                self._teller.tell("sealing_refused", _first(refused))
            except* UnavailableError as away:
                self._teller.tell("sealing_waits", _first(away))
            except* PlacetError as wrong:
                self._teller.tell("sealing_failed", _first(wrong))
            if time.monotonic() - started > _LONGEST_WAIT:
                wait = self._pace.seconds
            await asyncio.sleep(wait)
            wait = min(2 * wait + 0.1, _LONGEST_WAIT)

    async def once(self) -> int:
        """Seal everything that waits now, publish it, and return how many events that were.

        Another sealer that works at the same time is given the time to do it.

        Raises:
            SealingRefusedError: Nothing may be signed here.
            UnavailableError: The database does not answer, or a place does not.
        """
        async with self._opened() as (session, pool):
            give_up = time.monotonic() + _OTHER_SECONDS
            while not await session.elect():
                waiting = (await look(pool)).events
                if not waiting:
                    return 0
                if time.monotonic() > give_up:
                    raise UnavailableError(
                        "another sealer works, and "
                        f"{plural(waiting, 'event still waits', 'events still wait')}; "
                        "look at its log"
                    )
                await asyncio.sleep(min(self._pace.seconds, _STANDBY_SECONDS))
            publishers = await self._prepared(session, pool)
            sealed = 0
            while placed := await session.seal(self._keys, self._pace.batch):
                sealed += placed
            away = await caught_up(publishers, _OTHER_SECONDS)
        if away:
            raise UnavailableError(
                f"{plural(sealed, 'event is', 'events are')} sealed, and a place did not take the "
                f"checkpoint: {away[0].error}"
            )
        return sealed

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[SealingSession, Pool]]:
        async with (
            open_session(self._url, self._pace.patience + 3 * self._pace.seconds) as session,
            open_pool(self._url, max_size=4) as pool,
        ):
            yield session, pool

    async def _reign(self) -> None:
        """Wait to be elected, and seal until something goes wrong."""
        async with self._opened() as (session, pool):
            await self._elected(session, pool)
            publishers = await self._prepared(session, pool)
            log.info("sealing", ledger=self._keys.origin, key=self._keys.signer.key.short)
            self._watch.refused(now=False)
            async with asyncio.TaskGroup() as tasks:
                for publisher in publishers:
                    tasks.create_task(publisher.run())
                tasks.create_task(self._rounds(session, publishers))

    async def _elected(self, session: SealingSession, pool: Pool) -> None:
        """Wait until no other seals; whoever else holds the lock may seal nothing: that is told."""
        looked = float("-inf")
        while not await session.elect():
            if time.monotonic() - looked >= _LOOK_SECONDS:
                looked = time.monotonic()
                with suppress(UnavailableError):
                    self._told_of(await look(pool))
            await asyncio.sleep(_STANDBY_SECONDS)

    async def _prepared(self, session: SealingSession, pool: Pool) -> Sequence[Publisher]:
        """Check that what was sealed before is whole, here and outside; publish what was not.

        Raises:
            SealingRefusedError: It is not.
            UnavailableError: No place answers: nobody could say whether this database is old.
            AlarmError: Nor could one that does, as it lacks what it held.
        """
        await session.head(self._keys)
        publishers = self._places(Archive(pool))
        for each in publishers:
            each.watch = self._watch
        # The server must not take us for dead meanwhile.
        away = await caught_up(publishers, self._pace.patience / 3)
        witnesses = [each for each in publishers if each.remembers]
        if witnesses and {id(each) for each in witnesses} <= {id(one.publisher) for one in away}:
            # Who has to look is told of what has to be looked at.
            worst = max(
                (one.error for one in away), key=lambda error: isinstance(error, AlarmError)
            )
            kind = AlarmError if isinstance(worst, AlarmError) else UnavailableError
            raise kind(
                f"no place of checkpoints can say whether the database is the newest: {worst}"
            )
        return publishers

    async def _rounds(self, session: SealingSession, publishers: Sequence[Publisher]) -> None:
        while True:
            started = time.monotonic()
            sealed = await session.seal(self._keys, self._pace.batch)
            if sealed:
                log.debug("sealed", events=sealed)
                for publisher in publishers:
                    publisher.offer()
            if sealed < self._pace.batch:
                await asyncio.sleep(max(0.0, started + self._pace.seconds - time.monotonic()))

    async def _look_often(self, pool: Pool) -> None:
        while True:
            with suppress(UnavailableError):
                self._told_of(await look(pool))
            await asyncio.sleep(_LOOK_SECONDS)

    def _told_of(self, found: Backlog) -> None:
        self._watch.waiting(found)
        now = time.monotonic()
        if found.age > _OLD_SECONDS and now - self._looked >= REMIND_SECONDS:
            self._looked = now
            log.warning(
                "events_not_sealed",
                events=found.events,
                oldest_seconds=round(found.age),
                held_up_by=str(found.holding) if found.holding else None,
            )


def _first(group: BaseExceptionGroup[PlacetError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
