"""What many callers append at the same time, in one statement, against a real database."""

import asyncio
import re
from datetime import datetime
from typing import Any, LiteralString

import psycopg
import pytest

from placet.digest import canonical
from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError
from placet.domain.ledger import LedgerEvent, LedgerStep, WrittenStep
from placet.ledger import PostgresLedger, sql
from tests.conftest import Database
from tests.ledger.raw import append_raw, until_somebody_waits
from tests.ledger.stories import event, submitted


def first_step(request: str, *more: LedgerEvent, outcome: str = "{}") -> LedgerStep:
    return LedgerStep(
        stream=request,
        chain="run-1",
        number=1,
        outcome=outcome,
        events=(submitted(request), *more),
    )


@pytest.mark.rule(number=3)
async def test_of_many_steps_at_once_only_the_faulty_ones_are_refused(
    ledger: PostgresLedger,
) -> None:
    taken = event(request="expense-taken", step="x")
    await ledger.append([submitted("expense-taken"), taken])
    before = await ledger.append_step(first_step("expense-written", outcome='{"first": true}'))

    good = [first_step(f"expense-{n}", event(request=f"expense-{n}")) for n in range(40)]
    stolen = event(request="expense-thief").model_copy(update={"event_id": taken.event_id})
    odd = event(request="expense-odd")
    odd = odd.model_copy(update={"body": {**odd.body, "schema": "placet.event/2"}})
    steps = [
        *good[:10],
        first_step("expense-thief", stolen),
        *good[10:20],
        first_step("expense-odd", odd),
        first_step("expense-mixed", submitted("expense-other")),
        *good[20:],
        first_step("expense-written"),
    ]
    answers = await asyncio.gather(*map(ledger.append_step, steps), return_exceptions=True)

    told = dict(zip((step.stream for step in steps), answers, strict=True))
    assert isinstance(told.pop("expense-thief"), ConflictError)
    assert isinstance(told.pop("expense-odd"), InvalidInputError)
    assert isinstance(told.pop("expense-mixed"), InvalidInputError)
    known = told.pop("expense-written")
    assert isinstance(known, WrittenStep)
    assert (known.known, known.receipts) == ('{"first": true}', before.receipts)
    assert len(told) == 40
    for request, written in told.items():
        assert isinstance(written, WrittenStep)
        story = await ledger.timeline(request)
        assert [(e.event_id, e.leaf, e.stream_seq, e.seq, e.recorded) for e in story] == [
            (r.event_id, r.leaf, r.stream_seq, r.seq, r.recorded) for r in written.receipts
        ]
        assert [e.stream_seq for e in story] == [1, 2]
    for request in ("expense-thief", "expense-odd", "expense-mixed", "expense-other"):
        assert await ledger.timeline(request) == []


async def test_batches_of_several_callers_share_streams_and_each_has_its_receipts(
    ledger: PostgresLedger,
) -> None:
    batches = [[event(step=n), event(request=f"other-{n}", step=n)] for n in range(30)]
    answers = await asyncio.gather(*map(ledger.append, batches))

    story = await ledger.timeline("expense-1")
    by_id = {each.event_id: each.stream_seq for each in story}
    assert sorted(by_id.values()) == list(range(1, 31))
    for batch, receipts in zip(batches, answers, strict=True):
        assert [receipt.event_id for receipt in receipts] == [each.event_id for each in batch]
        assert receipts[0].stream_seq == by_id[batch[0].event_id]
    # In the order in which they were brought.
    places = [receipts[0].stream_seq for receipts in answers]
    assert places == sorted(places)


async def test_whoever_holds_one_stream_does_not_hold_back_the_others(
    database: Database, ledger: PostgresLedger
) -> None:
    with psycopg.connect(database.app_url) as other:
        append_raw(other, [submitted("expense-held")])
        held = asyncio.create_task(ledger.append([event(request="expense-held")]))
        step = asyncio.create_task(
            ledger.append_step(
                LedgerStep(
                    stream="expense-held",
                    chain="run-1",
                    number=1,
                    outcome="{}",
                    events=(event(request="expense-held"),),
                )
            )
        )
        free = [submitted(f"expense-{n}") for n in range(20)]
        async with asyncio.timeout(20):
            await asyncio.gather(
                *(ledger.append([each]) for each in free[:10]),
                *(ledger.append_step(first_step(each.stream)) for each in free[10:]),
            )
        await until_somebody_waits(database, "advisory")
        assert not held.done()
        assert not step.done()
        other.commit()
    await asyncio.gather(held, step)
    assert [e.stream_seq for e in await ledger.timeline("expense-held")] == [1, 2, 3]


@pytest.mark.rule(number=1)
async def test_a_connection_killed_under_a_group_leaves_nothing_and_a_retry_writes_all(
    database: Database, ledger: PostgresLedger
) -> None:
    contested = event(request="expense-0", step="x")
    steps = [first_step(f"expense-{n}", event(request=f"expense-{n}", step="x")) for n in range(2)]
    with psycopg.connect(database.app_url) as other:
        # Its id is being recorded elsewhere, so the group waits for that in the middle of its work.
        stranger = event(request="stranger").model_copy(update={"event_id": contested.event_id})
        append_raw(other, [stranger])
        callers = [asyncio.create_task(ledger.append_step(step)) for step in steps]
        await until_somebody_waits(database, "transactionid")
        with psycopg.connect(database.admin_url, autocommit=True) as killer:
            killer.execute(
                "select pg_terminate_backend(pid, 10000) from pg_locks"
                " where locktype = 'transactionid' and not granted"
            )
        answers = await asyncio.gather(*callers, return_exceptions=True)
        other.rollback()
    lost = [answer for answer in answers if isinstance(answer, UnavailableError)]
    assert lost
    assert all(isinstance(answer, UnavailableError | WrittenStep) for answer in answers)

    written = await asyncio.gather(*map(ledger.append_step, steps))
    assert sum(answer.known is not None for answer in written) == len(answers) - len(lost)
    for number in range(2):
        assert len(await ledger.timeline(f"expense-{number}")) == 2


async def test_while_postgres_is_gone_every_caller_is_told_to_try_again(
    database: Database, ledger: PostgresLedger
) -> None:
    await ledger.append([submitted()])
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("alter role placet_app nologin")
        try:
            admin.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                " where usename = 'placet_app' and datname = current_database()"
            )
            answers = await asyncio.gather(
                *(ledger.append_step(first_step(f"expense-{n}")) for n in range(2, 12)),
                return_exceptions=True,
            )
        finally:
            admin.execute("alter role placet_app login")
    assert all(isinstance(answer, UnavailableError) for answer in answers)


def _values(**changes: object) -> dict[str, object]:
    told = event(step="x")
    values: dict[str, object] = {
        "step_streams": [told.stream],
        "chains": ["c"],
        "numbers": [1],
        "outcomes": [b"o"],
        "event_ids": [bytes.fromhex(told.event_id)],
        "streams": [told.stream],
        "kinds": [told.kind],
        "occurred": [told.occurred],
        "bodies": [b"{}"],
    }
    absent = ("signatures", "signing_keys", "anchors", "retention_classes", "personal_digests",
              "personal_subjects", "personal_keys", "personal_ciphertexts")  # fmt: skip
    return dict.fromkeys(absent) | values | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"step_streams": ["expense-1", "expense-1"], "chains": ["c", "c"], "numbers": [1, 2],
         "outcomes": [b"o", b"o"]},
        {"numbers": []},
        {"chains": ["c", "c"]},
        {"step_streams": ["expense-2"]},
    ],
    ids=["two of one request", "no number", "too many chains", "another request's"],
)  # fmt: skip
def test_steps_that_do_not_fit_together_are_refused(
    database: Database, changes: dict[str, object]
) -> None:
    with (
        psycopg.connect(database.app_url) as connection,
        pytest.raises(psycopg.Error, match="step") as refused,
    ):
        connection.execute(sql.APPEND_STEPS, _values(**changes))
    assert refused.value.sqlstate == "PLI01"


@pytest.mark.parametrize(
    "name",
    ["event_ids", "streams", "kinds", "occurred", "bodies", "signatures", "signing_keys",
     "anchors", "retention_classes"],
)  # fmt: skip
@pytest.mark.parametrize("statement", [sql.APPEND_TOGETHER, sql.APPEND_STEPS])
def test_no_part_of_a_batch_can_be_shifted_beside_another_event(
    database: Database, name: str, statement: LiteralString
) -> None:
    """A permit of one request would be listed as another's, which its story knows nothing of."""
    told = [event(request=request) for request in ("expense-1", "expense-2")]
    parts: dict[str, list[Any]] = {
        "event_ids": [bytes.fromhex(each.event_id) for each in told],
        "streams": [each.stream for each in told],
        "kinds": [each.kind for each in told],
        "occurred": [each.occurred for each in told],
        "bodies": [canonical(each.body) for each in told],
        "signatures": [b"1", b"2"],
        "signing_keys": ["a", "b"],
        "anchors": [bytes(40), bytes(40)],
        "retention_classes": ["a", "b"],
    }
    steps = {
        "step_streams": parts["streams"],
        "chains": ["c", "c"],
        "numbers": [1, 1],
        "outcomes": [b"o", b"o"],
    }
    nothing = {each: list[str]() for each in _PERSONAL}
    with psycopg.connect(database.app_url) as connection:
        values = parts | steps | nothing
        kind = _ARRAYS[type(parts[name][0])]
        query = statement.replace(
            f"%({name})s::{kind}[]", f"('[0:1]=' || (%({name})s::{kind}[])::text)::{kind}[]"
        )
        assert query != statement
        with pytest.raises(psycopg.Error, match="counted from 1") as refused:
            connection.execute(query, values)
        assert refused.value.sqlstate == "PLI01"
        connection.rollback()
        assert connection.execute(statement, values).rowcount == 2


_ARRAYS: dict[type, str] = {bytes: "bytea", str: "text", datetime: "timestamptz"}
_PERSONAL = (
    "personal_digests",
    "personal_subjects",
    "personal_keys",
    "personal_ciphertexts",
)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_steps_need_the_isolation_level_that_all_appends_need(
    database: Database, level: str
) -> None:
    with psycopg.connect(database.app_url) as connection:
        connection.execute(f"set transaction isolation level {level}")
        with pytest.raises(psycopg.Error, match="READ COMMITTED") as refused:
            connection.execute(sql.APPEND_STEPS, _values())
    assert refused.value.sqlstate == "PLT01"


def test_no_kind_that_moves_permits_is_left_out(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(
            "select pg_get_functiondef('effect.project'::regproc),"
            " pg_get_functiondef('effect.is_projected'::regproc)"
        ).fetchone()
    assert row is not None
    kinds = set(re.findall(r"e\.kind = '([a-z:]+)'", row[0]))
    assert kinds
    assert set(re.findall(r"'([a-z]+:[a-z]+:[a-z]+)'", row[1])) == kinds
