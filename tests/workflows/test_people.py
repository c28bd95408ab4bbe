"""Who is who, who may review, and what happens when people come and go."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.workflows.office import Office, expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ERIN, FRANK, GRACE = "erin@example.com", "frank@example.com", "grace@example.com"


def window(**more: Any) -> dict[str, Any]:
    """Return a window that is open now and for three weeks."""
    now = datetime.now(UTC)
    return {
        "from": (now - timedelta(days=1)).isoformat(),
        "until": (now + timedelta(days=21)).isoformat(),
        **more,
    }


@pytest.mark.rule(number=6)
@pytest.mark.parametrize(
    "spelling",
    [
        "alice@example.com",
        " ALICE@Example.COM ",
        "alice+claims@example.com",
        "a.novak@example.com",
        "alice",
        "\uff41lice@example.com",
        "al\u200bice@example.com",
        "alice@example.com.",
    ],
)
async def test_the_requester_cannot_approve_under_any_spelling(
    office: Office, spelling: str
) -> None:
    handle = await office.submit()
    assert (await office.refusal(handle, "approve", spelling))[0] == "own_request"
    assert (await office.status(handle))["reviews"] == []


@pytest.mark.rule(number=6)
async def test_a_requester_under_a_second_address_is_the_same_person(office: Office) -> None:
    handle = await office.submit(expense(requester="A.Novak+trip@EXAMPLE.com"))
    assert (await office.refusal(handle, "approve", ALICE))[0] == "own_request"
    assert await office.waits_for(handle) == ["bob"]


@pytest.mark.rule(number=6)
async def test_a_delegate_of_the_requester_may_not_approve(office: Office) -> None:
    office.people.change("erin", delegations=[window(to="carol")])
    handle = await office.submit(expense(requester=ERIN, cost_centre="CC-COMMITTEE"))
    await office.settled(handle)
    assert await office.waits_for(handle) == ["frank", "heidi"]
    assert (await office.refusal(handle, "approve", CAROL))[0] == "not_a_reviewer"


@pytest.mark.rule(number=6)
async def test_the_requester_may_not_approve_for_the_manager_who_delegates_to_them(
    office: Office,
) -> None:
    office.people.change("bob", delegations=[window(to="alice")])
    handle = await office.submit()
    assert (await office.refusal(handle, "approve", ALICE))[0] == "own_request"


async def test_a_stranger_is_told_that_nobody_knows_them(office: Office) -> None:
    handle = await office.submit()
    why, text = await office.refusal(handle, "approve", "mallory@example.com")
    assert why == "unknown_person"
    assert "directory" in text


async def test_a_delegate_acts_on_behalf_of_the_reviewer_and_the_ledger_says_so(
    office: Office,
) -> None:
    office.people.change("bob", delegations=[window(to="erin")])
    handle = await office.submit()
    await office.decide(handle, "approve", ERIN, reason="Bob asked me")
    assert (await office.result(handle)).outcome == "approved"
    (review,) = await office.told(handle, "reviewer:review:approved")
    assert (review["actor"]["id"], review["actor"]["on_behalf_of"]) == ("erin", "bob")
    (row,) = await office.ledger.reviews(handle.id)
    assert row.on_behalf_of == "bob"


@pytest.mark.rule(number=6)
async def test_a_reviewer_and_their_delegate_fill_one_seat(office: Office) -> None:
    office.people.change("erin", delegations=[window(to="carol")])
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", ERIN)
    why, _ = await office.refusal(handle, "approve", CAROL)
    assert why in {"not_a_reviewer", "seat_filled"}
    assert (await office.status(handle))["status"] == "pending"


async def test_a_delegation_for_another_pipeline_gives_no_seat(office: Office) -> None:
    office.people.change("bob", delegations=[window(to="erin", pipelines=["export"])])
    handle = await office.submit()
    assert (await office.refusal(handle, "approve", ERIN))[0] == "not_a_reviewer"


@pytest.mark.rule(number=9)
async def test_a_reviewer_who_leaves_while_the_case_waits_is_replaced(office: Office) -> None:
    handle = await office.submit()
    await office.settled(handle)
    office.people.remove("bob")
    assert (await office.refusal(handle, "approve", BOB))[0] == "unknown_person"
    assert await office.waits_for(handle) == ["carol"]
    await office.decide(handle, "approve", CAROL)
    assert (await office.result(handle)).outcome == "approved"


@pytest.mark.rule(number=9)
async def test_a_reviewer_who_goes_away_hands_the_case_to_the_deputy_at_once(
    office: Office,
) -> None:
    handle = await office.submit()
    await office.settled(handle)
    office.people.change("bob", absences=[window()])
    await office.settled(handle)
    assert await office.waits_for(handle) == ["carol"]
    assert [k for k in await office.kinds(handle) if "stage" in k] == [
        "system:stage:opened",
        "system:stage:stuck",
        "timer:stage:escalated",
    ]
    await office.decide(handle, "approve", CAROL)
    assert (await office.result(handle)).outcome == "approved"


@pytest.mark.rule(number=9)
@pytest.mark.parametrize("gone", ["active", "absences"])
async def test_the_deputy_may_be_the_first_to_notice_that_the_reviewer_is_gone(
    office: Office, gone: str
) -> None:
    handle = await office.submit()
    await office.settled(handle)
    office.people.change("bob", **{gone: False if gone == "active" else [window()]})
    assert (await office.decide(handle, "approve", CAROL))["status"] == "approved"
    assert [kind for kind in await office.kinds(handle) if "stage" in kind or "review" in kind] == [
        "system:stage:opened",
        "system:stage:stuck",
        "timer:stage:escalated",
        "reviewer:review:approved",
        "reviewers:stage:passed",
    ]


async def test_a_stranger_does_not_take_the_decision_from_a_reviewer_who_is_away(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    office.people.change("bob", absences=[window()])
    await office.signal(handle, "approve", FRANK)
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        assert (await office.result(handle)).outcome == "approved"
    assert "system:stage:stuck" not in await office.kinds(handle)


async def test_somebody_away_may_decide_all_the_same(office: Office) -> None:
    office.people.change("bob", absences=[window()])
    handle = await office.submit()
    await office.decide(handle, "approve", BOB)
    assert (await office.result(handle)).outcome == "approved"


@pytest.mark.rule(number=9)
async def test_a_planned_absence_is_seen_when_it_begins(office: Office) -> None:
    begins = datetime.now(UTC) + timedelta(hours=12)
    away = {"from": begins.isoformat(), "until": (begins + timedelta(days=9)).isoformat()}
    office.people.change("bob", absences=[away])
    handle = await office.submit()
    await office.settled(handle)
    assert await office.waits_for(handle) == ["bob"]
    await office.skip(handle, hours=13)
    assert await office.waits_for(handle) == ["carol"]


@pytest.mark.rule(number=9)
async def test_a_stage_that_nobody_can_review_ends_at_once(office: Office) -> None:
    handle = await office.submit(expense(requester=GRACE))
    result = await office.result(handle)
    assert (result.outcome, result.by) == ("rejected", "rule")
    assert "nobody" in result.reason


async def test_a_seat_that_was_handed_over_stays_so(office: Office) -> None:
    handle = await office.submit()
    await office.decide(handle, "reassign", BOB, to=FRANK)
    assert await office.waits_for(handle) == ["frank"]
    assert (await office.refusal(handle, "approve", BOB))[0] == "not_a_reviewer"
    await office.settled(handle)
    await office.decide(handle, "approve", FRANK)
    assert (await office.result(handle)).outcome == "approved"


# Who hands over whose seat to whom, and a word of the refusal.
BAD_HANDOVERS: list[tuple[str, dict[str, str], str]] = [
    (BOB, {"to": ALICE}, "cannot review it"),
    (BOB, {"to": "nobody@example.com"}, "nobody in the directory"),
    (ERIN, {"to": FRANK}, "holds no open seat"),
    (ERIN, {"to": FRANK, "from": BOB}, "can hand over"),
    (BOB, {"to": BOB}, "already"),
]


@pytest.mark.rule(number=6)
async def test_a_seat_goes_only_to_somebody_who_may_hold_it_from_who_holds_it(
    office: Office,
) -> None:
    handle = await office.submit()
    for actor, more, word in BAD_HANDOVERS:
        why, text = await office.refusal(handle, "reassign", actor, **more)
        assert why == "bad_reassignment", text
        assert word in text
    assert await office.waits_for(handle) == ["bob"]


async def test_an_administrator_hands_over_anybodys_seat(office: Office) -> None:
    office.people.change("carol", roles=["placet-admin"])
    handle = await office.submit()
    more = {"from": BOB, "to": ERIN}
    await office.decide(handle, "reassign", CAROL, **more)
    assert await office.waits_for(handle) == ["erin"]


async def test_only_the_requester_withdraws(office: Office) -> None:
    handle = await office.submit()
    assert (await office.refusal(handle, "withdraw", BOB))[0] == "not_the_requester"
    await office.decide(handle, "withdraw", "A.Novak@example.com", reason="found it")
    result = await office.result(handle)
    assert (result.outcome, result.reason, result.effect) == ("withdrawn", "found it", None)
