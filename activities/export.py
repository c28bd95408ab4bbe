"""Export what was approved into one file, and delete that file when its time is over.

Idempotent by the permit: one transaction consumes it, the file is made where nobody sees it, one
rename shows it whole, and one transaction records it. A run that dies anywhere is done anew by the
next, which sweeps what was left; one that died after the rename is only recorded.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from activities.making import Approved, Maker
from placet.digest import digest
from placet.domain.catalogue import Catalogue, Entry
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from placet.domain.export import (
    ExportEntry,
    ExportFile,
    ExportRequest,
    ExportResult,
    ExportRow,
    ExportState,
    Scope,
    rows_text,
)
from placet.domain.orders import EffectOrder, EffectResult, EndOrder
from placet.domain.vocabulary import EndReason
from placet.exports.store import ExportStore
from placet.exports.writing import StoppedError, unwritable
from placet.files import size_text
from placet.ports import Ledger, Selected, Sources


class ExportActivities:
    """Makes files of data, and deletes them."""

    def __init__(
        self,
        ledger: Ledger,
        sources: Sources,
        catalogue: Callable[[], Catalogue],
        store: ExportStore,
    ) -> None:
        """Record in ``ledger``, copy from ``sources`` as ``catalogue`` says, into ``store``."""
        self._ledger = ledger
        self._book = ledger.exports
        self._sources = sources
        self._catalogue = catalogue
        self._store = store
        self._maker = Maker(self._book, store)

    @activity.defn(name="export.export")
    async def export(self, order: EffectOrder) -> EffectResult:
        """Make the file of an approved export.

        A cancellation stops it, and then there is no file. Nor is there one when the number of rows
        has changed too much: people are then asked again.

        Raises:
            ApplicationError: What was approved is no longer true: the request or the catalogue.
                Retryable, while the source or the disk is away.
        """
        with permanent():
            approved = await self._approved(order)
            known = await self._book.rows(permit_id=order.permit)
            try:
                return await self._exported(approved, known[0] if known else None)
            except (ConflictError, InvalidInputError, NotFoundError):
                await self._give_up(approved)
                raise

    @activity.defn(name="export.expire")
    async def expire(self, order: EndOrder) -> EffectResult:
        """Delete the file of an export, and record that it is gone.

        Raises:
            UnavailableError: The file lies where this worker cannot reach it, or cannot be deleted.
        """
        with permanent():
            rows = await self._book.rows(permit_id=order.permit)
            if not rows or rows[0].name is None:
                told = "there was no file to delete"
                receipts = await self._ledger.append([order.ended.telling({"summary": told})])
                return EffectResult(summary=told, receipt=receipts[-1])
            made = rows[0]
            await self._require_here(made)
            was_there = await asyncio.to_thread(self._removed, order)
            told = _gone_text(made, order.why, was_there=was_there)
            facts: dict[str, JsonValue] = {"file": made.name, "was_there": was_there}
            event = order.ended.telling({"summary": told, **facts})
            ended = await self._book.remove(order.permit, [event])
            return EffectResult(summary=told, facts=facts, receipt=_last(ended))

    async def _approved(self, order: EffectOrder) -> Approved:
        """Read exactly what was approved (rule 4).

        Raises:
            ConflictError: It has changed; the message names both digests.
        """
        content = await self._ledger.get_content(order.digest)
        _same("the stored request", hashlib.sha256(content).hexdigest(), order.digest)
        request = ExportRequest.model_validate_json(content, extra="ignore")
        scope = Scope.model_validate(order.plan.scope)
        return Approved(order, json.loads(content), request, scope)

    async def _exported(self, approved: Approved, known: ExportRow | None) -> EffectResult:
        order = approved.order
        if known is not None and known.state is not ExportState.RUNNING:
            return await self._as_before(approved, known)
        if known is not None:
            await self._begin(approved)
        if order.stop:
            return await self._stopped(approved)
        finished = await asyncio.to_thread(self._maker.finished, order)
        if finished is None:
            entry, scope = self._entry(approved.scope), approved.scope
            async with self._sources.selected(
                entry, scope.columns, approved.request.filters, scope.format
            ) as selected:
                _refuse_another(scope, selected)
                if scope.drifted(selected.rows):
                    return await self._drifted(approved, selected.rows)
                await self._begin(approved)
                try:
                    finished = await self._maker.make(approved, selected)
                except StoppedError:
                    return await self._stopped(approved)
        return await self._ready(approved, finished.as_file)

    async def _as_before(self, approved: Approved, known: ExportRow) -> EffectResult:
        """Say what came of an export that has ended, whatever has become of its file since.

        Raises:
            ConflictError: It has failed.
        """
        if known.file is not None:
            return await self._ready(approved, known.file)
        if known.state is ExportState.DRIFTED:
            return await self._drifted(approved, known.rows or 0)
        if known.state is ExportState.STOPPED:
            return await self._stopped(approved)
        raise ConflictError("it has failed, and nothing was exported; submit the request anew")

    def _entry(self, scope: Scope) -> Entry:
        """Return the data set, if the catalogue says of it what it said when people were asked.

        Raises:
            ConflictError: It says something else, or has it no more.
        """
        advice = "nothing is exported; submit the request anew, so that people see what holds now"
        try:
            entry = self._catalogue().entry(scope.dataset)
        except NotFoundError:
            text = f"the catalogue has no data set '{scope.dataset}' any more; {advice}"
            raise ConflictError(text) from None
        found = digest(entry)
        if found != scope.catalogue:
            raise ConflictError(
                f"the catalogue says something else of '{scope.dataset}' than when it was "
                f"approved ({found[:12]}, approved was {scope.catalogue[:12]}); {advice}"
            )
        return entry

    async def _begin(self, approved: Approved) -> ExportResult:
        """Consume the permit and record the export, or take over from the attempt before."""
        order = approved.order
        entry = ExportEntry(
            permit_id=order.permit,
            request=order.request_id,
            digest=order.digest,
            dataset=approved.scope.dataset,
            holder=approved.holder,
            store=await asyncio.to_thread(self._store.name),
        )
        return await self._book.begin(entry, [order.consumed])

    async def _ready(self, approved: Approved, file: ExportFile) -> EffectResult:
        """Record that the file is there, until when; again it says the same."""
        order = approved.order
        told = f"{rows_text(file.rows)} in {file.name}, {size_text(file.bytes)}"
        facts: dict[str, JsonValue] = {
            "file": file.name,
            "rows": file.rows,
            "bytes": file.bytes,
            "sha256": file.sha256,
        }
        event = order.in_force(file.until).telling({"summary": told, **facts})
        ended = await self._book.end(
            order.permit, approved.holder, ExportState.READY, file, events=[event]
        )
        return EffectResult(summary=told, facts=facts, receipt=_last(ended), until=file.until)

    async def _drifted(self, approved: Approved, rows: int) -> EffectResult:
        """Record that nothing is exported, and have people asked again; again it says the same."""
        order = approved.order
        await self._begin(approved)
        await asyncio.to_thread(self._cleared, order)
        told = _drift_text(approved.scope, rows)
        facts: dict[str, JsonValue] = {"approved": approved.scope.rows, "rows": rows}
        event = order.stopped.telling({"summary": told, **facts})
        ended = await self._book.end(
            order.permit, approved.holder, ExportState.DRIFTED, rows=rows, events=[event]
        )
        return EffectResult(
            summary=told,
            facts=facts,
            stopped=True,
            again=approved.told if rows else None,
            receipt=_last(ended),
        )

    async def _stopped(self, approved: Approved) -> EffectResult:
        """See that there is no file, and record that it was stopped; again it says the same."""
        order = approved.order
        await self._begin(approved)
        await asyncio.to_thread(self._cleared, order)
        told = "it was stopped before there was a file"
        event = order.stopped.telling({"summary": told})
        ended = await self._book.end(
            order.permit, approved.holder, ExportState.STOPPED, events=[event]
        )
        return EffectResult(summary=told, stopped=True, receipt=_last(ended))

    async def _give_up(self, approved: Approved) -> None:
        """Record that an export that this attempt has begun has failed; there is no file of it.

        One that was overtaken leaves it to the other.
        """
        order = approved.order
        if await self._book.holds(order.permit, approved.holder):
            await asyncio.to_thread(self._cleared, order)
            await self._book.end(order.permit, approved.holder, ExportState.FAILED)

    def _cleared(self, order: EffectOrder) -> None:
        """Delete whatever attempts of this permit have left, also a whole file; for a thread."""
        with self._store.alone():
            self._store.sweep(order.permit)
            if self._maker.finished(order) is not None:
                self._store.remove(order.request_id)

    def _removed(self, order: EndOrder) -> bool:
        """Delete the file, and say whether it was there; for a thread."""
        try:
            with self._store.alone():
                there = self._store.remove(order.request_id)
                self._store.sweep(order.permit)
                return there
        except OSError as error:
            raise unwritable(error) from error

    async def _require_here(self, made: ExportRow) -> None:
        """Make sure that the file is in this worker's directory, if it is anywhere.

        Raises:
            UnavailableError: It is in another one: what is not found here may be there.
        """
        if await asyncio.to_thread(self._store.name) != made.store:
            raise UnavailableError(
                f"the file of {made.request} is in another directory of exports than this "
                f"worker's: let PLACET_EXPORTS of all workers be the one named {made.store[:12]} "
                "in its .store"
            )


def _refuse_another(scope: Scope, selected: Selected) -> None:
    """Make sure that the columns are what they were when people were asked (rule 4).

    Raises:
        ConflictError: One has another type, or a view another query.
    """
    if scope.shape not in {None, selected.shape}:
        raise ConflictError(
            f"a column of '{scope.dataset}' has another type, or its view another query, than when "
            "it was approved; nothing is exported, submit the request anew"
        )


def _drift_text(scope: Scope, rows: int) -> str:
    then = "people are asked again" if rows else "nothing is left to export"
    return (
        f"there are {rows_text(rows)} now, approved were {scope.rows or 0:,} (more or less "
        f"{scope.tolerance:g} %): nothing was exported, and {then}"
    )


def _gone_text(made: ExportRow, why: EndReason, *, was_there: bool) -> str:
    if not was_there:
        return f"{made.name} was gone already"
    return f"{made.name} was deleted: " + (
        "its time is over" if why is EndReason.EXPIRED else "it was taken back"
    )


def _last(result: ExportResult) -> Any:
    return max(result.receipts, key=lambda receipt: receipt.seq, default=None)


def _same(what: str, found: str, approved: str) -> None:
    if found != approved:
        raise ConflictError(
            f"{what} has the digest {found}, approved was {approved}; nothing is exported, restore "
            "the content store from a backup or ask for a new approval"
        )
