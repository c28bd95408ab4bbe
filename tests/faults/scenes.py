"""Whole cases, told by what people do; each waits for the ledger before the next step."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults import mortal
from tests.faults.world import Handle, World
from tests.workflows.office import expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


async def approved(world: World, order: mortal.Order) -> Handle:
    """Somebody asks, the manager approves, the money is paid."""
    handle = await world.submit(order)
    await world.recorded(handle, "system:stage:opened")
    await _signal(handle, "approve", BOB)
    await world.result(handle)
    return handle


async def changed(world: World, order: mortal.Order) -> Handle:
    """The manager asks for changes, gets them, and approves."""
    handle = await world.submit(order)
    await world.recorded(handle, "system:stage:opened")
    await _signal(handle, "request_changes", BOB, reason="Split it.")
    await world.recorded(handle, "reviewer:review:changes_requested")
    await _signal(handle, "resubmit", ALICE, request=expense("90.00 EUR"))
    await world.recorded(handle, "system:stage:opened", times=2)
    await _signal(handle, "approve", BOB)
    await world.result(handle)
    return handle


async def edited(world: World, order: mortal.Order) -> Handle:
    """The manager changes the request, and approves what became of it."""
    handle = await world.submit(order)
    await world.recorded(handle, "system:stage:opened")
    shown = (await world.ledger.timeline(handle.id))[0].body["digest"]
    await _signal(handle, "edit", BOB, request=expense("90.00 EUR"), digest=shown)
    await world.recorded(handle, "system:stage:opened", times=2)
    await _signal(handle, "approve", BOB)
    await world.result(handle)
    return handle


async def escalated(world: World, order: mortal.Order) -> Handle:
    """The manager is silent for three days; the deputy approves."""
    handle = await world.submit(order)
    await world.recorded(handle, "system:stage:opened")
    await asyncio.gather(
        world.skip(handle, days=3, minutes=1), world.recorded(handle, "timer:stage:escalated")
    )
    await _signal(handle, "approve", CAROL)
    await world.result(handle)
    return handle


SCENES: dict[str, Callable[[World, mortal.Order], Awaitable[Handle]]] = {
    "approved": approved,
    "changed": changed,
    "edited": edited,
    "escalated": escalated,
}


async def _signal(handle: Handle, action: str, actor: str, **more: Any) -> None:
    await handle.signal(action, {"actor": actor, "decision_id": f"{action}-1", **more})
