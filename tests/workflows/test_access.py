import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from placet.domain.orders import CaseResult
from tests.access.listed import VARIABLE, catalogue
from tests.access.staff import Staff
from tests.workflows.documented import documented, temporal
from tests.workflows.office import Handle, Office, eventually

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ERIN, FRANK = "erin@example.com", "frank@example.com"
HEIDI, GRACE = "heidi@example.com", "grace@example.com"
NOBODY = "postgresql://granter@127.0.0.1:9/shop"


@pytest.fixture
def office(granting_office: Office) -> Office:
    """Give an office that can grant."""
    return granting_office


def access(**changes: Any) -> dict[str, Any]:
    """Return a request for the role of reporting, as Alice writes it for herself."""
    told = {"requester": ALICE, "role": "reporting", "hours": 8, "reason": "The figures of March"}
    return told | changes


async def asked(office: Office, **changes: Any) -> Handle:
    """Submit a request and wait until it waits for people."""
    handle = await sent(office, **changes)
    await office.recorded(handle, "system:stage:opened")
    return handle


async def sent(office: Office, **changes: Any) -> Handle:
    """Submit a request."""
    return await office.start([access(**changes)], pipeline="access")


async def in_force(office: Office, **changes: Any) -> Handle:
    """Submit a request, have the owner approve it, and wait until it is in force."""
    handle = await asked(office, **changes)
    await office.decide(handle, "approve", ERIN)
    await office.recorded(handle, "effect:run:done")
    await office.idle(handle)
    return handle


async def effect(office: Office, handle: Handle) -> str | None:
    row = await office.ledger.request(handle.id)
    assert row is not None
    return row.effect


async def lasting(office: Office, handle: Handle) -> timedelta:
    """Return how long after it was decided it is to end."""
    events = {event.kind: event for event in await office.timeline(handle)}
    (done,) = await office.told(handle, "effect:run:done")
    until = datetime.fromisoformat(done["data"]["until"])
    return until - events["system:case:decided"].occurred


async def over(office: Office, handle: Handle, **duration: float) -> CaseResult:
    """Let time pass until a case has ended."""
    await office.skip(handle, **duration)
    return await office.result(handle)


@pytest.mark.rule(number=5)
async def test_a_role_is_there_for_its_time_and_then_gone(office: Office, staff: Staff) -> None:
    handle = await asked(office)
    assert not staff.has(staff.alice)
    await office.decide(handle, "approve", ERIN)
    await office.recorded(handle, "effect:run:done")
    assert staff.has(staff.alice)
    assert await effect(office, handle) == "in_force"
    assert timedelta(hours=8) <= await lasting(office, handle) < timedelta(hours=8, minutes=5)

    await office.idle(handle)
    await office.skip(handle, hours=7)
    await office.settled(handle)
    assert staff.has(staff.alice)
    result = await over(office, handle, hours=2)
    assert not staff.has(staff.alice)
    assert (result.outcome, result.effect) == ("approved", "ended")
    assert result.summary == f"{staff.role} at shop for {staff.alice}: expired"
    assert await effect(office, handle) == "ended"
    kinds = await office.kinds(handle)
    assert kinds[-3:] == ["effect:run:done", "timer:effect:over", "effect:run:ended"]


async def test_it_is_gone_also_when_no_worker_was_there_at_its_time(
    closed_granting_office: Office, staff: Staff
) -> None:
    office = closed_granting_office
    async with office.worker():
        handle = await in_force(office)
    skipping = asyncio.create_task(office.skip(handle, days=20))
    await eventually(lambda: office.timer_fired(handle), "its time to come without a worker")
    assert staff.has(staff.alice)
    async with office.worker():
        result = await office.result(handle)
    skipping.cancel()
    assert result.effect == "ended"
    assert not staff.has(staff.alice)


async def test_what_was_terminated_in_temporal_goes_on_and_ends_when_it_is_reset(
    office: Office, staff: Staff, temporal_address: str
) -> None:
    handle = await in_force(office)
    await handle.terminate("by mistake")
    command = documented("temporal workflow reset")
    command = command.replace("access-figures-march-d5c5a23829", handle.id)
    await temporal(command, temporal_address)
    again: Handle = office.client.get_workflow_handle(handle.id, result_type=CaseResult)
    result = await over(office, again, hours=9)
    assert result.effect == "ended"
    assert not staff.has(staff.alice)


async def test_what_is_rejected_is_not_given(office: Office, staff: Staff) -> None:
    handle = await asked(office)
    await office.decide(handle, "reject", FRANK, reason="not now")
    assert (await office.result(handle)).outcome == "rejected"
    assert not staff.has(staff.alice)
    assert await office.ledger.grants.rows() == []


@pytest.mark.rule(number=6)
async def test_nobody_approves_what_they_ask_for_or_get(office: Office, staff: Staff) -> None:
    # Erin owns the role, and asks for herself: only Frank is left.
    own = await asked(office, requester=ERIN)
    assert await office.waits_for(own) == ["frank"]
    code, why = await office.refusal(own, "approve", ERIN)
    assert code == "own_request"
    # Carol asks for Erin: neither of both has a vote.
    other = await asked(office, requester=CAROL, person="Erin@Example.com")
    assert await office.waits_for(other) == ["frank"]
    for who in (ERIN, CAROL):
        code, why = await office.refusal(other, "approve", who)
        assert code == "own_request", why
    code, _ = await office.refusal(other, "reassign", FRANK, to=ERIN)
    assert code == "bad_reassignment"
    assert not staff.has(staff.dan)


async def test_some_roles_take_two_people(office: Office, staff: Staff) -> None:
    handle = await asked(office, role="orders")
    await office.decide(handle, "approve", ERIN)
    await office.settled(handle)
    assert not staff.has(staff.alice, staff.orders)
    await office.decide(handle, "approve", GRACE)
    await office.recorded(handle, "effect:run:done")
    assert staff.has(staff.alice, staff.orders)
    assert not staff.has(staff.alice)


@pytest.mark.parametrize("who", [CAROL, ALICE, ERIN])
async def test_who_asked_for_it_has_it_or_approved_it_ends_it_early(
    office: Office, staff: Staff, who: str
) -> None:
    handle = await in_force(office, requester=CAROL, person=ALICE)
    code, _ = await office.refusal(handle, "withdraw", BOB)
    assert code == "not_the_requester"
    await office.decide(handle, "withdraw", who, reason="done with it")
    result = await office.result(handle)
    assert not staff.has(staff.alice)
    assert result.effect == "ended"
    assert result.summary is not None
    assert result.summary.endswith(": withdrawn")


async def test_an_extension_is_an_approval_of_its_own_and_leaves_no_gap(
    office: Office, staff: Staff
) -> None:
    first = await in_force(office)
    await office.skip(first, hours=6)
    second = await in_force(office)
    (planned,) = await office.told(second, "system:request:planned")
    assert planned["data"]["facts"]["extension"] is True
    (planned,) = await office.told(first, "system:request:planned")
    assert planned["data"]["facts"]["extension"] is False

    ended = await over(office, first, hours=3)
    assert staff.has(staff.alice)
    assert ended.summary is not None
    assert ended.summary.endswith(f"expired; the account keeps it by {second.id}")
    last = await over(office, second, hours=9)
    assert not staff.has(staff.alice)
    assert last.effect == "ended"


async def test_what_somebody_has_without_placet_is_not_granted_and_not_taken_away(
    office: Office, staff: Staff
) -> None:
    staff.run("grant {} to {}", staff.role, staff.alice)
    handle = await asked(office)
    await office.decide(handle, "approve", ERIN)
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "failed")
    (failed,) = await office.told(handle, "effect:run:failed")
    assert "not by Placet" in failed["reason"]
    assert staff.has(staff.alice)
    assert await office.ledger.grants.rows() == []


async def test_what_was_taken_away_outside_ends_and_says_so(office: Office, staff: Staff) -> None:
    handle = await in_force(office)
    staff.take_away(staff.alice)
    result = await over(office, handle, hours=9)
    assert result.effect == "ended"
    assert result.summary is not None
    assert result.summary.endswith("expired; it was gone already")


async def test_a_target_that_is_away_at_the_end_is_asked_until_it_is_gone(
    office: Office, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await in_force(office)
    monkeypatch.setenv(VARIABLE, NOBODY)

    async def held_up() -> bool:
        told = (await handle.describe()).raw_description.pending_activities
        return any("is not taken away yet" in each.last_failure.message for each in told)

    await office.skip_until(held_up, handle, hours=9)
    assert staff.has(staff.alice)
    assert await effect(office, handle) == "ending"
    monkeypatch.setenv(VARIABLE, staff.granter_url)
    result = await office.result(handle)
    assert result.effect == "ended"
    assert not staff.has(staff.alice)


async def test_what_waits_for_its_target_can_be_withdrawn(
    office: Office, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, NOBODY)
    handle = await asked(office)
    await office.decide(handle, "approve", ERIN)
    await office.decide(handle, "withdraw", ALICE, reason="not needed any more")
    result = await office.result(handle)
    assert (result.effect, result.summary) == ("stopped", "withdrawn before it was granted")
    monkeypatch.setenv(VARIABLE, staff.granter_url)
    assert not staff.has(staff.alice)
    assert await office.ledger.grants.rows() == []


@pytest.mark.rule(number=4)
async def test_a_catalogue_that_changed_after_the_approval_gives_nothing(
    office: Office, staff: Staff
) -> None:
    handle = await asked(office)
    path = office.settings.policies / "access-roles.yaml"
    path.write_text(catalogue(staff, longest="2d"), encoding="utf-8")
    await office.decide(handle, "approve", ERIN)
    result = await office.result(handle)
    assert result.effect == "failed"
    (failed,) = await office.told(handle, "effect:run:failed")
    assert "says something else of reporting than when it was approved" in failed["reason"]
    assert not staff.has(staff.alice)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"role": "reportin"}, "did you mean 'reporting'"),
        ({"hours": 721}, "is longer than 30 days"),
        ({"person": BOB}, "Bob Okafor has no account at shop"),
        ({"person": "eve@example.com"}, "nobody in the directory has the address"),
        ({"reason": " "}, "say what the role is needed for"),
    ],
)
async def test_what_nobody_could_grant_ends_with_what_is_wrong(
    office: Office, changes: dict[str, Any], said: str
) -> None:
    result = await office.result(await sent(office, **changes))
    assert result.outcome == "failed"
    assert said in result.reason


async def broken(office: Office, **changes: Any) -> tuple[Handle, Handle]:
    """Have a request carried out before it was reviewed; return its case and the review's."""
    handle = await asked(office, **changes)
    await office.decide(handle, "break_glass", HEIDI, reason="the shop is down")
    await office.recorded(handle, "effect:run:done")
    await office.recorded(handle, "system:case:followed")
    (followed,) = await office.told(handle, "system:case:followed")
    review: Handle = office.client.get_workflow_handle(followed["data"]["case"])

    async def waiting() -> bool:
        return bool((await office.status(review))["waiting_for"])

    await eventually(waiting, "the review to wait for people")
    return handle, review


async def test_a_broken_glass_gives_at_once_and_a_review_that_says_no_takes_it_away(
    office: Office, staff: Staff
) -> None:
    handle, review = await broken(office, hours=24)
    assert staff.has(staff.alice)
    assert (await office.status(handle))["outcome"]["by"] == "break-glass"
    assert "glass_broken" in office.mail.kinds()
    assert review.id == f"{handle.id}-review"
    # Neither who broke it nor who has it reviews it.
    for who in (HEIDI, ALICE):
        code, why = await office.refusal(review, "approve", who)
        assert code in {"own_request", "not_a_reviewer"}, why
    await office.decide(review, "reject", FRANK, reason="there was no need")
    result = await office.result(handle)
    assert not staff.has(staff.alice)
    assert (result.outcome, result.by, result.effect) == ("approved", "break-glass", "ended")
    (ended,) = await office.told(handle, "system:case:follower_ended")
    assert ended["data"]["outcome"] == "rejected"


async def test_a_broken_glass_lasts_no_longer_than_permitted_also_when_it_was_right(
    office: Office, staff: Staff
) -> None:
    handle, review = await broken(office, hours=24)
    assert timedelta(hours=4) <= await lasting(office, handle) < timedelta(hours=4, minutes=5)
    await office.decide(review, "approve", FRANK)
    await office.decide(review, "approve", GRACE)
    assert (await office.result(review)).outcome == "approved"
    await office.recorded(handle, "system:case:follower_ended")
    await office.settled(handle)
    assert staff.has(staff.alice)
    result = await over(office, handle, hours=5)
    assert result.effect == "ended"
    assert not staff.has(staff.alice)


async def test_who_breaks_the_glass_again_is_told_on_and_reviewed_again(
    office: Office, staff: Staff
) -> None:
    first, review = await broken(office)
    second, again = await broken(office, reason="It takes longer")
    assert office.mail.kinds().count("glass_broken") == 2
    await office.decide(review, "reject", FRANK, reason="there was no need")
    result = await office.result(first)
    assert result.summary is not None
    assert result.summary.endswith(f"the account keeps it by {second.id}")
    assert staff.has(staff.alice)
    await office.decide(again, "reject", FRANK, reason="nor again")
    await office.result(second)
    assert not staff.has(staff.alice)


async def test_a_glass_is_not_broken_for_what_is_in_force_already(office: Office) -> None:
    handle = await in_force(office)
    code, why = await office.refusal(handle, "break_glass", HEIDI, reason="once more")
    assert (code, "came too late" in why) == ("late", True)


async def test_only_those_whom_the_policy_names_break_the_glass(
    office: Office, staff: Staff
) -> None:
    handle = await asked(office)
    code, _ = await office.refusal(handle, "break_glass", ALICE, reason="please")
    assert code == "break_glass_not_allowed"
    assert not staff.has(staff.alice)
