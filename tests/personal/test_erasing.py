"""An approved erasure: what is gone, what stays, and that the ledger still holds."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import erasing as erasing_module
from placet.domain.erasure import what_stays
from placet.domain.errors import NotFoundError
from placet.domain.orders import EffectOrder, EffectResult
from placet.domain.publication import MANIFEST_TYPE
from placet.ledger import PostgresLedger, open_pool
from placet.ledger.encoding import Encoder
from placet.ledger.erasing import PostgresEraser
from placet.personal.sealing import ERASED, TOKEN
from placet.personal.vault import Vault, open_vault
from placet.proof.leaf import leaf_hash
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import event, state
from tests.personal.erasable import (
    ALICE,
    BOB,
    RECEIPT,
    REQUEST,
    SHARED,
    approved,
    erasing,
    mailed,
    sha256,
    stranger,
    tell,
)
from tests.support.leaves import leaf_event


class World(NamedTuple):
    """A ledger that seals, its eraser and its keys."""

    ledger: PostgresLedger
    eraser: PostgresEraser
    vault: Vault
    admin_url: str

    async def erase(self, order: EffectOrder | None = None) -> EffectResult:
        """Carry an erasure out."""
        told = order or await approved(self.ledger)
        activities = erasing(self.ledger, self.vault.keys, self.eraser)
        result: EffectResult = await ActivityEnvironment().run(activities.erase, told)
        return result

    def count(self, query: str) -> int:
        """Return the only number of a query, as the administrator sees it."""
        with psycopg.connect(self.admin_url) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    vault = open_vault(tmp_path / "keys")
    eraser_url = database.admin_url.replace("postgres@", "placet_app_eraser@")
    async with open_pool(database.app_url) as pool, open_pool(eraser_url) as erasers:
        ledger = PostgresLedger(pool, Encoder(vault=vault))
        yield World(ledger, PostgresEraser(erasers), vault, database.admin_url)


async def test_nobody_is_named_any_more_and_others_still_are(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    await tell(world.ledger, "expense-2", BOB)
    await stranger(world.ledger, "expense-1")
    await world.erase()

    row = await world.ledger.request("expense-1")
    assert row is not None
    assert (row.title, row.requester_id, row.requester_name) == (ERASED, "alice", ERASED)
    (review,) = await world.ledger.reviews("expense-1")
    assert (review.actor_name, review.reason) == ("Bob Okafor", "fine, Alice Novak")
    (given,) = await world.ledger.reviews("expense-2")
    assert (given.actor_id, given.actor_name, given.reason) == ("alice", ERASED, ERASED)
    other = await world.ledger.request("expense-2")
    assert other is not None
    assert other.title == "Dinner of Bob Okafor"
    assert world.count("select count(*) from audit.pii where subject = 'alice'") == 0
    assert world.count("select count(*) from audit.pii where subject like 'request:expense-1'") == 0
    story = [each.body for each in await world.ledger.timeline("expense-1")]
    assert "mallory" not in json.dumps(story)


@pytest.mark.rule(number=11)
async def test_every_leaf_is_what_it_was_and_each_missing_text_is_told(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    await tell(world.ledger, "expense-2", BOB)
    before = {each.event_id: each for each in await world.ledger.sealed_timeline("expense-1")}
    await world.erase()
    events = await world.ledger.sealed_timeline("expense-1")
    assert {each.event_id: each for each in events} == before
    told = await world.ledger.timeline(REQUEST)
    (gone,) = (each for each in told if each.kind == "system:subject:erased")
    data: Any = gone.body["data"]
    named = {*data["digests"]}
    with psycopg.connect(world.admin_url) as connection:
        kept = {digest.hex() for (digest,) in connection.execute("select digest from audit.pii")}
        bodies = " ".join(
            body
            for (body,) in connection.execute("select convert_from(body, 'UTF8') from audit.event")
        )
    assert {*TOKEN.findall(bodies)} == kept | named
    assert not kept & named
    assert (data["subject"], data["part"], data["parts"]) == ("alice", 1, 1)
    assert told[-1].kind == "effect:run:done"
    for each in await world.ledger.sealed_timeline(REQUEST):
        assert leaf_hash(leaf_event(each)).hex() == each.leaf


async def test_files_of_theirs_go_and_those_of_others_stay(world: World) -> None:
    digest = await tell(world.ledger, "expense-1", ALICE, RECEIPT, SHARED)
    await tell(world.ledger, "expense-2", BOB, SHARED)
    result = await world.erase()
    for gone in (digest, sha256(RECEIPT)):
        with pytest.raises(NotFoundError, match="erased"):
            await world.ledger.get_content(gone)
    assert await world.ledger.get_content(sha256(SHARED)) == SHARED
    assert "1 file; " in result.summary
    told = (await world.ledger.timeline(REQUEST))[-2]
    data: Any = told.body["data"]
    assert {*data["content"]} == {digest, sha256(RECEIPT)}


async def page(ledger: PostgresLedger, request: str, who: str, html: bytes, **scope: str) -> str:
    """Plan the publication of a page; return the digest of its version."""
    made = await ledger.put_content(html, "text/html")
    version = await ledger.put_content(f'{{"page":"{made}"}}'.encode(), MANIFEST_TYPE)
    data: dict[str, JsonValue] = {"scope": {"version": version, **scope}}
    planned = event(
        "system:request:planned", request=request, step="planned", requester=who, data=data
    )
    await ledger.append([planned])
    return version


async def test_a_page_goes_with_its_version_even_when_the_key_went_before(world: World) -> None:
    await tell(world.ledger, "publish-1", ALICE)
    version = await page(world.ledger, "publish-1", "alice", b"<p>mine</p>")
    world.vault.keys.destroy("alice")
    await world.erase()
    for gone in (version, sha256(b"<p>mine</p>")):
        with pytest.raises(NotFoundError, match="erased"):
            await world.ledger.get_content(gone)


async def test_a_page_that_theirs_has_replaced_stays(world: World) -> None:
    await tell(world.ledger, "publish-1", ALICE)
    await tell(world.ledger, "publish-2", BOB)
    bobs = await page(world.ledger, "publish-2", "bob", b"<p>bob's</p>")
    alices = await page(world.ledger, "publish-1", "alice", b"<p>mine</p>")
    went_live = event("effect:run:done", request="publish-1", step="live", data={"replaces": bobs})
    await world.ledger.append([went_live])
    await world.erase()
    assert await world.ledger.get_content(sha256(b"<p>bob's</p>")) == b"<p>bob's</p>"
    assert await world.ledger.get_content(bobs)
    (erasure,) = await world.ledger.erasures.rows()
    assert sha256(b"<p>bob's</p>").encode() not in await world.ledger.get_content(erasure.plan)
    with pytest.raises(NotFoundError, match="erased"):
        await world.ledger.get_content(alices)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("user", ["expense-1", "expense-2"])
async def test_a_policy_stays_whoever_has_typed_its_digest(world: World, user: str) -> None:
    policy = await world.ledger.put_content(b'{"id":"expense"}', "application/json")
    await tell(world.ledger, "expense-1", ALICE)
    await tell(world.ledger, "expense-2", BOB)
    typed = event(request="expense-1", actor=ALICE, reason=f"see {policy}", requester="alice")
    planned = event(request=user, policy={"id": "expense", "version": 1, "digest": policy})
    await world.ledger.append([typed, planned])
    await world.erase()
    assert await world.ledger.get_content(policy) == b'{"id":"expense"}'


async def test_what_open_requests_need_stays(world: World) -> None:
    digest = await tell(world.ledger, "expense-1", ALICE, RECEIPT, open_=True)
    result = await world.erase()
    assert await world.ledger.get_content(digest)
    assert "1 open request" in result.summary
    assert world.count("select count(*) from audit.step") == 1


async def test_what_a_payment_stands_on_stays(world: World) -> None:
    digest = await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    with psycopg.connect(world.admin_url) as connection:
        connection.execute(
            "insert into effect.permit"
            " (permit_id, request, digest, effect, issued_at, issued_event)"
            " values ('p', 'expense-1', repeat('a', 64), 'payment', now(), 'x')"
        )
        connection.execute(
            "insert into effect.payment (payment_id, permit_id, request, digest, msg_id,"
            " end_to_end_id, amount, currency, creditor_name, creditor_iban, file_name,"
            " file_sha256)"
            " values ('1', 'p', 'expense-1', repeat('a', 64), 'm', 'e', 1, 'EUR', 'Alice Novak',"
            " 'DE89370400440532013000', 'f.xml', repeat('b', 64))"
        )
    result = await world.erase()
    assert await world.ledger.get_content(digest)
    assert "payments of 1 request" in result.summary
    assert [each.creditor_name for each in await world.ledger.payments()] == ["Alice Novak"]


async def test_what_steps_came_to_goes_where_nobody_asks_for_it_again(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    await tell(world.ledger, "expense-2", BOB)
    await world.erase()
    assert world.count("select count(*) from audit.step where stream like 'expense%'") == 0


async def test_the_key_is_gone_and_what_comes_later_has_another(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    before = world.vault.keys.current("alice")
    await world.erase()
    assert world.vault.keys.find("alice", before.key_id) is None
    later = event(request="expense-1", step="later", actor=ALICE, reason="hello again")
    await world.ledger.append([later])
    assert (await world.ledger.timeline("expense-1"))[-1].body["reason"] == "hello again"


@pytest.mark.rule(number=5)
async def test_an_erasure_that_is_ordered_again_changes_nothing(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    order = await approved(world.ledger)
    first = await world.erase(order)
    story = await world.ledger.timeline(REQUEST)
    again = await world.erase(order)
    assert again == first
    assert await world.ledger.timeline(REQUEST) == story


async def test_many_digests_are_told_in_several_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing_module, "TOLD_AT_ONCE", 2)
    monkeypatch.setattr(erasing_module, "AT_ONCE", 2)
    await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    for number in range(4):
        said = event(request="expense-1", step=number, actor=ALICE, reason=f"remark {number}")
        await world.ledger.append([said])
    await world.erase()
    told: list[Any] = [
        each.body["data"]
        for each in await world.ledger.timeline(REQUEST)
        if each.kind == "system:subject:erased"
    ]
    assert [each["part"] for each in told] == [1, 2, 3]
    digests = [digest for each in told for digest in each["digests"]]
    assert len({*digests}) == len(digests) == told[0]["erased"]["texts"] == 5


@pytest.mark.parametrize(("on", "target"), [("subject", "alice"), ("request", "expense-2")])
async def test_a_legal_hold_forbids_it(world: World, on: str, target: str) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    await tell(world.ledger, "expense-2", BOB)
    order = await approved(world.ledger)
    data: dict[str, JsonValue] = {"hold": "h1", "on": on, "target": target}
    await world.ledger.append([event("person:hold:placed", request="hold:h1", data=data)])
    with pytest.raises(ApplicationError, match=r"legal hold \(h1\)") as refused:
        await world.erase(order)
    assert refused.value.non_retryable
    assert await world.ledger.erasures.rows() == []
    row = await world.ledger.request("expense-1")
    assert row is not None
    assert row.title == "Dinner of Alice Novak"
    assert [each.hold for each in await world.ledger.erasures.holds("alice")] == ["h1"]
    await world.ledger.append([event("person:hold:released", request="hold:h1", data=data)])
    await world.erase(order)


async def test_a_hold_on_something_else_forbids_nothing(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    data: dict[str, JsonValue] = {"hold": "h1", "on": "subject", "target": "carol"}
    await world.ledger.append([event("person:hold:placed", request="hold:h1", data=data)])
    await world.erase()


async def test_the_erasers_login_erases_nothing_that_was_not_approved(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    with pytest.raises(NotFoundError, match="no erasure under way"):
        await world.eraser.personal("ef" * 32, 10)
    with pytest.raises(NotFoundError, match="no erasure under way"):
        await world.eraser.contents("ef" * 32, [sha256(RECEIPT)])


async def test_addresses_go_out_of_what_is_recorded_of_mails(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    mailed(world.admin_url, "A.Novak@example.com", "zoe@example.net")
    await world.erase()
    rows = await world.ledger.deliveries.rows("p")
    assert [each.address for each in rows] == ["[erased] 1", "zoe@example.net"]


async def test_a_file_that_somebody_else_hands_in_meanwhile_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(world.ledger, "expense-1", ALICE, RECEIPT)
    steps = world.eraser.steps

    async def meanwhile(permit: str) -> int:
        await tell(world.ledger, "expense-2", BOB, RECEIPT)
        return await steps(permit)

    monkeypatch.setattr(world.eraser, "steps", meanwhile)
    await world.erase()
    assert await world.ledger.get_content(sha256(RECEIPT)) == RECEIPT


async def test_what_is_older_than_the_sealing_is_said_to_stay(world: World) -> None:
    await tell(world.ledger, "expense-1", ALICE)
    assert (await world.ledger.concern("alice")).plain == 0
    with psycopg.connect(world.admin_url, autocommit=True) as connection:
        told = event(request="expense-old", state=state("rejected"), actor=ALICE, reason="dear")
        append_raw(connection, [told])
        verdict = "reviewer:review:rejected"
        append_raw(connection, [event(verdict, request="expense-1", actor=ALICE, reason="no")])
    concern = await world.ledger.concern("alice")
    assert concern.plain == 2
    stays = [each.what for each in what_stays(concern)]
    assert "2 events with names and texts, older than their sealing" in stays
    assert "2 events with names and texts" in (await world.erase()).summary


async def test_looking_for_the_same_files_of_others_may_take_hours(world: World) -> None:
    with psycopg.connect(world.admin_url) as connection:
        connection.execute(
            "create or replace function content.named_elsewhere(candidates bytea[], own bytea[])"
            " returns setof bytea language sql as"
            " $$ select current_setting('statement_timeout')::bytea $$"
        )
    assert await world.eraser.named_elsewhere([], []) == {b"6h".hex()}
