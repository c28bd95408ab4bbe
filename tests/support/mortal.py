"""What tests share that kill a process with SIGKILL at one step of its work."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.support.forks import FORKS
from tests.support.waiting import eventually

KILLED = "killed"
"""The last line of a trace whose process has killed itself."""

Death = tuple[str, int]
"""A step, and at which passing of it the process dies, from 1."""

_PR_SET_PDEATHSIG = 1


class Mortal(Protocol):
    """What a process is told that dies at a step."""

    @property
    def trace(self) -> Path:
        """Return the file that takes the name of each step."""
        ...

    @property
    def dies_at(self) -> Death | None:
        """Return where it dies; None to live."""
        ...


class Fate:
    """Notes the steps and ends the process at one of them."""

    def __init__(self, orders: Mortal) -> None:
        self._dies_at, self._left = orders.dies_at or ("", 0)
        self._trace = os.open(orders.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def step(self, name: str) -> None:
        """Pass a step, or die at it."""
        self.note(name)
        if name == self._dies_at:
            self._left -= 1
            if self._left == 0:
                self.die()

    def note(self, name: str) -> None:
        """Write a line of the trace."""
        os.write(self._trace, f"{name}\n".encode())

    def die(self) -> None:
        """End the process."""
        self.note(KILLED)
        os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``call`` with a step before and after it."""

        def guarded(*args: Any, **named: Any) -> Any:
            self.step(f"before {name}")
            result = call(*args, **named)
            self.step(f"after {name}")
            return result

        return guarded


class Guarded:
    """Something with a step before and after every call of some of its coroutines."""

    def __init__(
        self,
        behind: Any,
        fate: Fate,
        methods: Sequence[str] = (),
        parts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Guard ``methods``, and those of its ``parts``: what a property or a call gives."""
        self._behind = behind
        self._fate = fate
        self._methods = methods
        self._parts = parts or {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if name in self._parts:
            methods = self._parts[name]
            if callable(found):
                return lambda *args: Guarded(found(*args), self._fate, methods)
            return Guarded(found, self._fate, methods)
        if name not in self._methods:
            return found

        async def call(*args: Any, **named: Any) -> Any:
            self._fate.step(f"before {name}")
            result = await found(*args, **named)
            self._fate.step(f"after {name}")
            return result

        return call


async def done_by_a_process(
    work: Callable[[Any], Coroutine[Any, Any, None]], orders: Mortal
) -> list[str]:
    """Let a process do ``work`` until it is done or dies; return the steps it has passed.

    ``work`` is a function of a module, and :mod:`tests.support.forked` loads that module.
    """
    process = FORKS.Process(target=run_in_a_process, args=(work, orders))
    process.start()
    try:
        await eventually(lambda: process.exitcode is not None, "the process to end or to die")
    finally:
        if process.exitcode is None:
            process.kill()
    steps = orders.trace.read_text().splitlines() if orders.trace.exists() else []
    expected = -signal.SIGKILL if KILLED in steps else 0
    assert process.exitcode == expected, steps
    return steps


def run_in_a_process(work: Callable[[Any], Coroutine[Any, Any, None]], orders: Mortal) -> None:
    """Do ``work`` as a process of its own, which dies with the one that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    asyncio.run(work(orders))
    # The SDK's threads may still hold the interpreter while it ends.
    os._exit(0)
