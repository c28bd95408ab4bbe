"""A sealer as a process that kills or freezes itself at a given step.

A step is passed before and behind everything that is lasting: a statement that writes, a commit, a
file, a link, a rename.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from psycopg import AsyncTransaction

from placet import durable
from placet.sealing import directory
from placet.sealing.directory import DirectoryPlace
from placet.sealing.sealer import Pace
from placet.sealing.session import SealingSession
from tests.sealing.sealed import PACE, SealedLedger
from tests.support.forks import FORKS
from tests.support.mortal import Death, Fate, done_by_a_process, run_in_a_process

FROZEN = "frozen"

LASTING: tuple[tuple[Any, str, str], ...] = (
    (SealingSession, "_place", "place"),
    (SealingSession, "_write", "write the checkpoint"),
    (AsyncTransaction, "__aexit__", "commit"),
    (SealingSession, "seal", "seal"),
    (durable, "_fill", "store a file"),
    (directory, "create_file", "write a note"),
    (directory, "replace_file", "replace the latest"),
    (DirectoryPlace, "publish", "publish"),
)

STEPS = [f"{when} {step}" for *_, step in LASTING for when in ("before", "after")]

IN_EACH_ROUND = STEPS[:8]


@dataclass(frozen=True)
class Orders:
    """What the process is told.

    Attributes:
        ledger: What to seal.
        trace: Takes the name of each step.
        dies_at: The step, and at which passing of it, from 1.
        freezes: Whether it stops there with SIGSTOP instead, to go on when it is woken.
        for_ever: Whether it goes on sealing; else it seals what there is and ends.
        pace: Of the sealer.
    """

    ledger: SealedLedger
    trace: Path
    dies_at: Death | None = None
    freezes: bool = False
    for_ever: bool = False
    pace: Pace = PACE

    def start(self) -> BaseProcess:
        """Start it, for the test to kill."""
        process = FORKS.Process(target=run_in_a_process, args=(_seal, self))
        process.start()
        return process

    async def run(self) -> list[str]:
        """Let it work to its end or its death; return the steps it has passed."""
        return await done_by_a_process(_seal, self)

    def steps(self) -> list[str]:
        """Return the steps passed so far."""
        return self.trace.read_text().splitlines() if self.trace.exists() else []


class _Freezing(Fate):
    """Freezes the process where the other would kill it."""

    def die(self) -> None:
        self.note(FROZEN)
        os.kill(os.getpid(), signal.SIGSTOP)


async def _seal(orders: Orders) -> None:
    fate = _Freezing(orders) if orders.freezes else Fate(orders)
    for owner, method, step in LASTING:
        setattr(owner, method, _guarded(getattr(owner, method), step, fate))
    sealer = orders.ledger.sealer(pace=orders.pace)
    if orders.for_ever:
        await sealer.run()
    await sealer.once()


def _guarded(method: Callable[..., Any], name: str, fate: Fate) -> Any:
    if not iscoroutinefunction(method):
        return fate.around(name, method)

    async def later(*arguments: Any, **options: Any) -> Any:
        fate.step(f"before {name}")
        result = await method(*arguments, **options)
        fate.step(f"after {name}")
        return result

    return later
