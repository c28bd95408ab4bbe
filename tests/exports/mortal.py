"""A process that exports, or deletes a file, and kills itself with SIGKILL at one step of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet.domain.orders import EffectOrder, EndOrder
from placet.exports import store
from placet.ledger import PostgresLedger, open_pool
from placet.sources.copying import Copying
from placet.sources.postgres import PostgresSources
from tests.exports.approved import environment, exporting
from tests.support.mortal import Death, Fate, Guarded

_STEPS = {"exports": ("begin", "holds", "end", "remove")}


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    environment: dict[str, str]
    root: Path
    order: EffectOrder | EndOrder
    trace: Path
    dies_at: Death | None


class _Disk:
    """The calls that change what is on the disk, each with a guard."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        return self._fate.around(name, found) if name == "fsync" else found


def _guard_everything(fate: Fate) -> None:
    places: Any = store
    places.os = _Disk(fate)
    for name in ("mkdir", "rename"):
        setattr(Path, name, fate.around(name, getattr(Path, name)))
    places.shutil.rmtree = fate.around("rmtree", places.shutil.rmtree)
    chunks = Copying.chunks

    def copied(self: Copying) -> Any:
        for chunk in chunks(self):
            fate.step("a piece comes")
            yield chunk

    Copying.chunks = copied  # type: ignore[method-assign]


async def carry_out(orders: Orders) -> None:
    """Do what is ordered, or die."""
    fate = Fate(orders)
    _guard_everything(fate)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = Guarded(PostgresLedger(pool), fate, parts=_STEPS)
        activities = exporting(ledger, PostgresSources(orders.environment), orders.root)
        if isinstance(orders.order, EndOrder):
            await environment().run(activities.expire, orders.order)
        else:
            await environment().run(activities.export, orders.order)
