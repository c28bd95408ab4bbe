"""Deletions from request to when nothing can be undone: on the real server, in a real source."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from temporalio.api.enums.v1 import PendingActivityState

from placet.deleting.rows import Act
from placet.domain.deletion import DeletionRow, DeletionState
from placet.sources.deleting import PostgresRows
from tests.conftest import Sample
from tests.workflows.office import Handle, Office, a_deletion, eventually

BATCH = 4
ALICE, CAROL, ERIN = "alice@example.com", "carol@example.com", "erin@example.com"
CUSTOMERS: dict[str, Any] = {
    "dataset": "customers",
    "filters": [{"column": "country", "op": "eq", "value": "PT"}],
}
BASKETS = "select count(*) from shop.visit where page = '/basket'"
MARKED = "select count(*) from shop.customer where country = 'PT' and deleted_at is not null"
THERE = "select count(*) from shop.customer where country = 'PT'"


@pytest.fixture
async def office(
    closed_office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """Give an office whose workers know the sample database."""
    for name, url in sample.environment.items():
        monkeypatch.setenv(name, url)
    async with closed_office.worker():
        yield closed_office


def count(sample: Sample, query: str) -> int:
    """Return the number that a query gives."""
    with psycopg.connect(sample.admin_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def change(sample: Sample, statement: str) -> None:
    """Change the sample as its administrator."""
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute(statement.encode())


async def approved(office: Office, **changes: Any) -> Handle:
    """Submit a deletion and have two people agree."""
    handle = await office.start([a_deletion(**changes)], pipeline="delete")
    await office.decide(handle, "approve", CAROL)
    await office.decide(handle, "approve", ERIN)
    return handle


async def comes_to(office: Office, handle: Handle, state: str) -> None:
    """Wait until the case itself knows that its effect stands there."""

    async def there() -> bool:
        return bool((await office.status(handle))["effect"] == state)

    await eventually(there, f"the deletion of {handle.id} to be {state}")


async def recorded(office: Office, handle: Handle) -> DeletionRow:
    """Return what is recorded of a deletion."""
    (row,) = await office.ledger.deletions.deletions(request=handle.id)
    return row


async def test_a_hard_deletion_waits_for_its_grace_and_then_deletes(
    office: Office, sample: Sample
) -> None:
    handle = await approved(office)
    await comes_to(office, handle, "waiting")
    await office.skip(handle, days=1)
    assert count(sample, BASKETS) == 1250
    await office.skip(handle, days=2)
    result = await office.result(handle)

    assert (result.outcome, result.effect) == ("approved", "done")
    assert result.summary == "1,250 deleted of 1,250 rows"
    assert count(sample, BASKETS) == 0
    assert count(sample, "select count(*) from shop.visit") == 3750
    (planned,) = await office.told(handle, "system:request:planned")
    assert planned["data"]["facts"]["share"] == 25
    (done,) = await office.told(handle, "effect:run:done")
    assert done["data"]["deleted"] == 1250


async def test_it_takes_two_people(office: Office, sample: Sample) -> None:
    handle = await office.start([a_deletion()], pipeline="delete")
    await office.decide(handle, "approve", CAROL)
    assert (await office.refusal(handle, "approve", CAROL))[0] == "not_a_reviewer"
    await office.decide(handle, "reject", ERIN, reason="we are audited")
    assert (await office.result(handle)).outcome == "rejected"
    assert count(sample, BASKETS) == 1250


async def test_what_empties_a_table_is_rejected_and_a_slip_is_an_error(office: Office) -> None:
    everything = await office.start([a_deletion(filters=[], everything=True)], pipeline="delete")
    assert (await office.result(everything)).reason == "Nobody empties a table here."
    slip = await office.start([a_deletion(filters=[])], pipeline="delete")
    result = await office.result(slip)
    assert result.outcome == "failed"
    assert "it has no filters, so it would delete every row" in result.reason


async def test_a_withdrawal_within_the_grace_stops_it(office: Office, sample: Sample) -> None:
    handle = await approved(office)
    await comes_to(office, handle, "waiting")
    await office.skip(handle, days=1)
    await office.decide(handle, "withdraw", CAROL, reason="the auditors called")
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "revoked")
    assert count(sample, BASKETS) == 1250
    assert await office.ledger.deletions.deletions(request=handle.id) == []


async def test_a_soft_deletion_is_undone_when_it_is_withdrawn(
    office: Office, sample: Sample
) -> None:
    handle = await approved(office, **CUSTOMERS)
    await comes_to(office, handle, "in_force")
    assert count(sample, MARKED) == 100
    (done,) = await office.told(handle, "effect:run:done")
    assert done["data"]["effect"] == "in_force"

    await office.decide(handle, "withdraw", ALICE, reason="wrong country")
    result = await office.result(handle)
    assert (result.effect, result.summary) == ("undone", "100 restored of 100 rows")
    assert (count(sample, MARKED), count(sample, THERE)) == (0, 100)
    assert (await recorded(office, handle)).state is DeletionState.UNDONE


async def test_what_is_marked_is_purged_when_its_time_is_over(
    office: Office, sample: Sample
) -> None:
    handle = await approved(office, **CUSTOMERS)
    await comes_to(office, handle, "in_force")
    await office.skip(handle, days=6)
    assert count(sample, MARKED) == 100
    await office.skip(handle, days=2)
    result = await office.result(handle)
    assert (result.effect, result.summary) == ("ended", "100 deleted for good of 100 rows")
    assert count(sample, THERE) == 0
    assert (await recorded(office, handle)).state is DeletionState.ENDED


@pytest.mark.rule(number=4)
async def test_a_selection_that_drifted_is_asked_about_again(
    office: Office, sample: Sample
) -> None:
    handle = await approved(office)
    await comes_to(office, handle, "waiting")
    change(sample, "update shop.visit set page = '/basket' where page = '/imprint'")
    await office.skip(handle, days=3)
    result = await office.result(handle)

    assert (result.outcome, result.effect) == ("approved", "stopped")
    assert str(result.summary).startswith("the selection has grown from 1,250 to 2,500 rows")
    assert count(sample, BASKETS) == 2500
    again: Handle = office.client.get_workflow_handle(f"{handle.id}-again")
    await office.decide(again, "approve", CAROL)
    await office.decide(again, "approve", ERIN)
    await comes_to(office, again, "waiting")
    await office.skip(again, days=3)
    assert (await office.result(again)).summary == "2,500 deleted of 2,500 rows"
    assert count(sample, BASKETS) == 0


async def heard(handle: Handle) -> None:
    """Wait until the activity has been told to stop: the answer to a heartbeat tells it."""
    beats: list[int] = []

    async def twice_since() -> bool:
        (pending,) = (await handle.describe()).raw_description.pending_activities
        if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
            beats.append(pending.last_heartbeat_time.ToMilliseconds())
        return len(set(beats)) > 2

    await eventually(twice_since, "the activity to beat twice since it was cancelled")


@pytest.mark.parametrize("changes", [{}, CUSTOMERS])
async def test_a_deletion_is_stopped_in_the_middle(
    office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    touched, held, let_go = 0, asyncio.Event(), asyncio.Event()
    touch = PostgresRows.touch

    async def slow(self: PostgresRows, act: Act, keys: Any, *, patient: bool = False) -> None:
        nonlocal touched
        touched += 1
        if touched == 2:
            held.set()
            await let_go.wait()
        await touch(self, act, keys, patient=patient)

    monkeypatch.setattr(PostgresRows, "touch", slow)
    monkeypatch.setattr("placet.deleting.work.FIRST", BATCH)
    monkeypatch.setattr("placet.deleting.pace.Pace.took", lambda *_: None)
    handle = await approved(office, **changes)
    if not changes:
        await comes_to(office, handle, "waiting")
        skipping = asyncio.create_task(office.skip(handle, days=3))
    async with asyncio.timeout(30):
        await held.wait()
    answer = await office.decide(handle, "withdraw", ALICE, reason="wrong rows")
    assert answer["accepted"]
    await heard(handle)
    let_go.set()
    result = await office.result(handle)
    if not changes:
        skipping.cancel()

    summary = "8 marked and restored of 100 rows"
    if not changes:
        summary = "8 deleted, 1,242 left of 1,250 rows"
    assert (result.outcome, result.effect, result.summary) == ("approved", "stopped", summary)
    assert (count(sample, MARKED), count(sample, THERE)) == (0, 100)
    assert count(sample, BASKETS) == (1250 if changes else 1242)
    (stopped,) = await office.told(handle, "effect:run:stopped")
    assert stopped["data"]["summary"] == summary


async def test_a_deletion_goes_on_where_its_worker_died(
    closed_office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in sample.environment.items():
        monkeypatch.setenv(name, url)
    office = closed_office
    began = asyncio.Event()
    touch = PostgresRows.touch

    async def hangs(self: PostgresRows, act: Act, keys: Any, *, patient: bool = False) -> None:
        await touch(self, act, keys, patient=patient)
        began.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(PostgresRows, "touch", hangs)
        patched.setattr("placet.deleting.work.FIRST", BATCH)
        async with office.worker():
            handle = await approved(office, **CUSTOMERS)
            async with asyncio.timeout(30):
                await began.wait()
    assert count(sample, MARKED) == BATCH
    async with office.worker():
        await comes_to(office, handle, "in_force")
        assert count(sample, MARKED) == 100
        await office.decide(handle, "withdraw", ALICE)
        assert (await office.result(handle)).summary == "100 restored of 100 rows"
