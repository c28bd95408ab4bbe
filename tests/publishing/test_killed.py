"""SIGKILL behind every lasting step of a publication, which the next attempt then takes up."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from placet.domain.ledger_rows import PublicationState
from placet.domain.orders import EffectOrder
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.publishing.bucket import Shop
from tests.publishing.conftest import listed_everywhere
from tests.publishing.hook import Hook
from tests.publishing.mortal import Attempt
from tests.publishing.press import Edition, Press, shown

AT_ONCE = 4
"""So many attempts run side by side, each in a process of its own."""


class Scene:
    """Something to publish, again and again under other slugs, with a death at another step."""

    def __init__(
        self, ledger: PostgresLedger, database: Database, home: Path, shop: Shop, hook: Hook
    ) -> None:
        self.ledger = ledger
        self.database = database
        self.home = home
        self.shop = shop
        self.hook = hook
        self.listed = listed_everywhere(shop, hook)
        self.secrets = {**shop.secrets, "HOOK_SECRET": hook.secret}
        self.slugs = (f"page-{number}" for number in itertools.count(1))

    async def prepare(self, *, after: int | None) -> "Take":
        """Publish a first version, and approve that it is replaced: by a second one, or nothing."""
        slug = next(self.slugs)
        press = Press(self.ledger, self.home, self.listed, slug)
        press.secrets = self.secrets
        one = Edition(1, slug)
        two = Edition(after, slug) if after else None
        self.hook.answer = lambda _: 204
        await press.publish(one)
        if two:
            await press.keep(two)
        return Take(self, press, one, two, await press.approve(two, replaces=one))


class Take:
    """One playing of the scene."""

    def __init__(
        self, scene: Scene, press: Press, one: Edition, two: Edition | None, order: EffectOrder
    ) -> None:
        self.scene, self.press, self.order = scene, press, order
        self.one, self.two = one, two
        self.before = one.names
        self.after = two.names if two else {}

    async def attempt(self, dies_at: int = 0) -> list[str]:
        """Run the effect in a process, which dies at a step; return the steps it passed."""
        scene = self.scene
        attempt = Attempt(
            order=self.order,
            database_url=scene.database.app_url,
            home=scene.home,
            listed=scene.listed,
            secrets=scene.secrets,
            trace=scene.home / f"{self.press.slug}.trace",
            dies_at=dies_at,
        )
        return await attempt.run()

    async def nothing_is_half(self) -> None:
        """Make sure that readers see one whole version at each target, whichever it is."""
        assert shown(self.scene.home / "site", self.press.slug) in (self.before, self.after)
        there = await self.scene.shop.shown(self.press.slug)
        pages = {"index.html": there["index.html"]} if "index.html" in there else {}
        whole = [names for names in (self.before, self.after) if names.items() <= there.items()]
        assert not pages or any(names.get("index.html") == pages["index.html"] for names in whole)

    async def everywhere_is(self, names: dict[str, bytes]) -> None:
        """Make sure that these files stand at each target, and no others."""
        assert shown(self.scene.home / "site", self.press.slug) == names
        assert await self.scene.shop.shown(self.press.slug) == names

    def told(self) -> list[str | None]:
        """Return the versions that the receiver was told of, each message once."""
        messages = {
            key: message["data"]["version"]
            for key, message in self.scene.hook.taken
            if message["data"]["slug"] == self.press.slug
        }
        return list(messages.values())


Check = Callable[[Take], Awaitable[None]]


@pytest.fixture
def scene(
    ledger: PostgresLedger, database: Database, tmp_path: Path, shop: Shop, hook: Hook
) -> Scene:
    return Scene(ledger, database, tmp_path, shop, hook)


async def _die_at_each(scene: Scene, after: int | None, check: Check, answer: int = 204) -> int:
    """Play the scene once undisturbed, then once for each of its steps; return how many."""
    take = await scene.prepare(after=after)
    scene.hook.answer = lambda _: answer
    steps = await take.attempt()
    await check(take)
    takes = [await scene.prepare(after=after) for _ in steps]
    scene.hook.answer = lambda _: answer
    room = asyncio.Semaphore(AT_ONCE)

    async def die(take: Take, number: int) -> None:
        async with room:
            assert await take.attempt(dies_at=number) == steps[:number]
            await take.nothing_is_half()
            await take.attempt()
            await check(take)

    async with asyncio.TaskGroup() as group:
        for number, take in enumerate(takes, 1):
            group.create_task(die(take, number))
    return len(steps)


async def _is_published(take: Take) -> None:
    await take.everywhere_is(take.after)
    assert take.told() == [take.one.digest, take.two.digest if take.two else None]
    assert await take.press.kinds(take.order) == ["effect:permit:consumed", "effect:run:done"]
    assert (await take.press.found(take.order)).state is PublicationState.DONE


async def _is_put_back(take: Take) -> None:
    await take.everywhere_is(take.before)
    assert take.told() == [take.one.digest]
    assert await take.press.kinds(take.order) == ["effect:permit:consumed"]
    assert (await take.press.found(take.order)).state is PublicationState.FAILED
    with pytest.raises(ApplicationError, match=r"refuses it with 410.*could not be put back"):
        await take.press.run(take.order)


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=1)
@pytest.mark.parametrize("after", [2, None], ids=["replaced", "taken away"])
async def test_a_worker_killed_at_any_step_of_a_change_leaves_nothing_half_and_nothing_twice(
    scene: Scene, after: int | None
) -> None:
    assert await _die_at_each(scene, after, _is_published) > 12


@pytest.mark.rule(number=5)
async def test_a_worker_killed_at_any_step_of_putting_back_puts_everything_back(
    scene: Scene,
) -> None:
    assert await _die_at_each(scene, 2, _is_put_back, answer=410) > 25
