"""A server that soon suggests a new run, for cases that go on in several."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from placet.local.binaries import find_temporal

SHORT = 30
"""After how many events this server suggests a new run; the usual one does after thousands."""


@asynccontextmanager
async def hasty() -> AsyncIterator[WorkflowEnvironment]:
    """Run it."""
    settings = (
        f"limit.historyCount.suggestContinueAsNew={SHORT}",
        "frontend.WorkflowTimeSkippingEnabled=true",
    )
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(find_temporal()),
        dev_server_extra_args=[a for s in settings for a in ("--dynamic-config-value", s)],
        data_converter=pydantic_data_converter,
    ) as server:
        yield server
