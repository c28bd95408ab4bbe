"""Do one thing to all rows of an approved selection, in batches, as often as it takes.

A batch is a transaction of its own. What is known of it is only how far it is: a batch that is
repeated after a crash finds nothing left to do, and what became of the rows is counted in the end.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from placet.deleting.keys import Key
from placet.deleting.pace import FIRST, MOST, Pace
from placet.deleting.rows import Act, BlockedError, BusyError, Census, Rows, TooSlowError
from placet.deleting.selection import Selection
from placet.domain.deletion import DeletionRow
from placet.ports import Deletions

RECORD_SECONDS = 1.0
"""How far it is is recorded this often: more is repeated after a crash than need be."""
PAUSE_SECONDS = 0.5
_TRIES = 60
MOST_LISTED = 100_000

Tell = Callable[[int], None]
Halted = Callable[[], bool]


@dataclass(frozen=True)
class Work:
    """A deletion, and who goes on with it.

    Attributes:
        book: Keeps how far it is.
        rows: Its rows.
        selection: Their keys.
        permit_id: Which deletion.
        holder: Which attempt.
        tell: Told how many of the approved rows have been seen.
    """

    book: Deletions
    rows: Rows
    selection: Selection
    permit_id: str
    holder: str
    tell: Tell
    pace: Pace = field(default_factory=lambda: Pace(FIRST))

    async def census(self) -> Census:
        """Return what is there of all approved rows."""
        reader, counted = self.selection.reader(), Census()
        while keys := await reader.take(MOST):
            counted = counted.plus(await self._counted(keys))
        return counted

    async def run(self, act: Act, row: DeletionRow, halted: Halted) -> None:
        """Do an act to every row; what could not be touched is tried again while others can.

        Rows may refer to each other, so one pass may make room for the next.

        Args:
            act: What to do.
            row: The deletion, whose pass under way goes on.
            halted: Ends it between two batches.
        """
        while await self._pass(act, row.place, halted):
            standing = (await self.census()).standing(act)
            if not 0 < standing < row.standing:
                return
            row = await self.book.turn(self.permit_id, self.holder, row.state, standing, {})

    async def listed(self, act: Act) -> list[Key]:
        """Return the keys of rows that an act could not touch; the first 100,000."""
        reader, found = self.selection.reader(), list[Key]()
        while len(found) < MOST_LISTED and (keys := await reader.take(MOST)):
            found += await self.rows.standing(act, keys)
        return found[:MOST_LISTED]

    async def _pass(self, act: Act, start: int, halted: Halted) -> bool:
        """Go once through all keys behind ``start``; False when it was ended before."""
        reader, recorded = self.selection.reader(start), time.monotonic()
        place, complete = start, False
        while not complete and not halted():
            keys = await reader.take(self.pace.size)
            complete = not keys
            if not await self._touch(act, keys, halted):
                break
            place = reader.place
            self.tell(place)
            if time.monotonic() - recorded >= RECORD_SECONDS:
                await self._record(place)
                recorded = time.monotonic()
        await self._record(place)
        return complete

    async def _record(self, place: int) -> None:
        await self.book.advance(self.permit_id, self.holder, place)

    async def _touch(self, act: Act, keys: Sequence[Key], halted: Halted) -> bool:
        """Touch these rows, or as many of them as can be; False when it was ended before."""
        if not keys:
            return True
        if halted():
            return False
        if len(keys) == 1:
            return await self._touch_one(act, keys, halted)
        began = time.monotonic()
        try:
            await self.rows.touch(act, keys)
        except (BlockedError, TooSlowError, BusyError) as error:
            if isinstance(error, TooSlowError):
                self.pace.too_slow(len(keys))
            half = len(keys) // 2
            return await self._touch(act, keys[:half], halted) and await self._touch(
                act, keys[half:], halted
            )
        self.pace.took(len(keys), time.monotonic() - began)
        return True

    async def _touch_one(self, act: Act, keys: Sequence[Key], halted: Halted) -> bool:
        """Touch a row alone: it cannot be narrowed down, so what hangs on it may take its time."""
        left = _TRIES
        while not halted():
            try:
                await self.rows.touch(act, keys, patient=True)
            except BlockedError:
                return True
            except BusyError:
                left -= 1
                if not left:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return True
        return False

    async def _counted(self, keys: Sequence[Key]) -> Census:
        try:
            return await self.rows.census(keys, patient=len(keys) == 1)
        except TooSlowError:
            half = len(keys) // 2
            return (await self._counted(keys[:half])).plus(await self._counted(keys[half:]))
