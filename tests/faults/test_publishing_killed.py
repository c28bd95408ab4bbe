"""A worker that dies while it publishes, and another one that takes over, with all of Temporal."""

import asyncio
import hashlib
import secrets
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from placet.domain.ledger_rows import PublicationState
from placet.domain.orders import CaseResult
from tests.faults import mortal
from tests.faults.dying import Death
from tests.faults.verdict import check_history, check_rebuild
from tests.faults.world import Handle, World, mortal_worker

DOCUMENT = b"---\ntitle: Spring offer\n---\n# Spring offer\n\nTen per cent off.\n"
REVIEWERS = ("erin@example.com", "frank@example.com")
AT_ONCE = 4


async def published(world: World, order: mortal.Order) -> Handle:
    """Somebody wants a page out, two people approve it, and the site has it."""
    digest = await world.ledger.put_content(DOCUMENT, "text/markdown")
    assert digest == hashlib.sha256(DOCUMENT).hexdigest()
    slug = f"offer-{secrets.token_hex(4)}"
    request = {
        "slug": slug,
        "title": "Spring offer",
        "requester": "alice@example.com",
        "document": {"path": "offer.md", "sha256": digest, "size": len(DOCUMENT)},
    }
    handle: Any = await world.client.start_workflow(
        "publish",
        request,
        id=f"publish-{slug}",
        task_queue=order.environment["PLACET_TASK_QUEUE"],
        task_timeout=timedelta(seconds=1),
        result_type=CaseResult,
    )
    await world.recorded(handle, "system:stage:opened")
    for who in REVIEWERS:
        await handle.signal("approve", {"actor": who, "decision_id": f"approve-{who}"})
    result = await world.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    return handle  # type: ignore[no-any-return]


async def play(world: World, death: Death | None) -> tuple[Handle, list[str]]:
    """Publish a page, with a worker that dies; make sure that it is out once and whole."""
    order = replace(world.order(), dies_at=death)
    async with mortal_worker(order) as generations:
        handle = await published(world, order)
    check_history(await handle.fetch_history())
    kinds = Counter(await world.kinds(handle))
    assert (kinds["effect:permit:consumed"], kinds["effect:run:done"]) == (1, 1)
    slug = handle.id.removeprefix("publish-")
    (row,) = await world.ledger.publications(slug)
    assert row.state is PublicationState.DONE
    live = world.home / "site" / "live" / slug
    assert live.readlink().name == row.version
    assert b"Ten per cent off." in (live / "index.html").read_bytes()
    return handle, generations[0].steps()


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=1)
async def test_a_worker_killed_while_it_publishes_changes_nothing_but_the_time(
    world: World,
) -> None:
    first, trace = await play(world, None)
    begin = trace.index("start of PublicationActivities.publish")
    passed: Counter[str] = Counter()
    deaths = []
    for step in trace[begin:]:
        passed[step] += 1
        if "ublication" in step:
            deaths.append((step, passed[step]))
    assert len(deaths) > 5
    room = asyncio.Semaphore(AT_ONCE)

    async def die(death: Death) -> Handle:
        async with room:
            handle, steps = await play(world, death)
        assert mortal.KILLED in steps, f"it never came to {death}: {steps}"
        return handle

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(die(death)) for death in deaths]
    await check_rebuild(world, [first, *(task.result() for task in tasks)])
