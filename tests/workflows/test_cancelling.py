"""A case whose workflow is cancelled in Temporal is withdrawn, and nothing is half done."""

import asyncio
import logging

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from placet.domain.errors import UnavailableError
from placet.domain.ledger import LedgerStep, WrittenStep
from tests.workflows.office import Handle, Office, eventually, expense
from tests.workflows.trouble import NoMail, Outage

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
CANCELLED = "administrator:request:withdrawn"
ENDED = [CANCELLED, "system:case:decided"]


async def ends_canceled(office: Office, handle: Handle) -> None:
    """Wait until Temporal calls a case canceled; the ledger has to call it withdrawn by then."""
    with pytest.raises(WorkflowFailureError) as caught:
        await office.result(handle)
    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    row = await office.ledger.request(handle.id)
    assert row is not None
    assert (row.status, row.outcome_kind, row.outcome_by) == ("withdrawn", "withdrawn", "people")
    assert await office.ledger.assignments([handle.id]) == []
    assert await office.ledger.payments() == []


async def cancellations(office: Office, handle: Handle) -> int:
    """Return how many cancellations Temporal has taken for a case."""
    events = (await office.history(handle)).events
    return sum(e.HasField("workflow_execution_cancel_requested_event_attributes") for e in events)


@pytest.mark.rule(number=1)
async def test_a_case_that_is_cancelled_while_it_waits_is_withdrawn_by_an_administrator(
    office: Office,
) -> None:
    handle = await office.submit()
    await office.settled(handle)
    await handle.cancel(reason="entered twice")
    await ends_canceled(office, handle)
    assert (await office.kinds(handle))[-2:] == ENDED
    (told,) = await office.told(handle, CANCELLED)
    assert (told["channel"], told["reason"]) == ("temporal-cancel", "entered twice")
    last = list(office.mail.notices.values())[-2:]
    assert sorted((n.kind.value, [p.id for p in n.to]) for n in last) == [
        ("decided", ["alice"]),
        ("decided", ["bob"]),
    ]
    assert any("entered twice" in notice.text for notice in last)


async def test_a_cancellation_needs_no_reason(office: Office) -> None:
    handle = await office.submit()
    await office.settled(handle)
    await handle.cancel()
    await ends_canceled(office, handle)
    (decided,) = await office.told(handle, "system:case:decided")
    assert decided["reason"] == "cancelled by an administrator"


async def test_a_case_that_waits_for_changes_can_be_cancelled(office: Office) -> None:
    handle = await office.submit()
    await office.decide(handle, "request_changes", BOB, reason="add the tip")
    await handle.cancel()
    await ends_canceled(office, handle)


async def test_cancelled_twice_is_cancelled_once(closed_office: Office) -> None:
    office = closed_office
    handle = await office.submit()
    await handle.cancel(reason="first")
    await handle.cancel(reason="second")
    async with office.worker():
        await ends_canceled(office, handle)
    assert await cancellations(office, handle) == 1
    (told,) = await office.told(handle, CANCELLED)
    assert told["reason"] == "first"


async def test_a_case_cancelled_before_its_first_worker_is_recorded_and_withdrawn(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    await handle.cancel()
    async with office.worker():
        await ends_canceled(office, handle)
    assert await office.kinds(handle) == [
        "requester:request:submitted",
        "system:request:planned",
        *ENDED,
    ]
    assert office.mail.kinds() == ["decided"]


@pytest.mark.rule(number=5)
async def test_no_rule_approves_what_was_cancelled_before_it_was_planned(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit(expense("20.00 EUR"))
    await handle.cancel()
    async with office.worker():
        await ends_canceled(office, handle)


async def test_nonsense_that_is_cancelled_ends_as_nonsense(closed_office: Office) -> None:
    office = closed_office
    handle = await office.start(["nonsense"])
    await handle.cancel()
    async with office.worker():
        assert (await office.result(handle)).outcome == "failed"
    assert (await office.kinds(handle))[-1] == "caller:message:late"


async def test_a_cancellation_goes_before_an_approval_that_nobody_has_taken(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    await office.signal(handle, "approve", BOB)
    await handle.cancel()
    async with office.worker():
        await ends_canceled(office, handle)
    assert (await office.kinds(handle))[-3:] == [*ENDED, "caller:message:late"]


async def test_a_cancellation_goes_before_a_deadline_that_nobody_has_seen(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit(expense(cost_centre="CC-ASSENT"))
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    fired = asyncio.create_task(office.skip(handle, days=6))
    await eventually(lambda: office.timer_fired(handle), "the deadline to come")
    await handle.cancel()
    async with office.worker():
        await ends_canceled(office, handle)
        await fired


async def test_callers_of_updates_are_answered_when_a_case_is_cancelled(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    office.writes_to = ledger = Outage(office.ledger, append_step=10_000)
    async with office.worker():
        comment = asyncio.create_task(office.decide(handle, "comment", CAROL, reason="hm"))
        await eventually(lambda: tried(ledger), "the comment to be written")
        approval = asyncio.create_task(office.refusal(handle, "approve", BOB))
        await accepted(office, handle, 3)
        await handle.cancel()
        ledger.left.clear()
        assert (await comment)["accepted"]
        assert (await approval)[0] == "late"
        await ends_canceled(office, handle)


async def tried(ledger: Outage) -> bool:
    """Say whether a step was tried the patient way."""
    return ledger.calls["append_step"] > 2


async def accepted(office: Office, handle: Handle, count: int) -> None:
    """Wait until a case has accepted so many updates."""

    async def have() -> bool:
        kind = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
        events = (await office.history(handle)).events
        return [e.event_type for e in events].count(kind) >= count

    await eventually(have, f"{count} updates of {handle.id} to be accepted")


@pytest.mark.rule(number=1)
async def test_a_cancellation_while_the_ledger_is_away_waits_for_it(closed_office: Office) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
    office.writes_to = ledger = Outage(office.ledger, append_step=10_000)
    async with office.worker():
        await handle.cancel()
        await eventually(lambda: tried(ledger), "the cancellation to be written")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        assert (await office.status(handle))["status"] == "pending"
        ledger.left.clear()
        await ends_canceled(office, handle)
    assert len(await office.told(handle, CANCELLED)) == 1


@pytest.mark.rule(number=3)
async def test_a_cancellation_that_was_written_and_not_heard_of_counts_once(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)

    class Deaf(Outage):
        """Writes every step, and says at first that it did not."""

        async def append_step(self, step: LedgerStep) -> WrittenStep:
            self.calls["append_step"] += 1
            written = await office.ledger.append_step(step)
            if self.calls["append_step"] == 1:
                raise UnavailableError("the connection broke; try again")
            return written

    office.writes_to = Deaf(office.ledger)
    await handle.cancel(reason="entered twice")
    async with office.worker():
        await ends_canceled(office, handle)
    assert len(await office.told(handle, CANCELLED)) == 1
    assert office.mail.kinds() == ["review_wanted", "decided", "decided"]


@pytest.mark.rule(number=1)
async def test_a_worker_that_lets_go_of_a_cancelled_case_loses_nothing(
    closed_office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office = closed_office
    handle = await office.submit()
    office.writes_to = ledger = Outage(office.ledger, append_step=10_000)
    await handle.cancel()
    async with office.worker():
        await eventually(lambda: tried(ledger), "the plan to be written")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    ledger.left.clear()
    async with office.worker():
        await ends_canceled(office, handle)
    events = (await office.history(handle)).events
    assert not [e for e in events if e.HasField("workflow_task_failed_event_attributes")]


@pytest.mark.rule(number=5)
async def test_a_cancellation_after_the_approval_is_too_late_and_the_payment_is_made(
    closed_office: Office,
) -> None:
    office = closed_office
    office.writes_to = ledger = Outage(office.ledger, pay=10_000)
    handle = await office.submit()
    async with office.worker():
        await office.decide(handle, "approve", BOB)
        await eventually(lambda: paying(ledger), "the payment to be tried")
        await handle.cancel(reason="stop")
        await office.recorded(handle, "caller:message:late")
        ledger.left.clear()
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert len(await office.ledger.payments(request=handle.id)) == 1
    (late,) = await office.told(handle, "caller:message:late")
    assert late["channel"] == "temporal-cancel"
    assert late["data"] == {"refusal": "late", "action": "cancel", "said": "stop"}


async def paying(ledger: Outage) -> bool:
    """Say whether the payment was tried."""
    return ledger.calls["pay"] > 0


async def test_a_cancellation_while_notices_are_on_their_way_is_too_late(
    closed_office: Office,
) -> None:
    office = closed_office
    office.notifier = mail = NoMail(10_000)
    handle = await office.submit()
    async with office.worker():
        await office.decide(handle, "reject", BOB, reason="no receipt")
        await handle.cancel()
        await office.recorded(handle, "caller:message:late")
        mail.left = 0
        result = await office.result(handle)
    assert (result.outcome, result.reason) == ("rejected", "no receipt")
    assert sorted(n.kind.value for n in mail.delivered) == ["decided", "review_wanted"]
