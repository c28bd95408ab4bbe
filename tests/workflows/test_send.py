import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.api.enums.v1 import PendingActivityState

from placet.ledger import PostgresLedger
from tests.support.mailserver import MailServer, Slow, mail_server
from tests.support.waiting import eventually
from tests.workflows.office import Handle, Office, a_mail

PEOPLE = [f"person{number}@example.net" for number in range(1, 9)]
LIST = ("\n".join([*PEOPLE, PEOPLE[0].upper()]).encode(), "text/plain")
ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


@pytest.fixture
async def server() -> AsyncIterator[Slow]:
    async with mail_server(Slow()) as running:
        assert isinstance(running, Slow)
        yield running


@pytest.fixture
async def office(closed_office: Office, server: MailServer) -> AsyncIterator[Office]:
    """Give an office that can send, one mail after another."""
    smtp = server.settings(connections=1)
    closed_office.settings = closed_office.settings.model_copy(update={"smtp": smtp})
    await closed_office.ledger.put_content(*LIST)
    async with closed_office.worker():
        yield closed_office


async def approved(office: Office, **changes: Any) -> Handle:
    """Submit a mail and have it approved."""
    handle = await office.start([a_mail(LIST, **changes)], pipeline="send")
    await office.decide(handle, "approve", BOB)
    return handle


async def mailed(office: Office, handle: Handle) -> dict[str, int]:
    """Return how many recipients there are of each status."""
    (mailing,) = await office.ledger.deliveries.mailings(request=handle.id)
    counts = await office.ledger.deliveries.counts(mailing.permit_id)
    return {status.value: count for status, count in counts.items()}


async def heard(handle: Handle) -> None:
    """Wait until the activity has been told to stop: the answer to a heartbeat tells it."""
    beats: list[int] = []

    async def twice_since() -> bool:
        (pending,) = (await handle.describe()).raw_description.pending_activities
        if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
            beats.append(pending.last_heartbeat_time.ToMilliseconds())
        return len(set(beats)) > 2

    await eventually(twice_since, "the activity to beat twice since it was cancelled")


@pytest.mark.rule(number=5)
async def test_an_approved_mail_reaches_everybody_once(office: Office, server: Slow) -> None:
    handle = await approved(office)
    result = await office.result(handle)

    assert (result.outcome, result.effect, result.summary) == ("approved", "done", "8 sent of 8")
    assert sorted(server.reached()) == PEOPLE
    assert set(server.copies().values()) == {1}
    (planned,) = await office.told(handle, "system:request:planned")
    assert planned["data"]["facts"]["duplicates"] == 1
    assert planned["data"]["scope"]["count"] == 8
    (done,) = await office.told(handle, "effect:run:done")
    assert done["data"]["sent"] == 8
    assert "example.net" not in str(done["data"])
    row = await office.ledger.request(handle.id)
    assert row is not None
    assert (row.title, row.effect) == ("Our offer", "done")


async def test_what_is_rejected_is_not_sent(office: Office, server: Slow) -> None:
    handle = await office.start([a_mail(LIST)], pipeline="send")
    await office.decide(handle, "reject", BOB, reason="not now")
    assert (await office.result(handle)).outcome == "rejected"

    secret = await office.start([a_mail(LIST, text="password: Tr0ub4dor-hunter2")], pipeline="send")
    assert (await office.result(secret)).outcome == "rejected"
    assert server.taken == []


async def test_a_mail_nobody_could_send_ends_with_what_is_wrong(office: Office) -> None:
    handle = await office.start(
        [a_mail(LIST, subject="Hi\r\nBcc: eve@example.com")], pipeline="send"
    )
    result = await office.result(handle)
    assert result.outcome == "failed"
    assert "subject: it holds a line break" in result.reason


async def test_whoever_asked_for_a_mail_stops_it_in_the_middle(
    office: Office, server: Slow
) -> None:
    server.held = PEOPLE[2]
    handle = await approved(office)
    async with asyncio.timeout(30):
        await server.holding.wait()
    answer = await office.decide(handle, "withdraw", ALICE, reason="wrong price")
    assert answer["accepted"]
    await heard(handle)
    server.let_go.set()
    result = await office.result(handle)

    assert (result.outcome, result.effect) == ("approved", "stopped")
    assert result.summary == "3 sent, 5 stopped of 8"
    assert server.reached() == PEOPLE[:3]
    (stopped,) = await office.told(handle, "effect:run:stopped")
    assert (stopped["data"]["sent"], stopped["data"]["stopped"]) == (3, 5)


async def test_a_mail_is_stopped_while_its_server_is_away(
    closed_office: Office, ledger: PostgresLedger
) -> None:
    async with mail_server() as gone:
        pass
    smtp = gone.settings()
    closed_office.settings = closed_office.settings.model_copy(update={"smtp": smtp})
    await ledger.put_content(*LIST)
    async with closed_office.worker():
        handle = await approved(closed_office)
        await closed_office.recorded(handle, "effect:permit:consumed")
        await closed_office.decide(handle, "withdraw", ALICE, reason="too late now")
        result = await closed_office.result(handle)

    assert (result.effect, result.summary) == ("stopped", "8 stopped of 8")
    assert await mailed(closed_office, handle) == {"stopped": 8}


async def test_a_server_that_refuses_everybody_fails_the_effect(
    office: Office, server: Slow
) -> None:
    server.will_answer("MAIL", "*", *["550 you may not send as this"] * 50)
    handle = await approved(office)
    result = await office.result(handle)

    assert (result.outcome, result.effect) == ("approved", "failed")
    (failed,) = await office.told(handle, "effect:run:failed")
    assert (
        f"nobody has got the mail: 8 refused of 8; see why with: placet deliveries {handle.id}"
        in (failed["reason"])
    )
    assert await mailed(office, handle) == {"refused": 8}


async def test_progress_is_told_by_heartbeat_and_stays(office: Office, server: Slow) -> None:
    server.held = PEOPLE[4]
    handle = await approved(office)

    async def told() -> bool:
        (pending,) = (await handle.describe()).raw_description.pending_activities
        payloads = pending.heartbeat_details.payloads
        return bool(payloads) and b'"sent":4' in payloads[0].data

    await eventually(told, "four to be sent by the activity's own word")
    server.let_go.set()
    assert (await office.result(handle)).summary == "8 sent of 8"


async def test_a_large_mail_keeps_the_history_small(office: Office, server: Slow) -> None:
    people = "".join(f"p{number}@example.net\n" for number in range(1_000)).encode()
    await office.ledger.put_content(people, "text/plain")
    handle = await office.start([a_mail((people, "text/plain"))], pipeline="send")
    await office.decide(handle, "approve", BOB)
    async with asyncio.timeout(60):
        await handle.result()

    assert len(server.taken) == 1_000
    assert len((await office.history(handle)).events) < 100
