"""Waits that have an end: what is awaited comes true, or the test fails and names it."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

import pytest

PATIENCE_SECONDS = 60.0
"""How long a test waits for something that has to happen."""

_PAUSE_SECONDS = 0.02


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until ``condition`` holds; fail, naming ``what``, when it does not in time."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience:.0f} s for {what}")
        time.sleep(_PAUSE_SECONDS)


async def eventually(
    condition: Callable[[], object | Awaitable[object]],
    what: str,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Do what :func:`until` does, and let everything else in the loop go on meanwhile."""
    try:
        async with asyncio.timeout(patience):
            while not await _holds(condition):  # noqa: ASYNC110 - most of it raises no event
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        pytest.fail(f"waited {patience:.0f} s for {what}")


async def _holds(condition: Callable[[], object | Awaitable[object]]) -> object:
    held = condition()
    return await held if inspect.isawaitable(held) else held
