"""A reviewer changes the request instead of asking for changes, as the policy allows it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from placet.attestation import Claims, new_key, sign
from placet.digest import read_json
from placet.policy.loader import PolicyFolder
from tests.support.policies import policies_with
from tests.workflows.office import Handle, Office, eventually, expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ERIN, FRANK = "erin@example.com", "frank@example.com"
CHANGED = expense("125.50 EUR")


@pytest.fixture
def closed_freely(closed_office: Office, tmp_path: Path) -> Office:
    """Give an office where reviewers edit freely, and whose worker the test starts."""
    closed_office.policies = PolicyFolder(policies_with("freely", tmp_path / "policies"))
    return closed_office


@pytest.fixture
async def freely(closed_freely: Office) -> AsyncIterator[Office]:
    """Give an office where reviewers edit freely."""
    async with closed_freely.worker():
        yield closed_freely


@pytest.fixture
def closed_with_author(closed_office: Office, tmp_path: Path) -> Office:
    """Give an office where the author has to agree to an edit, without a worker."""
    closed_office.policies = PolicyFolder(policies_with("with_author", tmp_path / "policies"))
    return closed_office


@pytest.fixture
async def with_author(closed_with_author: Office) -> AsyncIterator[Office]:
    """Give an office where the author has to agree to an edit."""
    async with closed_with_author.worker():
        yield closed_with_author


async def shown(office: Office, handle: Handle) -> str:
    """Return the digest that everybody is shown."""
    return str((await office.settled(handle))["digest"])


async def edit(
    office: Office, handle: Handle, actor: str, request: Any = None, **more: Any
) -> dict[str, Any]:
    """Edit what the case says now."""
    told = {"digest": await shown(office, handle), "request": request or CHANGED, **more}
    return await office.decide(handle, "edit", actor, **told)


async def proposed(office: Office, handle: Handle) -> dict[str, Any]:
    """Return the request that waits for its author, as it is stored."""
    digest = (await office.status(handle))["proposal"]["digest"]
    told: dict[str, Any] = read_json(await office.ledger.get_content(digest))
    return told


@pytest.mark.rule(number=4)
async def test_what_a_reviewer_made_of_it_is_voted_on_and_paid(freely: Office) -> None:
    office = freely
    handle = await office.submit()
    answer = await edit(office, handle, BOB, reason="the tip was missing")
    assert "revision 2" in answer["message"]
    await office.decide(handle, "approve", BOB)
    result = await office.result(handle)
    assert (result.outcome, result.revision, result.effect) == ("approved", 2, "done")
    (payment,) = await office.ledger.payments(request=handle.id)
    assert (str(payment.amount), payment.digest) == ("125.50", result.digest)
    (told,) = await office.told(handle, "reviewer:request:edited")
    assert (told["actor"]["id"], told["reason"]) == ("bob", "the tip was missing")
    assert told["data"]["amount"] == "125.50 EUR"
    assert told["data"]["replaces"] == told["digest_shown"]
    assert "edited" in office.mail.kinds()


@pytest.mark.rule(number=4)
async def test_votes_and_early_reviews_of_what_it_was_are_void(freely: Office) -> None:
    office = freely
    handle = await office.submit(expense("20000.00 EUR"))
    await office.decide(handle, "approve", "grace@example.com")
    await office.decide(handle, "approve", BOB)
    await office.decide(handle, "approve", ERIN)
    answer = await edit(office, handle, FRANK, expense("21000.00 EUR"))
    assert "earlier votes are void" in answer["message"]
    status = await office.status(handle)
    assert (status["stage"], status["reviews"], status["passed"]) == ("manager", [], [])
    (told,) = await office.told(handle, "reviewer:request:edited")
    assert told["data"]["voided_reviews"] == 3
    for actor in (BOB, ERIN, FRANK):
        await office.decide(handle, "approve", actor)
    assert (await office.settled(handle))["stage"] == "executive"


async def test_an_author_takes_over_what_a_reviewer_proposes(with_author: Office) -> None:
    office = with_author
    handle = await office.submit()
    await edit(office, handle, BOB, reason="the tip was missing")
    status = await office.status(handle)
    assert (status["status"], status["revision"]) == ("changes_requested", 1)
    assert status["proposal"]["by"]["id"] == "bob"
    assert office.mail.kinds()[-1] == "edit_proposed"
    await office.decide(handle, "resubmit", ALICE, request=await proposed(office, handle))
    (told,) = await office.told(handle, "requester:request:resubmitted")
    assert told["data"]["edited_by"] == "bob"
    assert told["digest"] == status["proposal"]["digest"]
    assert (await office.status(handle))["proposal"] is None
    await office.decide(handle, "approve", BOB)
    assert (await office.result(handle)).digest == status["proposal"]["digest"]


async def test_an_author_answers_a_proposal_with_another_request(with_author: Office) -> None:
    office = with_author
    handle = await office.submit()
    await edit(office, handle, BOB)
    await office.decide(handle, "resubmit", ALICE, request=expense("124.00 EUR"))
    (told,) = await office.told(handle, "requester:request:resubmitted")
    assert "edited_by" not in told["data"]
    status = await office.status(handle)
    assert (status["amount"], status["proposal"]) == ("124.00 EUR", None)


@pytest.mark.rule(number=9)
async def test_a_proposal_that_nobody_answers_ends_the_case(with_author: Office) -> None:
    office = with_author
    handle = await office.submit()
    await edit(office, handle, BOB)
    await office.skip(handle, days=10, hours=1)
    result = await office.result(handle)
    assert (result.outcome, result.by) == ("expired", "timeout")


@pytest.mark.rule(number=7)
async def test_an_author_who_agrees_wins_against_the_time_that_is_over_meanwhile(
    closed_with_author: Office,
) -> None:
    office = closed_with_author
    async with office.worker():
        handle = await office.submit()
        await edit(office, handle, BOB)
        told = await proposed(office, handle)
        await office.idle(handle)
    skipping = asyncio.create_task(office.skip(handle, days=11))
    await eventually(lambda: office.timer_fired(handle), "the time to be over")
    await office.signal(handle, "resubmit", ALICE, request=told)
    async with office.worker():
        await skipping
        await office.decide(handle, "approve", BOB)
        result = await office.result(handle)
    assert (result.outcome, result.revision, result.effect) == ("approved", 2, "done")


async def test_edits_are_refused_where_the_policy_does_not_allow_them(office: Office) -> None:
    handle = await office.submit()
    digest = await shown(office, handle)
    why, text = await office.refusal(handle, "edit", BOB, request=CHANGED, digest=digest)
    assert why == "edits_not_allowed"
    assert "ask for changes" in text


async def test_only_reviewers_of_the_open_stage_edit(freely: Office) -> None:
    office = freely
    handle = await office.submit()
    told = {"request": CHANGED, "digest": await shown(office, handle)}
    assert (await office.refusal(handle, "edit", ALICE, **told))[0] == "own_request"
    assert (await office.refusal(handle, "edit", "A.Novak+x@example.com", **told))[0] == (
        "own_request"
    )
    assert (await office.refusal(handle, "edit", CAROL, **told))[0] == "not_a_reviewer"
    assert (await office.refusal(handle, "edit", "mallory", **told))[0] == "unknown_person"
    assert (await office.status(handle))["revision"] == 1


async def test_a_delegate_edits_on_behalf_of_the_holder(freely: Office) -> None:
    office = freely
    handle = await office.submit()
    digest = await shown(office, handle)
    office.people.change(
        "bob", delegations=[{"to": "carol", "from": "2020-01-01", "until": "2120-01-01"}]
    )
    # The directory has changed since anybody looked: the edit is what finds it out.
    await office.decide(handle, "edit", CAROL, request=CHANGED, digest=digest)
    (told,) = await office.told(handle, "reviewer:request:edited")
    assert (told["actor"]["id"], told["actor"]["on_behalf_of"]) == ("carol", "bob")


# An edit that cannot be taken, and a word of the refusal.
BAD_EDITS = [
    (expense(), "nothing has changed"),
    (expense("-1.00 EUR"), "amount"),
    (expense("125.00 EUR", requester=CAROL), "keeps its requester"),
    ({"title": "Dinner"}, "missing"),
    # A rule would approve it, and nobody would vote on what the reviewer wrote.
    (expense("20.00 EUR"), "by rule"),
]


async def test_an_edit_that_cannot_be_taken_leaves_the_case_as_it_was(freely: Office) -> None:
    office = freely
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", ERIN)
    digest = await shown(office, handle)
    for request, word in BAD_EDITS:
        sent = {**request, "cost_centre": "CC-COMMITTEE"}
        why, text = await office.refusal(handle, "edit", FRANK, request=sent, digest=digest)
        assert why == "bad_request"
        assert word in text
    status = await office.status(handle)
    assert (status["revision"], len(status["reviews"])) == (1, 1)
    assert await office.waits_for(handle) == ["frank", "heidi"]


@pytest.mark.rule(number=4)
async def test_of_two_reviewers_who_edit_at_once_one_is_told_to_look_again(
    closed_freely: Office,
) -> None:
    office = closed_freely
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    async with office.worker():
        digest = await shown(office, handle)
    for actor, amount in ((ERIN, "121.00 EUR"), (FRANK, "122.00 EUR")):
        request = expense(amount, cost_centre="CC-COMMITTEE")
        await office.signal(handle, "edit", actor, request=request, digest=digest)
    async with office.worker():
        status = await office.settled(handle)
    assert (status["amount"], status["revision"]) == ("121.00 EUR", 2)
    (refused,) = await office.told(handle, "caller:message:refused")
    assert refused["data"]["refusal"] == "other_revision"


@pytest.mark.rule(number=3)
async def test_the_same_edit_twice_gets_the_same_receipt(freely: Office) -> None:
    office = freely
    handle = await office.submit()
    told = {"request": CHANGED, "digest": await shown(office, handle), "decision_id": "bob-1"}
    answers = await asyncio.gather(
        *(office.decide(handle, "edit", BOB, **told) for _ in range(3)),
    )
    assert len({(answer["event"], answer["leaf"]) for answer in answers}) == 1
    assert len(await office.told(handle, "reviewer:request:edited")) == 1
    other = {**told, "request": expense("7.00 EUR")}
    assert (await office.refusal(handle, "edit", BOB, **other))[0] == "decision_id_reused"


@pytest.mark.rule(number=9)
async def test_edits_are_counted_with_the_changes_that_are_asked_for(freely: Office) -> None:
    office = freely
    handle = await office.submit()
    await edit(office, handle, BOB, expense("121.00 EUR"))
    await edit(office, handle, BOB, expense("122.00 EUR"))
    told = {"request": CHANGED, "digest": await shown(office, handle)}
    why, text = await office.refusal(handle, "edit", BOB, **told)
    assert why == "rounds_exhausted"
    assert "approve or reject" in text


async def test_a_signed_stage_takes_only_a_signed_edit(freely: Office, tmp_path: Path) -> None:
    office = freely
    office.people.change("bob", keys=[new_key(tmp_path / "bob.key").jwk()])
    handle = await office.submit(expense(cost_centre="CC-SIGNED"))
    told: dict[str, Any] = {
        "request": expense("125.50 EUR", cost_centre="CC-SIGNED"),
        "digest": await shown(office, handle),
        "decision_id": "bob-edits",
    }
    assert (await office.refusal(handle, "edit", BOB, **{**told, "decision_id": "x"}))[0] == (
        "assurance_too_low"
    )
    now = (await office.timeline(handle))[0].occurred
    claims = Claims(
        sub=BOB,
        req=handle.id,
        rev=1,
        dig=told["digest"],
        stage="signed",
        verdict="edit",
        iat=int(now.timestamp()),
        jti="bob-edits",
    )
    signature = sign(tmp_path / "bob.key", claims)
    await office.decide(handle, "edit", BOB, attestation=signature, **told)
    (event,) = await office.told(handle, "reviewer:request:edited")
    assert event["actor"]["assurance"] == "verified"
