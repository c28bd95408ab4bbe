"""The baseline: a workflow that waits for a signal and runs one activity, and nothing else."""

import asyncio
import os
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

QUEUE = "bare"


@activity.defn
async def effect(request: str) -> str:
    """Do nothing."""
    return request


@workflow.defn(name="bare")
class Bare:
    """Wait for one signal, run one activity."""

    def __init__(self) -> None:
        self._approved = False

    @workflow.run
    async def run(self, request: str) -> str:
        """Wait, act, return."""
        await workflow.wait_condition(lambda: self._approved)
        return await workflow.execute_activity(
            effect, request, start_to_close_timeout=timedelta(seconds=10)
        )

    @workflow.signal
    def approve(self) -> None:
        """Let it go on."""
        self._approved = True


async def main() -> None:
    """Run a worker set up as Placet's is, until it is terminated."""
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bare],
        activities=[effect],
        max_concurrent_activities=100,
        max_cached_workflows=1_000,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
