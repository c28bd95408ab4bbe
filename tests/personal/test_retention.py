"""Old events are pruned as a whole partition, tombstone first, and what proves them stays."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from pydantic import JsonValue

from placet.cli.pruning import _prune_all
from placet.cli.working import keep_room
from placet.directory import load_directory
from placet.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from placet.domain.ledger_rows import PartitionRow
from placet.holding import Told, place, release, standing
from placet.ledger import PostgresLedger, open_pool
from placet.ledger.encoding import Encoder
from placet.ledger.retention import PostgresPruner, PostgresRetention
from placet.personal.vault import open_vault
from placet.proof.leaf import leaf_hash
from placet.pruning import Candidate, Pruned, candidates, prune, require_old_enough
from placet.settings import Settings
from placet.timeline import sentence
from tests.conftest import Database
from tests.ledger.stories import event, state, submitted
from tests.policy.example import SHIPPED
from tests.support.leaves import leaf_event
from tests.support.waiting import eventually

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=1)
PEOPLE = load_directory(SHIPPED / "directory.yaml")
SIZE = 1_000
HEIDI, IVAN = (
    Told(PEOPLE.require(who), "It was kept for ten years", NOW) for who in ("heidi", "ivan")
)

pytestmark = pytest.mark.rule(number=11)


class World(NamedTuple):
    """A ledger whose first partition holds ten events, and the login that prunes."""

    ledger: PostgresLedger
    pruner: PostgresPruner
    admin_url: str

    def run(self, *statements: str) -> list[Any]:
        """Run statements as the administrator; return the rows of the last."""
        with psycopg.connect(self.admin_url) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def seal(self) -> None:
        """Seal everything that is there."""
        self.run(
            "insert into audit.sealed (position, seq) select (select count(*) from audit.sealed)"
            " + row_number() over (order by seq) - 1, seq from audit.leaf"
            " where seq not in (select seq from audit.sealed)"
        )

    def opened(self) -> AbstractAsyncContextManager[PostgresPruner]:
        """Open the login that prunes."""

        @asynccontextmanager
        async def opening() -> AsyncIterator[PostgresPruner]:
            yield self.pruner

        return opening()

    async def first(self) -> PartitionRow:
        """Return the oldest partition."""
        return (await self.ledger.retention.partitions())[0]

    async def prune(self, row: PartitionRow | None = None) -> Pruned:
        """Prune the oldest partition, once its tombstone is sealed by somebody."""
        row = row or await self.first()
        pruning = asyncio.create_task(prune(self.ledger, self.opened, row, LATER, HEIDI, 30))

        def sealed_until_done() -> bool:
            self.seal()
            return pruning.done()

        await eventually(sealed_until_done, "the pruning to end")
        return await pruning


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    eraser_url = database.admin_url.replace("postgres@", "placet_app_eraser@")
    async with open_pool(database.app_url) as pool, open_pool(eraser_url) as erasers:
        ledger = PostgresLedger(pool, Encoder(vault=open_vault(tmp_path / "keys")))
        made = World(ledger, PostgresPruner(erasers), database.admin_url)
        made.run(
            # The first partition takes ten numbers, the next ones as usual.
            "alter table audit.event detach partition audit.event_from_1",
            "drop table audit.event_from_1",
            "set role placet_owner",
            "select audit.add_partition(10)",
            "select audit.add_partition(10)",
        )
        await ledger.retention.keep_room(SIZE, 100)
        for number in range(5):
            done = state("rejected", title=f"Dinner {number}")
            await ledger.append(
                [
                    submitted(f"expense-{number}"),
                    event(request=f"expense-{number}", step="done", state=done, reason="no"),
                ]
            )
        await ledger.append([submitted("expense-new")])
        made.seal()
        yield made


async def test_the_bodies_are_gone_and_what_proves_them_is_left(world: World) -> None:
    before = await world.ledger.sealed_timeline("expense-0")
    digests = dict(
        world.run("select seq, sha256(body) from audit.event where seq <= 10 order by seq")
    )
    assert await world.prune() == Pruned("event_from_1", 10)

    assert world.run("select count(*) from audit.event where seq <= 10") == [(0,)]
    rows = world.run(
        "select seq, leaf, body_digest from audit.known_event where seq <= 10 order by seq"
    )
    assert [seq for seq, _, _ in rows] == [*range(1, 11)]
    assert {seq: digest for seq, _, digest in rows} == digests
    for was, (_, leaf, digest) in zip(before, rows[:2], strict=True):
        assert leaf_hash(leaf_event(was)) == leaf
        assert hashlib.sha256(leaf_event(was).body).digest() == digest
    assert world.run("select count(*) from audit.pii p where p.subject = 'alice'") == [(0,)]
    (stone,) = await world.ledger.timeline("retention:event_from_1")
    data: Any = stone.body["data"]
    assert (data["from_seq"], data["to_seq"], data["count"]) == (1, 10, 10)
    assert (data["first_position"], data["last_position"]) == (0, 9)
    assert stone.seq > 10


async def test_a_pruned_story_says_so_and_the_lists_stay_as_they_are(world: World) -> None:
    row = await world.ledger.request("expense-0")
    assert row is not None
    await world.prune()
    story = await world.ledger.timeline("expense-0")
    assert [each.pruned for each in story] == [True, True]
    assert "pruned" in sentence(story[0])
    world.run("select inbox.rebuild()")
    left = await world.ledger.request("expense-0")
    assert left is not None
    assert (left.status, left.requester_id, left.title) == ("rejected", "alice", "[erased]")
    assert await world.ledger.request("expense-new") is not None


async def test_a_hold_tells_who_placed_it_when_and_why(world: World) -> None:
    assert await standing(world.ledger) == []
    held = await place(world.ledger, "expense-new", "request", HEIDI)
    (told,) = await standing(world.ledger)
    assert told == held
    assert (told.hold, told.target, told.placed_at) == (held.hold, "expense-new", held.placed_at)
    assert (told.placed_by, told.placed_by_name) == ("heidi", HEIDI.person.name)
    assert told.reason == "It was kept for ten years"
    await release(world.ledger, held.hold, IVAN)
    assert await standing(world.ledger) == []


async def test_pruning_again_changes_nothing(world: World) -> None:
    row = await world.first()
    await world.prune(row)
    assert await world.prune(row) == Pruned("event_from_1", 0)
    assert len(await world.ledger.timeline("retention:event_from_1")) == 1


async def test_what_the_proof_of_others_stands_on_is_kept_when_its_own_time_comes(
    world: World,
) -> None:
    held = await place(world.ledger, "expense-new", "request", HEIDI)
    await world.prune()
    await release(world.ledger, held.hold, IVAN)
    await world.ledger.append([event(request="expense-new", state=state("rejected"))])
    for number in range(20):
        await world.ledger.append(
            [event(request="expense-new", step=f"said {number}", reason="said")]
        )
    world.seal()
    second = await world.first()
    assert second.name == "event_from_11"
    assert await world.prune() == Pruned("event_from_11", 7)
    (stone,) = await world.ledger.timeline("retention:event_from_1")
    told: Any = stone.body
    assert (told["data"]["to_seq"], told["reason"]) == (10, "It was kept for ten years")
    placed, released = await world.ledger.timeline(f"hold:{held.hold}")
    assert placed.body["actor"] != released.body["actor"]
    assert not placed.pruned


async def test_nothing_goes_before_the_tombstone_is_sealed(world: World) -> None:
    row = await world.first()
    assert await prune(world.ledger, world.opened, row, LATER, HEIDI, 0) == Pruned(row.name, None)
    (stone,) = await world.ledger.timeline(f"retention:{row.name}")
    with pytest.raises(ConflictError, match="not sealed yet"):
        await world.pruner.prune(row.name, stone.event_id)
    assert world.run("select count(*) from audit.event where seq <= 10") == [(10,)]


async def test_no_tombstone_is_recorded_where_nobody_can_prune(
    world: World, tmp_path: Path
) -> None:
    settings = Settings.from_environment({"PLACET_HOME": str(tmp_path)})
    row = await world.first()
    pruning = _prune_all(settings, world.ledger, [Candidate(row, ())], LATER, HEIDI, 0)
    with pytest.raises(UnavailableError, match="PLACET_ERASER_URL"):
        await anext(pruning)
    assert not await world.ledger.timeline(f"retention:{row.name}")


async def test_nothing_goes_without_a_tombstone_or_with_that_of_another(world: World) -> None:
    row = await world.first()
    with pytest.raises(NotFoundError, match="append it first"):
        await world.pruner.prune(row.name, "ab" * 32)
    await world.prune(row)
    (stone,) = await world.ledger.timeline(f"retention:{row.name}")
    (second, *_) = await world.ledger.retention.partitions()
    with pytest.raises(ConflictError, match="The tombstone is of event_from_1"):
        await world.pruner.prune(second.name, stone.event_id)


async def open_again(world: World) -> None:
    """Let a request of the first partition be open."""
    await world.ledger.append([event(request="expense-1", state=state("pending"))])


async def hold_a_request(world: World) -> None:
    """Hold a request."""
    await place(world.ledger, "expense-1", "request", HEIDI)


async def hold_a_person(world: World) -> None:
    """Hold somebody of whom the first partition tells."""
    await place(world.ledger, "alice", "subject", HEIDI)


async def unseal(world: World) -> None:
    """Let one event not be sealed."""
    world.run(
        "alter table audit.sealed disable trigger all", "delete from audit.sealed where seq = 3"
    )


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (open_again, "1 of its requests are not closed, such as expense-1"),
        (hold_a_request, "legal holds forbid it"),
        (hold_a_person, "legal holds forbid it"),
        (unseal, "1 of its events are not sealed yet"),
    ],
)
async def test_what_must_be_kept_is_kept(world: World, happens: Any, why: str) -> None:
    row = await world.first()
    # The tombstone is there and sealed already: the database itself looks again.
    await prune(world.ledger, world.opened, row, LATER, HEIDI, 0)
    world.seal()
    await happens(world)
    (first, *_) = await world.ledger.retention.hindrances(row.name, LATER)
    assert why in first
    (stone,) = await world.ledger.timeline(f"retention:{row.name}")
    with pytest.raises(ConflictError, match=why):
        await world.pruner.prune(row.name, stone.event_id)
    assert world.run("select count(*) from audit.event where seq <= 10") == [(10,)]


async def test_what_is_too_new_or_not_full_stays(world: World) -> None:
    found = await candidates(world.ledger, NOW - timedelta(days=1))
    assert [each.partition.name for each in found] == ["event_from_1", "event_from_11"]
    assert "its newest event is of" in found[0].why[0]
    assert found[1].why[0] == "it is not full yet"


async def test_what_goes_through_a_whole_partition_may_take_hours(world: World) -> None:
    world.run(
        "create or replace function audit.hindrances(partition_name text, before timestamptz)"
        " returns setof text language sql as $$ select current_setting('statement_timeout') $$",
        "create or replace function audit.begin_pruning(partition_name text, tombstone bytea)"
        " returns void language plpgsql as $$ begin raise exception '%',"
        " current_setting('statement_timeout') using errcode = 'PLC24'; end $$",
    )
    row = await world.first()
    assert await world.ledger.retention.hindrances(row.name, LATER) == ["6h"]
    with pytest.raises(ConflictError, match="6h"):
        await world.pruner.prune(row.name, "ab" * 32)


async def test_a_released_hold_forbids_nothing_any_more(world: World) -> None:
    held = await place(world.ledger, "expense-1", "request", HEIDI)
    with pytest.raises(ConflictError, match="let somebody else release it"):
        await release(world.ledger, held.hold, HEIDI)
    await release(world.ledger, held.hold, IVAN)
    assert await world.ledger.erasures.holds() == []
    with pytest.raises(NotFoundError, match="there is no hold"):
        await release(world.ledger, held.hold, IVAN)
    assert (await world.prune()).gone == 10


async def test_a_hold_needs_a_reason(world: World) -> None:
    with pytest.raises(InvalidInputError, match="say why"):
        await place(world.ledger, "alice", "subject", HEIDI._replace(reason=" "))


async def test_room_is_made_once_before_it_is_needed(world: World) -> None:
    names = [row.name for row in await world.ledger.retention.partitions()]
    assert names == ["event_from_1", "event_from_11", "event_from_21"]
    assert await world.ledger.retention.keep_room(SIZE, 100) is None
    made = await asyncio.gather(
        *(world.ledger.retention.keep_room(SIZE, SIZE + 100) for _ in range(4))
    )
    assert [name for name in made if name] == ["audit.event_from_1021"]
    with pytest.raises(InvalidInputError, match="ask for 1000"):
        await world.ledger.retention.keep_room(1, 1)


async def test_a_new_partition_is_append_only_too(world: World) -> None:
    with pytest.raises(psycopg.Error, match="append-only"):
        world.run("delete from audit.event_from_11")


@pytest.mark.parametrize(("days", "fits"), [(366 * 10 + 1, True), (366 * 10 - 1, False)])
def test_what_is_younger_than_the_law_says_is_not_pruned(days: int, *, fits: bool) -> None:
    before = NOW - timedelta(days=days)
    if fits:
        require_old_enough(before, NOW, 10)
    else:
        with pytest.raises(ConflictError, match="kept for 10 years"):
            require_old_enough(before, NOW, 10)


async def test_the_name_of_a_hold_is_taken_once(world: World) -> None:
    data: dict[str, JsonValue] = {"hold": "h", "on": "subject", "target": "alice"}
    await world.ledger.append([event("person:hold:placed", request="hold:h", data=data)])
    with pytest.raises(ConflictError, match="stands already"):
        await world.ledger.append([event("person:hold:placed", request="hold:h", data=data)])
    bad: dict[str, JsonValue] = {"hold": "b", "on": "everything", "target": "alice"}
    with pytest.raises(InvalidInputError, match="a subject or a request"):
        await world.ledger.append([event("person:hold:placed", request="hold:b", data=bad)])


async def test_a_worker_makes_room_and_is_not_stopped_by_a_ledger_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = iter([UnavailableError("away"), None])
    made: list[str | None] = []
    whole = PostgresRetention.keep_room

    async def keep(self: PostgresRetention) -> str | None:
        problem = next(problems, None)
        if problem is not None:
            raise problem
        made.append(await whole(self, SIZE, SIZE * 2 + 100))
        return made[-1]

    monkeypatch.setattr(PostgresRetention, "keep_room", keep)
    keeping = asyncio.create_task(keep_room(world.ledger, 0))
    await eventually(lambda: len(made) > 2, "room to be made")
    keeping.cancel()
    assert [name for name in made if name] == ["audit.event_from_1021", "audit.event_from_2021"]
