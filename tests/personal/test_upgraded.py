"""A database in which something was pruned and an erasure was under way is brought up to date."""

import hashlib
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import JsonValue

from placet.db import migrate, packaged_migrations
from placet.digest import canonical
from placet.domain.erasure import ErasurePlan
from tests.ledger.raw import append_raw
from tests.ledger.stories import event
from tests.support.postgres import Cluster

pytestmark = pytest.mark.rule(number=11)

BEFORE = 18
"""The last migration with which a pruning was one transaction and erasures had no planned items."""


@pytest.fixture
def upgraded(postgres: Cluster) -> Iterator[psycopg.Connection]:
    with postgres.database(template="template1") as name:
        url = postgres.url(name)
        migrate(url, migrations=[step for step in packaged_migrations() if step.version <= BEFORE])
        with psycopg.connect(url, autocommit=True) as connection:
            _prune(connection)
            _begin_to_erase(connection)
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


def _prune(connection: psycopg.Connection) -> None:
    """Let one event be pruned whose partition was event_from_1."""
    connection.execute("alter table audit.event detach partition audit.event_from_1")
    connection.execute("drop table audit.event_from_1")
    connection.execute("set role placet_owner")
    connection.execute("select audit.add_partition(1)")
    connection.execute("select audit.add_partition(100)")
    connection.execute("reset role")
    append_raw(connection, [event(request="expense-1")])
    data: dict[str, JsonValue] = {
        "partition": "event_from_1", "from_seq": 1, "to_seq": 1, "before": "2999-01-01T00:00:00Z",
    }  # fmt: skip
    stone = event("system:partition:pruned", request="retention:event_from_1", data=data)
    append_raw(connection, [stone])
    connection.execute("insert into audit.sealed values (0, 1), (1, 2)")
    connection.execute("select audit.prune('event_from_1', %s)", [bytes.fromhex(stone.event_id)])


def _begin_to_erase(connection: psycopg.Connection) -> None:
    plan = canonical(ErasurePlan(subjects=("alice",), contents=("ab" * 32,), stays=()))
    connection.execute("select content.put(%s, 'application/vnd.placet.erasure+json')", [plan])
    connection.execute(
        "insert into effect.permit"
        " (permit_id, request, digest, effect, issued_at, issued_event)"
        " values ('p', 'erase-1', repeat('a', 64), 'erase', now(), 'x')"
    )
    connection.execute(
        "insert into effect.erasure (permit_id, request, digest, subject, plan)"
        " values ('p', 'erase-1', repeat('a', 64), 'alice', %s)",
        [hashlib.sha256(plan).hexdigest()],
    )


def test_what_was_pruned_is_told_as_before_and_never_again(upgraded: psycopg.Connection) -> None:
    rows = upgraded.execute(
        "select seq, body is null from audit.known_event where seq <= 2 order by seq"
    ).fetchall()
    assert rows == [(1, True), (2, False)]
    (stone,) = upgraded.execute("select event_id from audit.event_key where seq = 2").fetchall()
    upgraded.execute("select audit.begin_pruning('event_from_1', %s)", stone)
    row = upgraded.execute("select step, gone from audit.go_on_pruning(%s, 10)", stone).fetchone()
    assert row == ("over", 0)


def test_an_erasure_that_is_under_way_keeps_to_its_plan(upgraded: psycopg.Connection) -> None:
    rows = upgraded.execute("select permit_id, what, name from effect.planned").fetchall()
    assert rows == [("p", "content", "ab" * 32)]
    upgraded.execute("select effect.erase_contents('p', array[decode(repeat('ab', 32), 'hex')])")
    upgraded.execute("select effect.confirm_erasing('p')")
    upgraded.execute("select effect.finish_erasing('p')")
    assert upgraded.execute("select state from effect.erasure").fetchall() == [("erased",)]
