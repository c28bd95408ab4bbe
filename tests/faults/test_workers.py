import asyncio
import fcntl
import signal
from typing import cast

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.cli.office import start
from tests.faults.scenes import BOB
from tests.faults.verdict import check_rebuild, tell
from tests.faults.world import World, worker
from tests.support.waiting import eventually

ERIN = "erin@example.com"


async def test_of_two_workers_one_may_be_killed(world: World) -> None:
    order = world.order()
    environment = {"PATH": "/usr/bin:/bin", "TEMPORAL_ADDRESS": order.address, **order.environment}
    first, second = (start("worker.py", env=environment) for _ in range(2))
    try:
        handles = [await world.submit(order) for _ in range(10)]
        for handle in handles:
            await world.recorded(handle, "system:stage:opened")
        for handle in handles[:5]:
            await handle.signal("approve", {"actor": BOB})
        first.kill()
        for handle in handles[5:]:
            await handle.signal("approve", {"actor": BOB})
        for handle in handles:
            assert (await tell(world, handle)).outcome == ("approved", "people", "done")
        second.send_signal(signal.SIGTERM)
        await asyncio.to_thread(second.wait, 30)
        assert second.returncode == 0
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    await check_rebuild(world, handles)


@pytest.mark.rule(number=5)
async def test_a_worker_asked_to_stop_in_the_middle_of_a_payment_finishes_it(world: World) -> None:
    order = world.order()
    async with worker(order) as process:
        handle = await world.submit(order)
        await world.recorded(handle, "system:stage:opened")
        with (world.home / "payments" / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            await handle.signal("approve", {"actor": BOB})

            async def pays() -> bool:
                return "start of PaymentActivities.pay" in process.steps()

            await eventually(pays, "the payment to begin")
            stopping = asyncio.create_task(process.stop())

            async def stops() -> bool:
                return "Beginning worker shutdown" in order.log.read_text()

            await eventually(stops, "the worker to begin to stop")
        async with asyncio.timeout(30):
            assert await stopping == 0
        assert process.steps().count("after pay") == 1
        assert "effect:run:done" in await world.kinds(handle)
    async with worker(world.order(order.environment["PLACET_TASK_QUEUE"])) as heir:
        assert (await tell(world, handle)).outcome == ("approved", "people", "done")
        assert "start of PaymentActivities.pay" not in heir.steps()


@pytest.mark.rule(number=3)
async def test_of_two_hundred_approvals_at_once_one_counts(world: World) -> None:
    order = world.order()
    message = {"action": "approve", "actor": ERIN, "decision_id": "once"}
    async with worker(order):
        # Two of three must agree, so the case goes on after the one that counts.
        handle = await world.submit(order, quick=False, cost_centre="CC-COMMITTEE")
        await world.recorded(handle, "system:stage:opened")

        async def client(number: int) -> None:
            for turn in range(10):
                decision = f"decision-{number}-{turn}"
                await handle.signal("approve", {"actor": ERIN, "decision_id": decision})

        async def update(number: int) -> tuple[bool, str]:
            try:
                answer = await handle.execute_update("decide", message, id=f"update-{number}")
            except WorkflowUpdateFailedError as error:
                # Not the first of all: refused, and also that has a receipt.
                (answer,) = cast("ApplicationError", error.cause).details
            return answer["accepted"], answer["event"]

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(client(number))
            updates = [group.create_task(update(number)) for number in range(10)]
        assert len({task.result() for task in updates}) == 1
        await world.recorded(handle, "caller:message:refused", times=200)
        kinds = await world.kinds(handle)
        assert kinds.count("reviewer:review:approved") == 1
        assert kinds.count("caller:message:refused") == 200
        assert (await handle.query("status"))["status"] == "pending"
        await handle.signal("approve", {"actor": "frank@example.com"})
        assert (await tell(world, handle)).outcome == ("approved", "people", "done")
