"""A case whose history grows long goes on in a new run, and nobody notices."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from placet.ledger import PostgresLedger
from tests.workflows.hasty import hasty
from tests.workflows.lending import BORROWED, DAYS, Lender
from tests.workflows.office import Handle, Office, eventually, expense
from tests.workflows.slow import PATIENT, Slow
from tests.workflows.trouble import NoMail

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ERIN, FRANK, HEIDI = "erin@example.com", "frank@example.com", "heidi@example.com"


@pytest.fixture(scope="module")
async def hasty_server() -> AsyncIterator[WorkflowEnvironment]:
    """Run a server that soon suggests a new run."""
    async with hasty() as server:
        yield server


@pytest.fixture
def hasty_office(
    hasty_server: WorkflowEnvironment, ledger: PostgresLedger, tmp_path: Path
) -> Office:
    """Give an office whose cases are soon continued, and whose worker the test starts."""
    return Office(hasty_server.client, ledger, tmp_path)


async def runs(office: Office, handle: Handle) -> int:
    """Return in how many runs a case has gone on so far."""
    count = 1
    newest = office.client.get_workflow_handle(handle.id)
    history = await newest.fetch_history()
    while True:
        started = history.events[0].workflow_execution_started_event_attributes
        if not started.continued_execution_run_id:
            return count
        count += 1
        earlier = office.client.get_workflow_handle(
            handle.id, run_id=started.continued_execution_run_id
        )
        history = await earlier.fetch_history()


async def talk(office: Office, handle: Handle, times: int) -> None:
    """Make a case's history grow."""
    for number in range(times):
        await office.decide(handle, "comment", CAROL, reason=f"comment {number}")


async def current(office: Office, handle: Handle) -> Handle:
    """Return a handle that follows a case into its newest run."""
    return office.client.get_workflow_handle(handle.id, result_type=handle._result_type)  # noqa: SLF001


@pytest.mark.rule(number=3)
async def test_votes_timers_and_answers_are_carried_into_the_new_run(
    hasty_office: Office,
) -> None:
    office = hasty_office
    async with office.worker():
        first = await office.submit(expense(cost_centre="CC-COMMITTEE"))
        handle = await current(office, first)
        answer = await office.decide(handle, "approve", ERIN, decision_id="d-1")
        refused = await office.refusal(handle, "approve", BOB, decision_id="d-2")
        before = await office.status(handle)
        await talk(office, handle, 12)
        assert await runs(office, handle) > 1
        assert await office.status(handle) == before
        assert await office.decide(handle, "approve", ERIN, decision_id="d-1") == answer
        assert await office.refusal(handle, "approve", BOB, decision_id="d-2") == refused
        assert (await office.refusal(handle, "reject", ERIN))[0] == "already_reviewed"
        await office.decide(handle, "approve", HEIDI)
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")


async def test_no_event_is_lost_or_written_twice_across_runs(hasty_office: Office) -> None:
    office = hasty_office
    async with office.worker():
        handle = await current(office, await office.submit())
        await talk(office, handle, 25)
        await office.decide(handle, "approve", BOB)
        await office.result(handle)
        assert await runs(office, handle) > 2
    timeline = await office.timeline(handle)
    assert [e.stream_seq for e in timeline] == list(range(1, len(timeline) + 1))
    assert len({e.event_id for e in timeline}) == len(timeline)
    said = [e.body["reason"] for e in timeline if e.kind == "person:case:commented"]
    assert said == [f"comment {number}" for number in range(25)]
    assert len(await office.told(handle, "requester:request:submitted")) == 1
    assert len(await office.told(handle, "system:stage:opened")) == 1
    assert office.mail.kinds() == ["review_wanted", "decided"]


@pytest.mark.rule(number=8)
async def test_signals_in_a_stream_are_all_taken_across_runs(hasty_office: Office) -> None:
    office = hasty_office
    handle = await current(office, await office.submit())
    async with office.worker():
        await asyncio.gather(
            *(office.signal(handle, "comment", CAROL, reason=f"{n}") for n in range(80)),
            *(handle.signal("approve", f"nonsense {n}") for n in range(20)),
        )
        await office.signal(handle, "approve", BOB)
        assert (await office.result(handle)).effect == "done"
        assert await runs(office, handle) > 1
    said = [body["reason"] for body in await office.told(handle, "person:case:commented")]
    assert sorted(said, key=int) == [str(n) for n in range(80)]
    assert len(await office.told(handle, "caller:message:refused")) == 20


async def test_what_waits_unread_is_carried_and_read_in_the_order_it_came(
    hasty_office: Office,
) -> None:
    office = hasty_office
    handle = await current(office, await office.submit())
    for number in range(100):
        if number == 70:
            await handle.signal("approve", "nonsense")
        await office.signal(handle, "comment", CAROL, reason=f"{number}")
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        assert (await office.result(handle)).effect == "done"
        assert await runs(office, handle) > 1
    kinds = [
        event.kind
        for event in await office.timeline(handle)
        if event.kind in {"person:case:commented", "caller:message:refused"}
    ]
    assert kinds.index("caller:message:refused") == 70
    said = [body["reason"] for body in await office.told(handle, "person:case:commented")]
    assert said == [f"{number}" for number in range(100)]


async def test_a_case_is_cancelled_in_whichever_run_it_is(hasty_office: Office) -> None:
    office = hasty_office
    async with office.worker():
        handle = await current(office, await office.submit())
        await talk(office, handle, 12)
        assert await runs(office, handle) > 1
        await handle.cancel(reason="entered twice")
        with pytest.raises(WorkflowFailureError):
            await office.result(handle)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    (told,) = await office.told(handle, "administrator:request:withdrawn")
    assert told["reason"] == "entered twice"


async def test_a_cancellation_among_messages_that_renew_a_case_is_not_lost(
    hasty_office: Office,
) -> None:
    office = hasty_office
    handle = await current(office, await office.submit())
    async with office.worker():
        for number in range(20):
            await office.signal(handle, "comment", CAROL, reason=f"{number}")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await office.result(handle)
    row = await office.ledger.request(handle.id)
    assert row is not None
    assert row.status == "withdrawn"
    assert len(await office.told(handle, "person:case:commented")) == 20


async def test_more_unread_mail_than_a_run_can_be_given_is_read_first(
    hasty_office: Office,
) -> None:
    office = hasty_office
    handle = await current(office, await office.submit())
    pizza = "\N{SLICE OF PIZZA}" * 3_990
    await asyncio.gather(
        *(office.signal(handle, "comment", CAROL, reason=f"{n} {pizza}") for n in range(150))
    )
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        assert (await office.result(handle)).effect == "done"
    assert len(await office.told(handle, "person:case:commented")) == 150


@pytest.mark.rule(number=10)
async def test_the_deadline_stays_the_same_instant_in_the_new_run(hasty_office: Office) -> None:
    office = hasty_office
    async with office.worker():
        handle = await current(office, await office.submit(expense(cost_centre="CC-EXPIRE")))
        due = (await office.settled(handle))["due"]
        await talk(office, handle, 12)
        assert await runs(office, handle) > 1
        assert (await office.status(handle))["due"] == due
        await office.skip(handle, days=5, hours=1)
        result = await office.result(handle)
    assert (result.outcome, result.by) == ("expired", "timeout")
    (passed,) = await office.told(handle, "timer:stage:deadline_passed")
    assert passed["occurred"] >= due


async def test_a_changed_request_is_awaited_in_the_new_run(hasty_office: Office) -> None:
    office = hasty_office
    async with office.worker():
        handle = await current(office, await office.submit())
        await office.decide(handle, "request_changes", BOB, reason="add the tip")
        await talk(office, handle, 12)
        assert await runs(office, handle) > 1
        await office.decide(handle, "resubmit", ALICE, request=expense("125.00 EUR"))
        await office.decide(handle, "approve", BOB)
        result = await office.result(handle)
    assert (result.revision, result.effect) == (2, "done")


async def test_a_run_is_not_ended_while_a_notice_is_on_its_way(hasty_office: Office) -> None:
    office = hasty_office
    office.notifier = mail = NoMail(10_000)
    async with office.worker():
        handle = await current(office, await office.submit())
        await talk(office, handle, 12)
        assert await runs(office, handle) == 1
        mail.left = 0
        await office.recorded(handle, "system:notice:sent")
        await talk(office, handle, 2)
        assert await runs(office, handle) == 2
        await office.decide(handle, "approve", BOB)
        assert (await office.result(handle)).effect == "done"


async def test_a_case_of_usual_length_is_one_run(office: Office) -> None:
    handle = await office.submit()
    await talk(office, handle, 12)
    await office.decide(handle, "approve", BOB)
    await office.result(handle)
    events = (await office.history(handle)).events
    continued = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
    assert continued not in {event.event_type for event in events}


@pytest.mark.parametrize("revoked", [False, True])
async def test_what_waits_for_its_time_goes_on_in_new_runs(
    hasty_office: Office,
    monkeypatch: pytest.MonkeyPatch,
    revoked: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    office = hasty_office
    monkeypatch.setattr("placet.bootstrap.PIPELINES", (PATIENT,))
    office.writes_to = slow = Slow(office.ledger)
    slow.end.set()
    later = datetime.now(UTC) + timedelta(days=3)
    async with office.worker():
        first = await office.submit(expense(purpose=later.isoformat()))
        handle = await current(office, first)
        await office.decide(handle, "approve", BOB)
        await talk(office, handle, 25)
        assert await runs(office, handle) > 2
        if revoked:
            await office.decide(handle, "withdraw", BOB)
        else:
            await office.skip(handle, days=4)
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "revoked" if revoked else "done")
    assert slow.runs == ([] if revoked else ["run"])
    assert (await office.kinds(handle)).count("system:permit:issued") == 1


async def test_a_revocation_among_messages_that_renew_what_waits_is_not_lost(
    hasty_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = hasty_office
    monkeypatch.setattr("placet.bootstrap.PIPELINES", (PATIENT,))
    office.writes_to = slow = Slow(office.ledger)
    later = datetime.now(UTC) + timedelta(days=3)
    first = await office.submit(expense(purpose=later.isoformat()))
    async with office.worker():
        handle = await current(office, first)
        await office.decide(handle, "approve", BOB)
        await office.settled(handle)
        await office.idle(handle)
    skipping = asyncio.create_task(office.skip(handle, days=4))
    await eventually(lambda: office.timer_fired(handle), "the time to come")
    for number in range(60):
        await office.signal(handle, "comment", CAROL, reason=f"{number}")
    await office.signal(handle, "withdraw", ALICE)
    async with office.worker():
        assert (await office.result(handle)).effect == "revoked"
        await skipping
        assert await runs(office, handle) > 1
    assert slow.runs == []
    assert len(await office.told(handle, "person:case:commented")) == 61


async def test_what_is_in_force_is_carried_and_ends_in_the_new_run(
    hasty_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = hasty_office
    monkeypatch.setattr("placet.bootstrap.PIPELINES", (BORROWED,))
    office.writes_to = lender = Lender(office.ledger)
    async with office.worker():
        handle = await office.submit()
        await office.decide(handle, "approve", BOB)
        await office.recorded(handle, "effect:run:done")
        await talk(office, await current(office, handle), 12)

        async def went_on() -> bool:
            return await runs(office, handle) > 1

        await eventually(went_on, "a new run while it is in force")
        newest = await current(office, handle)
        assert (await office.status(newest))["effect"] == "in_force"
        await office.skip(newest, days=DAYS + 1)
        result = await office.result(newest)
    assert (result.effect, result.summary) == ("ended", "it is back")
    assert [order.why.value for order in lender.ends] == ["expired"]
    assert (await office.kinds(handle)).count("effect:run:done") == 1
