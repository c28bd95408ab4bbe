import asyncio
import hashlib
import json
from collections.abc import Sequence

import psycopg
import pytest
from psycopg.rows import dict_row

from placet.digest import canonical
from placet.domain.errors import ConflictError, InvalidInputError, PlacetError
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger, open_pool
from placet.proof.leaf import leaf_hash
from tests.conftest import Database
from tests.ledger.raw import APPEND, append_raw, arrays, until_somebody_waits
from tests.ledger.stories import approved, event, event_id, opened, state, submitted
from tests.support.leaves import leaf_event


async def test_a_story_comes_back_in_order_with_its_receipts(ledger: PostgresLedger) -> None:
    story = [submitted(), opened(), approved()]

    receipts = await ledger.append(story)
    told = await ledger.timeline("expense-1")

    assert [receipt.stream_seq for receipt in receipts] == [1, 2, 3]
    assert [receipt.event_id for receipt in receipts] == [event.event_id for event in story]
    assert [entry.body for entry in told] == [event.body for event in story]
    assert [entry.leaf for entry in told] == [receipt.leaf for receipt in receipts]
    assert [entry.recorded for entry in told] == [receipt.recorded for receipt in receipts]
    assert [entry.occurred for entry in told] == [event.occurred for event in story]


async def test_an_unknown_request_has_no_story(ledger: PostgresLedger) -> None:
    assert await ledger.timeline("expense-404") == []
    assert await ledger.request("expense-404") is None
    assert await ledger.append([]) == []


@pytest.mark.rule(number=3)
async def test_the_same_event_again_has_its_first_receipt(ledger: PostgresLedger) -> None:
    first = await ledger.append([submitted(), opened()])
    again = await ledger.append([opened(), submitted(), opened()])

    assert again == [first[1], first[0], first[1]]
    assert len(await ledger.timeline("expense-1")) == 2


@pytest.mark.rule(number=3)
async def test_an_event_twice_in_one_batch_is_recorded_once(ledger: PostgresLedger) -> None:
    receipts = await ledger.append([submitted(), submitted(), opened()])

    assert receipts[0] == receipts[1]
    assert [receipt.stream_seq for receipt in receipts] == [1, 1, 2]


def _changed(original: LedgerEvent, change: str) -> LedgerEvent:
    """Return another event under the same id, differing in one thing only."""
    other = {
        "body": event(step="x", reason="other"),
        "instant": event(step="x", minute=1),
        "kind": event("caller:message:late", step="x"),
        "stream": event(request="expense-2", step="x"),
    }[change]
    return other.model_copy(update={"event_id": original.event_id})


@pytest.mark.rule(number=3)
@pytest.mark.parametrize("change", ["body", "instant", "kind", "stream"])
async def test_the_same_id_with_other_content_is_a_conflict(
    ledger: PostgresLedger, change: str
) -> None:
    original = event(step="x")
    await ledger.append([submitted(), original])

    with pytest.raises(ConflictError, match=original.event_id):
        await ledger.append([_changed(original, change)])

    assert len(await ledger.timeline("expense-1")) == 2
    assert await ledger.timeline("expense-2") == []


@pytest.mark.rule(number=1)
async def test_a_conflict_undoes_the_whole_batch(ledger: PostgresLedger) -> None:
    original = event(step="x")
    await ledger.append([submitted(), original])

    with pytest.raises(ConflictError):
        await ledger.append([opened(), _changed(original, "body")])

    assert [entry.stream_seq for entry in await ledger.timeline("expense-1")] == [1, 2]


async def test_a_request_id_used_again_cannot_get_a_second_story(ledger: PostgresLedger) -> None:
    await ledger.append([submitted()])

    with pytest.raises(ConflictError, match="another request id"):
        await ledger.append([submitted(step="another first run")])

    assert await ledger.append([submitted()])


async def test_the_stored_body_is_the_canonical_json(
    ledger: PostgresLedger, database: Database
) -> None:
    told = event(reason="Größe 🍷 \\u0000 as text", data={"z": 1, "a": [1.5, None, True]})
    (receipt,) = await ledger.append([told])

    with psycopg.connect(database.admin_url, row_factory=dict_row) as connection:
        row = connection.execute("select * from audit.event").fetchone()
    assert row is not None
    assert row["body"] == canonical(told.body)
    assert json.loads(row["body"]) == told.body
    (kept,) = await ledger.timeline(told.stream)
    assert leaf_hash(leaf_event(kept)).hex() == receipt.leaf


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"reason": "nul \x00 inside"}, id="NUL"),
        pytest.param({"nul\x00": 1}, id="NUL in a key"),
        pytest.param({"data": {"deep": [{"text": "\ud800"}]}}, id="lone surrogate"),
        pytest.param({"\udfff": 1}, id="lone surrogate in a key"),
        pytest.param({"data": {"n": float("nan")}}, id="NaN"),
        pytest.param({"data": {"n": 2**53}}, id="whole number beyond 2**53"),
        pytest.param({"reason": "x" * (1 << 20)}, id="more than 1 MiB"),
        pytest.param({"schema": "placet.event/2"}, id="unknown schema"),
        pytest.param({"request": "expense-2"}, id="another request in the body"),
        pytest.param({"kind": "caller:message:late"}, id="another kind in the body"),
        pytest.param({"occurred": "2026-03-02T08:00:01Z"}, id="another instant in the body"),
        pytest.param({"occurred": "yesterday-ish"}, id="no instant"),
    ],
)
async def test_a_body_that_cannot_be_recorded_is_refused(
    ledger: PostgresLedger, body: dict[str, object]
) -> None:
    good = event()
    bad = LedgerEvent.model_construct(**{**dict(good), "body": {**good.body, **body}})

    with pytest.raises(InvalidInputError):
        await ledger.append([submitted(), bad])

    assert await ledger.timeline("expense-1") == []


async def test_a_stream_name_that_cannot_be_stored_is_refused(ledger: PostgresLedger) -> None:
    for name in ("expense\ud800", "expense\x00", "é" * 900):
        with pytest.raises(InvalidInputError):
            await ledger.append([LedgerEvent.model_construct(**{**dict(event()), "stream": name})])


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_another_isolation_level_is_refused(database: Database, level: str) -> None:
    with psycopg.connect(database.app_url) as connection:
        connection.execute(f"set transaction isolation level {level}")
        with pytest.raises(psycopg.Error, match="READ COMMITTED") as refused:
            connection.execute("select audit.append('{}', '{}', '{}', '{}', '{}')")
    assert refused.value.sqlstate == "PLT01"


async def test_the_adapter_is_not_misled_by_a_default_isolation_level(database: Database) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("alter role placet_app set default_transaction_isolation = serializable")
    try:
        async with open_pool(database.app_url) as pool:
            assert await PostgresLedger(pool).append([submitted()])
    finally:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            connection.execute("alter role placet_app reset default_transaction_isolation")


async def test_a_transaction_that_wrote_before_it_appends_is_refused(database: Database) -> None:
    with psycopg.connect(database.app_url) as connection:
        connection.execute("select content.put('x', 'text/plain')")
        with pytest.raises(psycopg.Error, match="append first") as refused:
            append_raw(connection, [submitted()])
    assert refused.value.sqlstate == "PLT02"


async def test_a_transaction_may_append_twice_to_a_stream_it_holds(database: Database) -> None:
    with psycopg.connect(database.app_url) as connection:
        append_raw(connection, [submitted()])
        append_raw(connection, [opened()])
    with psycopg.connect(database.app_url) as connection:
        rows = connection.execute("select stream_seq from audit.receipt order by seq").fetchall()
    assert rows == [(1,), (2,)]


async def test_arrays_of_different_lengths_are_refused(database: Database) -> None:
    with (
        psycopg.connect(database.app_url) as connection,
        pytest.raises(psycopg.Error, match="A batch is") as refused,
    ):
        connection.execute("select audit.append(array['\\x00'::bytea], '{}', '{}', '{}', '{}')")
    assert refused.value.sqlstate == "PLI01"


@pytest.mark.rule(number=3)
async def test_sixteen_writers_with_rollbacks_and_duplicates_record_each_event_once(
    database: Database,
) -> None:
    streams = [f"expense-{number}" for number in range(5)]
    events = [
        event(request=stream, step=number, state=state())
        for number in range(12)
        for stream in streams
    ]

    async def write(pool_number: int, ledger: PostgresLedger) -> None:
        # Every writer brings every event, in an order and in batches of its own.
        mine = sorted(events, key=lambda told: event_id(pool_number, told.event_id))
        for begin in range(0, len(mine), 7):
            batch = mine[begin : begin + 7]
            if begin % 2:
                await ledger.append(batch)
            else:
                await _roll_back(database, batch)
                await ledger.append(batch)

    async with open_pool(database.app_url, max_size=16, patience=60) as pool:
        ledger = PostgresLedger(pool)
        async with asyncio.timeout(60), asyncio.TaskGroup() as writers:
            for number in range(16):
                writers.create_task(write(number, ledger))
        stories = {stream: await ledger.timeline(stream) for stream in streams}

    for stream, story in stories.items():
        assert [told.stream_seq for told in story] == list(range(1, 13))
        assert [told.seq for told in story] == sorted(told.seq for told in story)
        assert {told.event_id for told in story} == {
            told.event_id for told in events if told.stream == stream
        }


async def _roll_back(database: Database, batch: Sequence[LedgerEvent]) -> None:
    connection = await psycopg.AsyncConnection.connect(database.app_url)
    async with connection:
        await connection.execute(APPEND, arrays(batch))
        await connection.rollback()


@pytest.mark.rule(number=1)
async def test_a_backend_killed_in_the_middle_of_an_append_leaves_nothing_and_a_retry_one_event(
    database: Database, ledger: PostgresLedger
) -> None:
    victim = psycopg.connect(database.app_url)
    pid = victim.info.backend_pid
    append_raw(victim, [submitted(), opened()])
    with psycopg.connect(database.admin_url, autocommit=True) as killer:
        killer.execute("select pg_terminate_backend(%s, 10000)", [pid])
    with pytest.raises(psycopg.OperationalError):
        victim.commit()
    victim.close()

    assert await ledger.timeline("expense-1") == []
    receipts = await ledger.append([submitted(), opened()])
    assert [receipt.stream_seq for receipt in receipts] == [1, 2]


@pytest.mark.rule(number=3)
async def test_one_id_brought_to_two_streams_at_the_same_time_stays_in_one(
    database: Database, ledger: PostgresLedger
) -> None:
    one, two = event(request="expense-1", step="x"), event(request="expense-2", step="x")
    with psycopg.connect(database.app_url) as other:
        append_raw(other, [one])
        late = asyncio.create_task(
            ledger.append([two.model_copy(update={"event_id": one.event_id})])
        )
        await until_somebody_waits(database, "transactionid")
        other.commit()
    with pytest.raises(ConflictError, match="same id must always"):
        await late
    assert await ledger.timeline("expense-2") == []


async def test_an_append_waits_for_another_to_its_stream_and_only_for_that(
    database: Database, ledger: PostgresLedger
) -> None:
    with psycopg.connect(database.app_url) as other:
        append_raw(other, [submitted()])
        await ledger.append([submitted("expense-2")])
        waiting = asyncio.create_task(ledger.append([opened()]))
        await until_somebody_waits(database, "advisory")
        assert not waiting.done()
        # Nothing is held back by the waiting append, as it has no transaction id yet.
        with psycopg.connect(database.admin_url) as watcher:
            assert watcher.execute(
                "select backend_xid from pg_stat_activity where wait_event_type = 'Lock'"
            ).fetchall() == [(None,)]
        other.commit()
    assert [receipt.stream_seq for receipt in await waiting] == [2]


async def test_a_wrong_error_family_is_none_of_the_callers_making(database: Database) -> None:
    """A misuse of the ledger inside a transaction is Placet's own error, not bad input."""
    async with open_pool(database.app_url) as pool:

        class Misuse(PostgresLedger):
            async def misuse(self) -> None:
                async with self._transaction() as connection:
                    await connection.execute("select content.put('x', 'text/plain')")
                    await connection.execute(APPEND, arrays([submitted()]))

        with pytest.raises(PlacetError, match="append first") as refused:
            await Misuse(pool).misuse()
    assert type(refused.value) is PlacetError


async def test_content_is_stored_once_under_its_digest(
    ledger: PostgresLedger, database: Database
) -> None:
    digest = await ledger.put_content(b"receipt", "application/pdf")

    assert digest == hashlib.sha256(b"receipt").hexdigest()
    assert await ledger.put_content(b"receipt", "text/plain") == digest
    assert await ledger.get_content(digest) == b"receipt"
    assert await ledger.get_content(await ledger.put_content(b"", "text/plain")) == b""
    with psycopg.connect(database.app_url) as connection:
        rows = connection.execute("select media_type, size from content.blob where size > 0")
        assert rows.fetchall() == [("application/pdf", 7)]
