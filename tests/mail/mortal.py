"""A process that sends a mail and kills itself with SIGKILL at one step of it."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtplib.protocol import SMTPProtocol
from temporalio.testing import ActivityEnvironment

from activities.sending import SendingActivities
from placet.domain.orders import EffectOrder
from placet.ledger import PostgresLedger, open_pool
from placet.mail.server import SmtpServer
from tests.support.forks import FORKS

KILLED = "killed"

_PR_SET_PDEATHSIG = 1

Death = tuple[str, int]
"""A step, and at which passing of it the process dies, from 1."""


@dataclass(frozen=True)
class Orders:
    """What the process is told."""

    database_url: str
    server: SmtpServer
    order: EffectOrder
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
        if name == "deliveries":
            return _Guarded(found, self._fate, ("begin", "claim", "record", "end"))
        if name not in self._methods:
            return found

        async def call(*args: Any, **named: Any) -> Any:
            self._fate.step(f"before {name}")
            result = await found(*args, **named)
            self._fate.step(f"after {name}")
            return result

        return call


def _guard_the_wire(fate: _Fate) -> None:
    """Put guards around everything that is said to the server, and everything it says."""
    write, read = SMTPProtocol.write, SMTPProtocol.read_response

    def guarded_write(self: SMTPProtocol, data: bytes) -> None:
        said = data[:4].decode("ascii", "replace").strip()
        what = said if said.isupper() else "the mail"
        fate.step(f"before {what}")
        write(self, data)
        fate.step(f"after {what}")

    async def guarded_read(self: SMTPProtocol, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the library's
        response = await read(self, timeout)
        fate.step(f"answered {response.code}")
        return response

    SMTPProtocol.write = guarded_write  # type: ignore[method-assign]
    SMTPProtocol.read_response = guarded_read  # type: ignore[method-assign]


def _run(orders: Orders) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    asyncio.run(_send(orders))
    # The SDK's threads may still hold the interpreter while it ends.
    os._exit(0)


async def _send(orders: Orders) -> None:
    fate = _Fate(orders)
    _guard_the_wire(fate)
    async with open_pool(orders.database_url) as pool:
        ledger: Any = _Guarded(PostgresLedger(pool), fate, ("put_content",))
        activities = SendingActivities(ledger, orders.server)
        await ActivityEnvironment().run(activities.send, orders.order)


async def sent_by_a_process(orders: Orders) -> list[str]:
    """Let a process send a mail until it has or dies; return the steps it has passed."""
    process = FORKS.Process(target=_run, args=(orders,))
    process.start()
    while process.exitcode is None:  # noqa: ASYNC110 - a process raises no event
        await asyncio.sleep(0.02)
    steps = orders.trace.read_text().splitlines() if orders.trace.exists() else []
    expected = -signal.SIGKILL if KILLED in steps else 0
    assert process.exitcode == expected, steps
    return steps
