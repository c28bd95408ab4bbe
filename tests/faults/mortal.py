"""The real worker as a process that can be told at which step to kill itself with SIGKILL.

It is built by ``placet.bootstrap.build_worker``. Around its ports, its activities and its workflow
tasks stand guards that count; the one whose turn it is ends the process before anything else runs.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkerConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from placet.access.postgres import PostgresAccess
from placet.bootstrap import build_worker
from placet.connections import open_ledger
from placet.domain.ledger import LedgerEvent, LedgerStep, Receipt, WrittenStep
from placet.domain.ledger_rows import PaymentEntry, PaymentResult
from placet.domain.record import Notice
from placet.ledger import PostgresLedger
from placet.ledger.deliveries import PostgresDeliveries
from placet.ledger.grants import PostgresGrants
from placet.ledger.publishing import PostgresPublishing
from placet.logging import configure
from placet.mail.smtp import Connection
from placet.notify.files import build_notifier
from placet.payments.spool import Spool
from placet.ports import Ledger, Notifier
from placet.publishing.directory import DirectoryTarget
from placet.settings import Settings

KILLED = "killed"
"""The last line of the trace of a worker that met its fate."""

_PR_SET_PDEATHSIG = 1
_STICKY = timedelta(seconds=1)
"""Temporal gives a dead worker's runs to another after ten seconds; the tests cannot wait."""


@dataclass(frozen=True)
class Order:
    """What a worker process is told.

    Attributes:
        address: Temporal's host and port.
        environment: Placet's settings.
        log: Takes everything it prints.
        trace: Takes one line for each step.
        dies_at: The step at which it kills itself, and at which passing of it, from 1.
        close: Whether every guard is a step, or only those behind which something lasting is new.
    """

    address: str
    environment: dict[str, str]
    log: Path
    trace: Path
    dies_at: tuple[str, int] | None = None
    close: bool = False


class Fate:
    """Notes the steps and ends the process at one of them."""

    def __init__(self, order: Order) -> None:
        self._dies_at, self._left = order.dies_at or ("", 0)
        self._close = order.close
        self._trace = os.open(order.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def step(self, name: str) -> None:
        """Pass a point behind which the world looks different from before."""
        os.write(self._trace, f"{name}\n".encode())
        if name != self._dies_at:
            return
        self._left -= 1
        if self._left == 0:
            os.write(self._trace, f"{KILLED}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def pause(self, name: str) -> None:
        """Pass a point at which the world looks as at the step before it."""
        if self._close:
            self.step(name)


class _GuardedLedger:
    """A ledger with a guard before and behind everything that it writes."""

    def __init__(self, ledger: PostgresLedger, fate: Fate) -> None:
        self._ledger = ledger
        self._fate = fate

    async def append(self, events: Sequence[LedgerEvent]) -> list[Receipt]:
        what = ", ".join(event.kind for event in events)
        self._fate.pause(f"before append of {what}")
        receipts = await self._ledger.append(events)
        self._fate.step(f"after append of {what}")
        return receipts

    async def append_step(self, step: LedgerStep) -> WrittenStep:
        what = ", ".join(event.kind for event in step.events)
        self._fate.pause(f"before step of {what}")
        written = await self._ledger.append_step(step)
        self._fate.step(f"after step of {what}")
        return written

    async def put_content(self, data: bytes, media_type: str) -> str:
        self._fate.pause("before put_content")
        digest = await self._ledger.put_content(data, media_type)
        self._fate.step("after put_content")
        return digest

    async def pay(self, entry: PaymentEntry, events: Sequence[LedgerEvent]) -> PaymentResult:
        self._fate.pause("before pay")
        result = await self._ledger.pay(entry, events)
        self._fate.step("after pay")
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


class _GuardedNotifier:
    def __init__(self, notifier: Notifier, fate: Fate) -> None:
        self._notifier = notifier
        self._fate = fate

    async def deliver(self, key: str, notice: Notice) -> None:
        self._fate.pause(f"before delivery of {notice.kind.value}")
        await self._notifier.deliver(key, notice)
        self._fate.step(f"after delivery of {notice.kind.value}")


def _guard_spool(fate: Fate) -> None:
    """Put guards around the two methods of every spool of this process."""

    def guarded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(spool: Spool, argument: Any) -> Any:
            fate.pause(f"before {name}")
            result = method(spool, argument)
            fate.step(f"after {name}")
            return result

        return call

    Spool.stage = guarded("stage", Spool.stage)  # type: ignore[method-assign]
    Spool.release = guarded("release", Spool.release)  # type: ignore[method-assign]


def _guard_effects(fate: Fate) -> None:
    """Put guards around what the effects of this process note, and what they do."""

    def guarded(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        async def call(*arguments: Any, **options: Any) -> Any:
            fate.pause(f"before {name}")
            result = await method(*arguments, **options)
            fate.step(f"after {name}")
            return result

        return call

    for what, owner, names in (
        ("publication", PostgresPublishing, ("begin", "mark", "end")),
        ("publication", DirectoryTarget, ("stage", "switch")),
        ("mail", PostgresDeliveries, ("begin", "claim", "record", "end")),
        ("mail", Connection, ("hand_over",)),
        ("grant", PostgresGrants, ("begin", "hold", "release", "end")),
        ("grant", PostgresAccess, ("grant", "revoke")),
    ):
        for name in names:
            setattr(owner, name, guarded(f"{what}'s {name}", getattr(owner, name)))


class _GuardedActivities(Interceptor):
    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        return _GuardedActivity(next, self._fate)


class _GuardedActivity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, fate: Fate) -> None:  # noqa: A002 - Temporal's name
        super().__init__(next)
        self._fate = fate

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        name = input.fn.__qualname__
        # A local activity begins where the step before it ended.
        (self._fate.pause if activity.info().is_local else self._fate.step)(f"start of {name}")
        result = await super().execute_activity(input)
        self._fate.pause(f"return of {name}")
        return result


class _GuardedRunner(SandboxedWorkflowRunner):
    """Runs workflows as usual, with a guard before and behind each of their turns."""

    fate: Fate

    def create_instance(self, det: Any) -> Any:
        instance = super().create_instance(det)
        activate, fate = instance.activate, self.fate

        def guarded(activation: Any) -> Any:
            jobs = "+".join(sorted({str(job.WhichOneof("variant")) for job in activation.jobs}))
            if jobs == "remove_from_cache":
                return activate(activation)
            fate.pause(f"before workflow turn {jobs}")
            completion = activate(activation)
            fate.pause(f"after workflow turn {jobs}")
            return completion

        instance.activate = guarded  # type: ignore[method-assign, assignment]
        return instance


class _Guards(SimplePlugin):
    """Has the worker that is built guarded, and lets another one take over soon."""

    def __init__(self, fate: Fate) -> None:
        super().__init__("guards", interceptors=[_GuardedActivities(fate)])
        self._fate = fate

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        config = super().configure_worker(config)
        config["sticky_queue_schedule_to_start_timeout"] = _STICKY
        # Without a name Temporal reads all code that is loaded to make one, half a second long.
        config["build_id"] = "guarded"
        config["workflow_runner"] = self._guarded(config.get("workflow_runner"))
        return config

    def _guarded(self, runner: WorkflowRunner | None) -> WorkflowRunner:
        assert isinstance(runner, SandboxedWorkflowRunner)
        guarded = _GuardedRunner(restrictions=runner.restrictions)
        object.__setattr__(guarded, "fate", self._fate)
        return guarded


def run(order: Order) -> None:
    """Work until SIGTERM, or until the fatal step; a process of its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # What a target is opened by is read from the environment at each use.
    os.environ.update(order.environment)
    configure(level="INFO")
    asyncio.run(_work(order))
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may still hold the interpreter while it ends.
    os._exit(0)


async def _work(order: Order) -> None:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    fate = Fate(order)
    _guard_spool(fate)
    _guard_effects(fate)
    settings = Settings.from_environment(order.environment)
    client = await Client.connect(
        order.address, data_converter=pydantic_data_converter, plugins=[_Guards(fate)]
    )
    async with open_ledger(settings) as ledger:
        guarded: Any = _GuardedLedger(ledger, fate)
        writes_to: Ledger = guarded
        notifier = _GuardedNotifier(build_notifier(settings), fate)
        async with build_worker(client, settings, writes_to, notifier=notifier):
            await asked.wait()
