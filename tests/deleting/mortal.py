"""A process that deletes rows, or ends a deletion, and kills itself at one step of it."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
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
from tests.support.forks import FORKS

KILLED = "killed"
BATCH = 4

_PR_SET_PDEATHSIG = 1

Death = tuple[str, int]
"""A step, and at which passing of it the process dies, from 1."""


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    environment: Mapping[str, str]
    entry: Entry
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

    def __init__(self, behind: Any, fate: _Fate, methods: Sequence[str]) -> None:
        self._behind = behind
        self._fate = fate
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if name == "deletions":
            methods = ("find", "begin", "hold", "turn", "advance", "end")
            return _Guarded(found, self._fate, methods)
        if name not in self._methods:
            return found

        async def call(*args: Any, **named: Any) -> Any:
            self._fate.step(f"before {name}")
            result = await found(*args, **named)
            self._fate.step(f"after {name}")
            return result

        return call


class _GuardedDeleter:
    """Opens rows that are guarded."""

    def __init__(self, behind: PostgresDeleter, fate: _Fate) -> None:
        self._behind = behind
        self._fate = fate

    @asynccontextmanager
    async def open(self, *args: Any) -> AsyncIterator[Any]:
        """Open them."""
        self._fate.step("before open")
        async with self._behind.open(*args) as rows:
            yield _Guarded(rows, self._fate, ("selected", "census", "standing", "touch"))
        self._fate.step("after open")


def small_batches() -> None:
    """Let every batch have four rows, and be recorded."""
    vars(work).update(FIRST=BATCH, RECORD_SECONDS=0.0)
    Pace.took = lambda *_: None  # type: ignore[method-assign]


def _run(orders: Orders) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    small_batches()
    asyncio.run(_carry_out(orders))
    # The SDK's threads may still hold the interpreter while it ends.
    os._exit(0)


async def _carry_out(orders: Orders) -> None:
    fate = _Fate(orders)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = _Guarded(PostgresLedger(pool), fate, ("get_content", "put_content"))
        deleter: Any = _GuardedDeleter(PostgresDeleter(orders.environment), fate)
        activities = DeletionActivities(ledger, deleter, lambda: catalogue_of(orders.entry))
        does: Any = activities.end if isinstance(orders.order, EndOrder) else activities.delete
        await ActivityEnvironment().run(does, orders.order)


async def done_by_a_process(orders: Orders) -> list[str]:
    """Let a process do it until it has or dies; return the steps it has passed."""
    process = FORKS.Process(target=_run, args=(orders,))
    process.start()
    while process.exitcode is None:  # noqa: ASYNC110 - a process raises no event
        await asyncio.sleep(0.02)
    steps = orders.trace.read_text().splitlines() if orders.trace.exists() else []
    expected = -signal.SIGKILL if KILLED in steps else 0
    assert process.exitcode == expected, steps
    return steps
