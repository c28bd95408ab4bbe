"""The load: start, wait until it is waiting, signal, wait for the end; so many at once."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowHandle

from bench.processes import usage

PATIENCE = 60.0
"""Seconds until an approval that does not end stops the measurement."""

Handle = WorkflowHandle[Any, Any]


@dataclass(frozen=True)
class Subject:
    """A workflow to measure."""

    name: str
    queue: str
    request: Callable[[int], Any]
    signal: Any
    pid: int


@dataclass(frozen=True)
class Result:
    """What ``count`` complete approvals took."""

    count: int
    seconds: float
    cpu: float
    events: int

    @property
    def rate(self) -> float:
        """Return approvals per second."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Return the worker's CPU milliseconds per approval."""
        return self.cpu * 1_000 / self.count


async def start(client: Client, subject: Subject, number: int) -> Handle:
    """Start one."""
    return await client.start_workflow(
        subject.name,
        subject.request(number),
        id=f"bench-{subject.name}-{secrets.token_hex(8)}",
        task_queue=subject.queue,
    )


async def approvals(client: Client, subject: Subject, count: int, at_once: int) -> Result:
    """Run ``count`` complete approvals, ``at_once`` of them at a time."""
    numbers = iter(range(count))
    handles: list[Handle] = []

    async def one_after_the_other() -> None:
        for number in numbers:
            handle = await start(client, subject, number)
            await handle.signal("approve", *subject.signal)
            await asyncio.wait_for(handle.result(), PATIENCE)
            handles.append(handle)

    before, began = usage(subject.pid), time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    seconds, after = time.perf_counter() - began, usage(subject.pid)
    history = await handles[-1].fetch_history()
    return Result(count, seconds, after.cpu - before.cpu, len(history.events))


async def waiting(client: Client, subject: Subject, count: int) -> float:
    """Return the worker's resident bytes per waiting workflow, over ``count`` of them."""
    before = usage(subject.pid).memory
    for chunk in range(0, count, 20):
        batch = [start(client, subject, number) for number in range(chunk, chunk + 20)]
        for handle in await asyncio.gather(*batch):
            # A query is answered only after the first workflow task.
            await handle.query("__stack_trace")
    return (usage(subject.pid).memory - before) / count
