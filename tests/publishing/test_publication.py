import asyncio
from typing import Any

import psycopg
import pytest
from temporalio.exceptions import ApplicationError

from placet.digest import canonical
from placet.domain.errors import UnavailableError
from placet.domain.ledger_rows import PublicationState, TargetState
from placet.domain.orders import EffectOrder
from placet.domain.publication import Action, PublishRequest, Scope
from placet.publishing.directory import DirectoryTarget
from tests.conftest import Database
from tests.publishing.bucket import Shop
from tests.publishing.hook import Hook
from tests.publishing.press import SLUG, Edition, Press, sha, shown

ONE, TWO, THREE = Edition(1), Edition(2), Edition(3)
UNTOUCHED, SWITCHED = TargetState.UNTOUCHED, TargetState.SWITCHED
UNDONE, STUCK = TargetState.UNDONE, TargetState.STUCK


async def refused(press: Press, order: EffectOrder) -> ApplicationError:
    """Run the effect and return why it is refused for good."""
    with pytest.raises(ApplicationError) as error:
        await press.run(order)
    assert error.value.non_retryable
    return error.value


@pytest.mark.rule(number=5)
async def test_a_page_is_published_everywhere_once_however_often_it_is_run(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await everywhere.keep(ONE)
    order = await everywhere.approve(ONE)
    first = await everywhere.run(order)
    again = await everywhere.run(order)

    assert again == first
    assert shown(everywhere.home / "site") == ONE.names
    assert await shop.shown() == ONE.names
    assert [message["data"]["version"] for _, message in hook.taken] == [ONE.digest]
    assert await everywhere.kinds(order) == ["effect:permit:consumed", "effect:run:done"]
    (done,) = [e for e in await everywhere.ledger.timeline(order.request_id) if "run" in e.kind]
    assert done.body["data"] == {
        "effect": "done",
        "summary": first.summary,
        "slug": SLUG,
        "action": "publish",
        "version": ONE.digest,
        "replaces": None,
        "targets": everywhere.targets.locations,
    }
    assert first.receipt is not None
    assert first.receipt.event_id == done.event_id
    assert first.summary == f"version {ONE.digest[:12]} of {SLUG} is on shop, site, hook"


async def test_a_page_is_rolled_back_and_taken_away_on_the_same_way(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await everywhere.publish(ONE)
    await everywhere.publish(TWO, replaces=ONE)
    back = PublishRequest(
        action=Action.ROLLBACK, slug=SLUG, title="Roll back", requester="alice@example.com"
    )
    scope = Scope(
        action=Action.ROLLBACK,
        slug=SLUG,
        version=ONE.digest,
        replaces=TWO.digest,
        targets=everywhere.targets.locations,
    )
    await everywhere.run(await everywhere.order(back, scope))
    assert shown(everywhere.home / "site") == await shop.shown() == ONE.names
    assert hook.shows == ONE.digest

    result = await everywhere.run(await everywhere.approve(None, replaces=ONE))
    assert result.summary == f"{SLUG} is taken away from shop, site, hook"
    assert shown(everywhere.home / "site") == await shop.shown() == {}
    assert hook.shows is None
    rows = await everywhere.ledger.publications(SLUG)
    assert [(row.action, row.version) for row in rows] == [
        ("unpublish", None),
        ("rollback", ONE.digest),
        ("publish", TWO.digest),
        ("publish", ONE.digest),
    ]
    await everywhere.publish(TWO)
    assert shown(everywhere.home / "site") == TWO.names


@pytest.mark.rule(number=4)
async def test_content_that_changed_since_the_approval_is_refused_with_both_digests(
    press: Press, database: Database
) -> None:
    await press.publish(ONE)
    await press.keep(TWO)
    order = await press.approve(TWO, replaces=ONE)
    original, swapped = TWO.manifest.files[1].sha256, b"\x89PNG another picture"

    class Tampered:
        """Gives other bytes for a picture, as a store would that somebody got at."""

        def __getattr__(self, name: str) -> Any:
            return getattr(press.ledger, name)

        async def get_content(self, digest: str) -> bytes:
            return swapped if digest == original else await press.ledger.get_content(digest)

    press.writes_to = Tampered()
    error = await refused(press, order)
    assert original in str(error)
    assert sha(swapped) in str(error)

    press.writes_to = press.ledger
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("delete from content.blob where digest = %s", [bytes.fromhex(original)])
    error = await refused(press, order)
    assert original in str(error)
    assert "submit it again" in str(error)
    assert shown(press.home / "site") == ONE.names
    assert await press.kinds(order) == []
    # Nothing is lost: with the picture back, what was approved goes out.
    await press.keep(TWO)
    await press.run(order)
    assert shown(press.home / "site") == TWO.names


@pytest.mark.rule(number=4)
@pytest.mark.parametrize("part", ["the request", "the version's manifest", "index.html"])
async def test_every_part_is_held_against_its_digest(press: Press, part: str) -> None:
    await press.keep(ONE)
    order = await press.approve(ONE)
    digests = {
        "the request": order.digest,
        "the version's manifest": ONE.digest,
        "index.html": ONE.manifest.page,
    }

    class Tampered:
        def __getattr__(self, name: str) -> Any:
            return getattr(press.ledger, name)

        async def get_content(self, digest: str) -> bytes:
            kept = await press.ledger.get_content(digest)
            return kept + b" " if digest == digests[part] else kept

    press.writes_to = Tampered()
    error = await refused(press, order)
    assert f"{part} was approved with digest {digests[part]}" in str(error)
    assert await press.kinds(order) == []
    assert shown(press.home / "site") == {}


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("planned", "said"),
    [
        ({"slug": "about"}, "slug: approved was spring-offer, planned is about"),
        ({"action": Action.ROLLBACK}, "action: approved was publish"),
        ({"version": None}, "document: approved was"),
        ({"version": TWO.digest}, "document: approved was"),
        ({"version": Edition(1, slug="about").digest}, "page: approved was spring-offer"),
    ],
)
async def test_a_version_that_was_not_made_of_what_was_approved_does_not_go_out(
    press: Press, planned: dict[str, Any], said: str
) -> None:
    await press.keep(ONE, TWO, Edition(1, slug="about"))
    error = await refused(press, await press.approve(ONE, planned=planned))
    assert said in str(error)
    assert shown(press.home / "site") == {}


@pytest.mark.rule(number=4)
async def test_a_version_with_a_file_that_nobody_approved_does_not_go_out(press: Press) -> None:
    await press.keep(ONE)
    request = PublishRequest(
        slug=SLUG, title="Offer", requester="alice@example.com", document=ONE.document
    )
    scope = Scope(
        action=Action.PUBLISH,
        slug=SLUG,
        version=ONE.digest,
        replaces=None,
        targets=press.targets.locations,
    )
    error = await refused(press, await press.order(request, scope))
    assert "approved was no such file" in str(error)


async def test_a_rollback_to_another_version_than_the_one_asked_for_is_refused(
    press: Press,
) -> None:
    await press.publish(ONE)
    await press.publish(TWO, replaces=ONE)
    request = PublishRequest(
        action=Action.ROLLBACK,
        slug=SLUG,
        title="Back",
        requester="alice@example.com",
        to=THREE.digest,
    )
    scope = Scope(
        action=Action.ROLLBACK,
        slug=SLUG,
        version=ONE.digest,
        replaces=TWO.digest,
        targets=press.targets.locations,
    )
    error = await refused(press, await press.order(request, scope))
    assert THREE.digest in str(error)
    assert ONE.digest in str(error)


async def test_two_publications_of_a_page_the_second_is_refused_and_names_both(
    press: Press,
) -> None:
    await press.publish(ONE)
    await press.keep(TWO, THREE)
    second = await press.approve(TWO, replaces=ONE)
    third = await press.approve(THREE, replaces=ONE)
    await press.run(second)
    error = await refused(press, third)
    assert error.type == "conflict"
    assert ONE.digest in str(error)
    assert TWO.digest in str(error)
    assert shown(press.home / "site") == TWO.names
    assert await press.kinds(third) == []


async def test_many_publications_of_a_page_at_once_are_one_and_never_a_mix(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await everywhere.publish(ONE)
    editions = [Edition(number) for number in range(2, 8)]
    await everywhere.keep(*editions)
    orders = [await everywhere.approve(edition, replaces=ONE) for edition in editions]

    async def insist(order: EffectOrder) -> bool:
        """Run it as Temporal does: again while something is only unavailable."""
        while True:
            try:
                await everywhere.run(order)
            except UnavailableError:
                await asyncio.sleep(0.05)
            except ApplicationError:
                return False
            else:
                return True

    async with asyncio.timeout(60):
        done = await asyncio.gather(*map(insist, orders))
    assert done.count(True) == 1
    winner = editions[done.index(True)]
    assert shown(everywhere.home / "site") == await shop.shown() == winner.names
    assert hook.shows == winner.digest
    assert len(hook.taken) == 2


async def test_targets_that_lead_elsewhere_since_the_approval_are_refused(press: Press) -> None:
    await press.keep(ONE)
    order = await press.approve(ONE)
    listed = press.listed
    press.listed = listed.replace("path: site", "path: elsewhere")
    error = await refused(press, order)
    assert (press.home / "site").as_uri() in str(error)
    assert (press.home / "elsewhere").as_uri() in str(error)
    press.listed = listed.replace("{site:", "{other:")
    assert "no target site any more" in str(await refused(press, order))
    assert list(press.home.iterdir()) == []
    press.listed = listed
    await press.run(order)
    assert shown(press.home / "site") == ONE.names


async def test_when_a_target_refuses_the_others_are_put_back_and_it_is_said(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await everywhere.publish(ONE)
    await everywhere.keep(TWO)
    hook.answer = lambda _: 410
    order = await everywhere.approve(TWO, replaces=ONE)
    error = await refused(everywhere, order)

    assert error.type == "publication-failed"
    told = str(error)
    assert f"{SLUG} was not changed: hook: {hook.url} refuses it with 410" in told
    for part in (
        f"shop shows version {ONE.digest[:12]} again",
        f"site shows version {ONE.digest[:12]} again",
        f"hook could not be put back and may show version {TWO.digest[:12]}",
    ):
        assert part in told
    assert shown(everywhere.home / "site") == await shop.shown() == ONE.names
    assert await everywhere.states(order) == {"shop": UNDONE, "site": UNDONE, "hook": STUCK}
    posts = hook.posts
    # It is over: once more changes nothing and says the same.
    assert str(await refused(everywhere, order)) == told
    assert hook.posts == posts
    head = await everywhere.ledger.published(SLUG)
    assert head is not None
    assert head.version == ONE.digest

    hook.answer = lambda _: 204
    await everywhere.run(await everywhere.approve(TWO, replaces=ONE))
    assert shown(everywhere.home / "site") == await shop.shown() == TWO.names
    assert hook.shows == TWO.digest


async def test_a_receiver_that_was_told_is_told_what_stands_again(
    everywhere: Press, hook: Hook, shop: Shop
) -> None:
    """The webhook goes out last; here a second one refuses after the first was told."""
    everywhere.listed = (
        everywhere.listed + f"  zoo: {{kind: webhook, url: '{hook.url}', secret_env: Z}}\n"
    )
    everywhere.secrets["Z"] = hook.secret
    await everywhere.publish(ONE)
    told_before = len(hook.taken)
    await everywhere.keep(TWO)
    hook.answer = lambda post: 403 if post == told_before + 2 else 204
    order = await everywhere.approve(TWO, replaces=ONE)
    error = await refused(everywhere, order)

    assert "could not be put back" not in str(error)
    versions = [message["data"]["version"] for _, message in hook.taken[told_before:]]
    assert versions == [TWO.digest, ONE.digest, ONE.digest]
    assert len(set(hook.ids)) == len(hook.ids)
    assert await shop.shown() == ONE.names


async def test_what_a_target_refuses_to_take_in_moves_nothing(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await everywhere.publish(ONE)
    posts = hook.posts
    large = Edition(2, size=6_000_000)
    await everywhere.keep(large)
    order = await everywhere.approve(large, replaces=ONE)
    error = await refused(everywhere, order)
    assert "make them smaller, or raise max_bytes" in str(error)
    assert "site was not touched" in str(error)
    assert shown(everywhere.home / "site") == await shop.shown() == ONE.names
    assert hook.posts == posts
    assert set((await everywhere.states(order)).values()) == {UNTOUCHED}


async def test_a_target_that_is_away_is_waited_for_and_then_everything_goes_out(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await everywhere.keep(ONE)
    order = await everywhere.approve(ONE)
    hook.answer = lambda post: 503 if post < 4 else 204
    for _ in range(3):
        with pytest.raises(UnavailableError, match="answers 503"):
            await everywhere.run(order)
        assert (await everywhere.found(order)).state is PublicationState.UNDER_WAY
    await everywhere.run(order)
    assert shown(everywhere.home / "site") == await shop.shown() == ONE.names
    assert hook.shows == ONE.digest
    assert await everywhere.kinds(order) == ["effect:permit:consumed", "effect:run:done"]


async def test_a_target_that_stays_away_turns_everything_round(
    everywhere: Press, shop: Shop, hook: Hook, database: Database
) -> None:
    await everywhere.publish(ONE)
    await everywhere.keep(TWO)
    order = await everywhere.approve(TWO, replaces=ONE)
    hook.answer = lambda _: 503
    with pytest.raises(UnavailableError):
        await everywhere.run(order)
    assert shown(everywhere.home / "site") == await shop.shown() == TWO.names

    _let_pass(database, "2 hours")
    # Whether the receiver shows anything is not known: it is told, and waited for once more.
    with pytest.raises(UnavailableError):
        await everywhere.run(order)
    assert shown(everywhere.home / "site") == await shop.shown() == ONE.names
    hook.answer = lambda _: 204
    error = await refused(everywhere, order)
    assert "hook, after 120 minutes" in str(error)
    assert f"hook shows version {ONE.digest[:12]} again" in str(error)
    assert hook.shows == ONE.digest


async def test_a_target_that_stays_away_while_it_is_put_back_is_given_up_and_named(
    everywhere: Press, hook: Hook, database: Database
) -> None:
    await everywhere.publish(ONE)
    await everywhere.keep(TWO)
    order = await everywhere.approve(TWO, replaces=ONE)
    hook.answer = lambda _: 503
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await everywhere.run(order)
        _let_pass(database, "2 hours")
    error = await refused(everywhere, order)
    assert f"hook could not be put back and may show version {TWO.digest[:12]}" in str(error)
    assert "look at what could not be put back" in str(error)
    assert await everywhere.states(order) == {"shop": UNDONE, "site": UNDONE, "hook": STUCK}


def _let_pass(database: Database, how_long: str) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "update effect.publication_target set away_since = away_since - %s::interval",
            [how_long],
        )


async def test_a_missing_secret_is_waited_for_before_anything_moves(everywhere: Press) -> None:
    await everywhere.keep(ONE)
    order = await everywhere.approve(ONE)
    secret = everywhere.secrets.pop("HOOK_SECRET")
    with pytest.raises(UnavailableError, match="HOOK_SECRET is not set"):
        await everywhere.run(order)
    assert await everywhere.kinds(order) == []
    assert not (everywhere.home / "site").exists()
    everywhere.secrets["HOOK_SECRET"] = secret
    await everywhere.run(order)


async def test_a_page_of_somebody_else_is_not_overwritten_and_everything_is_put_back(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await shop.put(f"{SLUG}/index.html", b"mine")
    await everywhere.keep(ONE)
    order = await everywhere.approve(ONE)
    error = await refused(everywhere, order)
    assert "nothing is overwritten" in str(error)
    assert await shop.shown() == {"index.html": b"mine"}
    assert shown(everywhere.home / "site") == {}
    assert hook.posts == 0


async def test_the_worker_that_was_frozen_cannot_turn_back_what_another_one_finished(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first freezes before its switch; the second finishes, and two more follow."""
    await press.publish(ONE)
    await press.keep(TWO)
    order = await press.approve(TWO, replaces=ONE)
    reached, thaw = asyncio.Event(), asyncio.Event()
    real = DirectoryTarget.switch

    async def freezing(*arguments: Any) -> None:
        reached.set()
        await thaw.wait()
        await real(*arguments)

    monkeypatch.setattr(DirectoryTarget, "switch", freezing)
    frozen = asyncio.create_task(press.run(order))
    async with asyncio.timeout(30):
        await reached.wait()
    monkeypatch.setattr(DirectoryTarget, "switch", real)
    await press.run(order)
    await press.publish(THREE, replaces=TWO)
    thaw.set()
    async with asyncio.timeout(30):
        await frozen
    assert shown(press.home / "site") == THREE.names
    assert await press.kinds(order) == ["effect:permit:consumed", "effect:run:done"]


async def test_a_version_whose_predecessor_was_erased_can_be_published(
    everywhere: Press, shop: Shop, database: Database
) -> None:
    await everywhere.publish(ONE)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("delete from content.blob")
    await everywhere.publish(TWO, replaces=ONE)
    assert shown(everywhere.home / "site") == await shop.shown() == TWO.names


async def test_what_cannot_be_put_back_because_it_was_erased_is_said(
    everywhere: Press, hook: Hook, database: Database
) -> None:
    await everywhere.publish(ONE)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("delete from content.blob")
    await everywhere.keep(TWO)
    hook.answer = lambda _: 410
    order = await everywhere.approve(TWO, replaces=ONE)
    error = await refused(everywhere, order)
    assert f"site could not be put back and may show version {TWO.digest[:12]}" in str(error)
    assert await everywhere.states(order) == dict.fromkeys(("shop", "site", "hook"), STUCK)


async def test_what_was_staged_for_nothing_is_cleared_away(
    everywhere: Press, shop: Shop, hook: Hook
) -> None:
    await everywhere.publish(ONE)
    large = Edition(2, size=6_000_000)
    await everywhere.keep(large)
    order = await everywhere.approve(large, replaces=ONE)
    assert hook.url in str(await refused(everywhere, order))
    assert await shop.shown() == ONE.names


@pytest.mark.rule(number=5)
async def test_a_used_permit_shown_with_another_digest_or_for_another_page_does_nothing(
    press: Press,
) -> None:
    await press.publish(ONE)
    await press.keep(TWO)
    order = await press.approve(TWO, replaces=ONE)
    await press.run(order)
    other = sha(canonical({"another": "request"}))
    error = await refused(press, order.model_copy(update={"digest": other}))
    assert other in str(error)
    assert order.digest in str(error)


async def test_no_secret_reaches_an_error_the_ledger_or_the_database(
    everywhere: Press, hook: Hook, shop: Shop, database: Database
) -> None:
    await everywhere.publish(ONE)
    await everywhere.keep(TWO)
    hook.answer = lambda _: 410
    order = await everywhere.approve(TWO, replaces=ONE)
    error = await refused(everywhere, order)
    with psycopg.connect(database.admin_url) as connection:
        rows = connection.execute(
            "select p::text from effect.publication p union all"
            " select t::text from effect.publication_target t union all"
            " select convert_from(e.body, 'utf8') from audit.event e"
        ).fetchall()
    text = f"{error!r} {error.__cause__!r} {rows}"
    assert hook.url in text
    for secret in (hook.secret, shop.storage.key, shop.storage.key_id):
        assert secret not in text
