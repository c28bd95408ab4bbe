"""Rows and bodies of any form: they are told of, and hide nothing else."""

import json
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import JsonValue

from placet.cli.reconciling import tell
from placet.db.connections import open_pool
from placet.ledger import PostgresLedger
from placet.ledger.reconciling import PostgresReconciling
from placet.reconciling.facts import Terms
from placet.reconciling.finding import Code, Finding
from placet.reconciling.remembered import Chain
from placet.reconciling.run import Reconciliation
from tests.conftest import Database
from tests.ledger.raw import APPEND, arrays
from tests.ledger.stories import event, state, submitted

pytestmark = pytest.mark.rule(number=11)


class Forgetful:
    """A Temporal that remembers nothing."""

    async def cases(self, since: datetime | None) -> AsyncIterator[list[str]]:  # noqa: ARG002
        """Yield nothing."""
        nothing: list[list[str]] = []
        for page in nothing:
            yield page

    async def chains(self, workflow_id: str, firsts: Iterable[str]) -> tuple[Chain, ...]:  # noqa: ARG002
        """Return nothing."""
        return ()


async def reconciled(database: Database) -> list[Finding]:
    """Reconcile everything."""
    terms = Terms("default", timedelta(days=1), timedelta())
    async with open_pool(database.app_url) as pool:
        looking = Reconciliation(PostgresReconciling(pool), Forgetful(), None, terms, pause=0.01)
        return [each async for each in looking.everything(None)]


def deep(levels: int) -> JsonValue:
    """Return lists in lists."""
    value: JsonValue = "x"
    for _ in range(levels):
        value = [value]
    return value


FORGED: list[dict[str, Any]] = [
    {"decision_id": {"a": 1}},
    {"decision_id": []},
    {"data": {"sha256": ["x"]}},
    {"data": {"permit": {"a": 1}}},
    {"data": {"until": "tomorrow", "effect": "in_force"}, "kind": "effect:run:done"},
    {"state": state(due="Jan 5 2027")},
    {"state": state(title=deep(900))},
    {"state": state(outcome=[])},
    {"state": state(requester="alice")},
    {"data": "text"},
    {"service": "text"},
    {"service": {"workflow_id": deep(900), "first_run_id": {}}},
    {"actor": {"id": "bob", "name": deep(900)}, "kind": "reviewer:review:approved"},
    {"waiting_for": [{"person": "bob", "name": deep(900)}]},
]
"""What somebody may write who has the application's password."""


@pytest.mark.parametrize("forged", FORGED)
async def test_no_forged_event_hides_what_is_wrong_elsewhere(
    database: Database, ledger: PostgresLedger, forged: dict[str, Any]
) -> None:
    told = dict(forged)
    kind = str(told.pop("kind", "person:case:commented"))
    await ledger.append([submitted("expense-1"), submitted("expense-2")])
    made = event(kind, request="expense-1")
    body = {**made.body, **told}
    with psycopg.connect(database.app_url) as connection:
        values = [*arrays([made])[:-1], [json.dumps(body).encode()]]
        connection.execute(APPEND, values)
    with psycopg.connect(database.admin_url) as connection:
        changed = connection.execute(
            "update inbox.request set title = 'x' where request = 'expense-2'"
        )
        assert changed.rowcount == 1
    found = {(each.code.value, each.request) for each in await reconciled(database)}
    assert ("list-differs", "expense-2") in found
    assert any(request == "expense-1" for _, request in found)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit.event set occurred = 'infinity' where stream = 'expense-1'",
        "update audit.event set occurred = '20000-01-01' where stream = 'expense-1'",
        "update audit.event set occurred = '0044-03-15 BC' where stream = 'expense-1'",
        "update audit.leaf set recorded = 'infinity' where seq = 1",
        "update audit.leaf set recorded = '-infinity' where seq = 1",
        "update audit.event set body = '\\xff' where stream = 'expense-1'",
        "update audit.event set body = 'null' where stream = 'expense-1'",
        (
            "update audit.event set body = convert_to(repeat('[', 100000), 'UTF8')"
            " where stream = 'expense-1'"
        ),
        (
            "update audit.event set body = convert_to(repeat('[', 900) || repeat(']', 900), 'UTF8')"
            " where stream = 'expense-1'"
        ),
        (
            'update audit.event set body = convert_to(\'{"service":{"first_run_id":\''
            " || repeat('9', 5000) || '}}', 'UTF8') where stream = 'expense-1'"
        ),
        (
            'update audit.event set body = \'{"service":{"first_run_id":"\\\\ud800"}}\''
            " where stream = 'expense-1'"
        ),
        "update inbox.request set due = 'infinity' where request = 'expense-1'",
        "update inbox.request set updated_at = '20000-01-01' where request = 'expense-1'",
        "update inbox.request set requester_id = chr(27) || '[2J' where request = 'expense-1'",
        "update audit.event_key set stream_seq = 9223372036854775807 where stream = 'expense-1'",
        "update audit.event_key set stream_seq = -1 where stream = 'expense-1'",
    ],
)
async def test_no_changed_row_hides_what_is_wrong_elsewhere(
    database: Database, ledger: PostgresLedger, statement: str
) -> None:
    await ledger.append([submitted("expense-1"), submitted("expense-2")])
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("set session_replication_role = replica")
        for table in ("audit.event", "audit.event_key", "audit.leaf", "inbox.request"):
            connection.execute(f"alter table {table} disable trigger user".encode())
            for (name,) in connection.execute(
                "select conname from pg_constraint where conrelid = %s::regclass"
                " and contype = 'c' and conislocal",
                [table],
            ).fetchall():
                connection.execute(f"alter table {table} drop constraint {name}".encode())
        connection.execute("update inbox.request set title = 'x' where request = 'expense-2'")
        assert connection.execute(statement.encode()).rowcount == 1
    found = {(each.code.value, each.request) for each in await reconciled(database)}
    assert ("list-differs", "expense-2") in found
    assert any(request == "expense-1" for _, request in found)


def test_one_finding_is_one_line_whatever_a_request_is_called(
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = Finding(Code.LIST_DIFFERS, "expense-1\nfile-differs expense-2\x1b[2J", "x", "y")
    tell(finding, json=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("list-differs expense-1 file-differs")
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("delete from audit.hold", "keeps nothing any more"),
        ("update audit.hold set target = 'bob'", "on something else"),
        ("update audit.hold set on_what = 'request'", "on something else"),
    ],
)
async def test_a_hold_that_was_lifted_by_hand_is_found(
    database: Database, ledger: PostgresLedger, statement: str, told: str
) -> None:
    data: dict[str, JsonValue] = {"hold": "h1", "on": "subject", "target": "alice"}
    program: JsonValue = {"program": "placet audit"}
    placed = event("person:hold:placed", request="hold:h1", data=data, service=program)
    await ledger.append([placed])
    assert await reconciled(database) == []
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute(statement.encode()).rowcount == 1
    (finding,) = await reconciled(database)
    assert (finding.code, finding.place) == (Code.LIST_DIFFERS, "audit.hold h1")
    assert told in finding.text
    released = event("person:hold:released", request="hold:h1", data=data, service=program)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("delete from audit.hold")
        connection.execute("insert into audit.hold values ('h1', 'subject', 'alice', now())")
    await ledger.append([released])
    assert await reconciled(database) == []
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("insert into audit.hold values ('h1', 'subject', 'alice', now())")
    assert [each.text for each in await reconciled(database)] == ["it stands, and no event says so"]
