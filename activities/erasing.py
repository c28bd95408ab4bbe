"""Erase what is personal about somebody, once people have approved it.

Idempotent by the permit. What is found is kept before anything is destroyed; what is gone is noted
in the transaction that deletes it; the events that tell it are appended when all of it is gone. A
run that dies anywhere is taken up by the next, and ends the same.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from placet.digest import canonical
from placet.domain.erasure import (
    EFFECT,
    Erased,
    EraseRequest,
    ErasureEntry,
    ErasurePlan,
    ErasureRow,
    ErasureState,
    summary,
    what_stays,
)
from placet.domain.errors import ConflictError
from placet.domain.ledger import LedgerEvent
from placet.domain.orders import EffectOrder, EffectResult
from placet.domain.vocabulary import Kind
from placet.ports import DestroysKeys, DirectoryPort, Eraser, Ledger

AT_ONCE = 1_000
"""How many ciphertexts are deleted, or addresses planned, in one transaction."""
TOLD_AT_ONCE = 5_000
"""How many digests one event names."""

PLAN_TYPE = "application/vnd.placet.erasure+json"
"""Not that of requests: that a plan names a file does not mean that somebody else needs it."""

OpenEraser = Callable[[], AbstractAsyncContextManager[Eraser]]


class ErasureActivities:
    """Destroys keys, and deletes what they sealed."""

    def __init__(
        self, ledger: Ledger, keys: DestroysKeys, directory: DirectoryPort, eraser: OpenEraser
    ) -> None:
        """Record in ``ledger``, destroy ``keys``, and delete by what ``eraser`` opens."""
        self._ledger = ledger
        self._book = ledger.erasures
        self._keys = keys
        self._directory = directory
        self._eraser = eraser

    @activity.defn(name="erasure.erase")
    async def erase(self, order: EffectOrder) -> EffectResult:
        """Erase whom people have approved.

        Raises:
            ApplicationError: A legal hold forbids it, or the request is not what was approved.
            UnavailableError: The ledger, the eraser's login or the keys cannot be used now.
        """
        with permanent():
            async with self._eraser() as eraser:
                row, is_ours = await self._book.find(order.permit), False
                if row is None:
                    row, is_ours = await self._begin(order, eraser)
                else:
                    # A permit answers for its digest and its effect each time it is shown.
                    await self._ledger.consume(order.permit, order.digest, EFFECT, [order.consumed])
                plan = ErasurePlan.model_validate_json(await self._ledger.get_content(row.plan))
                if row.state is ErasureState.RUNNING:
                    await self._destroy(row, plan, eraser, is_ours=is_ours)
            return await self._end(order, row, plan)

    async def _begin(self, order: EffectOrder, eraser: Eraser) -> tuple[ErasureRow, bool]:
        """Keep what is found about the person, then consume the permit.

        Returns:
            The erasure, and whether its plan is the one that was made here.
        """
        content = await self._ledger.get_content(order.digest)
        found = hashlib.sha256(content).hexdigest()
        if found != order.digest:
            raise ConflictError(
                f"the stored request has digest {found}, approved was {order.digest}; "
                "restore the content store from a backup"
            )
        subject = EraseRequest.model_validate_json(content).subject
        concern = await self._book.concern(subject)
        shared = await self._book.shared(subject, concern.contents)
        shared |= await _needed_elsewhere(eraser, concern.contents, shared)
        plan = ErasurePlan(
            subjects=tuple(await self._book.subjects(subject)),
            contents=tuple(each for each in concern.contents if each not in shared),
            stays=tuple(what_stays(concern, len(shared))),
        )
        entry = ErasureEntry(
            permit_id=order.permit,
            request=order.request_id,
            digest=order.digest,
            subject=subject,
            plan=await self._ledger.put_content(canonical(plan), PLAN_TYPE),
        )
        begun = await self._book.begin(entry, [order.consumed])
        return begun.erasure, begun.first

    async def _destroy(
        self, row: ErasureRow, plan: ErasurePlan, eraser: Eraser, *, is_ours: bool
    ) -> None:
        permit = row.permit_id
        # Whoever has left the directory is known by their addresses while their key is there.
        person = self._directory.snapshot().get(row.subject)
        known = [*(person.addresses if person else ()), *await self._book.addresses(row.subject)]
        for at in range(0, len(known), AT_ONCE):
            await self._book.plan_addresses(permit, known[at : at + AT_ONCE])
        contents, kept = [*plan.contents], set[str]()
        if not is_ours:
            contents, kept = await self._looked_through(row, plan)
        # Which requests these are is found by the ciphertexts, so they come first.
        await eraser.steps(permit)
        for subject in plan.subjects:
            await asyncio.to_thread(self._keys.destroy, subject)
        while await eraser.personal(permit, AT_ONCE) == AT_ONCE:
            pass
        # Since it was planned, somebody may have handed in the very same file.
        shared = await _needed_elsewhere(eraser, contents, kept)
        contents = [each for each in contents if each not in shared]
        for at in range(0, len(contents), AT_ONCE):
            await eraser.contents(permit, contents[at : at + AT_ONCE])
        await eraser.addresses(permit)
        await self._book.confirm(permit)
        await eraser.finish(permit)

    async def _looked_through(
        self, row: ErasureRow, plan: ErasurePlan
    ) -> tuple[list[str], set[str]]:
        """Complete a plan that somebody else has made.

        They may have planned to take from others, or to leave something behind.

        Returns:
            What is the person's, and what of it others have too.
        """
        concern = await self._book.concern(row.subject)
        found = sorted({*plan.contents, *concern.contents})
        kept = await self._book.shared(row.subject, found)
        missing = [each for each in found if each not in kept and each not in plan.contents]
        for at in range(0, len(missing), AT_ONCE):
            await self._book.plan_contents(row.permit_id, missing[at : at + AT_ONCE])
        return [*plan.contents, *missing], kept

    async def _end(self, order: EffectOrder, row: ErasureRow, plan: ErasurePlan) -> EffectResult:
        """Tell what is gone; again it only returns the receipts."""
        erased = await self._book.erased(row.permit_id)
        told = summary(row.subject, erased, plan.stays)
        facts: dict[str, JsonValue] = {"subject": row.subject, "erased": erased.counts()}
        events = [*_parts(order, row, erased, plan), order.done.telling({"summary": told, **facts})]
        ended = await self._book.end(row.permit_id, events)
        return EffectResult(
            summary=told,
            facts=facts,
            receipt=max(ended.receipts, key=lambda receipt: receipt.seq, default=None),
        )


async def _needed_elsewhere(eraser: Eraser, contents: Sequence[str], kept: set[str]) -> set[str]:
    """Return which files stay for others; what a file that stays names, stays with it."""
    kept = set(kept)
    while going := [each for each in contents if each not in kept]:
        named = await eraser.named_elsewhere(going, going)
        if not named:
            break
        kept |= named
    return kept


def _parts(
    order: EffectOrder, row: ErasureRow, erased: Erased, plan: ErasurePlan
) -> Iterator[LedgerEvent]:
    """Yield the events that name everything that is gone, so much in each as one may hold."""
    texts, files = list(_pieces(erased.ciphertexts)), list(_pieces(erased.contents))
    count = max(len(texts), len(files), 1)
    for number in range(count):
        data: dict[str, JsonValue] = {
            "permit": order.permit,
            "subject": row.subject,
            "digests": [*texts[number]] if number < len(texts) else [],
            "content": [*files[number]] if number < len(files) else [],
            "part": number + 1,
            "parts": count,
            "erased": erased.counts(),
            "stays": [each.model_dump(mode="json") for each in plan.stays],
        }
        yield _event(order, number, data)


def _event(order: EffectOrder, number: int, data: dict[str, JsonValue]) -> LedgerEvent:
    kind = Kind.SUBJECT_ERASED.value
    told = f"placet-erasure/1 {len(order.permit)}:{order.permit}{number}"
    return order.done.model_copy(
        update={
            "event_id": hashlib.sha256(told.encode()).hexdigest(),
            "kind": kind,
            "body": {**order.done.body, "kind": kind, "data": data},
        }
    )


def _pieces(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(digests), TOLD_AT_ONCE):
        yield digests[at : at + TOLD_AT_ONCE]
