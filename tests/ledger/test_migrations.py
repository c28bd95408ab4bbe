from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from placet.db import Migration, migrate, packaged_migrations
from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError
from tests.support.postgres import Cluster

TABLES = """
select n.nspname || '.' || c.relname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('audit', 'content', 'effect', 'inbox', 'migration')
"""


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[str]:
    """Give the administrator's URL of a database without anything in it."""
    with postgres.database(template="template1") as name:
        yield postgres.url(name)


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_an_empty_database_gets_every_migration_once(empty: str) -> None:
    names = [step.name for step in packaged_migrations()]

    assert migrate(empty) == names
    assert migrate(empty) == []
    assert _rows(empty, "select name from migration.applied order by version") == [
        (name,) for name in names
    ]


def test_runners_at_the_same_time_apply_each_migration_once(empty: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        applied = list(pool.map(lambda _: migrate(empty), range(6), timeout=60))

    assert sorted(map(len, applied)) == [0, 0, 0, 0, 0, len(packaged_migrations())]


def test_databases_of_one_cluster_are_migrated_at_the_same_time(postgres: Cluster) -> None:
    """The roles belong to all of them, and the runner's lock to each one alone."""
    with (
        postgres.database(template="template1") as one,
        postgres.database(template="template1") as two,
        ThreadPoolExecutor(2) as pool,
    ):
        applied = list(pool.map(migrate, [postgres.url(one), postgres.url(two)], timeout=60))
    assert list(map(len, applied)) == [len(packaged_migrations())] * 2


def test_an_edited_migration_is_refused_and_nothing_is_applied(empty: str) -> None:
    steps = list(packaged_migrations())
    migrate(empty, migrations=steps[:2])
    edited = steps[1].model_copy(update={"sql": steps[1].sql + "-- edited"})

    with pytest.raises(ConflictError, match=steps[1].name):
        migrate(empty, migrations=[steps[0], edited, *steps[2:]])

    assert _rows(empty, "select max(version) from migration.applied") == [(2,)]
    assert len(migrate(empty)) == len(steps) - 2


def test_line_ends_of_a_checkout_are_no_edit() -> None:
    step = packaged_migrations()[0]
    windows = step.model_copy(update={"sql": step.sql.replace("\n", "\r\n")})

    assert windows.sql != step.sql
    assert windows.checksum == step.checksum


def test_a_database_newer_than_the_program_is_refused(empty: str) -> None:
    steps = packaged_migrations()
    migrate(empty)

    with pytest.raises(ConflictError, match="newer than the program"):
        migrate(empty, migrations=steps[:-1])


def test_a_migration_that_fails_leaves_nothing_of_itself(empty: str) -> None:
    steps = list(packaged_migrations())
    bad = Migration(
        version=len(steps) + 1, name="0099_bad.sql", sql="create table audit.half (); select 1/0;"
    )

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, migrations=[*steps, bad])

    assert ("audit.half",) not in _rows(empty, TABLES)
    assert _rows(empty, "select count(*) from migration.applied") == [(len(steps),)]
    good = bad.model_copy(update={"sql": "create table audit.half ();"})
    assert migrate(empty, migrations=[*steps, good]) == ["0099_bad.sql"]


def test_the_owner_of_a_database_with_createrole_can_migrate_it(postgres: Cluster) -> None:
    """As on a managed Postgres, where nobody is a superuser and no role exists yet."""
    own = Cluster(postgres.programs)
    try:
        with psycopg.connect(own.url(), autocommit=True) as connection:
            connection.execute("create role dba login createrole")
            connection.execute("create database managed owner dba")
        url = own.url("managed", "dba")
        assert len(migrate(url)) == len(packaged_migrations())
        assert migrate(url) == []
        with psycopg.connect(own.url("managed", "placet_app")) as connection:
            connection.execute("select content.put('x', 'text/plain')")
    finally:
        own.remove()


def test_a_role_that_may_not_migrate_is_told_what_to_use(postgres: Cluster) -> None:
    with (
        postgres.database(template="template1") as name,
        pytest.raises(InvalidInputError, match="CREATEROLE"),
    ):
        migrate(postgres.url(name, "placet_app"))


def test_a_server_that_does_not_answer_is_no_crash_and_tells_no_password() -> None:
    with pytest.raises(UnavailableError) as refused:
        migrate("postgresql://admin:hunter2@127.0.0.1:1/placet")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(refused.value.__cause__)

    with pytest.raises(InvalidInputError) as malformed:
        migrate("postgresql//admin:hunter2@127.0.0.1:1/placet")
    assert "hunter2" not in str(malformed.value)
    assert malformed.value.__suppress_context__
