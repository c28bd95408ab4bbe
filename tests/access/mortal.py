"""A process that grants or takes away a role and kills itself with SIGKILL at one step of it."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet.domain.orders import EffectOrder, EndOrder
from placet.ledger import PostgresLedger, open_pool
from tests.access.approved import Desk
from tests.support.forks import FORKS

KILLED = "killed"

_PR_SET_PDEATHSIG = 1

Death = tuple[str, int]
"""A step, and at which passing of it the process dies, from 1."""

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


class _Fate:
    """Notes the steps and ends the process at one of them."""

    def __init__(self, orders: Orders) -> None:
        self._dies_at, self._left = orders.dies_at or ("", 0)
        self._trace = os.open(orders.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def step(self, name: str) -> None:
        os.write(self._trace, f"{name}\n".encode())
        if name == self._dies_at:
            self._left -= 1
            if self._left == 0:
                os.write(self._trace, f"{KILLED}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)


class _Guarded:
    """Something with a guard before and behind every call of some of its methods."""

    def __init__(self, behind: Any, fate: _Fate, methods: tuple[str, ...] = ()) -> None:
        self._behind = behind
        self._fate = fate
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if name == "grants":
            return _Guarded(found, self._fate, _STEPS[name])
        if name == "open":
            return lambda *args: _Guarded(found(*args), self._fate, _STEPS[name])
        if name not in self._methods:
            return found

        async def call(*args: Any, **named: Any) -> Any:
            self._fate.step(f"before {name}")
            result = await found(*args, **named)
            self._fate.step(f"after {name}")
            return result

        return call


def _run(orders: Orders) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    asyncio.run(_work(orders))
    # The SDK's threads may still hold the interpreter while it ends.
    os._exit(0)


async def _work(orders: Orders) -> None:
    fate = _Fate(orders)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = _Guarded(PostgresLedger(pool), fate, ("consume",))
        desk = Desk(
            ledger, orders.policies, orders.environment, lambda targets: _Guarded(targets, fate)
        )
        if isinstance(orders.order, EndOrder):
            await desk.revoke(orders.order)
        else:
            await desk.grant(orders.order)


async def done_by_a_process(orders: Orders) -> list[str]:
    """Let a process work until it has finished or dies; return the steps it has passed."""
    process = FORKS.Process(target=_run, args=(orders,))
    process.start()
    while process.exitcode is None:  # noqa: ASYNC110 - a process raises no event
        await asyncio.sleep(0.02)
    steps = orders.trace.read_text().splitlines() if orders.trace.exists() else []
    expected = -signal.SIGKILL if KILLED in steps else 0
    assert process.exitcode == expected, steps
    return steps
