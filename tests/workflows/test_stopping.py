"""What is approved may wait for its time and be revoked, and what runs may be stopped half-way."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.workflows.office import Handle, Office, eventually, expense
from tests.workflows.slow import PATIENT, Slow

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
APPROVED = [
    "reviewer:review:approved",
    "reviewers:stage:passed",
    "system:case:decided",
    "system:permit:issued",
]


@pytest.fixture
def slow(closed_office: Office, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Let the office run the patient pipeline, and give what its effect listens to."""
    monkeypatch.setattr("placet.bootstrap.PIPELINES", (PATIENT,))
    closed_office.writes_to = slow = Slow(closed_office.ledger)
    return slow


async def waiting(office: Office, days: int = 3) -> Handle:
    """Submit a case whose effect is to run in so many days, and have it approved."""
    later = datetime.now(UTC) + timedelta(days=days)
    handle = await office.submit(expense(purpose=later.isoformat()))
    await office.decide(handle, "approve", BOB)
    return handle


async def running(office: Office, slow: Slow) -> Handle:
    """Submit a case, have it approved, and wait until its effect runs."""
    handle = await office.submit()
    await office.decide(handle, "approve", BOB)
    async with asyncio.timeout(20):
        await slow.begun.wait()
    return handle


async def effect_of(office: Office, handle: Handle) -> str | None:
    """Return how far the effect has come, as the lists say."""
    row = await office.ledger.request(handle.id)
    assert row is not None
    return row.effect


async def after_approval(office: Office, handle: Handle) -> list[str]:
    """Return what was recorded since the case was approved."""
    kinds = await office.kinds(handle)
    begin = kinds.index(APPROVED[0])
    assert kinds[begin : begin + 4] == APPROVED
    return kinds[begin + 4 :]


# Waiting.


async def test_what_is_approved_runs_when_its_time_comes(closed_office: Office, slow: Slow) -> None:
    office = closed_office
    async with office.worker():
        handle = await waiting(office)
        assert (await office.settled(handle))["effect"] == "waiting"
        assert await effect_of(office, handle) == "waiting"
        assert slow.runs == []
        slow.end.set()
        await office.skip(handle, days=4)
        result = await office.result(handle)
    assert (result.outcome, result.effect, result.summary) == ("approved", "done", "all of it")
    assert await after_approval(office, handle) == [
        "timer:effect:due",
        "effect:permit:consumed",
        "effect:run:done",
    ]
    at = {event.kind: event.occurred for event in await office.timeline(handle)}
    assert at["effect:permit:consumed"] == at["effect:run:done"] <= at["timer:effect:due"]
    assert at["effect:run:done"] - at["system:permit:issued"] > timedelta(days=2)


async def test_what_has_no_time_or_a_time_that_has_passed_runs_at_once(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    slow.end.set()
    async with office.worker():
        handle = await waiting(office, days=-1)
        assert (await office.result(handle)).effect == "done"
    assert "timer:effect:due" not in await office.kinds(handle)


@pytest.mark.rule(number=5)
@pytest.mark.parametrize("who", [ALICE, BOB])
async def test_what_waits_can_be_revoked_and_never_runs(
    closed_office: Office, slow: Slow, who: str
) -> None:
    office = closed_office
    async with office.worker():
        handle = await waiting(office)
        assert (await office.refusal(handle, "withdraw", CAROL))[0] == "not_the_requester"
        assert (await office.decide(handle, "withdraw", who, reason="wrong"))["accepted"]
        result = await office.result(handle)
    assert (result.outcome, result.effect, result.summary) == ("approved", "revoked", None)
    assert (await after_approval(office, handle))[-1] == "person:effect:revoked"
    assert await effect_of(office, handle) == "revoked"
    assert slow.runs == []
    assert office.mail.kinds()[-1] == "revoked"


async def test_whoever_revokes_wins_against_the_time_that_comes_meanwhile(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    async with office.worker():
        handle = await waiting(office)
        await office.idle(handle)
    skipping = asyncio.create_task(office.skip(handle, days=4))
    await eventually(lambda: office.timer_fired(handle), "the time to come")
    await office.signal(handle, "withdraw", ALICE)
    async with office.worker():
        assert (await office.result(handle)).effect == "revoked"
        await skipping
    assert slow.runs == []


async def test_a_cancellation_in_temporal_revokes_what_waits(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    async with office.worker():
        handle = await waiting(office)
        await handle.cancel(reason="wrong page")
        await ends_canceled(office, handle)
    (revoked,) = await office.told(handle, "person:effect:revoked")
    assert (revoked["channel"], revoked["reason"]) == ("temporal-cancel", "wrong page")
    assert await effect_of(office, handle) == "revoked"
    assert slow.runs == []


async def test_a_cancellation_wins_against_the_time_that_comes_meanwhile(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    async with office.worker():
        handle = await waiting(office)
        await office.idle(handle)
    skipping = asyncio.create_task(office.skip(handle, days=4))
    await eventually(lambda: office.timer_fired(handle), "the time to come")
    await handle.cancel()
    async with office.worker():
        await ends_canceled(office, handle)
        await skipping
    assert await effect_of(office, handle) == "revoked"
    assert slow.runs == []


async def ends_canceled(office: Office, handle: Handle) -> None:
    """Wait until Temporal calls a case canceled."""
    with pytest.raises(WorkflowFailureError) as caught:
        await office.result(handle)
    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED


# Stopping.


async def test_what_runs_is_stopped_and_says_how_far_it_came(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    async with office.worker():
        handle = await running(office, slow)
        assert (await office.refusal(handle, "withdraw", CAROL))[0] == "not_the_requester"
        answer = await office.decide(handle, "withdraw", ALICE, reason="the wrong list")
        result = await office.result(handle)
    assert "being stopped" in answer["message"]
    assert (result.outcome, result.effect, result.summary) == ("approved", "stopped", "half of it")
    assert [k for k in await after_approval(office, handle) if "message" not in k] == [
        "effect:permit:consumed",
        "person:effect:stop_requested",
        "effect:run:stopped",
    ]
    assert slow.runs == ["run"]
    assert await effect_of(office, handle) == "stopped"
    assert office.mail.kinds()[-1] == "effect_stopped"


async def test_a_cancellation_in_temporal_stops_what_runs(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    async with office.worker():
        handle = await running(office, slow)
        await handle.cancel()
        await ends_canceled(office, handle)
    assert await effect_of(office, handle) == "stopped"


@pytest.mark.rule(number=5)
async def test_what_dies_while_it_is_stopped_is_closed_by_another_attempt(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    slow.when_cancelled, slow.stops_fail = "die", 1
    async with office.worker():
        handle = await running(office, slow)
        await office.decide(handle, "withdraw", BOB)
        result = await office.result(handle)
    assert (result.effect, result.summary) == ("stopped", "half of it")
    assert slow.runs == ["run", "stop", "stop"]
    kinds = await office.kinds(handle)
    assert [kinds.count(kind) for kind in ("effect:permit:consumed", "effect:run:stopped")] == [
        1,
        1,
    ]


@pytest.mark.rule(number=5)
async def test_a_stop_while_no_worker_is_there_is_done_by_the_next(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    slow.when_cancelled = "die"
    async with office.worker():
        handle = await running(office, slow)
    await office.signal(handle, "withdraw", ALICE)
    async with office.worker():
        result = await office.result(handle)
    assert result.effect == "stopped"
    assert slow.runs[-1] == "stop"


async def test_a_worker_that_stops_is_no_stop_of_what_it_runs(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    async with office.worker():
        handle = await running(office, slow)
    slow.end.set()
    async with office.worker():
        result = await office.result(handle)
    assert (result.effect, result.summary) == ("done", "all of it")
    assert slow.runs == ["run", "run"]


async def test_what_is_withdrawn_in_the_moment_of_its_approval_is_never_begun(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    await office.signal(handle, "approve", BOB)
    await office.signal(handle, "withdraw", ALICE)
    async with office.worker():
        assert (await office.result(handle)).effect == "stopped"
    assert slow.runs == ["stop"]


async def test_what_is_done_before_it_hears_of_the_stop_is_done(
    closed_office: Office, slow: Slow
) -> None:
    office = closed_office
    slow.when_cancelled = "finish"
    async with office.worker():
        handle = await running(office, slow)
        await office.decide(handle, "withdraw", ALICE)
        result = await office.result(handle)
    assert (result.effect, result.summary) == ("done", "all of it")
    assert await effect_of(office, handle) == "done"
    told = max(office.mail.notices.values(), key=lambda notice: notice.number)
    assert "before it could be stopped" in told.text
