import asyncio
from collections.abc import Callable

import obstore
import pytest

from placet.domain.errors import InvalidInputError, UnavailableError
from placet.publishing.s3 import S3Target
from placet.publishing.target import ForeignPageError
from tests.publishing.bucket import Shop
from tests.publishing.press import SLUG, Edition, Shelf, change

ONE, TWO = Edition(1), Edition(2)
SHELF = Shelf(ONE, TWO)


async def put(shop: Shop, before: Edition | None, after: Edition | None) -> None:
    target = S3Target(shop.at)
    await target.stage(change(before, after), SHELF)
    await target.switch(change(before, after), SHELF)


async def test_exactly_the_files_of_the_version_stand_there_each_time(shop: Shop) -> None:
    for before, after in ((None, ONE), (ONE, TWO), (TWO, ONE), (ONE, None)):
        await put(shop, before, after)
        assert await shop.shown() == (after.names if after else {})
        await put(shop, before, after)
        assert await shop.shown() == (after.names if after else {})


async def test_objects_are_served_as_what_they_are(shop: Shop) -> None:
    await put(shop, None, ONE)
    page = await obstore.get_async(shop.store, f"{shop.prefix}/{SLUG}/index.html")
    assert page.attributes["Content-Type"] == "text/html; charset=utf-8"
    assert page.attributes["Cache-Control"] == "no-cache"
    name = ONE.manifest.files[0].name
    picture = await obstore.get_async(shop.store, f"{shop.prefix}/{SLUG}/{name}")
    assert picture.attributes["Content-Type"] == "image/png"
    assert "immutable" in picture.attributes["Cache-Control"]


async def test_a_reader_always_sees_one_whole_page_with_its_files(shop: Shop) -> None:
    await put(shop, None, ONE)
    over = asyncio.Event()
    seen: set[int] = set()

    async def read() -> None:
        while not over.is_set():
            page = await shop.get(f"{SLUG}/index.html")
            found = [edition for edition in (ONE, TWO) if edition.page == page]
            assert len(found) == 1
            seen.add(found[0].number)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for _ in range(6):
        await put(shop, ONE, TWO)
        await put(shop, TWO, ONE)
    over.set()
    await asyncio.gather(*readers)
    assert seen == {1, 2}


async def test_staged_files_are_there_before_the_page_that_shows_them(shop: Shop) -> None:
    await put(shop, None, ONE)
    await S3Target(shop.at).stage(change(ONE, TWO), SHELF)
    there = await shop.shown()
    assert there["index.html"] == ONE.page
    assert set(TWO.names) <= set(there)
    await S3Target(shop.at).discard(change(ONE, TWO))
    assert await shop.shown() == ONE.names


@pytest.mark.parametrize("sure", [True, False])
async def test_what_somebody_else_put_there_is_not_overwritten(shop: Shop, *, sure: bool) -> None:
    await shop.put(f"{SLUG}/index.html", b"mine")
    await shop.put(f"{SLUG}/notes.txt", b"my notes")
    await shop.put(f"{SLUG}/files/notes.txt", b"my notes")
    target = S3Target(shop.at)
    asked = change(None, ONE, sure=sure)
    await target.stage(asked, SHELF)
    if sure:
        with pytest.raises(ForeignPageError, match="nothing is overwritten"):
            await target.switch(asked, SHELF)
        assert await shop.get(f"{SLUG}/index.html") == b"mine"
    else:
        await target.switch(asked, SHELF)
        assert await shop.get(f"{SLUG}/index.html") == ONE.page
    await target.discard(change(None, ONE))
    await target.switch(change(None, None, sure=False), SHELF)
    assert set(await shop.shown()) >= {"notes.txt", "files/notes.txt"}


async def test_a_page_that_changes_between_the_look_and_the_switch_is_not_overwritten(
    shop: Shop,
) -> None:
    await put(shop, None, ONE)

    class Slow(Shelf):
        async def get(self, digest: str, name: str) -> bytes:
            if name == "index.html":
                await shop.put(f"{SLUG}/index.html", b"mine")
            return await super().get(digest, name)

    with pytest.raises(UnavailableError, match="at this very moment"):
        await S3Target(shop.at).switch(change(ONE, TWO), Slow(TWO))
    assert await shop.get(f"{SLUG}/index.html") == b"mine"
    with pytest.raises(ForeignPageError):
        await S3Target(shop.at).switch(change(ONE, TWO), SHELF)


async def test_what_is_wrong_with_the_storage_is_said_without_its_keys(
    shop: Shop, new_shop: Callable[[], Shop]
) -> None:
    wrong = [
        shop.at._replace(secret_key="wrong-secret-key"),  # noqa: S106
        shop.at._replace(endpoint="http://127.0.0.1:9"),
        new_shop().at._replace(access_key="nobody"),
    ]
    for at, reason in zip(
        wrong, ("SignatureDoesNotMatch", "GenericError", "InvalidAccessKeyId"), strict=True
    ):
        with pytest.raises(UnavailableError, match=reason) as refused:
            await S3Target(at).stage(change(None, ONE), SHELF)
        told = str(refused.value)
        assert at.endpoint in told
        for secret in (at.access_key, at.secret_key, shop.at.secret_key):
            assert str(secret) not in told


@pytest.mark.parametrize("slug", ["../other", "a/b", "..", "", "a\n", "a?x"])
async def test_a_slug_that_leads_elsewhere_never_becomes_a_key(shop: Shop, slug: str) -> None:
    version = ONE.version.model_copy(
        update={"manifest": ONE.manifest.model_copy(update={"slug": slug})}
    )
    good = change(None, ONE)
    bad = type(good)(good.key, good.at, slug, None, version)
    target = S3Target(shop.at)
    for attempt in (target.stage, target.switch):
        with pytest.raises(InvalidInputError, match="cannot be published"):
            await attempt(bad, SHELF)
    with pytest.raises(InvalidInputError, match="cannot be published"):
        await target.discard(bad)
    assert await shop.shown() == {}
