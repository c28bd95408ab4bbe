import asyncio

import pytest

from placet.cli.codes import Code
from tests.cli.office import run
from tests.faults.scenes import BOB
from tests.faults.verdict import check_rebuild, tell
from tests.faults.world import World, no_postgres, waits_patiently, worker

AT_MOST_EVENTS = 60
"""An outage may cost a case no more history than this, however long it is."""


@pytest.mark.rule(number=1)
@pytest.mark.rule(number=3)
@pytest.mark.parametrize(
    "how", ["killed", "frozen", pytest.param("stopped", marks=pytest.mark.campaign)]
)
async def test_decisions_that_come_while_postgres_is_out_count_once(world: World, how: str) -> None:
    order = world.order()
    approve = {"action": "approve", "actor": BOB, "decision_id": "once"}
    async with worker(order):
        signalled, updated, both = [await world.submit(order, quick=False) for _ in range(3)]
        for handle in (signalled, updated, both):
            await world.recorded(handle, "system:stage:opened")
        async with asyncio.TaskGroup() as group, no_postgres(world, how):
            await signalled.signal("approve", {"actor": BOB})
            answers = [
                group.create_task(handle.execute_update("decide", approve, id=f"{handle.id}-{n}"))
                for handle, n in ((updated, 1), (both, 1), (both, 2))
            ]
            await both.signal("approve", {"actor": BOB, "decision_id": "once"})
            late = await world.submit(order, quick=False)
            for handle in (signalled, updated, both, late):
                await waits_patiently(handle)
                assert (await handle.query("status"))["status"] in {"pending", "planning"}
            assert not any(answer.done() for answer in answers)
            # Postgres comes back first, and then the group waits for the answers.
        await world.recorded(late, "system:stage:opened")
        await late.signal("approve", {"actor": BOB})
        for handle in (signalled, updated, both, late):
            story = await tell(world, handle)
            assert story.outcome == ("approved", "people", "done")
            assert story.kinds.count("reviewer:review:approved") == 1
            history = await handle.fetch_history()
            assert len(history.events) < AT_MOST_EVENTS
    receipts = [(answer.result()["event"], answer.result()["leaf"]) for answer in answers]
    recorded = {
        handle.id: [
            (event.event_id, event.leaf)
            for event in await world.ledger.timeline(handle.id)
            if event.kind == "reviewer:review:approved"
        ]
        for handle in (updated, both)
    }
    assert receipts == recorded[updated.id] + 2 * recorded[both.id]
    await check_rebuild(world, [signalled, updated, both, late])


async def test_the_command_line_says_that_postgres_is_out(world: World) -> None:
    order = world.order()
    environment = {"PATH": "/usr/bin:/bin", "TEMPORAL_ADDRESS": order.address, **order.environment}
    async with no_postgres(world, "killed"):
        said = await asyncio.to_thread(run, "show", "expense-1", env=environment)
    assert said.code == Code.UNREACHABLE
    assert "database does not answer" in said.err
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) == 1
