"""Many people at once: what counts, what does not, and what each of them is told."""

import asyncio
from collections import Counter

import pytest

from tests.workflows.office import Office, expense
from tests.workflows.trouble import Outage

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ERIN, FRANK, HEIDI = "erin@example.com", "frank@example.com", "heidi@example.com"
GRACE = "grace@example.com"


@pytest.mark.rule(number=3)
async def test_of_two_hundred_approvals_at_once_one_counts(office: Office) -> None:
    handle = await office.submit()
    await asyncio.gather(
        *(office.signal(handle, "approve", BOB, reason=f"number {n}") for n in range(200))
    )
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    kinds = Counter(await office.kinds(handle))
    assert kinds["reviewer:review:approved"] == 1
    assert kinds["caller:message:late"] == 199
    assert kinds["effect:run:done"] == 1
    assert len(await office.ledger.payments(request=handle.id)) == 1


@pytest.mark.rule(number=8)
async def test_more_mail_than_one_step_can_carry_waits_for_the_worker_and_none_is_lost(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    # Two hundred times sixteen kilobytes are more than Temporal takes at once.
    pizza = "\N{SLICE OF PIZZA}" * 3_990
    await asyncio.gather(
        *(office.signal(handle, "comment", CAROL, reason=f"{n} {pizza}") for n in range(200))
    )
    await office.signal(handle, "approve", BOB)
    # With the ledger away each step travels through Temporal's history.
    office.writes_to = Outage(office.ledger, append_step=2)
    async with office.worker():
        assert (await office.result(handle)).outcome == "approved"
    said = [body["reason"] for body in await office.told(handle, "person:case:commented")]
    assert {reason.split()[0] for reason in said[1:]} == {str(n) for n in range(200)}
    events = (await office.history(handle)).events
    assert not [e for e in events if e.HasField("workflow_task_failed_event_attributes")]


async def test_approve_and_reject_in_the_same_instant_count_in_the_order_they_arrived(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    await office.signal(handle, "reject", BOB, reason="no receipt")
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.reason) == ("rejected", "no receipt")
    assert (await office.kinds(handle))[-1] == "caller:message:late"


@pytest.mark.rule(number=7)
async def test_signals_of_different_names_are_taken_in_the_order_they_came(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    await office.signal(handle, "comment", CAROL, reason="before")
    await office.signal(handle, "request_changes", BOB, reason="add the tip")
    await office.signal(handle, "comment", CAROL, reason="between")
    await office.signal(handle, "resubmit", ALICE, request=expense("125.00 EUR"))
    await office.signal(handle, "comment", CAROL, reason="after")
    await office.signal(handle, "request_changes", BOB, reason="and the date")
    async with office.worker():
        await office.settled(handle)
    said = [
        event.body["reason"]
        for event in await office.timeline(handle)
        if event.body.get("decision_id") and event.body.get("reason")
    ]
    assert said == ["before", "add the tip", "between", "after", "and the date", "I only look."]


async def test_the_same_person_reviews_a_stage_once(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", ERIN)
    why, text = await office.refusal(handle, "reject", "ERIN@example.com")
    assert why == "already_reviewed"
    assert "the first review stands" in text


async def test_two_of_three_agree_over_the_third(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    assert (await office.decide(handle, "approve", ERIN))["status"] == "pending"
    assert (await office.decide(handle, "reject", FRANK))["status"] == "pending"
    assert await office.waits_for(handle) == ["heidi"]
    assert (await office.decide(handle, "approve", HEIDI))["status"] == "approved"
    assert (await office.result(handle)).effect == "done"


async def test_two_of_three_reject_over_the_third(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", ERIN)
    await office.decide(handle, "reject", FRANK, reason="too much")
    await office.decide(handle, "reject", HEIDI, reason="far too much")
    result = await office.result(handle)
    assert (result.outcome, result.reason) == ("rejected", "far too much")


@pytest.mark.rule(number=9)
async def test_a_tie_goes_up_at_once_and_who_takes_over_decides_alone(office: Office) -> None:
    handle = await office.submit(expense(requester=ERIN, cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", FRANK)
    await office.decide(handle, "reject", HEIDI)
    assert await office.waits_for(handle) == ["grace"]
    assert (await office.kinds(handle))[-2:] == ["system:stage:stuck", "timer:stage:escalated"]
    why, _ = await office.refusal(handle, "approve", FRANK)
    assert why == "not_a_reviewer"
    await office.decide(handle, "approve", GRACE)
    assert (await office.result(handle)).outcome == "approved"


@pytest.mark.rule(number=3)
async def test_a_decision_id_gets_the_same_receipt_by_signal_and_by_update(
    office: Office,
) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.signal(handle, "approve", ERIN, decision_id="d-1")
    first = await office.decide(handle, "approve", ERIN, decision_id="d-1")
    again = await office.decide(handle, "approve", ERIN, decision_id="d-1")
    (event,) = [e for e in await office.timeline(handle) if e.kind == "reviewer:review:approved"]
    assert first == again
    assert (first["event"], first["leaf"], first["seq"]) == (event.event_id, event.leaf, event.seq)
    assert first["accepted"]


@pytest.mark.rule(number=3)
async def test_a_refused_decision_id_gets_the_same_refusal_again(office: Office) -> None:
    handle = await office.submit()
    first = await office.refusal(handle, "approve", CAROL, decision_id="d-1")
    assert await office.refusal(handle, "approve", CAROL, decision_id="d-1") == first
    assert first[0] == "not_a_reviewer"
    assert (await office.kinds(handle)).count("caller:message:refused") == 1


@pytest.mark.rule(number=3)
async def test_one_decision_id_twice_in_the_same_instant_gets_one_receipt(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    async with asyncio.TaskGroup() as group:
        answers = [
            group.create_task(office.decide(handle, "approve", ERIN, decision_id="d-1"))
            for _ in range(3)
        ]
        await office.signal(handle, "approve", ERIN, decision_id="d-1")
        await group.create_task(_run(office, answers))
    receipts = {answer.result()["leaf"] for answer in answers}
    (event,) = [e for e in await office.timeline(handle) if e.kind == "reviewer:review:approved"]
    assert receipts == {event.leaf}


@pytest.mark.rule(number=3)
async def test_somebody_elses_use_of_a_decision_id_does_not_take_its_receipt(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.signal(handle, "approve", ERIN, decision_id="d-1")
    await office.signal(handle, "reject", FRANK, decision_id="d-1")
    async with office.worker():
        await office.settled(handle)
        answer = await office.decide(handle, "approve", ERIN, decision_id="d-1")
        again = await office.refusal(handle, "reject", FRANK, decision_id="d-1")
        third = await office.decide(handle, "approve", ERIN, decision_id="d-1")
    (event,) = [e for e in await office.timeline(handle) if e.kind == "reviewer:review:approved"]
    assert (answer["event"], answer["leaf"]) == (event.event_id, event.leaf)
    assert again[0] == "decision_id_reused"
    assert third == answer


async def _run(office: Office, answers: list[asyncio.Task[dict[str, object]]]) -> None:
    async with office.worker():
        await asyncio.gather(*answers)
