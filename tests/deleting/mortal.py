"""A process that deletes rows, or ends a deletion, and kills itself at one step of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.deletion import DeletionActivities
from placet.deleting import work
from placet.deleting.pace import Pace
from placet.domain.catalogue import Entry
from placet.domain.orders import EffectOrder, EndOrder
from placet.ledger import PostgresLedger, open_pool
from placet.sources.deleting import PostgresDeleter
from tests.deleting.approved import catalogue_of
from tests.support.mortal import Death, Fate, Guarded

BATCH = 4


_STEPS = {"deletions": ("find", "begin", "hold", "turn", "advance", "end")}


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    environment: Mapping[str, str]
    entry: Entry
    order: EffectOrder | EndOrder
    trace: Path
    dies_at: Death | None


class _GuardedDeleter:
    """Opens rows that are guarded."""

    def __init__(self, behind: PostgresDeleter, fate: Fate) -> None:
        self._behind = behind
        self._fate = fate

    @asynccontextmanager
    async def open(self, *args: Any) -> AsyncIterator[Any]:
        """Open them."""
        self._fate.step("before open")
        async with self._behind.open(*args) as rows:
            yield Guarded(rows, self._fate, ("selected", "census", "standing", "touch"))
        self._fate.step("after open")


def small_batches() -> None:
    """Let every batch have four rows, and be recorded."""
    vars(work).update(FIRST=BATCH, RECORD_SECONDS=0.0)
    Pace.took = lambda *_: None  # type: ignore[method-assign]


async def carry_out(orders: Orders) -> None:
    """Do what is ordered, or die."""
    small_batches()
    fate = Fate(orders)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = Guarded(PostgresLedger(pool), fate, ("get_content", "put_content"), _STEPS)
        deleter: Any = _GuardedDeleter(PostgresDeleter(orders.environment), fate)
        activities = DeletionActivities(ledger, deleter, lambda: catalogue_of(orders.entry))
        does: Any = activities.end if isinstance(orders.order, EndOrder) else activities.delete
        await ActivityEnvironment().run(does, orders.order)
