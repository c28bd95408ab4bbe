"""Who attacks an erasure: takes more away than was approved, less, or nothing ever."""

import asyncio
import json

import psycopg
import pytest
from pydantic import JsonValue

from placet.digest import canonical
from placet.domain.erasure import ErasureEntry, ErasurePlan
from placet.domain.errors import ConflictError, NotFoundError, UnavailableError
from tests.conftest import Database
from tests.ledger.raw import append_raw, until_somebody_waits
from tests.ledger.stories import event, state
from tests.personal import test_erasing
from tests.personal.erasable import (
    ALICE,
    BOB,
    PERMIT,
    RECEIPT,
    REQUEST,
    SHARED,
    approved,
    mailed,
    sha256,
    stranger,
    tell,
)
from tests.personal.test_erasing import World

pytestmark = pytest.mark.rule(number=11)

world = test_erasing.world
PLAN_TYPE = "application/vnd.placet.erasure+json"


async def hold(world: World, on_what: str, target: str) -> None:
    """Place a legal hold."""
    data: dict[str, JsonValue] = {"hold": "h1", "on": on_what, "target": target}
    await world.ledger.append([event("person:hold:placed", request="hold:h1", data=data)])


@pytest.mark.parametrize(
    ("on_what", "target", "erased"),
    [
        # What strangers said in a request goes with whoever asked: a hold on it keeps them.
        ("subject", "request:expense-1", "alice"),
        # And a hold on whoever asked keeps what strangers said in their request.
        ("subject", "alice", "request:expense-1"),
        ("request", "expense-1", "request:expense-1"),
    ],
)
async def test_a_hold_keeps_all_that_would_go_with_whom_it_is_on(
    world: World, on_what: str, target: str, erased: str
) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    await stranger(world.ledger, "expense-1")
    order = await approved(world.ledger, erased)
    await hold(world, on_what, target)
    before = world.count("select count(*) from audit.pii")
    with pytest.raises(Exception, match="legal hold"):
        await world.erase(order)
    assert world.count("select count(*) from audit.pii") == before
    assert [each.hold for each in await world.ledger.erasures.holds(erased)] == ["h1"]


@pytest.mark.parametrize(
    ("on_what", "target"),
    [("subject", "alice"), ("request", "expense-1"), ("subject", "request:expense-1")],
)
async def test_a_hold_that_is_being_placed_is_waited_for(
    world: World, database: Database, on_what: str, target: str
) -> None:
    await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    await stranger(world.ledger, "expense-1")
    order = await approved(world.ledger)
    key = world.vault.keys.current("alice")
    before = world.count("select count(*) from audit.pii")
    data: dict[str, JsonValue] = {"hold": "h1", "on": on_what, "target": target}
    placed = event("person:hold:placed", request="hold:h1", data=data)
    with psycopg.connect(database.app_url) as holding:
        append_raw(holding, [placed])
        erasing = asyncio.create_task(world.erase(order))
        await until_somebody_waits(database, "relation")
        holding.commit()
        with pytest.raises(Exception, match=r"under legal hold \(h1\): nothing is erased"):
            await erasing
    assert world.count("select count(*) from audit.pii") == before
    assert world.vault.keys.find("alice", key.key_id) == key
    assert await world.ledger.get_content(sha256(RECEIPT)) == RECEIPT


@pytest.mark.parametrize("poison", [b"\xff\xfe{}", b'{"a":"\x00"}', b"\xed\xa0\x80"])
async def test_content_that_is_no_text_keeps_nobody_from_being_erased(
    world: World, poison: bytes
) -> None:
    await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    poisoned = await world.ledger.put_content(poison, "application/json")
    told = event(request="expense-1", requester="alice")
    body = {**told.body, "digest": poisoned}
    await world.ledger.append([told.model_copy(update={"body": body})])
    await world.erase()
    with pytest.raises(NotFoundError):
        await world.ledger.get_content(sha256(RECEIPT))


async def begin(world: World, digest: str, plan: bytes) -> None:
    """Begin an erasure before the worker does, as whoever has the application's password."""
    entry = ErasureEntry(
        permit_id=PERMIT,
        request=REQUEST,
        digest=digest,
        subject="alice",
        plan=await world.ledger.put_content(plan, PLAN_TYPE),
    )
    told: dict[str, JsonValue] = {"permit": PERMIT, "effect": "pending"}
    consumed = event(
        "effect:permit:consumed",
        request=REQUEST,
        step="effect:permit:consumed",
        requester="heidi",
        data=told,
    )
    await world.ledger.erasures.begin(entry, [consumed])


def plan(*contents: str, subjects: tuple[str, ...] = ("alice", "request:expense-1")) -> bytes:
    """Return a plan of the attacker's own."""
    return canonical(ErasurePlan(subjects=subjects, contents=contents, stays=()))


@pytest.mark.parametrize("subjects", [(), ("alice",), ("request:expense-1",)])
async def test_no_plan_leaves_a_key_out(world: World, subjects: tuple[str, ...]) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    key = world.vault.keys.current("alice")
    order = await approved(world.ledger)
    # Not for good: they may have made a request in that very moment, and the worker plans again.
    with pytest.raises(UnavailableError, match="plan the erasure again"):
        await begin(world, order.digest, plan(subjects=subjects))
    await world.erase(order)
    assert world.vault.keys.find("alice", key.key_id) is None


@pytest.mark.parametrize("broken", [b"{}", b"[]", b"no json", b'{"subjects":["alice"]}', b"\xff"])
async def test_no_plan_that_nobody_can_read_begins_an_erasure(world: World, broken: bytes) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    order = await approved(world.ledger)
    with pytest.raises(ConflictError):
        await begin(world, order.digest, broken)
    await world.erase(order)


async def test_a_plan_takes_no_policy_away(world: World) -> None:
    policy = await world.ledger.put_content(b'{"id":"expense"}', "application/json")
    await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    planned = event(request="expense-1", policy={"id": "expense", "version": 1, "digest": policy})
    await world.ledger.append([planned])
    order = await approved(world.ledger)
    with pytest.raises(ConflictError, match=policy):
        await begin(world, order.digest, plan(policy))
    await world.erase(order)
    assert await world.ledger.get_content(policy)


async def test_a_plan_takes_nothing_away_that_open_requests_need(world: World) -> None:
    needed = await tell(world.ledger, "expense-1", ALICE, RECEIPT, open_=True)
    order = await approved(world.ledger)
    with pytest.raises(ConflictError, match=needed):
        await begin(world, order.digest, plan(needed))
    await world.erase(order)
    assert await world.ledger.get_content(needed)


async def test_a_plan_of_somebody_elses_takes_nothing_away_that_others_have(world: World) -> None:
    bobs = await tell(world.ledger, "expense-2", BOB, SHARED)
    # A title, a reason or a reference of a request is typed, and stands in what is stored of it.
    typed = await world.ledger.put_content(
        canonical({"title": f"as in {bobs}"}), "application/json"
    )
    alices = await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    told = event(request="expense-1", requester="alice", state=None)
    body = {**told.body, "digest": typed}
    await world.ledger.append([told.model_copy(update={"body": body})])
    order = await approved(world.ledger)
    await begin(world, order.digest, plan(bobs, typed, alices, sha256(RECEIPT)))
    await world.erase(order)
    assert await world.ledger.get_content(bobs)
    with pytest.raises(NotFoundError):
        await world.ledger.get_content(sha256(RECEIPT))


async def test_nobodys_request_becomes_somebody_elses(world: World) -> None:
    bobs = await tell(world.ledger, "expense-2", BOB, SHARED)
    await tell(world.ledger, "expense-1", ALICE)
    forged = event(
        request="expense-2", state=state("approved", requester={"id": "alice", "name": "Alice"})
    )
    with pytest.raises(ConflictError, match="is one of bob: no event makes it one of alice"):
        await world.ledger.append([forged])
    row = await world.ledger.request("expense-2")
    assert row is not None
    assert row.requester_id == "bob"
    await world.erase()
    assert await world.ledger.get_content(bobs)


async def test_a_request_that_somebody_took_over_long_ago_does_not_stop_a_rebuild(
    world: World,
) -> None:
    await tell(world.ledger, "expense-2", BOB)
    forged = event(
        request="expense-2", state=state("approved", requester={"id": "alice", "name": "Alice"})
    )
    with psycopg.connect(world.admin_url, autocommit=True) as connection:
        connection.execute("alter table inbox.request disable trigger keep_requester")
        append_raw(connection, [forged])
        connection.execute("alter table inbox.request enable always trigger keep_requester")
    assert world.count("select inbox.rebuild()") == world.count("select count(*) from audit.event")


async def test_addresses_of_whoever_has_left_the_directory_go_too(world: World) -> None:
    who: dict[str, JsonValue] = {"id": "zoe", "name": "Zoe Lang", "address": "Zoe@example.net"}
    await tell(world.ledger, "expense-1", who)
    said = event(request="expense-1", actor=who, reason="hello")
    await world.ledger.append([said])
    mailed(world.admin_url, "zoe@example.net", "bob@example.com")
    await world.erase(await approved(world.ledger, "zoe"))
    rows = await world.ledger.deliveries.rows("p")
    assert [each.address for each in rows] == ["[erased] 1", "bob@example.com"]
    story = json.dumps([each.body for each in await world.ledger.timeline("expense-1")])
    assert "example.net" not in story


async def test_whoever_erases_cannot_have_the_key_forgotten(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    key = world.vault.keys.current("alice")
    order = await approved(world.ledger)
    # A plan that names no file leaves none behind.
    await begin(world, order.digest, plan())
    while await world.eraser.personal(PERMIT, 1000):
        pass
    with pytest.raises(UnavailableError, match="let the worker confirm first"):
        await world.eraser.finish(PERMIT)
    await world.erase(order)
    assert world.vault.keys.find("alice", key.key_id) is None
    with pytest.raises(NotFoundError):
        await world.ledger.get_content(sha256(RECEIPT))
