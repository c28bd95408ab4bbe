"""The one timer of a case: kept while its instant stays the same."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow


class Alarm:
    """Rings once at an instant; setting another instant replaces it."""

    def __init__(self, ring: Callable[[datetime], None]) -> None:
        """Begin unset; call ``ring`` with the instant when it comes."""
        self._ring = ring
        self._instant: datetime | None = None
        self._sleeper: asyncio.Task[None] | None = None

    def set(self, instant: datetime | None, summary: str) -> None:
        """Ring at ``instant`` (aware), or not at all for None; the same instant changes nothing."""
        if instant == self._instant:
            return
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._instant = instant
        self._sleeper = (
            None if instant is None else asyncio.create_task(self._sleep(instant, summary))
        )

    async def _sleep(self, instant: datetime, summary: str) -> None:
        left = instant - workflow.now()
        await workflow.sleep(max(left, timedelta(0)), summary=summary)
        self._instant = None
        self._ring(instant)
