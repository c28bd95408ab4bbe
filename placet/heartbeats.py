"""Tell Temporal that an activity's worker is alive, so that a dead one is noticed in seconds.

Without it an attempt that died with its worker is only repeated when its whole time is over.
"""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

_BEATS_IN_TIMEOUT = 4
"""Three may be lost or late before the worker counts as dead."""


class _Told(ActivityOutboundInterceptor):
    """Remembers what the activity said last: a beat without it would wipe it out."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:  # noqa: A002 - Temporal's name
        super().__init__(next)
        self.last: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self.last = details
        super().heartbeat(*details)


class Heartbeats(Interceptor):
    """Beats for every activity that was scheduled with a heartbeat timeout, while it runs."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        """Stand before ``next``."""
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._told = _Told(outbound)
        super().init(self._told)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(_beat(timeout / _BEATS_IN_TIMEOUT, self._told))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat(every: timedelta, told: _Told) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        activity.heartbeat(*told.last)
