from collections.abc import Iterator

import psycopg
import pytest

from placet.ledger import PostgresLedger, open_pool
from tests.conftest import Database
from tests.ledger.stories import approved, opened, permit_issued, submitted

CHANGES = [
    "update audit.event set kind = 'a:b:c'",
    "delete from audit.event",
    "truncate audit.event",
    "update audit.event_from_1 set body = 'x'",
    "delete from audit.event_from_1",
    "truncate audit.event_from_1",
    "delete from audit.event_overflow",
    "truncate audit.event_overflow",
    "update audit.event_key set stream = 'x'",
    "delete from audit.event_key",
    "truncate audit.event_key",
    "update audit.leaf set leaf = sha256('x')",
    "delete from audit.leaf",
    "truncate audit.leaf",
    "update audit.checkpoint set note = 'x'",
    "delete from audit.checkpoint",
    "truncate audit.checkpoint cascade",
    "update audit.sealed set position = position + 1",
    "delete from audit.sealed",
    "truncate audit.sealed",
    "update audit.cluster set from_seq = 1",
    "delete from audit.cluster",
    "truncate audit.cluster cascade",
    "update audit.cosignature set line = 'x'",
    "delete from audit.cosignature",
    "truncate audit.cosignature",
    "update audit.stamp set token = 'x'",
    "delete from audit.stamp",
    "truncate audit.stamp",
    "update audit.stream_head set last_seq = 1",
    "update audit.stream_head set last_seq = last_seq - 1",
    "update audit.stream_head set stream = 'other'",
    "delete from audit.stream_head",
    "truncate audit.stream_head",
]


@pytest.fixture(scope="module")
async def written(refusing_database: Database) -> Database:
    async with open_pool(refusing_database.app_url) as pool:
        await PostgresLedger(pool).append([submitted(), opened(), approved(), permit_issued()])
    return refusing_database


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("change", CHANGES)
def test_the_application_cannot_change_the_ledger(written: Database, change: str) -> None:
    with (
        psycopg.connect(written.app_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(change)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("replicating", [False, True], ids=["", "as replica"])
@pytest.mark.parametrize("change", CHANGES)
def test_triggers_stop_whoever_has_the_privileges(
    written: Database, change: str, *, replicating: bool
) -> None:
    with psycopg.connect(written.admin_url) as connection:
        if replicating:
            connection.execute("set session_replication_role = replica")
        else:
            connection.execute("set role placet_owner")
        with pytest.raises(psycopg.Error, match="is refused") as refused:
            connection.execute(change)
    assert refused.value.sqlstate == "PLT03"


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("set role placet_owner")
        yield connection


@pytest.mark.rule(number=11)
def test_a_new_partition_refuses_changes_too(owner: psycopg.Connection) -> None:
    row = owner.execute("select audit.add_partition(1000)::text").fetchone()
    assert row == ("audit.event_from_10000001",)
    with pytest.raises(psycopg.Error, match="is refused"):
        owner.execute("truncate audit.event_from_10000001")


async def test_events_behind_the_last_partition_are_kept_and_partitions_go_on_after_them(
    ledger: PostgresLedger, database: Database
) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("alter table audit.event_key alter seq restart with 10000005")
        await ledger.append([submitted()])
        row = connection.execute("select audit.add_partition(10)::text").fetchone()
        assert row == ("audit.event_from_10000006",)
        await ledger.append([opened()])
        rows = connection.execute(
            "select tableoid::regclass::text, seq from audit.event order by seq"
        )
        assert rows.fetchall() == [
            ("audit.event_overflow", 10000005),
            ("audit.event_from_10000006", 10000006),
        ]
        row = connection.execute("select audit.add_partition(10)::text").fetchone()
        assert row == ("audit.event_from_10000016",)
    assert len(await ledger.timeline("expense-1")) == 2


@pytest.mark.rule(number=11)
def test_every_table_but_what_may_be_deleted_has_its_trigger_always_on(
    owner: psycopg.Connection,
) -> None:
    """A table that a later migration adds shows up here until it is protected too."""
    rows = owner.execute(
        """
        select c.relname
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'audit' and c.relkind in ('r', 'p')
           and not exists (
               select from pg_trigger t
                where t.tgrelid = c.oid and t.tgenabled = 'A' and t.tgtype & 32 <> 0)
        """
    )
    # Of a hold only its events are the ledger; `take_hold` keeps what they come to.
    # How far places and prunings have come is no proof of anything, and moves on.
    assert {name for (name,) in rows} == {"pii", "step", "hold", "place", "pruning"}
