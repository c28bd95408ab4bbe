"""Postgres and the mail server go away for a while, and cases go on when they are back."""

import pytest

from tests.workflows.office import Office, eventually
from tests.workflows.trouble import NoMail, Outage

BOB = "bob@example.com"


@pytest.mark.rule(number=1)
async def test_an_outage_of_the_ledger_delays_every_step_and_loses_none(
    closed_office: Office,
) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, append_step=3, put_content=3, append=3)
    handle = await office.submit()
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    kinds = await office.kinds(handle)
    assert kinds.count("reviewer:review:approved") == 1
    assert kinds.count("system:case:decided") == 1


async def test_an_outage_costs_few_events_however_long_it_lasts(closed_office: Office) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    before = len((await office.history(handle)).events)
    office.writes_to = ledger = Outage(office.ledger, append_step=4)
    await office.signal(handle, "comment", BOB, reason="hello?")
    async with office.worker():
        await office.recorded(handle, "person:case:commented", times=2)
        await office.idle(handle)
    assert ledger.calls["append_step"] == 5
    assert len((await office.history(handle)).events) - before <= 12


@pytest.mark.rule(number=1)
async def test_nobody_is_told_before_the_ledger_has_it(closed_office: Office) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
    office.writes_to = ledger = Outage(office.ledger, append_step=10_000)
    async with office.worker():
        await office.signal(handle, "approve", BOB)

        async def tried() -> bool:
            return bool(ledger.calls["append_step"] > 2)

        await eventually(tried, "the ledger to be tried")
        assert (await office.status(handle))["status"] == "pending"
        assert "decided" not in office.mail.kinds()
        assert await office.ledger.payments() == []
        ledger.left.clear()
        assert (await office.result(handle)).effect == "done"


async def test_a_mail_server_that_is_down_never_blocks_a_decision_and_is_given_an_hour(
    closed_office: Office,
) -> None:
    office = closed_office
    office.notifier = mail = NoMail(10_000)
    handle = await office.submit()
    async with office.worker():
        answer = await office.decide(handle, "approve", BOB)
        assert answer["status"] == "approved"
        await office.recorded(handle, "effect:run:done")
        patience = {
            event.activity_task_scheduled_event_attributes.schedule_to_close_timeout.seconds
            for event in (await office.history(handle)).events
            if event.activity_task_scheduled_event_attributes.activity_type.name == "notice.deliver"
        }
        mail.left = 0
        result = await office.result(handle)
    assert patience == {3_600}
    assert (result.outcome, result.effect) == ("approved", "done")
    assert sorted(n.kind.value for n in mail.delivered) == ["decided", "review_wanted"]


async def test_a_notice_that_can_never_arrive_is_recorded_as_failed(
    closed_office: Office,
) -> None:
    office = closed_office
    office.notifier = mail = NoMail(1, permanent=True)
    handle = await office.submit()
    async with office.worker():
        await office.recorded(handle, "system:notice:failed")
        await office.decide(handle, "approve", BOB)
        assert (await office.result(handle)).effect == "done"
    (lost,) = await office.told(handle, "system:notice:failed")
    assert "correct the address" in lost["reason"]
    assert mail.left == 0
    assert [notice.kind.value for notice in mail.delivered] == ["decided"]


async def test_a_notice_is_delivered_when_the_mail_server_is_back(closed_office: Office) -> None:
    office = closed_office
    office.notifier = mail = NoMail(2)
    handle = await office.submit()
    async with office.worker():
        await office.recorded(handle, "system:notice:sent")
    assert [notice.kind.value for notice in mail.delivered] == ["review_wanted"]
    assert await office.told(handle, "system:notice:failed") == []
