"""What a reconciliation reads of Postgres, also where somebody has changed it by hand."""

import json

import psycopg
import pytest

from placet.db.connections import open_pool
from placet.ledger import PostgresLedger, reconciling
from placet.ledger.reconciling import PostgresReconciling
from tests.conftest import Database
from tests.ledger.stories import submitted

pytestmark = pytest.mark.rule(number=11)

DEEP = '{"data":' * 200_000

ERASURE = """
insert into effect.erasure (permit_id, request, digest, subject, plan)
values (%s, 'ghost', '', 'bob', repeat('ab', 32))
"""
EXPORT = """
insert into effect.export (permit_id, request, digest, dataset, holder, store)
values (%s, 'ghost', '', 'people', 'h', 's')
"""


def forged(database: Database, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Change the database as its administrator, with the triggers off."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("alter table audit.event disable trigger user")
        for statement, values in statements:
            assert connection.execute(statement.encode(), values).rowcount == 1


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"data": {"permit": ["p"]}}),
        json.dumps({"data": {"permit": {"p": 1}}}),
        json.dumps({"data": {"permit": "\x00"}}),
        json.dumps({"data": {"permit": "\ud800"}}),
        json.dumps([]),
        "{",
        DEEP,
    ],
    ids=["list", "object", "null-character", "surrogate", "no-object", "no-json", "deep"],
)
async def test_a_body_that_was_changed_by_hand_is_read_and_does_not_fit(
    database: Database, ledger: PostgresLedger, body: str
) -> None:
    await ledger.append([submitted()])
    forged(database, ("update audit.event set body = %s", (body.encode(),)))
    async with open_pool(database.app_url) as pool:
        story = await PostgresReconciling(pool).story("expense-1")
    assert [event.fits for event in story.events] == [False]
    assert story.permits == ()


@pytest.mark.parametrize("body", ["{", "[]", "\ud800".encode("utf-8", "surrogatepass"), DEEP])
async def test_of_a_body_that_is_none_any_more_the_header_is_shown(
    database: Database, ledger: PostgresLedger, body: str | bytes
) -> None:
    await ledger.append([submitted()])
    raw = body.encode() if isinstance(body, str) else body
    forged(database, ("update audit.event set body = %s", (raw,)))
    for read in (ledger.timeline, ledger.sealed_timeline):
        (event,) = await read("expense-1")
        assert event.body.keys() == {"kind", "request", "occurred"}


@pytest.mark.usefixtures("ledger")
async def test_no_effect_is_passed_over_where_a_page_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "_PAGE", 1)
    forged(database, *((each, (permit,)) for permit in ("p1", "p2") for each in (ERASURE, EXPORT)))
    async with open_pool(database.app_url) as pool:
        found = [each async for each in PostgresReconciling(pool).stray_effects()]
    assert [(each.permit, each.effect) for each in found] == [
        ("p1", "erase"),
        ("p1", "export"),
        ("p2", "erase"),
        ("p2", "export"),
    ]
