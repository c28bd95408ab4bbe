import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from placet.access.target import Change
from placet.domain.errors import ConflictError, UnavailableError
from placet.domain.grants import GrantState
from placet.domain.orders import EffectOrder
from placet.domain.vocabulary import EndReason
from placet.ledger import PostgresLedger
from tests.access.approved import (
    APPROVED,
    CASE,
    UNTIL,
    Desk,
    approved,
    broken,
    effects_told,
    end_of,
)
from tests.access.listed import VARIABLE, catalogue, policies_for
from tests.access.staff import Staff
from tests.publishing.hook import Hook

GRANTED = ["effect:permit:consumed", "effect:run:done"]
NOBODY = "postgresql://granter@127.0.0.1:9/shop"


@pytest.fixture
def desk(ledger: PostgresLedger, staff: Staff, tmp_path: Path) -> Desk:
    """Give somebody who grants."""
    folder = policies_for(staff, tmp_path / "policies")
    return Desk(ledger, folder, {VARIABLE: staff.granter_url})


@pytest.fixture
async def order(ledger: PostgresLedger, desk: Desk) -> EffectOrder:
    """Give an approved order to grant Alice the role."""
    return await approved(ledger, desk.policies)


async def refusal(desk: Desk, order: EffectOrder) -> str:
    """Expect that nothing is granted, for good, and return why."""
    with pytest.raises(ApplicationError) as caught:
        await desk.grant(order)
    assert caught.value.non_retryable
    return str(caught.value.message)


def list_anew(desk: Desk, text: str) -> None:
    """Write another catalogue."""
    (desk.policies / "access-roles.yaml").write_text(text, encoding="utf-8")


@pytest.mark.rule(number=5)
async def test_running_it_again_gives_the_same_result(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger, staff: Staff
) -> None:
    first = await desk.grant(order)
    assert await desk.grant(order) == first
    assert first.until == UNTIL
    assert first.summary == f"{staff.role} at shop for {staff.alice}"
    (done,) = [e for e in await ledger.timeline(CASE) if e.kind == "effect:run:done"]
    assert first.receipt is not None
    assert (first.receipt.event_id, first.receipt.leaf) == (done.event_id, done.leaf)
    data: Any = done.body["data"]
    assert data["effect"] == "in_force"
    assert data["until"] == "2026-03-02T16:30:00Z"

    ended = await desk.revoke(end_of(order))
    assert not staff.has(staff.alice)
    again = await desk.revoke(end_of(order))
    assert again.receipt == ended.receipt
    assert await effects_told(ledger) == [*GRANTED, "effect:run:ended"]
    # The effect that comes late says what it was, and gives nothing any more.
    assert await desk.grant(order) == first
    assert not staff.has(staff.alice)


@pytest.mark.rule(number=5)
async def test_two_workers_at_once_grant_once(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger
) -> None:
    results = await asyncio.gather(*(desk.grant(order) for _ in range(4)))
    assert all(result == results[0] for result in results)
    assert len(await ledger.grants.rows()) == 1
    assert await effects_told(ledger) == GRANTED


async def test_who_broke_the_glass_has_it_no_longer_than_permitted(
    desk: Desk, order: EffectOrder
) -> None:
    result = await desk.grant(broken(order, minutes=90))
    assert result.until == APPROVED + timedelta(minutes=90)


async def test_nor_longer_than_was_asked_for(desk: Desk, order: EffectOrder) -> None:
    result = await desk.grant(broken(order, minutes=10_000))
    assert result.until == UNTIL


@pytest.mark.rule(number=4)
async def test_only_what_was_approved_is_granted(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger, staff: Staff
) -> None:
    good = catalogue(staff)
    changed = {
        "says something else of reporting": good.replace(staff.role, staff.orders, 1).replace(
            f"orders: {{target: shop, role: '{staff.orders}'",
            f"orders: {{target: shop, role: '{staff.role}'",
        ),
        "lists .* for alice now": good.replace(staff.alice, staff.dan, 1).replace(
            f"erin: '{staff.dan}'", f"erin: '{staff.alice}'"
        ),
        "lists none for alice now": good.replace(f"      alice: '{staff.alice}'\n", ""),
    }
    for said, text in changed.items():
        list_anew(desk, text)
        with pytest.raises(ApplicationError, match=said):
            await desk.grant(order)
    list_anew(desk, good.replace("  reporting:", "  other:"))
    assert "says something else of reporting" in await refusal(desk, order)
    list_anew(desk, good)
    people = desk.policies / "directory.yaml"
    left = people.read_text(encoding="utf-8").replace(
        "manager: bob}", "manager: bob, active: false}"
    )
    people.write_text(left, encoding="utf-8")
    assert "has left the directory" in await refusal(desk, order)
    other = order.model_copy(update={"digest": "a" * 64})
    await refusal(desk, other)
    assert not staff.has(staff.alice)
    assert not staff.has(staff.dan)
    assert await effects_told(ledger) == []


async def test_what_is_refused_at_once_consumes_nothing(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger, staff: Staff
) -> None:
    staff.run("alter role {} createrole", staff.role)
    assert "can create roles" in await refusal(desk, order)
    staff.run("alter role {} nocreaterole", staff.role)
    staff.run("grant {} to {}", staff.role, staff.alice)
    assert "and not by Placet" in await refusal(desk, order)
    assert staff.has(staff.alice)
    assert await effects_told(ledger) == []


class _Refusing:
    """A target that has given the role and says that it has not."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        return (lambda at: _Refusing(found(at))) if name == "open" else found

    async def grant(self, change: Change) -> None:
        """Give it, and refuse."""
        await self._behind.grant(change)
        raise ConflictError("the role is locked")


async def test_what_is_refused_half_way_is_taken_away_again_and_has_failed(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger, staff: Staff
) -> None:
    desk.around = _Refusing
    assert await refusal(desk, order) == "the role is locked"
    assert not staff.has(staff.alice)
    (grant,) = await ledger.grants.rows()
    assert (grant.state, grant.ended_why) == (GrantState.FAILED, "the role is locked")
    # It stays so: the permit is used.
    desk.around = lambda targets: targets
    assert await refusal(desk, order) == "the role is locked"
    assert not staff.has(staff.alice)


async def test_a_target_that_is_away_costs_nothing_but_time(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger, staff: Staff
) -> None:
    url = desk.environment[VARIABLE]
    for away in (NOBODY, ""):
        desk.environment[VARIABLE] = away
        with pytest.raises(UnavailableError, match=VARIABLE):
            await desk.grant(order)
    assert await effects_told(ledger) == []
    desk.environment[VARIABLE] = url
    await desk.grant(order)
    desk.environment[VARIABLE] = NOBODY
    with pytest.raises(UnavailableError, match="is not taken away yet: the database of TEST_GRANT"):
        await desk.revoke(end_of(order))
    assert staff.has(staff.alice)
    desk.environment[VARIABLE] = url
    await desk.revoke(end_of(order))
    assert not staff.has(staff.alice)


async def test_what_cannot_be_taken_away_is_tried_again_and_says_what_to_do(
    desk: Desk, order: EffectOrder, staff: Staff
) -> None:
    await desk.grant(order)
    list_anew(
        desk, catalogue(staff).replace("  shop:", "  mall:").replace("target: shop", "target: mall")
    )
    with pytest.raises(UnavailableError, match="lists no target shop; list it again"):
        await desk.revoke(end_of(order))
    # The role's entry may be gone: what counts is that its target can still be opened.
    list_anew(desk, catalogue(staff).replace("  reporting:", "  other:"))
    await desk.revoke(end_of(order))
    assert not staff.has(staff.alice)


async def test_a_role_that_is_gone_altogether_has_ended(
    desk: Desk, order: EffectOrder, staff: Staff
) -> None:
    await desk.grant(order)
    staff.run("drop role {}", staff.role)
    result = await desk.revoke(end_of(order, EndReason.WITHDRAWN))
    assert result.summary.endswith("withdrawn; it was gone already")


@pytest.mark.parametrize("renamed", ["role", "alice"])
async def test_what_is_called_something_else_by_now_is_taken_away_all_the_same(
    desk: Desk, order: EffectOrder, staff: Staff, renamed: str
) -> None:
    await desk.grant(order)
    called = getattr(staff, renamed)
    other = f"{staff.prefix} renamed"
    staff.run("alter role {} rename to {}", called, other)
    try:
        result = await desk.revoke(end_of(order))
        member = (staff.alice, other) if renamed == "role" else (other, staff.role)
        assert not staff.has(*member)
        assert result.summary.endswith("expired")
    finally:
        staff.run("alter role {} rename to {}", other, called)


async def test_two_cases_of_one_role_take_it_away_when_the_last_one_ends(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger, staff: Staff
) -> None:
    other = await approved(ledger, desk.policies, case="access-2")
    await desk.grant(order)
    await desk.grant(other)
    kept = await desk.revoke(end_of(order))
    assert kept.summary.endswith("the account keeps it by access-2")
    assert staff.has(staff.alice)
    await desk.revoke(end_of(other))
    assert not staff.has(staff.alice)


async def test_what_is_stopped_before_it_began_gives_nothing_and_uses_the_permit(
    desk: Desk, order: EffectOrder, ledger: PostgresLedger, staff: Staff
) -> None:
    desk.environment[VARIABLE] = NOBODY
    stop = order.model_copy(update={"stop": True})
    first = await desk.grant(stop)
    assert (first.stopped, first.summary) == (True, "withdrawn before it was granted")
    assert await desk.grant(stop) == first
    desk.environment[VARIABLE] = staff.granter_url
    assert "has to be consumed for a grant" in await refusal(desk, order)
    assert not staff.has(staff.alice)
    assert await effects_told(ledger) == ["effect:permit:consumed", "effect:run:stopped"]


def by_webhook(hook: Hook) -> str:
    """Return a catalogue whose role is at a server that is told."""
    return (
        f"targets: {{shop: {{kind: webhook, url: '{hook.url}', secret_env: SECRET}}}}\n"
        "roles:\n  reporting: {target: shop, role: door-7, about: A door, longest: 30d,\n"
        "    owner: [{person: erin}]}\n"
    )


async def test_a_server_is_told_of_the_beginning_and_the_end(
    desk: Desk, ledger: PostgresLedger, hook: Hook
) -> None:
    list_anew(desk, by_webhook(hook))
    desk.environment["SECRET"] = hook.secret
    order = await approved(ledger, desk.policies)
    for _ in range(2):
        await desk.grant(order)
    for _ in range(2):
        await desk.revoke(end_of(order))
    assert [message["type"] for _, message in hook.taken] == ["access.granted", "access.revoked"]
    assert hook.taken[0][1]["data"] == {
        "role": "door-7",
        "account": "alice@example.com",
        "person": "alice",
        "case": CASE,
        "minutes": 480,
    }


async def test_a_server_that_refuses_has_given_nothing(
    desk: Desk, ledger: PostgresLedger, hook: Hook
) -> None:
    list_anew(desk, by_webhook(hook))
    desk.environment["SECRET"] = hook.secret
    order = await approved(ledger, desk.policies)
    hook.answer = lambda _: 422
    assert "refuses it with 422" in await refusal(desk, order)
    assert hook.posts == 1
    (grant,) = await ledger.grants.rows()
    assert grant.state is GrantState.FAILED


async def test_a_server_that_may_have_given_it_is_told_when_it_is_stopped(
    desk: Desk, ledger: PostgresLedger, hook: Hook
) -> None:
    list_anew(desk, by_webhook(hook))
    desk.environment["SECRET"] = hook.secret
    order = await approved(ledger, desk.policies)
    hook.answer = lambda number: 503 if number == 1 else 204
    with pytest.raises(UnavailableError, match="answers 503"):
        await desk.grant(order)
    result = await desk.grant(order.model_copy(update={"stop": True}))
    assert result.stopped
    assert [message["type"] for _, message in hook.taken] == ["access.revoked"]


async def test_a_server_that_refuses_what_it_may_have_taken_is_told_to_take_it_away(
    desk: Desk, ledger: PostgresLedger, hook: Hook
) -> None:
    list_anew(desk, by_webhook(hook))
    desk.environment["SECRET"] = hook.secret
    order = await approved(ledger, desk.policies)
    # It takes the first message and cannot say so; then it wants no message twice.
    hook.answer = lambda number: {1: 502, 2: 409}.get(number, 204)
    with pytest.raises(UnavailableError, match="answers 502"):
        await desk.grant(order)
    assert "refuses it with 409" in await refusal(desk, order)
    assert [message["type"] for _, message in hook.taken] == ["access.revoked"]
    (grant,) = await ledger.grants.rows()
    assert grant.state is GrantState.FAILED


async def test_an_extension_that_comes_to_nothing_leaves_what_is_in_force(
    desk: Desk, ledger: PostgresLedger, hook: Hook
) -> None:
    list_anew(desk, by_webhook(hook))
    desk.environment["SECRET"] = hook.secret
    await desk.grant(await approved(ledger, desk.policies))
    for case in ("access-2", "access-3"):
        other = await approved(ledger, desk.policies, case=case)
        hook.answer = lambda _: 503
        with pytest.raises(UnavailableError, match="answers 503"):
            await desk.grant(other)
        hook.answer = lambda _: 409
        if case == "access-2":
            assert (await desk.grant(other.model_copy(update={"stop": True}))).stopped
        else:
            assert "refuses it with 409" in await refusal(desk, other)
    assert [message["type"] for _, message in hook.taken] == ["access.granted"]
