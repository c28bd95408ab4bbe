from dataclasses import replace
from datetime import UTC, datetime

import pytest

from placet.access.target import Change
from placet.access.webhook import WebhookAccess
from placet.domain.errors import ConflictError, UnavailableError
from tests.publishing.hook import Hook

GIVEN = Change(
    key="permit-1",
    at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    role="door-7",
    account="alice@example.com",
    person="alice",
    case="access-1",
    minutes=480,
)


async def test_what_is_given_and_taken_is_posted_signed(hook: Hook) -> None:
    at = WebhookAccess(hook.url, hook.secret)
    await at.grant(GIVEN)
    await at.revoke(replace(GIVEN, minutes=None))

    (first, given), (second, taken) = hook.taken
    assert first != second
    told = {
        "role": "door-7",
        "account": "alice@example.com",
        "person": "alice",
        "case": "access-1",
    }
    assert given == {
        "type": "access.granted",
        "timestamp": "2026-03-02T09:30:00Z",
        "data": {**told, "minutes": 480},
    }
    assert taken == {"type": "access.revoked", "timestamp": "2026-03-02T09:30:00Z", "data": told}
    assert hook.refused == 0


async def test_what_is_said_again_has_the_same_id_and_content(hook: Hook) -> None:
    at = WebhookAccess(hook.url, hook.secret)
    await at.grant(GIVEN)
    await at.grant(GIVEN)
    first, again = hook.taken
    assert first == again


async def test_who_has_a_role_cannot_be_looked_at(hook: Hook) -> None:
    at = WebhookAccess(hook.url, hook.secret)
    await at.check("door-7")
    assert await at.members("door-7") is None
    assert hook.posts == 0


async def test_a_server_that_refuses_or_is_away_is_told_apart(hook: Hook) -> None:
    hook.answer = lambda _: 422
    with pytest.raises(ConflictError, match="refuses it with 422"):
        await WebhookAccess(hook.url, hook.secret).grant(GIVEN)
    away = WebhookAccess("http://127.0.0.1:9/doors", hook.secret)
    with pytest.raises(UnavailableError, match="does not answer"):
        await away.revoke(GIVEN)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/doors", "http://xn--/", "http://../"])
async def test_what_is_no_address_of_a_server_is_away(hook: Hook, url: str) -> None:
    with pytest.raises(UnavailableError, match="check that it runs, and that this is its address"):
        await WebhookAccess(url, hook.secret).grant(GIVEN)


def test_a_secret_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bytes|base64|padding"):
        WebhookAccess("https://doors.example.com", "whsec_c2hvcnQ=")
