"""The long way: every guard of every scene, and then everything at random for some minutes.

``PLACET_FAULTS_SEED`` repeats a run's choices, ``PLACET_FAULTS_SECONDS`` says how long it takes.
"""

import asyncio
import os
import random
import secrets
import time
from collections import Counter

import pytest

from tests.faults.chaos import MANNERS, Havoc, Person
from tests.faults.dying import die_closely
from tests.faults.scenes import SCENES
from tests.faults.verdict import check_rebuild, tell
from tests.faults.world import Handle, World

SECONDS = float(os.environ.get("PLACET_FAULTS_SECONDS") or 180)
SEED = os.environ.get("PLACET_FAULTS_SEED") or secrets.token_hex(4)
AT_ONCE = 8
PEOPLE = 8
WORKERS = 2


@pytest.mark.campaign
@pytest.mark.parametrize("scene", SCENES)
async def test_a_worker_killed_at_any_guard_changes_nothing(world: World, scene: str) -> None:
    handles, killed = await die_closely(world, scene, at_once=AT_ONCE)
    print(f"{scene}: {killed} of {len(handles)} workers killed")  # noqa: T201 - the figures
    assert killed > len(handles) / 2
    await check_rebuild(world, handles)


@pytest.mark.campaign
async def test_nothing_is_lost_or_doubled_while_everything_dies_at_random(world: World) -> None:
    dice = random.Random(SEED)  # noqa: S311 - a run must be repeatable
    order = world.order()
    queue = order.environment["PLACET_TASK_QUEUE"]
    until = time.monotonic() + SECONDS
    ended: list[tuple[Handle, Person]] = []

    async def busy() -> None:
        while time.monotonic() < until:
            person = Person(world, world.client, queue)
            ended.append((await person.live(dice.choice(list(MANNERS))), person))

    havoc = Havoc(world, order, WORKERS, dice)
    try:
        async with asyncio.TaskGroup() as group:
            people = [group.create_task(busy()) for _ in range(PEOPLE)]
            while not all(task.done() for task in people):
                await havoc.wreak()
    finally:
        await havoc.end()
    outcomes: Counter[str] = Counter()
    longest = 0
    for handle, person in ended:
        story = await tell(world, handle)
        outcomes[story.outcome[0]] += 1
        assert story.kinds.count("system:case:decided") == 1
        events = await world.ledger.timeline(handle.id)
        assert set(person.receipts) <= {(event.event_id, event.leaf) for event in events}
        longest = max(longest, len((await handle.fetch_history()).events))
    print(f"seed {SEED}: {dict(outcomes)}, {dict(havoc.done)}, longest history {longest}")  # noqa: T201
    assert len(ended) > PEOPLE
    await check_rebuild(world, [handle for handle, _ in ended])
