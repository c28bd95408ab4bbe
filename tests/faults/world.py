"""A real service for the fault tests: servers to stop and workers to kill."""

import asyncio
import itertools
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper

from placet.connections import app_url
from placet.db import migrate
from placet.domain.orders import CaseResult
from placet.ledger import PostgresLedger, open_pool
from placet.local.stack import LocalStack
from tests.faults import mortal
from tests.support.forks import FORKS
from tests.support.policies import policies_with
from tests.support.waiting import eventually
from tests.workflows.office import expense

PATIENCE = 60.0
"""How long a test waits for something that has to happen, in seconds."""

Handle = WorkflowHandle[Any, CaseResult]


class World:
    """Servers, and short words for what goes on between them.

    Attributes:
        stack: Starts and stops Temporal and Postgres.
        client: Connected to Temporal.
        ledger: The ledger, as the application sees it.
        admin_url: The database, as its administrator sees it.
        home: Where notices and payment files are.
        policies: The tests' policies, by which reviewers may edit.
    """

    def __init__(
        self, stack: LocalStack, client: Client, ledger: PostgresLedger, admin_url: str, home: Path
    ) -> None:
        self.stack = stack
        self.client = client
        self.ledger = ledger
        self.admin_url = admin_url
        self.home = home
        self.policies = policies_with("freely", home / "policies")
        self._numbers = itertools.count(1)

    def order(self, task_queue: str | None = None, **environment: str) -> mortal.Order:
        """Say what a worker process needs to know; each has its own task queue if not told."""
        number = next(self._numbers)
        return mortal.Order(
            address=self.client.service_client.config.target_host,
            environment={
                "PLACET_HOME": str(self.home),
                "PLACET_POLICIES": str(self.policies),
                "PLACET_DATABASE_URL": app_url(self.admin_url),
                "PLACET_TASK_QUEUE": task_queue or f"faults-{secrets.token_hex(6)}",
                **environment,
            },
            log=self.home / f"worker-{number}.log",
            trace=self.home / f"worker-{number}.trace",
        )

    async def submit(self, order: mortal.Order, *, quick: bool = True, **changes: Any) -> Handle:
        """Start a case for the workers of ``order``.

        Args:
            order: Whose task queue.
            quick: Whether a dead worker's workflow task is another's after one second, not ten.
            changes: Of the request.
        """
        handle = await self.client.start_workflow(
            "expense",
            expense(**changes),
            id=f"expense-{secrets.token_hex(6)}",
            task_queue=order.environment["PLACET_TASK_QUEUE"],
            task_timeout=timedelta(seconds=1) if quick else None,
            result_type=CaseResult,
        )
        return cast("Handle", handle)

    async def kinds(self, handle: Handle) -> list[str]:
        """Return the kinds of a case's events in the ledger, in order."""
        return [event.kind for event in await self.ledger.timeline(handle.id)]

    async def recorded(self, handle: Handle, kind: str, times: int = 1) -> None:
        """Wait until the ledger has a kind of event so many times."""

        async def there() -> bool:
            return (await self.kinds(handle)).count(kind) >= times

        await eventually(there, f"{times} {kind} in the ledger of {handle.id}", PATIENCE)

    async def result(self, handle: Handle) -> CaseResult:
        """Return how a case ended, once it has."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await handle.result()
            except WorkflowFailureError as error:
                pytest.fail(f"{handle.id} failed: {error.cause!r}")

    async def skip(self, handle: Handle, **duration: float) -> None:
        """Let time pass for a case."""
        await TimeSkipper(self.client).fast_forward(handle, timedelta(**duration))

    async def rows(self, query: str, *values: object) -> list[DictRow]:
        """Ask the database as its administrator."""
        async with await psycopg.AsyncConnection.connect(
            self.admin_url, autocommit=True, row_factory=dict_row
        ) as connection:
            return await (await connection.execute(query.encode(), values)).fetchall()

    @property
    def postgres(self) -> int:
        """The process id of Postgres."""
        return next(pid for name, pid in self.stack.pids.items() if name != "Temporal")


@asynccontextmanager
async def start_world(home: Path) -> AsyncIterator[World]:
    """Start the servers, and remove all their data at the end."""
    stack = LocalStack(home / "stack", time_skipping=True, throwaway=True)
    async with stack as address:
        client = await Client.connect(
            address.temporal_address, data_converter=pydantic_data_converter
        )
        await asyncio.to_thread(migrate, address.database_url)
        async with open_pool(app_url(address.database_url)) as pool:
            yield World(stack, client, PostgresLedger(pool), address.database_url, home)


class WorkerProcess:
    """One worker process."""

    def __init__(self, order: mortal.Order) -> None:
        self.order = order
        self._process = FORKS.Process(target=mortal.run, args=(order,))
        self._process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether it runs."""
        return self._process.is_alive()

    @property
    def killed(self) -> bool:
        """Tell whether SIGKILL ended it."""
        return self._process.exitcode == -signal.SIGKILL

    def steps(self) -> list[str]:
        """Return the steps it has passed."""
        trace = self.order.trace
        return trace.read_text().splitlines() if trace.exists() else []

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit code."""
        while (code := self._process.exitcode) is None:  # noqa: ASYNC110 - a process raises no event
            await asyncio.sleep(0.02)
        return code

    async def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        await self.ended()

    async def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        self._process.terminate()
        return await self.ended()


@asynccontextmanager
async def worker(order: mortal.Order) -> AsyncIterator[WorkerProcess]:
    """Run a worker process, and kill it at the end if it still runs."""
    process = WorkerProcess(order)
    try:
        yield process
    finally:
        if process.alive:
            await process.kill()


@asynccontextmanager
async def mortal_worker(order: mortal.Order) -> AsyncIterator[list[WorkerProcess]]:
    """Run a worker that dies as ordered, and each time it does another one that does not.

    Gives:
        The processes, the newest last.
    """
    generations = [WorkerProcess(order)]

    async def succeed() -> None:
        while True:
            code = await generations[-1].ended()
            assert code == -signal.SIGKILL, f"the worker ended with {code}: {order.log.read_text()}"
            generations.append(WorkerProcess(replace(order, dies_at=None)))

    heir = asyncio.create_task(succeed())
    try:
        yield generations
    finally:
        heir.cancel()
        for process in generations:
            if process.alive:
                await process.kill()
    if heir.done() and not heir.cancelled():
        heir.result()


def tree(pid: int) -> list[int]:
    """Return a process and everything below it."""
    below: list[str] = []
    # A process that has ended since it was listed has nothing below it.
    with suppress(FileNotFoundError, ProcessLookupError):
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *itertools.chain.from_iterable(tree(int(child)) for child in below)]


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and everything below it."""
    for each in tree(pid):
        with suppress(ProcessLookupError):
            os.kill(each, number)


@asynccontextmanager
async def no_postgres(world: World, how: str) -> AsyncIterator[None]:
    """Be without Postgres inside the block."""
    if how == "frozen":
        frozen = world.postgres
        signal_tree(frozen, signal.SIGSTOP)
        try:
            yield
        finally:
            signal_tree(frozen, signal.SIGCONT)
        return
    await world.stack.stop_postgres(kill=how == "killed")
    try:
        yield
    finally:
        await world.stack.start_postgres()


async def waits_patiently(handle: Handle) -> None:
    """Wait until a case has tried a regular activity more than once."""

    async def tries() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(activity.attempt > 1 for activity in pending)

    await eventually(tries, f"{handle.id} to try again", PATIENCE)
