"""A process that exports, or deletes a file, and kills itself with SIGKILL at one step of it."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet.domain.orders import EffectOrder, EndOrder
from placet.exports import store
from placet.ledger import PostgresLedger, open_pool
from placet.sources.copying import Copying
from placet.sources.postgres import PostgresSources
from tests.exports.approved import environment, exporting
from tests.support.forks import FORKS

KILLED = "killed"

_PR_SET_PDEATHSIG = 1

Death = tuple[str, int]
"""A step, and at which passing of it the process dies, from 1."""


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    environment: dict[str, str]
    root: Path
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

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``call`` with a step before and after it."""

        def guarded(*args: Any, **named: Any) -> Any:
            self.step(f"before {name}")
            result = call(*args, **named)
            self.step(f"after {name}")
            return result

        return guarded


class _Guarded:
    """Something with a guard before and behind every call of some of its methods."""

    def __init__(self, behind: Any, fate: _Fate, methods: Sequence[str]) -> None:
        self._behind = behind
        self._fate = fate
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if name == "exports":
            return _Guarded(found, self._fate, ("begin", "holds", "end", "remove"))
        if name not in self._methods:
            return found

        async def call(*args: Any, **named: Any) -> Any:
            self._fate.step(f"before {name}")
            result = await found(*args, **named)
            self._fate.step(f"after {name}")
            return result

        return call


class _Disk:
    """The calls that change what is on the disk, each with a guard."""

    def __init__(self, fate: _Fate) -> None:
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        return self._fate.around(name, found) if name == "fsync" else found


def _guard_everything(fate: _Fate) -> None:
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


def _run(orders: Orders) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    asyncio.run(_carry_out(orders))
    # Threads may still hold the interpreter while it ends.
    os._exit(0)


async def _carry_out(orders: Orders) -> None:
    fate = _Fate(orders)
    _guard_everything(fate)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = _Guarded(PostgresLedger(pool), fate, ())
        activities = exporting(ledger, PostgresSources(orders.environment), orders.root)
        if isinstance(orders.order, EndOrder):
            await environment().run(activities.expire, orders.order)
        else:
            await environment().run(activities.export, orders.order)


async def done_by_a_process(orders: Orders) -> list[str]:
    """Let a process carry an order out until it has or dies; return the steps it has passed."""
    process = FORKS.Process(target=_run, args=(orders,))
    process.start()
    while process.exitcode is None:  # noqa: ASYNC110 - a process raises no event
        await asyncio.sleep(0.02)
    steps = orders.trace.read_text().splitlines() if orders.trace.exists() else []
    expected = -signal.SIGKILL if KILLED in steps else 0
    assert process.exitcode == expected, steps
    return steps
