"""A worker that dies while it gives a role or takes it away, with all of Temporal."""

import asyncio
import secrets
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from placet.domain.orders import CaseResult
from tests.access.listed import VARIABLE, policies_for
from tests.access.staff import Staff, staff_of
from tests.faults import mortal
from tests.faults.dying import Death
from tests.faults.verdict import check_history, check_rebuild
from tests.faults.world import Handle, World, mortal_worker

ERIN = "erin@example.com"
AT_ONCE = 4
REQUEST = {
    "requester": "alice@example.com",
    "role": "reporting",
    "hours": 8,
    "reason": "The figures of March",
}


async def granted(world: World, order: mortal.Order, staff: Staff) -> Handle:
    """Somebody wants a role, its owner approves it, and its time passes."""
    handle: Any = await world.client.start_workflow(
        "access",
        REQUEST,
        id=f"access-{secrets.token_hex(6)}",
        task_queue=order.environment["PLACET_TASK_QUEUE"],
        task_timeout=timedelta(seconds=1),
        result_type=CaseResult,
    )
    await world.recorded(handle, "system:stage:opened")
    await handle.signal("approve", {"actor": ERIN, "decision_id": "approve-1"})
    await world.recorded(handle, "effect:run:done")
    assert staff.has(staff.alice)
    await asyncio.gather(
        world.skip(handle, hours=8, minutes=10), world.recorded(handle, "timer:effect:over")
    )
    result = await world.result(handle)
    assert (result.outcome, result.effect) == ("approved", "ended")
    return handle  # type: ignore[no-any-return]


async def play(world: World, death: Death | None) -> tuple[Handle, list[str]]:
    """Grant a role for its time, with a worker that dies; make sure that it is gone then."""
    with staff_of(world.admin_url) as staff:
        folder = policies_for(staff, world.home / f"{staff.prefix}-policies")
        told = {"PLACET_POLICIES": str(folder), VARIABLE: staff.granter_url}
        order = replace(world.order(**told), dies_at=death)
        async with mortal_worker(order) as generations:
            handle = await granted(world, order, staff)
        assert not staff.has(staff.alice)
    check_history(await handle.fetch_history())
    kinds = Counter(await world.kinds(handle))
    once = ("effect:permit:consumed", "effect:run:done", "effect:run:ended")
    assert [kinds[kind] for kind in once] == [1, 1, 1]
    (grant,) = await world.ledger.grants.rows(request=handle.id)
    assert (grant.state.value, grant.ended_why) == ("ended", "expired")
    return handle, generations[0].steps()


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=1)
async def test_a_worker_killed_at_any_step_gives_a_role_once_and_takes_it_away(
    world: World,
) -> None:
    first, trace = await play(world, None)
    passed: Counter[str] = Counter()
    deaths = []
    for step in trace:
        passed[step] += 1
        if "grant's" in step or "start of Access" in step:
            deaths.append((step, passed[step]))
    assert len(deaths) >= 8
    room = asyncio.Semaphore(AT_ONCE)

    async def die(death: Death) -> Handle:
        async with room:
            handle, steps = await play(world, death)
        assert mortal.KILLED in steps, f"it never came to {death}: {steps}"
        return handle

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(die(death)) for death in deaths]
    await check_rebuild(world, [first, *(task.result() for task in tasks)])
