"""Pruning takes many short steps: nobody waits for it, and whoever is killed goes on."""

import asyncio
from typing import Any, LiteralString

import psycopg
import pytest

from placet.domain.errors import ConflictError, UnavailableError
from placet.holding import place, release
from placet.ledger import retention
from placet.ledger.retention import PostgresPruner
from placet.pruning import Pruned, prune
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import event, state
from tests.personal import test_retention
from tests.personal.test_retention import HEIDI, IVAN, LATER, World
from tests.support.waiting import eventually

pytestmark = pytest.mark.rule(number=11)

world = test_retention.world

STEPS = [*["copied"] * 3, "detached", *["cleared"] * 3, "dropped"]
"""Those of ten events, four at once."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 4)
    monkeypatch.setattr(retention, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(retention, "_LONGEST_PAUSE", 0.05)


def eraser(world: World) -> psycopg.Connection:
    url = world.admin_url.replace("postgres@", "placet_app_eraser@")
    return psycopg.connect(url, autocommit=True)


async def begun(world: World) -> bytes:
    """Begin to prune the first partition; return its tombstone's id."""
    row = await world.first()
    await prune(world.ledger, world.opened, row, LATER, HEIDI, 0)
    world.seal()
    (stone,) = await world.ledger.timeline(f"retention:{row.name}")
    tombstone = bytes.fromhex(stone.event_id)
    with eraser(world) as connection:
        connection.execute("select audit.begin_pruning(%s, %s)", [row.name, tombstone])
    return tombstone


def go_on(connection: psycopg.Connection, tombstone: bytes) -> tuple[Any, ...]:
    row = connection.execute("select step, gone from audit.go_on_pruning(%s, 4)", [tombstone])
    found = row.fetchone()
    assert found is not None
    return found


def known(world: World) -> list[Any]:
    """Return every event of the partition as readers see it."""
    return world.run(
        "select seq, leaf, coalesce(body_digest, sha256(body)), body is null"
        " from audit.known_event where seq <= 10 order by seq"
    )


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
async def test_whoever_is_killed_between_two_steps_goes_on(world: World, done: int) -> None:
    row = await world.first()
    whole = known(world)
    assert len(whole) == 10
    tombstone = await begun(world)
    with eraser(world) as connection:
        assert [go_on(connection, tombstone)[0] for _ in range(done)] == STEPS[:done]
    # Neither lost nor doubled, whoever looks in the middle.
    gone = done >= STEPS.index("detached") + 1
    assert known(world) == [(seq, leaf, digest, gone) for seq, leaf, digest, _ in whole]
    assert await prune(world.ledger, world.opened, row, LATER, HEIDI, 0) == Pruned(
        "event_from_1", 0 if done == len(STEPS) else 10
    )
    assert known(world) == [(seq, leaf, digest, True) for seq, leaf, digest, _ in whole]
    assert world.run("select count(*) from audit.pii p where p.subject = 'alice'") == [(0,)]
    assert world.run("select count(*) from audit.pii p where p.subject <> 'alice'") != [(0,)]
    assert world.run("select to_regclass('audit.event_from_1')") == [(None,)]


@pytest.mark.parametrize("done", range(len(STEPS)))
async def test_whoever_is_killed_in_the_middle_of_a_step_goes_on(world: World, done: int) -> None:
    row = await world.first()
    tombstone = await begun(world)
    with eraser(world) as connection:
        for _ in range(done):
            go_on(connection, tombstone)
        before = known(world)
        connection.execute("begin")
        assert go_on(connection, tombstone)[0] == STEPS[done]
        pid = connection.info.backend_pid
        world.run(f"select pg_terminate_backend({pid})")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("commit")
    await eventually(lambda: (pid,) not in world.run("select pid from pg_stat_activity"), "its end")
    assert known(world) == before
    assert await prune(world.ledger, world.opened, row, LATER, HEIDI, 0) == Pruned(row.name, 10)
    assert [(seq, gone) for seq, _, _, gone in known(world)] == [(n, True) for n in range(1, 11)]


async def test_two_that_prune_at_once_do_it_once(world: World) -> None:
    row = await world.first()
    await begun(world)
    found = await asyncio.gather(
        *(prune(world.ledger, world.opened, row, LATER, HEIDI, 0) for _ in range(4))
    )
    assert sorted(each.gone or 0 for each in found) == [0, 0, 0, 10]
    assert [(seq, gone) for seq, _, _, gone in known(world)] == [(n, True) for n in range(1, 11)]


@pytest.mark.parametrize(
    "reads",
    [
        # An export, a dump or a report that takes its time.
        "select count(*) from audit.event",
        # They have come to one of the tables only.
        "lock table only audit.event in access share mode",
        "lock table audit.event_overflow in access share mode",
    ],
)
async def test_nobody_who_appends_waits_for_a_pruning_that_waits_for_a_reader(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch, reads: LiteralString
) -> None:
    row = await world.first()
    await begun(world)
    steps: list[str] = []
    all_of = PostgresPruner._all  # noqa: SLF001 - every step goes through it

    async def noted(self: PostgresPruner, *told: Any) -> Any:
        rows = await all_of(self, *told)
        steps.extend(each["step"] for each in rows)
        return rows

    monkeypatch.setattr(PostgresPruner, "_all", noted)
    with (
        psycopg.connect(world.admin_url) as reader,
        psycopg.connect(database.app_url, autocommit=True) as writer,
    ):
        reader.execute(reads)
        # Whoever waits for as long is refused; the pruning itself never waits for as long.
        writer.execute("set lock_timeout = '1s'")
        pruning = asyncio.create_task(prune(world.ledger, world.opened, row, LATER, HEIDI, 0))

        def appended_while_it_tries() -> bool:
            append_raw(writer, [event(request="expense-new")])
            return steps.count("held up") >= 3

        await eventually(appended_while_it_tries, "it to have tried three times")
        assert not pruning.done()
        assert len(known(world)) == 10
        reader.rollback()
        assert (await pruning).gone == 10
        append_raw(writer, [event(request="expense-new")])


async def test_what_is_appended_while_it_copies_can_be_sealed(world: World) -> None:
    """A transaction that stays open would hold up what is sealed in the order of transactions."""
    tombstone = await begun(world)
    xmin = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    with eraser(world) as connection:
        for step in STEPS:
            world.run("select pg_current_xact_id()")
            (before,) = world.run(xmin)
            assert go_on(connection, tombstone)[0] == step
            (after,) = world.run(xmin)
            assert after > before


async def test_a_partition_that_is_always_in_use_is_given_up_and_gone_on_with_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_PATIENCE_SECONDS", 0.0)
    row = await world.first()
    await begun(world)
    with psycopg.connect(world.admin_url) as reader:
        reader.execute("select count(*) from audit.event").fetchone()
        with pytest.raises(UnavailableError, match="in use all the time"):
            await prune(world.ledger, world.opened, row, LATER, HEIDI, 0)
    assert (await prune(world.ledger, world.opened, row, LATER, HEIDI, 0)).gone == 10


async def test_a_hold_that_is_placed_while_it_copies_keeps_everything(world: World) -> None:
    row = await world.first()
    tombstone = await begun(world)
    with eraser(world) as connection:
        go_on(connection, tombstone)
    held = await place(world.ledger, "alice", "subject", HEIDI)
    with pytest.raises(ConflictError, match="legal holds forbid it"):
        await prune(world.ledger, world.opened, row, LATER, HEIDI, 0)
    assert not any(gone for *_, gone in known(world))
    assert world.run("select count(*) from audit.pii p where p.subject = 'alice'") != [(0,)]
    await release(world.ledger, held.hold, IVAN)
    assert (await prune(world.ledger, world.opened, row, LATER, HEIDI, 0)).gone == 10


async def test_a_request_that_is_opened_again_while_it_copies_keeps_everything(
    world: World,
) -> None:
    row = await world.first()
    await begun(world)
    await world.ledger.append([event(request="expense-1", state=state("pending"))])
    with pytest.raises(ConflictError, match="not closed, such as expense-1"):
        await prune(world.ledger, world.opened, row, LATER, HEIDI, 0)
    assert not any(gone for *_, gone in known(world))


async def test_a_hold_that_is_being_placed_is_waited_for(world: World, database: Database) -> None:
    row = await world.first()
    await begun(world)
    data: Any = {"hold": "h", "on": "subject", "target": "alice"}
    with psycopg.connect(database.app_url) as placing:
        append_raw(placing, [event("person:hold:placed", request="hold:h", data=data)])
        pruning = asyncio.create_task(prune(world.ledger, world.opened, row, LATER, HEIDI, 0))
        await eventually(
            lambda: world.run("select copied = upper from audit.pruning") == [(True,)], "the copies"
        )
        placing.commit()
        with pytest.raises(ConflictError, match="legal holds forbid it: h"):
            await pruning


async def test_the_lists_are_made_again_from_bodies_that_are_only_copied(world: World) -> None:
    tombstone = await begun(world)
    with eraser(world) as connection:
        for _ in range(3):
            go_on(connection, tombstone)
    world.run("delete from inbox.request where request = 'expense-0'", "select inbox.rebuild()")
    row = await world.ledger.request("expense-0")
    assert row is not None
    assert row.status == "rejected"


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        ("select audit.begin_pruning('event_from_1', 'x')", "append it first"),
        ("select audit.go_on_pruning('x', 4)", "begin it first"),
        ("select audit.go_on_pruning('x', 0)", "ask for 1 to 1000000"),
        ("select audit.detach_pruned(null)", "permission denied"),
        ("select audit.copy_headers(null, 1)", "permission denied"),
        ("select audit.clear_pruned(null, 1)", "permission denied"),
        ("update audit.pruning set copied = 11", "permission denied"),
        ("insert into audit.pruning values (1, 'event_from_1', 1, 11, 11, now(), 1)", "denied"),
        ("delete from audit.pruned", "permission denied"),
        ("alter table audit.event detach partition audit.event_from_1", "must be owner"),
    ],
)
async def test_who_prunes_can_take_no_step_of_their_own(
    world: World, attempt: str, told: str
) -> None:
    with eraser(world) as connection, pytest.raises(psycopg.Error, match=told):
        connection.execute(attempt)
    assert world.run("select count(*) from audit.event where seq <= 10") == [(10,)]


def stone_of(name: str, first: int, last: int, **more: Any) -> Any:
    """Return a tombstone as whoever has the application's password may write it."""
    data: dict[str, Any] = {"partition": name, "from_seq": first, "to_seq": last}
    data["before"] = "2999-01-01T00:00:00Z"
    return event("system:partition:pruned", request=f"retention:{name}", data=data, **more)


async def test_no_event_comes_late_into_what_is_being_pruned(
    world: World, database: Database
) -> None:
    """It would lose its header with its body, and nobody could prove the ledger any more."""
    stone = stone_of("event_from_11", 11, 20)
    with (
        psycopg.connect(database.app_url) as late,
        psycopg.connect(database.app_url) as other,
        eraser(world) as connection,
    ):
        append_raw(other, [event(request="expense-new", state=state("rejected")), stone])
        other.commit()
        world.seal()
        append_raw(late, [event(request="expense-late", reason="late")])
        for number in range(7):
            append_raw(other, [event(request=f"expense-{number}")])
            other.rollback()
        begin = ["event_from_11", bytes.fromhex(stone.event_id)]
        with pytest.raises(psycopg.Error, match="Somebody is appending"):
            connection.execute("select audit.begin_pruning(%s, %s)", begin)
        late.commit()
        with pytest.raises(psycopg.Error, match="1 of its events are not sealed yet"):
            connection.execute("select audit.begin_pruning(%s, %s)", begin)
    assert world.run("select count(*) from audit.known_event where seq = 14") == [(1,)]


async def test_a_partition_is_pruned_by_one_tombstone(world: World, database: Database) -> None:
    await begun(world)
    second = stone_of("event_from_1", 1, 10, step="second")
    with psycopg.connect(database.app_url) as other:
        append_raw(other, [second])
    world.seal()
    with (
        eraser(world) as connection,
        pytest.raises(psycopg.Error, match="pruned by another tombstone already"),
    ):
        connection.execute(
            "select audit.begin_pruning(%s, %s)", ["event_from_1", bytes.fromhex(second.event_id)]
        )
