"""What time does to a case that waits, and what it does not."""

import asyncio
from functools import partial

import pytest

from placet.domain.record import Notice
from tests.workflows.office import Handle, Office, expense

BOB, CAROL = "bob@example.com", "carol@example.com"
GRACE = "grace@example.com"


class HeldMail:
    """Delivers while ``held`` is set: a case that cannot tell of its outcome stays open."""

    def __init__(self) -> None:
        self.held = asyncio.Event()
        self.held.set()

    async def deliver(self, key: str, notice: Notice) -> None:  # noqa: ARG002 - the port has them
        """Wait until mail is let through."""
        await self.held.wait()


async def decided(office: Office, handle: Handle) -> bool:
    """Say whether a case has its outcome."""
    return bool(await office.told(handle, "system:case:decided"))


async def timers(office: Office, handle: Handle) -> list[str]:
    """Return what time did to a case."""
    return [k for k in await office.kinds(handle) if k.startswith("timer")]


async def test_reminders_then_the_deputy_then_the_deadline(office: Office) -> None:
    handle = await office.submit()
    await office.settled(handle)
    await office.skip(handle, days=6)
    result = await office.result(handle)
    assert (result.outcome, result.by) == ("rejected", "timeout")
    assert await timers(office, handle) == [
        "timer:stage:reminded",
        "timer:stage:reminded",
        "timer:stage:escalated",
        "timer:stage:deadline_passed",
    ]
    assert office.mail.kinds() == [
        "review_wanted",
        "reminder",
        "reminder",
        "escalation",
        "decided",
    ]


async def test_the_deputy_may_decide_once_the_stage_has_been_escalated(office: Office) -> None:
    handle = await office.submit()
    assert (await office.refusal(handle, "approve", CAROL))[0] == "not_a_reviewer"
    await office.skip(handle, days=3, hours=1)
    assert await office.waits_for(handle) == ["bob", "carol"]
    await office.decide(handle, "approve", CAROL)
    assert (await office.result(handle)).outcome == "approved"


# The cost centre whose stage has this deadline, how the case ends, and what time did to it.
DEADLINES = [
    ("CC-EXPIRE", "expired", "timer:stage:deadline_passed"),
    ("CC-ASSENT", "approved", "timer:stage:deadline_passed"),
]


@pytest.mark.rule(number=9)
@pytest.mark.parametrize(("cost_centre", "outcome", "last"), DEADLINES)
async def test_a_deadline_decides_as_the_policy_says(
    office: Office, cost_centre: str, outcome: str, last: str
) -> None:
    handle = await office.submit(expense(cost_centre=cost_centre))
    await office.settled(handle)
    await office.skip(handle, days=5, hours=1)
    result = await office.result(handle)
    assert (result.outcome, result.by) == (outcome, "timeout")
    assert (await timers(office, handle))[-1] == last
    assert result.effect == ("done" if outcome == "approved" else None)


async def test_a_deadline_may_be_extended_once(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-EXTEND"))
    await office.settled(handle)
    first = (await office.status(handle))["due"]
    await office.skip(handle, days=2, hours=1)
    assert (await office.status(handle))["due"] > first
    await office.skip(handle, days=2)
    result = await office.result(handle)
    assert (result.outcome, result.by) == ("rejected", "timeout")
    assert await timers(office, handle) == ["timer:stage:extended", "timer:stage:deadline_passed"]


async def test_a_deadline_may_escalate_and_a_later_one_decides(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.settled(handle)
    await office.skip(handle, days=5, hours=1)
    assert await office.waits_for(handle) == ["grace"]
    await office.skip(handle, days=2)
    result = await office.result(handle)
    assert (result.outcome, result.by) == ("rejected", "timeout")
    assert await timers(office, handle) == [
        "timer:stage:extended",
        "timer:stage:escalated",
        "timer:stage:deadline_passed",
    ]


async def test_who_takes_over_at_the_deadline_decides(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", "erin@example.com")
    await office.skip(handle, days=5, hours=1)
    assert (await office.refusal(handle, "approve", "frank@example.com"))[0] == "not_a_reviewer"
    await office.decide(handle, "reject", GRACE, reason="not now")
    result = await office.result(handle)
    assert (result.outcome, result.by, result.reason) == ("rejected", "people", "not now")


@pytest.mark.rule(number=7)
async def test_a_decision_and_a_deadline_that_wait_for_the_worker_together_go_to_the_person(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit(expense(cost_centre="CC-EXPIRE"))
    async with office.worker():
        await office.settled(handle)
        await office.recorded(handle, "system:notice:sent")
        await office.idle(handle)
    await office.skip_until(partial(office.timer_fired, handle), handle, days=5, hours=1)
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.by) == ("approved", "people")
    assert await timers(office, handle) == []


@pytest.mark.rule(number=7)
async def test_a_resubmission_and_a_deadline_that_wait_together_go_to_the_person(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit(expense(cost_centre="CC-EXPIRE"))
    async with office.worker():
        await office.decide(handle, "request_changes", BOB, reason="add the tip")
        await office.recorded(handle, "system:notice:sent", times=2)
        await office.idle(handle)
    await office.skip_until(partial(office.timer_fired, handle), handle, days=10, hours=1)
    await office.signal(handle, "comment", BOB, reason="are you there?")
    changed = expense("125.00 EUR", cost_centre="CC-EXPIRE")
    await office.signal(handle, "resubmit", "alice@example.com", request=changed)
    async with office.worker():
        status = await office.settled(handle)
    assert (status["status"], status["revision"]) == ("pending", 2)


@pytest.mark.rule(number=7)
async def test_a_decision_after_the_deadline_is_late_and_changes_nothing(
    closed_office: Office,
) -> None:
    office = closed_office
    office.notifier = mail = HeldMail()
    handle = await office.submit(expense(cost_centre="CC-EXPIRE"))
    async with office.worker():
        await office.recorded(handle, "system:notice:sent")
        mail.held.clear()
        await office.idle(handle)
        await office.skip_until(partial(decided, office, handle), handle, days=5, hours=1)
        why, text = await office.refusal(handle, "approve", BOB)
        mail.held.set()
        result = await office.result(handle)
    assert why == "late"
    assert "expired by timeout" in text
    assert (result.outcome, result.effect) == ("expired", None)
    assert (await office.kinds(handle))[-1] == "caller:message:late"


async def test_a_message_does_not_move_the_timers(office: Office) -> None:
    handle = await office.submit()
    due = (await office.settled(handle))["due"]
    await office.skip(handle, hours=23)
    assert (await office.settled(handle))["due"] == due
    await office.skip(handle, hours=2)
    assert await timers(office, handle) == ["timer:stage:reminded"]


@pytest.mark.rule(number=9)
async def test_the_directory_is_looked_at_again_while_nobody_says_anything(
    office: Office,
) -> None:
    handle = await office.submit(expense(cost_centre="CC-WATCHED"))
    await office.settled(handle)
    office.people.remove("bob")
    await office.skip(handle, days=1, hours=1)
    assert await office.waits_for(handle) == ["carol"]
    assert "system:stage:stuck" in await office.kinds(handle)
