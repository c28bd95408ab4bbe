"""A process that erases somebody, and kills itself with SIGKILL at one step of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from placet.domain.orders import EffectOrder
from placet.ledger import PostgresLedger, open_pool
from placet.ledger.encoding import Encoder
from placet.personal import keys as keys_module
from placet.personal.vault import open_vault
from tests.personal.erasable import eraser_at, erasing
from tests.support.mortal import Death, Fate, Guarded

_BOOK = ("begin", "plan_addresses", "confirm", "end")
_ERASER = ("personal", "steps", "contents", "addresses", "finish")


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    eraser_url: str
    keys: Path
    order: EffectOrder
    trace: Path
    dies_at: Death | None


async def carry_out(orders: Orders) -> None:
    """Do what is ordered, or die."""
    fate = Fate(orders)
    module: Any = keys_module
    module.sync_directory = fate.around("sync", module.sync_directory)
    Path.unlink = fate.around("unlink", Path.unlink)  # type: ignore[method-assign]
    vault = open_vault(orders.keys)
    async with (
        open_pool(orders.database_url) as pool,
        eraser_at(orders.eraser_url) as eraser,
    ):
        whole = PostgresLedger(pool, Encoder(vault=vault))
        ledger: Any = Guarded(whole, fate, ("put_content",), {"erasures": _BOOK})
        activities = erasing(ledger, vault.keys, Guarded(eraser, fate, _ERASER))
        await ActivityEnvironment().run(activities.erase, orders.order)
