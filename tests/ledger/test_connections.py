import asyncio
import itertools
import time

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from placet.connections import eraser_url, sealer_url
from placet.db import connections, translated_errors
from placet.domain.errors import InvalidInputError, NotFoundError, UnavailableError
from placet.ledger import PostgresLedger, open_pool
from placet.ports import Ledger
from placet.settings import Settings
from tests.conftest import Database
from tests.ledger.stories import opened, submitted
from tests.support.postgres import Cluster
from tests.support.waiting import eventually


async def test_the_adapter_fits_its_port(ledger: PostgresLedger) -> None:
    port: Ledger = ledger
    assert await port.requests() == []


async def test_a_restart_of_postgres_costs_no_append(
    postgres: Cluster, ledger: PostgresLedger
) -> None:
    await ledger.append([submitted()])
    postgres.restart()

    receipts = await ledger.append([submitted(), opened()])

    assert [receipt.stream_seq for receipt in receipts] == [1, 2]


@pytest.mark.rule(number=1)
async def test_while_postgres_is_down_everything_says_try_again(
    postgres: Cluster, database: Database
) -> None:
    async with open_pool(database.app_url, patience=0.5) as pool:
        ledger = PostgresLedger(pool)
        await ledger.append([submitted()])
        postgres.stop()
        try:
            with pytest.raises(UnavailableError, match="does not answer"):
                await ledger.append([opened()])
            with pytest.raises(UnavailableError, match="does not answer"):
                await ledger.timeline("expense-1")
        finally:
            postgres.start()
    async with open_pool(database.app_url) as pool:
        assert len(await PostgresLedger(pool).append([opened()])) == 1


async def test_a_connection_in_use_is_not_tested_each_time_it_is_taken(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[object] = []
    check = AsyncConnectionPool.check_connection

    async def counted(connection: AsyncConnection[DictRow]) -> None:
        tested.append(connection)
        await check(connection)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", staticmethod(counted))
    async with open_pool(database.app_url, max_size=1) as pool:
        for _ in range(20):
            async with pool.connection() as connection:
                await connection.execute("select 1")
        in_use = len(tested)
        monkeypatch.setattr(connections, "_TESTED_SECONDS", 0.0)
        async with pool.connection() as connection:
            await connection.execute("select 1")
    assert in_use <= 3
    assert len(tested) > in_use, "one that lay idle for longer is tested"


async def test_whoever_waits_for_a_connection_can_be_cancelled_at_any_moment(
    database: Database,
) -> None:
    async with open_pool(database.app_url, max_size=1) as pool:

        async def use_it() -> None:
            async with pool.connection():
                await asyncio.Event().wait()

        for turns in range(20):
            held = await pool.getconn()
            waiting = asyncio.create_task(use_it())
            await eventually(lambda: bool(pool.get_stats()["requests_waiting"]), "it to wait")
            await pool.putconn(held)
            # The connection is on its way to whoever waits; each turn of the loop brings it nearer.
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            if turns % 2:
                await asyncio.sleep(0)
                waiting.cancel()
            done, _ = await asyncio.wait({waiting}, timeout=2)
            assert done, f"cancelled {turns} turns after the connection came, and goes on"
        async with pool.connection() as connection:
            await connection.execute("select 1")


async def test_a_long_outage_is_over_when_postgres_is_back(
    postgres: Cluster, database: Database
) -> None:
    async with open_pool(database.app_url, patience=1.5) as pool:
        ledger = PostgresLedger(pool)
        await ledger.append([submitted()])
        postgres.stop()
        try:
            for _ in range(3):
                with pytest.raises(UnavailableError):
                    await ledger.timeline("expense-1")
        finally:
            postgres.start()
        assert len(await ledger.timeline("expense-1")) == 1


async def test_many_dead_connections_are_replaced_as_fast_as_one(
    postgres: Cluster, database: Database
) -> None:
    async with open_pool(database.app_url, min_size=6, patience=3.0) as pool:
        ledger = PostgresLedger(pool)
        await pool.wait()
        postgres.restart()
        assert await ledger.timeline("expense-1") == []


async def test_a_pool_opens_before_its_server_and_tells_no_password() -> None:
    async with open_pool("postgresql://app:hunter2@127.0.0.1:1/placet", patience=0.3) as pool:
        with pytest.raises(UnavailableError) as refused:
            await PostgresLedger(pool).requests()
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(refused.value.__cause__)


@pytest.mark.parametrize("url", ["postgresql//app:hunter2@h/placet", "postgresql://app:hunter2@[/"])
async def test_a_malformed_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidInputError, match="PLACET_DATABASE_URL") as refused:
        async with open_pool(url):
            pass
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__


async def test_a_database_without_the_schema_says_to_migrate(postgres: Cluster) -> None:
    with postgres.database(template="template1") as name:
        async with open_pool(postgres.url(name)) as pool:
            with pytest.raises(UnavailableError, match="run the migrations"):
                await PostgresLedger(pool).append([submitted()])
            with pytest.raises(UnavailableError, match="run the migrations"):
                await PostgresLedger(pool).requests()


async def test_a_standby_or_a_read_only_server_says_try_again(database: Database) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"alter database {name} set default_transaction_read_only = on")
    async with open_pool(database.app_url) as pool:
        with pytest.raises(UnavailableError, match="25006"):
            await PostgresLedger(pool).append([submitted()])


@pytest.mark.parametrize("digest", ["0" * 64, "", "not hex", "0" * 63, "\x00", "\ud800"])
async def test_content_that_was_never_stored_is_not_found(
    ledger: PostgresLedger, digest: str
) -> None:
    with pytest.raises(NotFoundError):
        await ledger.get_content(digest)


async def test_erased_content_is_not_found(ledger: PostgresLedger, database: Database) -> None:
    digest = await ledger.put_content(b"receipt", "application/pdf")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("delete from content.blob where media_type = 'application/pdf'")

    with pytest.raises(NotFoundError, match="erased"):
        await ledger.get_content(digest)


async def test_content_has_its_limits(ledger: PostgresLedger) -> None:
    assert await ledger.put_content(b"x" * (10 << 20), "application/pdf")
    with pytest.raises(InvalidInputError, match="10 MiB"):
        await ledger.put_content(b"x" * (10 << 20) + b"x", "application/pdf")
    with pytest.raises(InvalidInputError, match="media type"):
        await ledger.put_content(b"x", "")


async def test_text_that_cannot_be_stored_finds_nothing_and_does_not_crash(
    ledger: PostgresLedger,
) -> None:
    for text in ("\x00", "\ud800"):
        with pytest.raises(InvalidInputError):
            await ledger.request(text)


async def test_a_connection_that_is_taken_again_at_once_is_not_tested_each_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = []
    really = AsyncConnectionPool.check_connection

    async def counted(connection: psycopg.AsyncConnection) -> None:
        tested.append(time.monotonic())
        await really(connection)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", staticmethod(counted))
    async with open_pool(database.app_url, max_size=1) as pool:
        ledger = PostgresLedger(pool)
        for _ in range(100):
            await ledger.requests()
    assert tested
    assert all(later - one >= 0.1 for one, later in itertools.pairwise(tested))


async def test_what_others_hold_up_says_so_and_not_that_the_database_is_down(
    database: Database,
) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("lock table audit.event_key")
        async with await psycopg.AsyncConnection.connect(database.app_url) as hurried:
            await hurried.execute("set statement_timeout = '1ms'")
            with pytest.raises(UnavailableError, match="holds this up"), translated_errors():
                await hurried.execute("select from audit.event_key")


@pytest.mark.parametrize("which", ["SEALER", "ERASER"])
def test_a_malformed_url_of_another_login_is_named(which: str) -> None:
    settings = Settings.from_environment({f"PLACET_{which}_URL": "postgresql://[x"})
    opened = {"SEALER": sealer_url, "ERASER": eraser_url}[which]
    with pytest.raises(InvalidInputError, match=f"PLACET_{which}_URL"):
        opened(settings)
