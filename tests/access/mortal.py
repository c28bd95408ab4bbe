"""A process that grants or takes away a role and kills itself with SIGKILL at one step of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet.domain.orders import EffectOrder, EndOrder
from placet.ledger import PostgresLedger, open_pool
from tests.access.approved import Desk
from tests.support.mortal import Death, Fate, Guarded

_STEPS: Mapping[str, tuple[str, ...]] = {
    "grants": ("begin", "hold", "fail", "release", "end"),
    "open": ("check", "members", "grant", "revoke"),
}
"""What gives something with steps, by a property or a call, and the steps."""


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    policies: Path
    environment: dict[str, str]
    order: EffectOrder | EndOrder
    trace: Path
    dies_at: Death | None


async def work(orders: Orders) -> None:
    """Do what is ordered, or die."""
    fate = Fate(orders)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = Guarded(PostgresLedger(pool), fate, ("consume",), _STEPS)
        desk = Desk(
            ledger,
            orders.policies,
            orders.environment,
            lambda targets: Guarded(targets, fate, (), _STEPS),
        )
        if isinstance(orders.order, EndOrder):
            await desk.revoke(orders.order)
        else:
            await desk.grant(orders.order)
