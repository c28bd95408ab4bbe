"""Events by whoever has the application's password, to keep others from reading theirs."""

import hashlib
import json
from typing import Any

import psycopg
import pytest

from placet.digest import canonical
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.ledger.raw import APPEND, append_raw
from tests.ledger.stories import event, state, submitted

pytestmark = [pytest.mark.rule(number=8), pytest.mark.rule(number=11)]

LISTS = "[" * 300 + "]" * 300
DEEP = "[" * 3_000 + "]" * 3_000
"""Beyond what Python reads."""


def append_text(connection: psycopg.Connection, told: LedgerEvent, text: bytes) -> None:
    """Append an event whose body is written like this, whatever it is."""
    header = [bytes.fromhex(told.event_id), told.stream, told.kind, told.occurred]
    connection.execute(APPEND, [[each] for each in (*header, text)])


@pytest.mark.parametrize("poison", [LISTS, DEEP, "9" * 6_000])
async def test_a_body_that_nobody_can_read_hides_no_other(
    ledger: PostgresLedger, database: Database, poison: str
) -> None:
    await ledger.append([submitted("expense-1", step=1)])
    told = event(step=2, state=state())
    text = canonical(told.body)[:-1] + f',"x":{poison}}}'.encode()
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        append_text(connection, told, text)
    await ledger.append([event(step=3, reason="honest")])
    for story in (await ledger.timeline("expense-1"), await ledger.sealed_timeline("expense-1")):
        assert [each.kind for each in story[1:]] == [told.kind] * 2
        assert story[1].body.keys() == {"kind", "request", "occurred"}
        assert story[2].body["reason"] == "honest"


@pytest.mark.parametrize("instant", ["20000-01-01 00:00Z", "4000-01-01 00:00Z BC", "9999-12-31Z"])
@pytest.mark.parametrize("name", ["occurred", "due", "expires"])
async def test_no_instant_that_nobody_can_read_is_recorded(
    ledger: PostgresLedger, database: Database, instant: str, name: str
) -> None:
    await ledger.append([submitted("expense-1", step=1)])
    told = event("system:permit:issued", request="expense-2", state=state())
    body: dict[str, Any] = json.loads(canonical(told.body))
    body["data"] = {"permit": "p", "effect": "pay", "digest": "a" * 64, "expires": None}
    occurred: Any = told.occurred
    if name == "occurred":
        body[name] = occurred = instant
    elif name == "due":
        body["state"][name] = instant
    else:
        body["data"][name] = instant
    values = [[hashlib.sha256(b"x").digest()], [told.stream], [told.kind], [occurred]]
    with (
        psycopg.connect(database.app_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="in_a_year_of_four_digits"),
    ):
        connection.execute(APPEND, [*values, [json.dumps(body).encode()]])
    assert [each.request for each in await ledger.requests()] == ["expense-1"]


def test_partitions_are_not_made_without_end(database: Database) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        with pytest.raises(psycopg.Error, match="ten partitions at most"):
            connection.execute("select audit.keep_room(1000, 1000000000)")
        for _ in range(20):
            connection.execute("select audit.keep_room(1000, 10000)")
        made = connection.execute("select count(*) from audit.partition").fetchone()
        assert made == (1,)


@pytest.mark.parametrize("name", ["real", "other"])
async def test_a_hold_is_released_in_its_own_story_only(
    ledger: PostgresLedger, database: Database, name: str
) -> None:
    """Else somebody could release it in one that says that another has placed it."""
    data: dict[str, Any] = {"hold": "real", "on": "subject", "target": "alice"}
    await ledger.append([event("person:hold:placed", request="hold:real", data=data)])
    kind = "person:hold:placed" if name == "other" else "person:hold:released"
    thief = event(kind, request="hold:thief", data={**data, "hold": name})
    with (
        psycopg.connect(database.app_url) as connection,
        pytest.raises(psycopg.Error, match=f"The hold {name} has a story of its own"),
    ):
        append_raw(connection, [thief])
    assert [each.hold for each in await ledger.erasures.holds("alice")] == ["real"]
