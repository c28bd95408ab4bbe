"""What a case needs is gone for good: it ends, and says what to do (rule 9)."""

from typing import Any

import pytest

from placet.domain.errors import ConflictError
from placet.domain.people import Directory
from tests.workflows.office import Handle, Office, expense
from tests.workflows.trouble import Erased

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ENDED = ["system:case:failed", "system:case:decided"]


class Broken:
    """A directory that nobody can use any more."""

    def snapshot(self) -> Directory:
        """Refuse."""
        raise ConflictError("the directory contradicts itself; correct it")


async def waiting(office: Office, **changes: Any) -> Handle:
    """Return a case that waits for its first stage, while no worker is up."""
    handle = await office.submit(expense(**changes))
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    return handle


@pytest.mark.rule(number=9)
async def test_a_case_whose_policy_was_erased_fails_and_its_people_are_told(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await waiting(office, cost_centre="CC-FINANCE")
    office.writes_to = Erased(office.ledger)
    async with office.worker():
        answer = await office.decide(handle, "approve", BOB)
        result = await office.result(handle)
    assert answer["accepted"]
    assert (result.outcome, result.by, result.effect) == ("failed", "system", None)
    assert "stage finance cannot be opened" in result.reason
    assert "restore it from a backup" in result.reason
    assert "submit the request again" in result.reason
    assert (await office.kinds(handle))[-3:] == ["reviewers:stage:passed", *ENDED]
    assert office.mail.kinds() == ["review_wanted", "decided"]


@pytest.mark.rule(number=9)
@pytest.mark.parametrize(
    ("action", "actor", "more"),
    [("approve", BOB, {}), ("resubmit", ALICE, {"request": expense("130.00 EUR")})],
    ids=["approve", "resubmit"],
)
async def test_a_case_whose_directory_is_broken_fails_and_whoever_asks_is_answered(
    closed_office: Office, action: str, actor: str, more: dict[str, Any]
) -> None:
    office = closed_office
    handle = await waiting(office)
    office.people = Broken()  # type: ignore[assignment]
    async with office.worker():
        why, text = await office.refusal(handle, action, actor, **more)
        result = await office.result(handle)
    assert why == "late"
    assert "failed by system" in text
    assert (result.outcome, result.by) == ("failed", "system")
    assert "correct it" in result.reason
    assert (await office.kinds(handle))[-3:] == [*ENDED, "caller:message:late"]
    told = [(n.kind.value, [p.id for p in n.to]) for n in office.mail.notices.values()]
    assert sorted(told[-2:]) == [("decided", ["alice"]), ("decided", ["bob"])]


async def test_a_comment_to_a_case_that_failed_like_this_is_refused_and_recorded(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await waiting(office)
    office.people = Broken()  # type: ignore[assignment]
    await office.signal(handle, "comment", CAROL, reason="hm")
    async with office.worker():
        assert (await office.result(handle)).outcome == "failed"
    (refused,) = await office.told(handle, "caller:message:refused")
    assert "nobody can tell who may decide" in refused["reason"]
