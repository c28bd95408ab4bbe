"""People who insist, and servers and workers that die at random around them."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from placet.domain.errors import UnavailableError
from placet.domain.orders import CaseResult
from tests.faults import mortal
from tests.faults.scenes import ALICE, BOB
from tests.faults.world import Handle, WorkerProcess, World, no_postgres
from tests.support.waiting import eventually
from tests.workflows.office import expense

T = TypeVar("T")

PATIENCE = 180.0
"""How long a case may take while everything around it dies, in seconds."""

_GONE = {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Do something again until whoever it is asked of is back."""
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status in _GONE:
                raise
        except UnavailableError:
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)


class Person:
    """Takes one case from its request to its end, whatever dies meanwhile.

    Attributes:
        receipts: The event id and the leaf of everything that was acknowledged.
    """

    def __init__(self, world: World, client: Client, queue: str) -> None:
        self._world = world
        self._client = client
        self._queue = queue
        self._name = f"expense-{secrets.token_hex(6)}"
        self.receipts: list[tuple[str, str]] = []

    async def submit(self) -> Handle:
        """Ask for money."""

        async def start() -> Any:
            return await self._client.start_workflow(
                "expense",
                expense(),
                id=self._name,
                task_queue=self._queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                result_type=CaseResult,
            )

        return cast("Handle", await insist(start))

    async def recorded(self, kind: str, times: int = 1) -> None:
        """Wait until the ledger has a kind of event so many times."""

        async def there() -> bool:
            events = await self._world.ledger.timeline(self._name)
            return sum(event.kind == kind for event in events) >= times

        await eventually(
            lambda: insist(there), f"{times} {kind} in the ledger of {self._name}", PATIENCE
        )

    async def signal(self, handle: Handle, action: str, actor: str, **more: Any) -> None:
        """Act by signal; one that may have arrived is sent again under the same decision id."""
        message = {"actor": actor, "decision_id": secrets.token_hex(6), **more}
        try:
            await insist(lambda: handle.signal(action, message))
        except RPCError:
            # The case ended on the one that seemed to be lost.
            return

    async def update(self, handle: Handle, action: str, actor: str, **more: Any) -> None:
        """Act by update, and keep the receipt if there is one."""
        decision = secrets.token_hex(6)
        message = {"action": action, "actor": actor, "decision_id": decision, **more}
        try:
            answer = await insist(lambda: handle.execute_update("decide", message, id=decision))
        except (RPCError, WorkflowUpdateFailedError):
            return
        self.receipts.append((answer["event"], answer["leaf"]))

    async def live(self, manner: str) -> Handle:
        """Play a case in one of the `MANNERS` to its end."""
        async with asyncio.timeout(PATIENCE):
            handle = await self.submit()
            await self.recorded("system:stage:opened")
            await MANNERS[manner](self, handle)
            await insist(handle.result)
        return handle


async def _approve(person: Person, handle: Handle) -> None:
    await person.signal(handle, "approve", BOB)


async def _decide(person: Person, handle: Handle) -> None:
    await person.update(handle, "approve", BOB)


async def _reject(person: Person, handle: Handle) -> None:
    await person.update(handle, "reject", BOB, reason="No receipt.")


async def _quarrel(person: Person, handle: Handle) -> None:
    await asyncio.gather(
        person.update(handle, "approve", BOB),
        person.signal(handle, "reject", BOB, reason="No receipt."),
        person.update(handle, "withdraw", ALICE, reason="Never mind."),
        person.signal(handle, "approve", ALICE),
    )


async def _change(person: Person, handle: Handle) -> None:
    await person.update(handle, "request_changes", BOB, reason="Split it.")
    await person.recorded("reviewer:review:changes_requested")
    await person.signal(handle, "resubmit", ALICE, request=expense("90.00 EUR"))
    await person.recorded("system:stage:opened", times=2)
    await person.update(handle, "approve", BOB)


MANNERS: dict[str, Callable[[Person, Handle], Awaitable[None]]] = {
    "approve": _approve,
    "decide": _decide,
    "reject": _reject,
    "quarrel": _quarrel,
    "change": _change,
}


class Havoc:
    """Kills workers, Postgres and Temporal, one after the other, and starts them again."""

    def __init__(
        self, world: World, order: mortal.Order, workers: int, dice: random.Random
    ) -> None:
        self._world = world
        self._order = order
        self._dice = dice
        self._workers = [WorkerProcess(self._fresh()) for _ in range(workers)]
        self.done: Counter[str] = Counter()

    async def wreak(self) -> None:
        """Do one thing, after a moment."""
        await asyncio.sleep(self._dice.uniform(0.2, 3))
        things = [self.worker] * 6 + [self.postgres, self.freeze, self.temporal, self.everything]
        thing = self._dice.choice(things)
        await thing()
        self.done[thing.__name__] += 1

    async def worker(self) -> None:
        """Kill a worker and start another."""
        victim = self._dice.randrange(len(self._workers))
        await self._workers[victim].kill()
        self._workers[victim] = WorkerProcess(self._fresh())

    async def postgres(self) -> None:
        """Kill Postgres and start it again after a while."""
        async with no_postgres(self._world, "killed"):
            await asyncio.sleep(self._dice.uniform(0, 6))

    async def freeze(self) -> None:
        """Have Postgres not answer for a while."""
        async with no_postgres(self._world, "frozen"):
            await asyncio.sleep(self._dice.uniform(0, 6))

    async def temporal(self) -> None:
        """Kill Temporal and start it again."""
        await self._world.stack.stop_temporal(kill=True)
        await asyncio.sleep(self._dice.uniform(0, 2))
        await self._world.stack.start_temporal()

    async def everything(self) -> None:
        """Kill everything at once and start it again."""
        await asyncio.gather(
            self._world.stack.stop_temporal(kill=True),
            self._world.stack.stop_postgres(kill=True),
            *(process.kill() for process in self._workers),
        )
        await asyncio.gather(self._world.stack.start_postgres(), self._world.stack.start_temporal())
        self._workers = [WorkerProcess(self._fresh()) for _ in self._workers]

    async def end(self) -> None:
        """End the workers."""
        for process in self._workers:
            await process.kill()

    def _fresh(self) -> mortal.Order:
        """Give each process a log of its own."""
        order = self._world.order(self._order.environment["PLACET_TASK_QUEUE"])
        return replace(order, environment=self._order.environment)
