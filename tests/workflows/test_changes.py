"""Changes are asked for, a changed request comes, and votes are about what was shown."""

import shutil
from pathlib import Path

import pytest

from tests.workflows.office import POLICIES, Handle, Office, expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ERIN = "erin@example.com"


async def asked_to_change(office: Office) -> Handle:
    """Start a case whose reviewer asks for changes."""
    handle = await office.submit()
    await office.decide(handle, "request_changes", BOB, reason="add the tip")
    return handle


async def test_a_changed_request_is_reviewed_anew_and_paid_as_changed(office: Office) -> None:
    handle = await asked_to_change(office)
    assert (await office.status(handle))["status"] == "changes_requested"
    answer = await office.decide(handle, "resubmit", ALICE, request=expense("125.50 EUR"))
    assert "revision 2" in answer["message"]
    await office.decide(handle, "approve", BOB)
    result = await office.result(handle)
    assert (result.outcome, result.revision, result.effect) == ("approved", 2, "done")
    (payment,) = await office.ledger.payments(request=handle.id)
    assert str(payment.amount) == "125.50"
    assert payment.digest == result.digest


@pytest.mark.rule(number=4)
async def test_votes_on_an_earlier_revision_are_void(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", ERIN)
    changed = expense("999.00 EUR", cost_centre="CC-COMMITTEE")
    await office.decide(handle, "resubmit", ALICE, request=changed)
    assert (await office.status(handle))["reviews"] == []
    (told,) = await office.told(handle, "requester:request:resubmitted")
    assert told["data"]["voided_reviews"] == 1
    assert await office.waits_for(handle) == ["erin", "frank", "heidi"]


@pytest.mark.rule(number=4)
async def test_an_early_review_of_an_earlier_revision_does_not_come_back(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-FINANCE"))
    await office.decide(handle, "approve", ERIN)
    changed = expense("999.00 EUR", cost_centre="CC-FINANCE")
    await office.decide(handle, "resubmit", ALICE, request=changed)
    await office.decide(handle, "approve", BOB)
    assert (await office.settled(handle))["stage"] == "finance"


@pytest.mark.rule(number=4)
async def test_a_review_of_what_it_was_before_is_refused(office: Office) -> None:
    handle = await office.submit()
    shown = (await office.settled(handle))["digest"]
    await office.decide(handle, "resubmit", ALICE, request=expense("125.00 EUR"))
    why, text = await office.refusal(handle, "approve", BOB, digest=shown)
    assert why == "other_revision"
    assert "revision 2" in text
    now = (await office.status(handle))["digest"]
    await office.decide(handle, "approve", BOB, digest=now)
    assert (await office.result(handle)).outcome == "approved"


@pytest.mark.rule(number=4)
async def test_an_approval_that_meets_a_resubmission_on_the_way_does_not_pay_what_nobody_saw(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        shown = (await office.settled(handle))["digest"]
    await office.signal(handle, "resubmit", ALICE, request=expense("9000.00 EUR"))
    await office.signal(handle, "approve", BOB, digest=shown)
    async with office.worker():
        status = await office.settled(handle)
    assert (status["status"], status["revision"], status["reviews"]) == ("pending", 2, [])


# A changed request that cannot be taken, and a word of the refusal.
BAD_CHANGES = [
    (expense(), "nothing has changed"),
    (expense("-1.00 EUR"), "amount"),
    (expense("125.00 EUR", requester=CAROL), "keeps its requester"),
    ({"title": "Dinner"}, "missing"),
    ({}, "missing"),
]


async def test_a_change_that_cannot_be_taken_is_refused_and_the_case_goes_on(
    office: Office,
) -> None:
    handle = await asked_to_change(office)
    for changed, word in BAD_CHANGES:
        why, text = await office.refusal(handle, "resubmit", ALICE, request=changed)
        assert why == "bad_request"
        assert word in text
    status = await office.status(handle)
    assert (status["status"], status["revision"]) == ("changes_requested", 1)
    await office.decide(handle, "resubmit", ALICE, request=expense("125.00 EUR"))
    await office.decide(handle, "approve", BOB)
    assert (await office.result(handle)).revision == 2


async def test_only_the_requester_changes_a_request(office: Office) -> None:
    handle = await asked_to_change(office)
    why, _ = await office.refusal(handle, "resubmit", BOB, request=expense("1.00 EUR"))
    assert why == "not_the_requester"


async def test_nobody_reviews_while_a_changed_request_is_awaited(office: Office) -> None:
    handle = await asked_to_change(office)
    assert (await office.refusal(handle, "approve", BOB))[0] == "waiting_for_changes"


@pytest.mark.rule(number=9)
async def test_changes_that_never_come_end_the_case(office: Office) -> None:
    handle = await asked_to_change(office)
    await office.skip(handle, days=10, hours=1)
    result = await office.result(handle)
    assert (result.outcome, result.by) == ("expired", "timeout")
    assert "did not come in time" in result.reason


@pytest.mark.rule(number=9)
async def test_changes_can_be_asked_for_as_often_as_the_policy_says(office: Office) -> None:
    handle = await asked_to_change(office)
    await office.decide(handle, "resubmit", ALICE, request=expense("121.00 EUR"))
    await office.decide(handle, "request_changes", BOB, reason="again")
    await office.decide(handle, "resubmit", ALICE, request=expense("122.00 EUR"))
    why, text = await office.refusal(handle, "request_changes", BOB, reason="and again")
    assert why == "rounds_exhausted"
    assert "approve or reject" in text
    await office.decide(handle, "reject", BOB)
    assert (await office.result(handle)).outcome == "rejected"


@pytest.mark.rule(number=10)
async def test_a_changed_request_is_planned_by_the_policy_it_began_with(
    closed_office: Office, tmp_path: Path
) -> None:
    folder = shutil.copytree(POLICIES, tmp_path / "policies")
    office = Office(closed_office.client, closed_office.ledger, tmp_path, policies=folder)
    async with office.worker():
        handle = await asked_to_change(office)
        before = (await office.status(handle))["plan"]["policy"]
        policy = folder / "expense.yaml"
        stricter = policy.read_text().replace("version: 1", "version: 2")
        policy.write_text(stricter.replace("total <= 50.00", "total <= 1000000.00"))
        await office.decide(handle, "resubmit", ALICE, request=expense("125.00 EUR"))
        assert (await office.status(handle))["plan"]["policy"] == before
        other = await office.submit()
        assert (await office.result(other)).by == "rule"
        await office.decide(handle, "approve", BOB)
        assert (await office.result(handle)).by == "people"


@pytest.mark.rule(number=10)
async def test_a_stage_that_opens_later_keeps_the_timers_of_the_policy_it_began_with(
    closed_office: Office, tmp_path: Path
) -> None:
    folder = shutil.copytree(POLICIES, tmp_path / "policies")
    office = Office(closed_office.client, closed_office.ledger, tmp_path, policies=folder)
    async with office.worker():
        handle = await office.submit(expense(cost_centre="CC-FINANCE"))
        await office.settled(handle)
        policy = folder / "expense.yaml"
        policy.write_text(
            policy.read_text().replace("after: 5d, then: reject", "after: 1h, then: approve")
        )
        await office.decide(handle, "approve", BOB)
        await office.settled(handle)
        opened = (await office.told(handle, "system:stage:opened"))[-1]
    assert opened["stage"] == "finance"
    assert opened["data"]["deadline"][:10] > opened["occurred"][:10]
