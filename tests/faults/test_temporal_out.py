import asyncio

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.faults.scenes import BOB
from tests.faults.verdict import tell
from tests.faults.world import Handle, World, no_postgres, waits_patiently, worker

AWAY = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    # A connection that breaks in the middle of an answer is a "transport error" of no kind.
    RPCStatusCode.UNKNOWN,
}


async def restart_temporal(world: World) -> None:
    """Kill Temporal and start it again on what its file holds."""
    await world.stack.stop_temporal(kill=True)
    await world.stack.start_temporal()


async def insist(handle: Handle, message: dict[str, str]) -> dict[str, str]:
    """Send an update until it is answered, as a caller does whose connection breaks."""
    while True:
        try:
            answer: dict[str, str] = await handle.execute_update("decide", message, id="once")
        except RPCError as error:
            if error.status not in AWAY:
                raise
        else:
            return answer


@pytest.mark.rule(number=9)
async def test_a_timer_that_was_due_while_temporal_was_out_still_fires(world: World) -> None:
    order = world.order()
    async with worker(order) as process:
        handle = await world.submit(order)
        await world.recorded(handle, "system:stage:opened")
        # The first reminder is due after a day.
        await world.skip(handle, hours=23, minutes=59, seconds=58)
        await restart_temporal(world)
        await world.recorded(handle, "timer:stage:reminded")
        await handle.signal("approve", {"actor": BOB})
        assert (await tell(world, handle)).outcome == ("approved", "people", "done")
        assert process.alive


@pytest.mark.rule(number=3)
async def test_an_update_in_flight_while_temporal_restarts_is_answered_and_counts_once(
    world: World,
) -> None:
    order = world.order()
    message = {"action": "approve", "actor": BOB, "decision_id": "once"}
    async with worker(order) as process:
        handle = await world.submit(order, quick=False)
        await world.recorded(handle, "system:stage:opened")
        async with no_postgres(world, "killed"):
            update = asyncio.create_task(insist(handle, message))
            await waits_patiently(handle)
            await restart_temporal(world)
            assert not update.done()
        async with asyncio.timeout(60):
            answer = await update
        story = await tell(world, handle)
        assert process.alive
    assert story.kinds.count("reviewer:review:approved") == 1
    (approved,) = [
        event
        for event in await world.ledger.timeline(handle.id)
        if event.kind == "reviewer:review:approved"
    ]
    assert (answer["event"], answer["leaf"]) == (approved.event_id, approved.leaf)


async def test_a_case_goes_on_after_everything_was_killed_at_once(world: World) -> None:
    order = world.order()
    async with worker(order) as process:
        waiting, decided = await world.submit(order), await world.submit(order)
        for handle in (waiting, decided):
            await world.recorded(handle, "system:stage:opened")
        await decided.signal("approve", {"actor": BOB})
        await asyncio.gather(
            process.kill(),
            world.stack.stop_postgres(kill=True),
            world.stack.stop_temporal(kill=True),
        )
    await asyncio.gather(world.stack.start_postgres(), world.stack.start_temporal())
    async with worker(order):
        await waiting.signal("approve", {"actor": BOB})
        for handle in (waiting, decided):
            assert (await tell(world, handle)).outcome == ("approved", "people", "done")
