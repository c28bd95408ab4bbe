"""Group commit: what several callers write at the same time goes out in one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from placet.domain.errors import UnavailableError

MOST_CALLERS = 100
"""Callers of one statement at most: all their requests are locked until it is done."""

MOST_EVENTS = 200
"""Events of one statement at most, unless one caller brings more."""

MOST_UNDER_WAY = 2
"""Statements at once: while the database works on one, the next is made."""


class Groupable(Protocol):
    """What can be written together with others."""

    @property
    def streams(self) -> frozenset[str]:
        """Return the streams that it is of."""
        ...

    @property
    def size(self) -> int:
        """Return how many events it holds."""
        ...


Item = TypeVar("Item", bound=Groupable)
Result = TypeVar("Result")


class _Caller(NamedTuple, Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Result]


class Grouping(Generic[Item, Result]):
    """Gathers what comes while earlier statements are on their way, and never waits for more.

    Of each stream at most one item is under way, so those of a stream are written in the order in
    which they came. A group that is refused is written by halves, until whoever was meant is alone.
    A caller who gives up takes nobody along; what was under way for it may still be written, as
    when a connection is lost.
    """

    def __init__(
        self,
        together: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        alone: Callable[[Item], Awaitable[Result]],
    ) -> None:
        """Write with these two.

        Args:
            together: Writes all of a group or nothing, and returns their results in order. It
                refuses an item whose stream somebody else is writing to.
            alone: Writes one that ``together`` has refused, or refuses it for good; it may wait.
        """
        self._together = together
        self._alone = alone
        self._waiting: list[_Caller[Item, Result]] = []
        self._busy: set[str] = set()
        self._under_way = 0
        self._sending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Lock()

    async def write(self, item: Item) -> Result:
        """Write an item together with whatever else is waiting.

        Raises:
            PlacetError: It was refused, or the database did not answer.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Caller(item, answer))
        self._start()
        return await answer

    def _start(self) -> None:
        # A task takes what waits when it runs, so all who call in this turn of the loop are in.
        if self._waiting and self._under_way < MOST_UNDER_WAY:
            self._under_way += 1
            self._spawn(self._run())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        try:
            while group := self._take():
                self._start()
                self._sending += 1
                try:
                    await self._settle(group)
                finally:
                    self._sending -= 1
        finally:
            self._under_way -= 1

    def _take(self) -> list[_Caller[Item, Result]]:
        """Take those whose streams are free, in the order in which they came.

        When no other statement is under way, half is left for one: else all callers would wait for
        the database together, and the database for all of them.
        """
        self._waiting = [caller for caller in self._waiting if not caller.answer.done()]
        shares = MOST_UNDER_WAY - self._sending
        most = min(MOST_CALLERS, -(-len(self._waiting) // shares))
        taken: list[_Caller[Item, Result]] = []
        left: list[_Caller[Item, Result]] = []
        held, events = set(self._busy), 0
        for caller in self._waiting:
            streams, size = caller.item.streams, caller.item.size
            fits = len(taken) < most and (not taken or events + size <= MOST_EVENTS)
            if fits and held.isdisjoint(streams):
                taken.append(caller)
                self._busy |= streams
                events += size
            else:
                left.append(caller)
            # Whoever has to wait goes before later ones of its streams.
            held |= streams
        self._waiting = left
        return taken

    async def _settle(self, group: Sequence[_Caller[Item, Result]]) -> None:
        try:
            results = await self._together([caller.item for caller in group])
        except BaseException as error:
            if _of_one(error):
                self._divide(group)
                return
            self._refuse(group, error)
            if not isinstance(error, Exception):
                raise
        else:
            await self._answer(group, results)

    async def _answer(
        self, group: Sequence[_Caller[Item, Result]], results: Sequence[Result]
    ) -> None:
        """Answer a group, and let its callers bring what they have next.

        Two groups that end at the same moment are answered one after the other: so the next
        statement of the first is on its way while that of the second is being made.
        """
        async with self._answering:
            for caller, result in zip(group, results, strict=True):
                if not caller.answer.done():
                    caller.answer.set_result(result)
            self._free(group)
            await asyncio.sleep(0)

    def _divide(self, group: Sequence[_Caller[Item, Result]]) -> None:
        """Write a group's halves for themselves, so that no other statement waits for them."""
        if len(group) == 1:
            self._spawn(self._settle_alone(group[0]))
            return
        middle = len(group) // 2
        self._spawn(self._settle(group[:middle]))
        self._spawn(self._settle(group[middle:]))

    async def _settle_alone(self, caller: _Caller[Item, Result]) -> None:
        try:
            result = await self._alone(caller.item)
        except BaseException as error:
            self._refuse([caller], error)
            if not isinstance(error, Exception):
                raise
        else:
            if not caller.answer.done():
                caller.answer.set_result(result)
            self._free([caller])

    def _refuse(self, group: Sequence[_Caller[Item, Result]], error: BaseException) -> None:
        for caller in group:
            if caller.answer.done():
                continue
            if isinstance(error, asyncio.CancelledError):
                caller.answer.cancel()
            else:
                caller.answer.set_exception(error)
        self._free(group)

    def _free(self, group: Sequence[_Caller[Item, Result]]) -> None:
        for caller in group:
            self._busy -= caller.item.streams
        self._start()


def _of_one(error: BaseException) -> bool:
    """Say whether one of the group is to blame, not the database or whoever ends the program."""
    return isinstance(error, Exception) and not isinstance(error, UnavailableError)
