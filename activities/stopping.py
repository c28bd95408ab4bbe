"""Let long work end between two steps: when somebody has it stopped, or when its worker ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import activity

from placet.halt import Halt

T = TypeVar("T")


async def halting(work: Callable[[Halt], Awaitable[T]], *, asked: bool = False) -> T:
    """Do ``work``, and tell it by its :class:`Halt` when it has to end.

    Args:
        work: Looks at the halt wherever it can end.
        asked: Whether somebody has had it stopped already.
    """
    halt = Halt(asked=asked)
    working = asyncio.ensure_future(work(halt))
    leaving = asyncio.create_task(activity.wait_for_worker_shutdown())
    try:
        while not working.done():
            try:
                going = {working} if halt.leaving else {working, leaving}
                await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                if not _asked_to_stop():
                    raise
                halt.asked = True
            halt.leaving = leaving.done()
    finally:
        working.cancel()
        leaving.cancel()
    return working.result()


def _asked_to_stop() -> bool:
    """Say whether somebody wants it stopped; else it is only this worker that stops."""
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested
