"""What is done may last: it ends in time, early, or is asked about again."""

import asyncio
import contextlib
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.workflows.lending import BORROWED, DAYS, Lender
from tests.workflows.office import Handle, Office, eventually, expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
LENT = ["effect:permit:consumed", "effect:run:done"]


@pytest.fixture
def lender(closed_office: Office, monkeypatch: pytest.MonkeyPatch) -> Lender:
    """Let the office lend, and give what its effect listens to."""
    monkeypatch.setattr("placet.bootstrap.PIPELINES", (BORROWED,))
    closed_office.writes_to = lender = Lender(closed_office.ledger)
    return lender


async def lent(office: Office) -> Handle:
    """Submit a case, have it approved, and wait until it is in force."""
    handle = await office.submit()
    await office.decide(handle, "approve", BOB)
    await office.recorded(handle, "effect:run:done")
    await eventually(lambda: is_now(office, handle, "in_force"), "it to be in force")
    await office.idle(handle)
    return handle


async def is_now(office: Office, handle: Handle, state: str) -> bool:
    """Say whether the case itself stands there."""
    return bool((await office.status(handle))["effect"] == state)


async def listed(office: Office, handle: Handle) -> str | None:
    """Return how far the effect has come, as the lists say."""
    row = await office.ledger.request(handle.id)
    assert row is not None
    return row.effect


async def after_the_permit(office: Office, handle: Handle) -> list[str]:
    """Return what was recorded since the permit was issued."""
    kinds = await office.kinds(handle)
    return kinds[kinds.index("system:permit:issued") + 1 :]


async def test_it_is_in_force_until_its_time_and_then_ends(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    async with office.worker():
        handle = await lent(office)
        assert await listed(office, handle) == "in_force"
        assert lender.ends == []
        await office.skip(handle, days=DAYS + 1)
        result = await office.result(handle)
    assert (result.outcome, result.effect, result.summary) == ("approved", "ended", "it is back")
    assert await after_the_permit(office, handle) == [
        *LENT,
        "timer:effect:over",
        "effect:run:ended",
    ]
    assert await listed(office, handle) == "ended"
    assert office.mail.kinds()[-2:] == ["in_force", "effect_ended"]
    (over,) = await office.told(handle, "effect:run:ended")
    (done,) = await office.told(handle, "effect:run:done")
    assert over["occurred"] == done["data"]["until"]


async def test_it_ends_also_when_no_worker_was_there_at_its_time(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    async with office.worker():
        handle = await lent(office)
    skipping = asyncio.create_task(office.skip(handle, days=DAYS + 20))
    await eventually(lambda: office.timer_fired(handle), "its time to come without a worker")
    assert lender.ends == []
    async with office.worker():
        result = await office.result(handle)
    skipping.cancel()
    assert result.effect == "ended"
    (order,) = lender.ends
    (done,) = await office.told(handle, "effect:run:done")
    # Not when a worker noticed it.
    assert order.at.isoformat().replace("+00:00", "Z") == done["data"]["until"]


@pytest.mark.parametrize("who", [ALICE, BOB])
async def test_it_is_taken_back_early(closed_office: Office, lender: Lender, who: str) -> None:
    office = closed_office
    async with office.worker():
        handle = await lent(office)
        assert (await office.refusal(handle, "withdraw", CAROL))[0] == "not_the_requester"
        answer = await office.decide(handle, "withdraw", who, reason="no longer needed")
        assert answer["message"] == "it is being ended"
        result = await office.result(handle)
    assert (result.effect, result.summary) == ("undone", "it is as before")
    assert (lender.ends[0].why.value, lender.ends[0].reason) == ("withdrawn", "no longer needed")
    assert await listed(office, handle) == "undone"
    assert (await after_the_permit(office, handle))[-2:] == [
        "person:effect:stop_requested",
        "effect:run:ended",
    ]


async def test_a_cancellation_takes_it_back_and_the_workflow_ends_as_canceled(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    async with office.worker():
        handle = await lent(office)
        await handle.cancel(reason="audit")
        with pytest.raises(WorkflowFailureError) as caught:
            await office.result(handle)
    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert await listed(office, handle) == "undone"
    assert lender.ends[0].reason == "audit"


async def test_ending_it_is_tried_until_it_can_be_and_people_may_talk_meanwhile(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    lender.fails = 2
    async with office.worker():
        handle = await lent(office)
        await office.decide(handle, "withdraw", ALICE)
        await office.decide(handle, "comment", CAROL, reason="still there?")
        assert (await office.refusal(handle, "withdraw", ALICE))[0] == "late"
        result = await office.result(handle)
    assert result.effect == "undone"
    assert len(lender.ends) == 3
    assert len({order.model_dump_json() for order in lender.ends}) == 1


async def test_what_can_never_be_ended_fails_and_everybody_concerned_hears_of_it(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    lender.refuses = True
    async with office.worker():
        handle = await lent(office)
        await office.decide(handle, "withdraw", ALICE)
        result = await office.result(handle)
    assert result.effect == "failed"
    (failed,) = await office.told(handle, "effect:run:failed")
    assert failed["reason"] == "it is lost; look for it"
    assert await listed(office, handle) == "failed"
    last = max(office.mail.notices.values(), key=lambda notice: notice.number)
    assert (last.kind.value, sorted(each.id for each in last.to)) == (
        "effect_failed",
        ["alice", "bob"],
    )


@pytest.mark.rule(number=4)
async def test_what_is_no_longer_true_is_asked_about_in_a_case_of_its_own(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    lender.again = expense("150.00 EUR")
    async with office.worker():
        handle = await office.submit()
        await office.decide(handle, "approve", BOB)
        result = await office.result(handle)
        assert (result.outcome, result.effect) == ("approved", "stopped")
        assert await after_the_permit(office, handle) == [
            "effect:permit:consumed",
            "effect:run:stopped",
            "system:case:followed",
        ]
        (followed,) = await office.told(handle, "system:case:followed")
        assert followed["data"] == {"case": f"{handle.id}-again"}
        assert followed["reason"] == "there is more of it than people have seen"

        again: Handle = office.client.get_workflow_handle(f"{handle.id}-again")
        await office.recorded(again, "system:stage:opened")
        assert (await office.status(again))["plan"]["amount"] == "150.00 EUR"
        await office.decide(again, "approve", BOB)
        await eventually(lambda: is_now(office, again, "in_force"), "the second case to be done")
        await office.decide(again, "withdraw", ALICE)
        assert (await office.result(again)).effect == "undone"


async def test_whoever_had_it_stopped_is_not_asked_again(
    closed_office: Office, lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = closed_office
    lender.again = expense("150.00 EUR")
    looking = asyncio.Event()

    async def consume(*told: Any) -> Any:
        # It is told to stop when it has seen already that it is no longer true.
        looking.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return await office.ledger.consume(*told)

    monkeypatch.setattr(lender, "consume", consume, raising=False)
    async with office.worker():
        handle = await office.submit()
        await office.decide(handle, "approve", BOB)
        await looking.wait()
        await office.decide(handle, "withdraw", ALICE)
        assert (await office.result(handle)).effect == "stopped"
    assert await office.told(handle, "system:case:followed") == []
