"""Run a reconciliation: look at every request, look twice where something differs, and report.

While it looks, the service goes on. Postgres is read in one instant for each request, Temporal
after it; what seems to differ is read once more after a pause, and only what differs both times is
told. Of the requests, only those that are being looked at are kept in memory, and the ids of those
that the ledger does not know.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from placet.domain.errors import InvalidInputError
from placet.reconciling.compare import TORN, compare, unreadable
from placet.reconciling.facts import Counts, Looked, PaymentFile, Story, Stray, Terms
from placet.reconciling.finding import Code, Finding
from placet.reconciling.remembered import Chain
from placet.reconciling.spool import PAYMENT_FILE, SpoolFiles

AT_ONCE = 6
"""So many requests are looked at side by side."""

PAUSE_SECONDS = 2.0
"""What is written in the very moment in which it is looked at is there after that."""

_BATCH = 60
_DOUBTS = 300
_FILES = 500


class Books(Protocol):
    """What Postgres has; see :class:`placet.ledger.reconciling.PostgresReconciling`."""

    def requests(self, since: datetime | None) -> AsyncIterator[str]:
        """Yield every request."""
        ...

    async def unknown(self, requests: Sequence[str]) -> list[str]:
        """Return those of which the ledger has no event."""
        ...

    async def story(self, request: str) -> Story:
        """Return everything about one request."""
        ...

    def stray_permits(self) -> AsyncIterator[Stray]:
        """Yield permits that no event has issued."""
        ...

    def stray_effects(self) -> AsyncIterator[Stray]:
        """Yield what was done without its permit."""
        ...

    async def paid(self, permits: Iterable[str]) -> set[str]:
        """Return the files of payments."""
        ...

    async def payable(self, permits: Iterable[str]) -> set[str]:
        """Return permits for payments."""
        ...


class Remembered(Protocol):
    """What Temporal has; see :class:`placet.reconciling.histories.Histories`."""

    def cases(self, since: datetime | None) -> AsyncIterator[list[str]]:
        """Yield the ids of cases."""
        ...

    async def chains(self, workflow_id: str, firsts: Iterable[str]) -> tuple[Chain, ...]:
        """Return what is remembered under one id."""
        ...


class Reconciliation:
    """Looks at everything.

    Attributes:
        counts: What was looked at so far.
    """

    def __init__(
        self,
        books: Books,
        histories: Remembered,
        spool: SpoolFiles | None,
        terms: Terms,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """Look into ``books``, ``histories`` and, where there is one, ``spool``.

        Args:
            books: What Postgres has.
            histories: What Temporal has.
            spool: The payment files; None where they cannot be reached.
            terms: What to go by.
            pause: Seconds to wait before what differs is looked at again.
        """
        self.counts = Counts()
        self._books = books
        self._histories = histories
        self._spool = spool
        self._terms = terms
        self._pause = pause
        self._places = asyncio.Semaphore(AT_ONCE)

    async def one(self, request: str) -> AsyncIterator[Finding]:
        """Yield what differs of one request."""
        async for finding in self._looked_at(_only(request), lambda _: None):
            yield finding

    async def everything(
        self, since: datetime | None, advance: Callable[[int], None] = lambda _: None
    ) -> AsyncIterator[Finding]:
        """Yield what differs anywhere.

        Args:
            since: Of requests in which something has happened after this instant.
            advance: Is told how many more requests have been looked at.

        Raises:
            UnavailableError: Postgres, Temporal or the spool cannot be read.
        """
        async for finding in self._looked_at(self._requests(since), advance):
            yield finding
        async for stray in self._books.stray_permits():
            text = "it is there, and no event of this request has issued it"
            where = f"permit {stray.permit[:16]}"
            yield Finding(Code.PERMIT_UNRECORDED, stray.request, where, text)
        async for stray in self._books.stray_effects():
            text = "there is no such permit of this request for it"
            where = f"{stray.effect} {stray.permit[:16]}"
            yield Finding(Code.EFFECT_UNRECORDED, stray.request, where, text)
        if self._spool is not None:
            async for finding in self._strange_files(self._spool):
                yield finding

    async def _requests(self, since: datetime | None) -> AsyncIterator[str]:
        async for request in self._books.requests(since):
            yield request
        # Temporal names a case once for each of its runs.
        strange: set[str] = set()
        async for page in self._histories.cases(since):
            for request in await self._books.unknown(page):
                if request not in strange:
                    strange.add(request)
                    yield request

    async def _looked_at(
        self, requests: AsyncIterator[str], advance: Callable[[int], None]
    ) -> AsyncIterator[Finding]:
        doubts: dict[str, set[tuple[Code, str]]] = {}
        async for batch in _batches(requests):
            for request, (found, counts) in zip(
                batch, await asyncio.gather(*map(self._look, batch)), strict=True
            ):
                if found:
                    doubts[request] = {(each.code, each.place) for each in found}
                else:
                    self.counts.add(counts)
            advance(len(batch))
            if len(doubts) >= _DOUBTS:
                async for finding in self._again(doubts):
                    yield finding
                doubts = {}
        async for finding in self._again(doubts):
            yield finding

    async def _again(self, doubts: dict[str, set[tuple[Code, str]]]) -> AsyncIterator[Finding]:
        """Look once more at what differed; yield what still does."""
        if not doubts:
            return
        await asyncio.sleep(self._pause)
        seen = [self._look(request) for request in doubts]
        for before, (found, counts) in zip(
            doubts.values(), await asyncio.gather(*seen), strict=True
        ):
            self.counts.add(counts)
            for finding in found:
                if (finding.code, finding.place) in before:
                    yield finding

    async def _look(self, request: str) -> tuple[list[Finding], Counts]:
        async with self._places:
            try:
                return await self._compared(request)
            except (*TORN, InvalidInputError) as error:
                return [unreadable(request, "rows", error)], Counts()

    async def _compared(self, request: str) -> tuple[list[Finding], Counts]:
        story = await self._books.story(request)
        firsts = dict.fromkeys(
            first
            for event in story.events
            for named, first, namespace in [event.written_by]
            if first and named == request and namespace == self._terms.namespace
        )
        chains = await self._histories.chains(request, firsts)
        looked = Looked(story, chains, await self._files(story))
        counts = Counts()
        return list(compare(looked, self._terms, counts)), counts

    async def _files(self, story: Story) -> dict[str, PaymentFile] | None:
        if self._spool is None:
            return None
        rows = (row for row in story.effects if row.effect == "payment")
        names = [str(row.facts.get("file")) for row in rows]
        return await asyncio.to_thread(self._spool.look, names) if names else {}

    async def _strange_files(self, spool: SpoolFiles) -> AsyncIterator[Finding]:
        """Yield files that belong to no payment."""
        # First the files, then the payments: a file is shown after its payment was recorded.
        names = await asyncio.to_thread(lambda: list(spool.names()))
        for start in range(0, len(names), _FILES):
            page = names[start : start + _FILES]
            permits = [name[:-4] for _, name in page if PAYMENT_FILE.fullmatch(name)]
            paid = await self._books.paid(permits)
            # What a worker staged and died over waits for its next attempt, or for nobody.
            payable = await self._books.payable(permits)
            for place, name in page:
                if name in paid or (place == "staging" and name[:-4] in payable):
                    continue
                text = "no payment was recorded with this file"
                yield Finding(Code.FILE_WITHOUT_PAYMENT, "", f"{place}/{name}", text)


async def _only(request: str) -> AsyncIterator[str]:
    yield request


async def _batches(requests: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for request in requests:
        batch.append(request)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
