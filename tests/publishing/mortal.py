"""A worker's attempt to publish, as a process that kills itself with SIGKILL at a given step.

A step is passed behind everything that is lasting: a statement in the database, a file, a rename,
an object, a post.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import obstore
from temporalio.exceptions import ApplicationError

from placet.domain.orders import EffectOrder
from placet.ledger import PostgresLedger, open_pool
from placet.ledger.publishing import PostgresPublishing
from placet.publishing import directory
from placet.publishing.directory import DirectoryTarget
from placet.publishing.webhook import WebhookTarget
from tests.publishing.press import Press
from tests.support.forks import FORKS
from tests.support.waiting import eventually

LASTING: tuple[tuple[Any, str], ...] = (
    (PostgresPublishing, "begin"),
    (PostgresPublishing, "mark"),
    (PostgresPublishing, "give_up"),
    (PostgresPublishing, "end"),
    (DirectoryTarget, "_clear"),
    (DirectoryTarget, "_write"),
    (Path, "rename"),
    (Path, "symlink_to"),
    (Path, "unlink"),
    (directory, "sync_directory"),
    (obstore, "put_async"),
    (obstore, "delete_async"),
    (WebhookTarget, "switch"),
)


@dataclass(frozen=True)
class Attempt:
    """One attempt at an effect.

    Attributes:
        order: What is to be done.
        database_url: Where the ledger is.
        home: Where the directory of the target is.
        listed: The list of targets.
        secrets: What they are opened with.
        trace: Takes the name of each step.
        dies_at: The step behind which it kills itself, from 1; 0 for none.
    """

    order: EffectOrder
    database_url: str
    home: Path
    listed: str
    secrets: dict[str, str]
    trace: Path
    dies_at: int = 0

    async def run(self) -> list[str]:
        """Run it in a process of its own, to its end or its death; return the steps it passed."""
        # By one thread: when two look at once, the second takes a process for lost.
        process = FORKS.Process(target=_attempt, args=(self,))
        process.start()
        await eventually(lambda: process.exitcode is not None, "the attempt to end")
        expected = -signal.SIGKILL if self.dies_at else 0
        assert process.exitcode == expected, f"it ended with {process.exitcode}"
        return self.trace.read_text().splitlines()


def _attempt(attempt: Attempt) -> None:
    trace = os.open(attempt.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    passed = 0

    def step(name: str) -> None:
        nonlocal passed
        passed += 1
        os.write(trace, f"{name}\n".encode())
        if passed == attempt.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in LASTING:
        setattr(owner, name, _guarded(getattr(owner, name), name, step))
    asyncio.run(_publish(attempt))
    os._exit(0)


def _guarded(method: Callable[..., Any], name: str, step: Callable[[str], None]) -> Any:
    # What the storage's library offers is a plain function that returns something to await.
    if iscoroutinefunction(method) or name.endswith("_async"):

        async def later(*arguments: Any, **options: Any) -> Any:
            result = await method(*arguments, **options)
            step(name)
            return result

        return later

    def now(*arguments: Any, **options: Any) -> Any:
        result = method(*arguments, **options)
        step(name)
        return result

    return now


async def _publish(attempt: Attempt) -> None:
    async with open_pool(attempt.database_url) as pool:
        press = Press(PostgresLedger(pool), attempt.home, attempt.listed)
        press.secrets = attempt.secrets
        try:
            await press.run(attempt.order)
        except ApplicationError:
            return
