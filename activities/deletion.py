"""Delete what was approved: exactly the rows that people were told of, and none that has changed.

Idempotent by the permit: one transaction consumes it and records the deletion. Rows are then
touched in batches that may be repeated, and what became of them is counted in the end, in the
source itself. A run that dies anywhere is taken up by the next from there.
"""

import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from activities.stopping import halting
from placet.deleting.course import Course
from placet.deleting.keys import write_key
from placet.deleting.rows import Act, Deleter, ForbiddenError
from placet.deleting.selection import AlteredError, Selection
from placet.deleting.work import Work
from placet.digest import digest
from placet.domain.catalogue import Catalogue, Entry
from placet.domain.deletion import (
    DeleteRequest,
    DeletionEntry,
    DeletionRow,
    DeletionState,
    Ended,
    Mode,
    Recount,
    Scope,
    drift_text,
    drifted,
    outcome_text,
)
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from placet.domain.ledger import LedgerEvent, Receipt
from placet.domain.orders import EffectOrder, EffectResult, EndOrder
from placet.domain.plan import Plan
from placet.domain.vocabulary import EndReason
from placet.halt import Halt
from placet.ports import Ledger

REPORT_TYPE = "text/tab-separated-values"

_UNDER_WAY = frozenset({DeletionState.RUNNING, DeletionState.STOPPING})


@dataclass(frozen=True)
class Approved:
    """A deletion as it was approved, and is kept.

    Attributes:
        permit: Its permit.
        told: The request as JSON.
        request: The request.
        scope: What the plan froze.
        entry: The data set, as the catalogue had it then.
        holder: This attempt.
    """

    permit: str
    told: dict[str, JsonValue]
    request: DeleteRequest
    scope: Scope
    entry: Entry
    holder: str


class Written(NamedTuple):
    """A deletion as recorded, and the receipts of the events that say so."""

    row: DeletionRow
    receipts: Sequence[Receipt]

    @property
    def last(self) -> Receipt | None:
        """Return the receipt of the last of them."""
        return max(self.receipts, key=lambda receipt: receipt.seq, default=None)


class DeletionActivities:
    """Deletes rows, and ends what can be undone."""

    def __init__(
        self, ledger: Ledger, deleter: Deleter, catalogue: Callable[[], Catalogue]
    ) -> None:
        """Record in ``ledger``, delete by ``deleter``; ``catalogue`` reads the data sets."""
        self._ledger = ledger
        self._book = ledger.deletions
        self._deleter = deleter
        self._catalogue = catalogue

    @activity.defn(name="deletion.delete")
    async def delete(self, order: EffectOrder) -> EffectResult:
        """Delete or mark the approved rows, until none is left or it is stopped.

        A cancellation stops it: rows that are gone stay gone, marks are taken away again.

        Raises:
            ApplicationError: What is kept is not what was approved, the catalogue says something
                else by now, or the role that deletes may not do so.
            UnavailableError: The source does not answer, or rows are locked; it goes on later.
        """
        with permanent():
            row = await self._book.find(order.permit)
            with _going_on() if row else nullcontext():
                approved = await self._approved(order.permit, order.digest, order.plan)
            if row is None and order.stop:
                row = await self._begin(order, approved, DeletionState.STOPPED, None)
            if row is None or row.state in _UNDER_WAY:
                known = row

                async def work(halt: Halt) -> Written:
                    return await self._carry_out(order, approved, known, halt)

                return _result(approved, await halting(work, asked=order.stop))
            return _result(approved, await self._again(order, approved, row))

    @activity.defn(name="deletion.end")
    async def end(self, order: EndOrder) -> EffectResult:
        """Take the marks away or, when the time to do so is over, delete what bears one.

        Raises:
            UnavailableError: The source does not answer, rows are locked, or what is kept is not
                what was approved; it goes on later.
        """
        with permanent():
            with _going_on():
                approved = await self._approved(order.permit, order.digest, order.plan)
            row = await self._book.hold(order.permit, approved.holder)
            undo = order.why is EndReason.WITHDRAWN
            if row.state.final:
                ended = Ended(state=row.state, counts=row.counts)
            elif not undo and not approved.scope.purge:
                ended = Ended(state=DeletionState.ENDED, counts=row.counts)
            else:
                begun = row

                async def work(halt: Halt) -> Ended:
                    async with self._course(approved, begun.mark, halt) as course:
                        found = await course.settle(begun, undo=undo)
                        act = Act.UNMARK if undo else Act.PURGE
                        return await self._with_report(course, act, found)

                with _going_on():
                    ended = await halting(work)
            undone = ended.state is DeletionState.UNDONE
            event = order.undone() if undone else order.ended
            written = await self._written(approved, row, ended, event)
            return EffectResult(
                summary=outcome_text(written.row),
                facts=written.row.counts.told(),
                undone=undone,
                receipt=written.last,
            )

    async def _approved(self, permit: str, revision: str, plan: Plan) -> Approved:
        """Return exactly what was approved (rule 4).

        Raises:
            AlteredError: It has changed.
        """
        content = await self._ledger.get_content(revision)
        _same("the stored request", _digest(content), revision)
        scope = Scope.model_validate(plan.scope)
        entry = await self._ledger.get_content(scope.catalogue)
        _same("the stored entry of the catalogue", _digest(entry), scope.catalogue)
        return Approved(
            permit=permit,
            told=json.loads(content),
            request=DeleteRequest.model_validate_json(content, extra="ignore"),
            scope=scope,
            entry=Entry.model_validate_json(entry, extra="ignore"),
            holder=uuid.uuid4().hex,
        )

    async def _carry_out(
        self, order: EffectOrder, approved: Approved, row: DeletionRow | None, halt: Halt
    ) -> Written:
        """Begin a deletion or take it over, and go on with it to its end."""
        if row is not None:
            with _going_on():
                async with self._course(approved, row.mark, halt) as course:
                    return await self._delete(order, approved, course)
        self._compare(approved)
        async with self._course(approved, order.approved, halt) as course:
            recount = await course.recount()
            state = DeletionState.RUNNING
            if halt.asked:
                # Whoever wants it stopped does not want to be asked again.
                state = DeletionState.STOPPED
            elif drifted(approved.scope.rows, recount, approved.scope.tolerance):
                state = DeletionState.DRIFTED
            row = await self._begin(order, approved, state, recount)
            if row.state.final:
                return await self._again(order, approved, row)
            with _going_on():
                return await self._delete(order, approved, course)

    async def _delete(self, order: EffectOrder, approved: Approved, course: Course) -> Written:
        row = await self._book.hold(approved.permit, approved.holder)
        ended = await course.delete(row)
        act = Act.DELETE if approved.scope.mode is Mode.HARD else Act.MARK
        if ended.state is DeletionState.STOPPED:
            act = Act.UNMARK
        ended = await self._with_report(course, act, ended)
        return await self._end(order, approved, row, ended)

    def _compare(self, approved: Approved) -> None:
        """Make sure that the catalogue says what it said when people were asked.

        Raises:
            ConflictError: It does not.
        """
        name = approved.scope.dataset
        try:
            now = self._catalogue().entry(name)
        except NotFoundError as error:
            raise ConflictError(f"{error}; it was there when people approved this") from None
        if digest(now) != approved.scope.catalogue:
            raise ConflictError(
                f"the catalogue's entry of '{name}' has changed since people approved this; "
                "nothing is deleted, submit it again"
            )

    @asynccontextmanager
    async def _course(
        self, approved: Approved, mark: datetime, halt: Halt
    ) -> AsyncIterator[Course]:
        scope, filters = approved.scope, approved.request.filters
        async with self._deleter.open(approved.entry, filters, approved.permit, mark) as rows:
            work = Work(
                book=self._book,
                rows=rows,
                selection=Selection(self._ledger.get_content, scope.parts, scope.selection),
                permit_id=approved.permit,
                holder=approved.holder,
                tell=lambda place: _beat(place, scope.rows),
            )
            yield Course(work, scope, halt)

    async def _begin(
        self,
        order: EffectOrder,
        approved: Approved,
        state: DeletionState,
        recount: Recount | None,
    ) -> DeletionRow:
        """Consume the permit and record the deletion; one that ends at once with its last event."""
        entry = DeletionEntry(
            permit_id=order.permit,
            request=order.request_id,
            digest=order.digest,
            dataset=approved.scope.dataset,
            selection=approved.scope.selection,
            mode=approved.scope.mode,
            approved=approved.scope.rows,
            mark=order.approved,
            recount=recount,
            holder=approved.holder,
            state=state,
        )
        events = [order.consumed]
        if state is DeletionState.DRIFTED:
            assert recount is not None  # noqa: S101 - it is what has drifted.
            events.append(order.stopped.telling(_drift(approved, recount)))
        elif state is DeletionState.STOPPED:
            events.append(order.stopped.telling({"summary": "nothing was touched"}))
        return (await self._book.begin(entry, events)).deletion

    async def _again(self, order: EffectOrder, approved: Approved, row: DeletionRow) -> Written:
        """Say once more how the deletion has ended, or until when it is in force."""
        ended = Ended(state=row.state, counts=row.counts, until=row.until)
        return await self._end(order, approved, row, ended)

    async def _end(
        self, order: EffectOrder, approved: Approved, row: DeletionRow, ended: Ended
    ) -> Written:
        """End the deletion, or put it in force; again it only returns the receipts."""
        event = order.stopped
        if ended.until is not None:
            event = order.in_force(ended.until)
        elif ended.state is DeletionState.DONE:
            event = order.done
        return await self._written(approved, row, ended, event)

    async def _written(
        self, approved: Approved, row: DeletionRow, ended: Ended, event: LedgerEvent
    ) -> Written:
        told = row.model_copy(update={"state": ended.state, "counts": ended.counts})
        # Keys of rows stay out of the ledger.
        event = event.telling({"summary": outcome_text(told), **ended.counts.told()})
        result = await self._book.end(approved.permit, approved.holder, ended, [event])
        return Written(result.deletion, result.receipts)

    async def _with_report(self, course: Course, act: Act, ended: Ended) -> Ended:
        """Keep the keys of the rows that could not be touched, if there are any."""
        if not ended.counts.blocked and not ended.counts.kept:
            return ended
        keys = await course.work.listed(act)
        lines = "".join(f"{write_key(key)}\n" for key in keys)
        report = await self._ledger.put_content(lines.encode(), REPORT_TYPE)
        counts = ended.counts.model_copy(update={"report": report})
        return ended.model_copy(update={"counts": counts})


def _result(approved: Approved, written: Written) -> EffectResult:
    row = written.row
    summary, again = outcome_text(row), None
    facts = row.counts.told()
    if row.state is DeletionState.DRIFTED:
        assert row.selected is not None  # noqa: S101 - it was counted anew.
        recount = Recount(
            selected=row.selected, existing=row.existing or 0, matching=row.matching or 0
        )
        facts = _drift(approved, recount)
        summary = str(facts.pop("summary"))
        again = approved.told if recount.selected else None
    return EffectResult(
        summary=summary,
        facts=facts,
        stopped=row.state in {DeletionState.STOPPED, DeletionState.DRIFTED},
        until=row.until if row.state is DeletionState.IN_FORCE else None,
        again=again,
        receipt=written.last,
    )


def _drift(approved: Approved, recount: Recount) -> dict[str, JsonValue]:
    """Return what is told of a selection that has changed too much."""
    scope = approved.scope
    then = "people are asked again" if recount.selected else "nothing is left to delete"
    return {
        "summary": f"{drift_text(scope.rows, recount)}, which is more than {scope.tolerance:g}% of "
        f"what was approved: nothing was touched, and {then}",
        "approved": scope.rows,
        "selected": recount.selected,
        "matching": recount.matching,
    }


@contextmanager
def _going_on() -> Iterator[None]:
    """Let a deletion that has begun wait for what it lacks: it would be left half-way else.

    Raises:
        UnavailableError: Its role may not go on, its table has changed, or what is kept of it is
            gone or altered.
    """
    try:
        yield
    except (AlteredError, ForbiddenError, InvalidInputError, NotFoundError) as error:
        raise UnavailableError(
            f"{error}; it goes on when that is put right, or withdraw it"
        ) from error


def _beat(place: int, total: int) -> None:
    activity.heartbeat({"done": place, "total": total, "unit": "rows", "bytes": None})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _same(what: str, found: str, approved: str) -> None:
    if found != approved:
        raise AlteredError(f"{what} has the digest {found}, which")
