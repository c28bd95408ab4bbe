"""A worker that is killed while it writes, servers that are gone for a while: no finding."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from placet.connections import app_url
from placet.db.connections import open_pool
from placet.ledger.reconciling import PostgresReconciling
from placet.reconciling.facts import Counts, Terms
from placet.reconciling.finding import Finding
from placet.reconciling.histories import Histories
from placet.reconciling.run import Reconciliation
from placet.reconciling.spool import SpoolFiles
from tests.faults.scenes import BOB
from tests.faults.world import World, start_world, worker
from tests.reconciling.auditor import PAUSE, TYPES

STEPS = (
    "after step of requester:request:submitted, system:request:planned, system:stage:opened",
    (
        "after step of reviewer:review:approved, reviewers:stage:passed, "
        "system:case:decided, system:permit:issued"
    ),
)


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give running servers and a migrated database."""
    async with start_world(tmp_path_factory.mktemp("world")) as started:
        yield started


async def reconciled(world: World, request: str) -> tuple[list[Finding], Counts]:
    """Reconcile one request, without any grace."""
    histories = Histories(world.client, TYPES)
    terms = Terms(histories.namespace, await histories.retention(), timedelta())
    async with open_pool(app_url(world.admin_url)) as pool:
        spool = SpoolFiles(world.home / "payments")
        looking = Reconciliation(PostgresReconciling(pool), histories, spool, terms, PAUSE)
        return [each async for each in looking.one(request)], looking.counts


@pytest.mark.parametrize("step", STEPS, ids=["submitting", "approving"])
async def test_what_a_killed_worker_has_written_is_under_way_until_another_goes_on(
    world: World, step: str
) -> None:
    order = world.order()
    async with worker(replace(order, dies_at=(step, 1))) as dying:
        handle = await world.submit(order)
        await world.recorded(handle, "system:stage:opened")
        await handle.signal("approve", {"actor": BOB})
        await dying.ended()
        assert dying.killed
    findings, counts = await reconciled(world, handle.id)
    assert findings == []
    assert counts.in_flight >= step.count(",") + 1
    async with worker(replace(order, trace=order.trace.with_suffix(".heir"))):
        await world.result(handle)
    findings, counts = await reconciled(world, handle.id)
    assert (findings, counts.in_flight) == ([], 0)


async def test_a_payment_whose_worker_was_killed_before_it_handed_the_file_over_is_under_way(
    world: World,
) -> None:
    order = world.order()
    async with worker(replace(order, dies_at=("after pay", 1))) as dying:
        handle = await world.submit(order)
        await handle.signal("approve", {"actor": BOB})
        await dying.ended()
        assert dying.killed
    findings, counts = await reconciled(world, handle.id)
    assert findings == []
    assert (counts.files, counts.in_flight) == (1, 1)
    async with worker(order):
        await world.result(handle)
    assert (await reconciled(world, handle.id))[0] == []


async def test_a_case_that_lived_through_an_outage_of_temporal_agrees(world: World) -> None:
    order = world.order()
    async with worker(order):
        handle = await world.submit(order)
        await world.recorded(handle, "system:stage:opened")
        await world.stack.stop_temporal()
        await world.stack.start_temporal()
        await handle.signal("approve", {"actor": BOB})
        await world.result(handle)
    assert (await reconciled(world, handle.id))[0] == []
