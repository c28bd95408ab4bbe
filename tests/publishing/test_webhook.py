import asyncio
import base64
from contextlib import suppress

import pytest

from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError
from placet.publishing.webhook import WebhookTarget
from tests.publishing.hook import Hook
from tests.publishing.press import SLUG, Edition, Shelf, change

ONE, TWO = Edition(1), Edition(2)
SHELF = Shelf(ONE, TWO)
MIB = 1024 * 1024


def target(hook: Hook, max_bytes: int = MIB) -> WebhookTarget:
    return WebhookTarget(hook.url, hook.secret, max_bytes)


async def test_a_publication_is_posted_signed_and_whole(hook: Hook) -> None:
    await target(hook).stage(change(ONE, TWO), SHELF)
    assert hook.posts == 0
    await target(hook).switch(change(ONE, TWO), SHELF)

    ((key, message),) = hook.taken
    assert key.startswith("msg_")
    assert message["type"] == "page.published"
    assert message["timestamp"] == "2026-03-02T09:30:00Z"
    told = message["data"]
    assert (told["slug"], told["version"], told["replaces"]) == (SLUG, TWO.digest, ONE.digest)
    assert told["title"] == "Offer 2"
    files = {file["name"]: base64.b64decode(file["content"]) for file in told["files"]}
    assert files == TWO.names
    assert told["files"][0]["media_type"] == "text/html"
    assert hook.refused == 0


async def test_a_page_that_is_taken_away_is_told_too(hook: Hook) -> None:
    await target(hook).switch(change(ONE, None), SHELF)
    ((_, message),) = hook.taken
    assert message["type"] == "page.unpublished"
    assert message["data"] == {"slug": SLUG, "version": None, "replaces": ONE.digest}


async def test_the_same_change_has_the_same_id_and_another_has_another(hook: Hook) -> None:
    for key in ("one", "one", "two"):
        await target(hook).switch(change(None, ONE, key=key), SHELF)
    first, again, other = hook.taken
    assert first == again
    assert other[0] != first[0]


async def test_a_wrong_secret_is_a_refusal_for_good(hook: Hook) -> None:
    stranger = WebhookTarget(hook.url, "whsec_c3RyYW5nZXIgc3RyYW5nZXIgc3RyYW5nZXIh", MIB)
    with pytest.raises(ConflictError, match="refuses it with 401") as refused:
        await stranger.switch(change(None, ONE), SHELF)
    assert hook.refused == 1
    assert "c3RyYW5n" not in str(refused.value)


@pytest.mark.parametrize("status", [408, 423, 425, 429, 500, 503])
async def test_a_server_that_cannot_now_is_asked_again(hook: Hook, status: int) -> None:
    hook.answer = lambda _: status
    with pytest.raises(UnavailableError, match=f"answers {status}"):
        await target(hook).switch(change(None, ONE), SHELF)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 410, 413, 422])
async def test_a_server_that_refuses_is_not_asked_again(hook: Hook, status: int) -> None:
    hook.answer = lambda _: status
    with pytest.raises(ConflictError, match=f"refuses it with {status}"):
        await target(hook).switch(change(None, ONE), SHELF)


async def test_a_server_that_does_not_run_is_away(hook: Hook) -> None:
    away = WebhookTarget("http://127.0.0.1:9/pages", hook.secret, MIB)
    with pytest.raises(UnavailableError, match="does not answer"):
        await away.switch(change(None, ONE), SHELF)


async def test_a_server_that_says_for_ever_that_it_is_busy_is_away(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.webhooks._SECONDS_IN_ALL", 0.5)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                await writer.drain()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        endless = WebhookTarget(f"http://127.0.0.1:{port}/pages", hook.secret, MIB)
        with pytest.raises(UnavailableError, match="does not answer"):
            await endless.switch(change(None, ONE), SHELF)


async def test_what_is_too_large_to_post_is_refused_before_anything_moves(hook: Hook) -> None:
    with pytest.raises(InvalidInputError, match="make them smaller, or raise max_bytes"):
        await target(hook, max_bytes=20_000).stage(change(None, ONE), SHELF)
    await target(hook, max_bytes=20_000).stage(change(ONE, None), SHELF)


async def test_a_version_of_another_page_is_not_posted(hook: Hook) -> None:
    good = change(None, ONE)
    bad = type(good)(good.key, good.at, "about", None, ONE.version)
    with pytest.raises(InvalidInputError, match="not of about"):
        await target(hook).switch(bad, SHELF)
    assert hook.posts == 0
