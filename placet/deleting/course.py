"""The course of a deletion: count anew, do what was approved, and undo or finish it later."""

from dataclasses import dataclass
from datetime import UTC, datetime

from placet.deleting.rows import Act, Census
from placet.deleting.work import Work
from placet.domain.deletion import (
    Counts,
    DeletionRow,
    DeletionState,
    Ended,
    Mode,
    Recount,
    Scope,
)
from placet.domain.errors import UnavailableError
from placet.halt import Halt


@dataclass(frozen=True)
class Course:
    """One attempt to carry a deletion on.

    Attributes:
        work: Does one thing to all of its rows.
        scope: What was approved.
        halt: Looked at between two batches.
    """

    work: Work
    scope: Scope
    halt: Halt

    async def recount(self) -> Recount:
        """Return what the source says of the selection before anything is touched."""
        census = await self.work.census()
        selected = await self.work.rows.selected()
        return Recount(selected=selected, existing=census.existing, matching=census.fitting)

    async def delete(self, row: DeletionRow) -> Ended:
        """Delete or mark the approved rows, from where the attempt before has come to.

        What is stopped half-way stays deleted, or has its marks taken away.

        Raises:
            UnavailableError: The worker ends; another goes on.
        """
        soft = self.scope.mode is Mode.SOFT
        if row.state is DeletionState.RUNNING:
            act = Act.MARK if soft else Act.DELETE
            await self.work.run(act, row, lambda: self.halt.wanted)
            self._stay()
            census = await self.work.census()
            if not self.halt.asked or (not soft and census.fitting == 0):
                return self._done(row, census)
            if not soft:
                return Ended(state=DeletionState.STOPPED, counts=self._counts(row, census))
            row = await self._turn(DeletionState.STOPPING, census.marked)
        return await self._returned(row, DeletionState.STOPPED)

    async def settle(self, row: DeletionRow, *, undo: bool) -> Ended:
        """Take the marks away or, when the time to do so is over, delete what bears one.

        Raises:
            UnavailableError: The worker ends; another goes on.
        """
        if row.state is DeletionState.IN_FORCE:
            state = DeletionState.UNDOING if undo else DeletionState.PURGING
            row = await self._turn(state, (await self.work.census()).marked)
        if row.state is DeletionState.UNDOING:
            return await self._returned(row, DeletionState.UNDONE)
        await self.work.run(Act.PURGE, row, self._leaving)
        self._stay()
        kept = (await self.work.census()).marked
        purged = row.counts.marked - kept
        return Ended(
            state=DeletionState.ENDED,
            counts=row.counts.model_copy(update={"purged": purged, "kept": kept}),
        )

    async def _returned(self, row: DeletionRow, state: DeletionState) -> Ended:
        await self.work.run(Act.UNMARK, row, self._leaving)
        self._stay()
        kept = (await self.work.census()).marked
        returned = row.counts.marked - kept
        counts = row.counts.model_copy(update={"returned": returned, "kept": kept})
        return Ended(state=state, counts=counts)

    async def _turn(self, state: DeletionState, marked: int) -> DeletionRow:
        work = self.work
        return await work.book.turn(work.permit_id, work.holder, state, marked, {"marked": marked})

    def _done(self, row: DeletionRow, census: Census) -> Ended:
        counts = self._counts(row, census)
        counts = counts.model_copy(update={"blocked": counts.left, "left": 0})
        if self.scope.undo is None or not counts.deleted:
            return Ended(state=DeletionState.DONE, counts=counts)
        until = datetime.now(UTC) + self.scope.undo.wall()
        return Ended(state=DeletionState.IN_FORCE, counts=counts, until=until)

    def _counts(self, row: DeletionRow, census: Census) -> Counts:
        """Return what became of the rows: by what is there now, and not by what was done."""
        if self.scope.mode is Mode.SOFT:
            there, deleted = census.existing, census.marked
        else:
            there = row.existing or 0
            deleted = max(0, there - census.existing)
        return Counts(
            deleted=deleted,
            missing=row.approved - there,
            left=census.fitting,
            spared=census.existing - census.fitting - census.marked,
        )

    def _leaving(self) -> bool:
        return self.halt.leaving

    def _stay(self) -> None:
        if self.halt.leaving:
            raise UnavailableError("this worker ends; another goes on with the deletion")
