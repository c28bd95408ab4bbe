"""A case that comes of a case: what it was asked, under which id, and what its end is worth."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from placet.pipelines.expense import DOOR
from placet.policy.loader import PolicyFolder
from tests.workflows.lending import SEIZED, Lender
from tests.workflows.office import POLICIES, Handle, Office, expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
GLASS = """
break_glass: {by: [{person: alice@example.com}], at_most: 4h, assurance: claimed}
"""


@pytest.fixture
def lender(closed_office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lender:
    """Let Alice break the glass, and give what the effect listens to."""
    monkeypatch.setattr("placet.bootstrap.PIPELINES", (SEIZED,))
    monkeypatch.setattr("placet.pipelines.expense.DOOR", replace(DOOR, reviewed_afterwards=True))
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    with (policies / "expense.yaml").open("a") as file:
        file.write(GLASS)
    closed_office.policies = PolicyFolder(policies)
    closed_office.writes_to = lender = Lender(closed_office.ledger)
    return lender


async def seized(office: Office, name: str | None = None) -> tuple[Handle, Handle]:
    """Submit a case and break the glass; return it and its review, which waits for people."""
    handle = await office.submit(name=name)
    await office.decide(handle, "break_glass", ALICE, reason="the shop is down")
    await office.recorded(handle, "system:case:followed")
    await office.recorded(handle, "effect:run:done")
    (followed,) = await office.told(handle, "system:case:followed")
    review: Handle = office.client.get_workflow_handle(followed["data"]["case"])
    await office.recorded(review, "system:stage:opened")
    return handle, review


async def in_force(office: Office, handle: Handle) -> bool:
    """Say whether what was lent still is."""
    return bool((await office.status(handle))["effect"] == "in_force")


async def test_a_review_that_says_yes_leaves_it_in_force(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    async with office.worker():
        handle, review = await seized(office)
        await office.decide(review, "approve", BOB)
        await office.recorded(handle, "system:case:follower_ended")
        assert await in_force(office, handle)
        await office.decide(handle, "withdraw", ALICE)
        await office.result(handle)
    assert len(lender.ends) == 1


async def test_a_review_that_says_no_ends_it(closed_office: Office, lender: Lender) -> None:
    office = closed_office
    async with office.worker():
        handle, review = await seized(office)
        await office.decide(review, "reject", BOB, reason="the shop was up")
        assert (await office.result(handle)).effect == "undone"
    assert "the shop was up" in lender.ends[0].reason


@pytest.mark.rule(number=4)
async def test_a_review_of_something_else_than_was_asked_is_no_yes(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    async with office.worker():
        handle, review = await seized(office)
        await office.decide(review, "resubmit", ALICE, request=expense("51.00 EUR"))
        await office.decide(review, "approve", BOB)
        assert (await office.result(review)).outcome == "approved"
        assert (await office.result(handle)).effect == "undone"
    (ended,) = await office.told(handle, "system:case:follower_ended")
    assert "revision 2" in ended["reason"]
    assert len(lender.ends) == 1


async def test_an_id_that_somebody_has_taken_keeps_nobody_from_reviewing(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    async with office.worker():
        taken = await office.submit(name="expense-glass-expense")
        handle, review = await seized(office, "expense-glass")
        assert review.id == "expense-glass-expense-2"
        await office.decide(taken, "withdraw", ALICE)
        await office.decide(review, "approve", BOB)
        await office.recorded(handle, "system:case:follower_ended")
        assert await in_force(office, handle)
        await office.decide(handle, "withdraw", ALICE)
        await office.result(handle)
    assert len(lender.ends) == 1


async def test_an_id_that_somebody_has_taken_keeps_nobody_from_being_asked_again(
    closed_office: Office, lender: Lender
) -> None:
    office = closed_office
    lender.again = expense("150.00 EUR")
    async with office.worker():
        await office.submit(name="expense-mine-again")
        handle = await office.submit(name="expense-mine")
        await office.decide(handle, "approve", BOB)
        await office.result(handle)
        (followed,) = await office.told(handle, "system:case:followed")
        assert followed["data"] == {"case": "expense-mine-again-2"}
        again: Handle = office.client.get_workflow_handle("expense-mine-again-2")
        await office.recorded(again, "system:stage:opened")
        assert (await office.status(again))["plan"]["amount"] == "150.00 EUR"


@pytest.mark.rule(number=8)
async def test_the_longest_id_has_followers_too(closed_office: Office, lender: Lender) -> None:
    office = closed_office
    async with office.worker():
        handle, review = await seized(office, "x" * 1_000)
        assert len(review.id) <= 1_000
        await office.decide(review, "reject", BOB)
        assert (await office.result(handle)).effect == "undone"
    assert len(lender.ends) == 1


@pytest.mark.rule(number=9)
async def test_who_fills_the_history_does_not_keep_it_in_force(
    closed_office: Office, lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = closed_office
    monkeypatch.setattr("placet.domain.lasting.MAX_EVENTS", 100)
    async with office.worker():
        handle, review = await seized(office)
        lender.fails = 1  # so that the last comments find it there
        await asyncio.gather(
            *(office.signal(handle, "comment", CAROL, reason=f"{number}") for number in range(100))
        )
        assert (await office.result(handle)).effect == "undone"
        assert (await office.decide(review, "approve", BOB))["accepted"]
    (ended,) = await office.told(handle, "system:case:follower_ended")
    assert ended["data"]["outcome"] == "failed"
    assert len(lender.ends) == 2
