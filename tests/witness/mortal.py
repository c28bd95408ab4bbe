"""A witness in a process of its own, which may kill itself with SIGKILL at one step of a write."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from placet import durable
from placet.domain.errors import PlacetError
from placet.proof.note import VerifierKey
from placet.witness.cosigner import Answer, Cosigner
from placet.witness.messages import PATH
from placet.witness.program import run_witness
from tests.support.forks import FORKS
from tests.support.mortal import Death, Fate
from tests.support.waiting import PATIENCE_SECONDS

NAME = "witness.example/w1"
ANSWER = "answer"
CALLS = ("open", "write", "fsync", "replace")
"""The system calls that can lose or keep something."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Orders:
    """What the process is told.

    Attributes:
        state: The witness's directory.
        logs: The keys of the logs it knows.
        name: Its name.
        trace: Where it notes each step of a write.
        dies_at: Before which step it dies; None to live.
    """

    state: Path
    logs: tuple[VerifierKey, ...]
    name: str = NAME
    trace: Path = Path(os.devnull)
    dies_at: Death | None = None


class _GuardedOs:
    """The system calls, each with a step before it."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name not in CALLS:
            return found

        def call(*args: Any, **named: Any) -> Any:
            self._fate.step(name)
            return found(*args, **named)

        return call


def _guard(fate: Fate) -> None:
    """Put steps before every system call of a write, and before the answer."""
    durable.os = _GuardedOs(fate)  # type: ignore[assignment, attr-defined]
    add = Cosigner.add_checkpoint

    def guarded(self: Cosigner, body: bytes) -> Answer:
        answer = add(self, body)
        fate.step(ANSWER)
        return answer

    Cosigner.add_checkpoint = guarded  # type: ignore[method-assign]


def _run(orders: Orders, told: Connection) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

    def ready(key: VerifierKey, port: int) -> None:
        _guard(Fate(orders))
        told.send((key, port))

    try:
        asyncio.run(run_witness(orders.state, orders.name, orders.logs, ("127.0.0.1", 0), ready))
    except PlacetError as error:
        told.send(f"{error.code}: {error}")
        os._exit(1)
    os._exit(0)


@dataclass
class Running:
    """A witness that runs.

    Attributes:
        process: Its process.
        key: Its key.
        url: Where it answers.
    """

    process: Any
    key: VerifierKey
    url: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=PATIENCE_SECONDS))

    def post(self, body: bytes) -> httpx.Response:
        """Ask it to cosign."""
        return self.client.post(self.url + PATH, content=body)

    def ended(self) -> int:
        """Wait until the process has ended and return its exit code."""
        self.process.join(PATIENCE_SECONDS)
        assert self.process.exitcode is not None
        return int(self.process.exitcode)

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self.ended()

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.terminate()
        return self.ended()


def start(orders: Orders) -> Running | str:
    """Start a witness; return it once it answers, or why it does not."""
    here, there = FORKS.Pipe()
    process = FORKS.Process(target=_run, args=(orders, there), daemon=True)
    process.start()
    there.close()
    assert here.poll(PATIENCE_SECONDS)
    told = here.recv()
    here.close()
    if isinstance(told, str):
        process.join(PATIENCE_SECONDS)
        return told
    key, port = told
    return Running(process, key, f"http://127.0.0.1:{port}")


@contextmanager
def running(orders: Orders) -> Iterator[Running]:
    """Give a witness that runs, and end it at the end."""
    found = start(orders)
    assert isinstance(found, Running), found
    try:
        yield found
    finally:
        found.client.close()
        found.process.kill()
        found.process.join(PATIENCE_SECONDS)
