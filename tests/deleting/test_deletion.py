from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deletion import DeletionActivities
from placet.domain.catalogue import Entry
from placet.domain.deletion import Counts, DeletionState
from placet.domain.errors import UnavailableError
from placet.domain.orders import EffectResult
from placet.domain.vocabulary import EndReason
from placet.ledger import PostgresLedger
from placet.sources.deleting import PostgresDeleter, PostgresRows
from tests.deleting.approved import REQUEST, approved, catalogue_of, ending
from tests.deleting.shelf import APPROVED, HARD, PERMIT, SOFT, Shelf, by

COUNTRIES = "id bigint primary key, country text"
NUMBERS = "select n, 'DE' from generate_series(1, 10) n"
MARKED = "id bigint primary key, deleted_at timestamptz, country text"
UNMARKED = "select n, null, 'DE' from generate_series(1, 10) n"
DE = by("country", "eq", "DE")


def worker(ledger: PostgresLedger, shelf: Shelf, entry: Entry) -> DeletionActivities:
    """Return the activities as a worker has them."""
    return DeletionActivities(
        ledger, PostgresDeleter(shelf.environment), lambda: catalogue_of(entry)
    )


async def run(does: Callable[..., Any], order: Any) -> EffectResult:
    """Run an activity once."""
    result: EffectResult = await ActivityEnvironment().run(does, order)
    return result


async def told(ledger: PostgresLedger, kind: str) -> list[dict[str, Any]]:
    """Return the data of the case's events of one kind."""
    found: list[Any] = [e.body["data"] for e in await ledger.timeline(REQUEST) if e.kind == kind]
    return found


async def state_of(ledger: PostgresLedger) -> tuple[DeletionState, Counts]:
    """Return where the deletion stands, and what became of its rows."""
    row = await ledger.deletions.find(PERMIT)
    assert row is not None
    return row.state, row.counts


@pytest.mark.rule(number=5)
async def test_what_was_approved_is_deleted_once_however_often_it_runs(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    shelf.run("insert into shop.thing values (11, 'DE')")
    shelf.run("update shop.thing set country = 'FR' where id = 3")
    activities = worker(ledger, shelf, entry)

    first = await run(activities.delete, order)
    again = await run(activities.delete, order)

    assert first == again
    assert first.summary == "9 deleted, 1 spared as they had changed of 10 rows"
    assert (first.stopped, first.until, first.again) == (False, None, None)
    assert shelf.left() == [3, 11]
    (event,) = await told(ledger, "effect:run:done")
    assert (event["deleted"], event["spared"], event["effect"]) == (9, 1, "done")
    assert first.receipt is not None
    assert await told(ledger, "effect:run:stopped") == []


async def test_what_others_refer_to_is_listed_and_the_rest_is_deleted(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(COUNTRIES, "select n, 'DE' from generate_series(1, 2000) n")
    shelf.run("create table shop.part (thing bigint references shop.thing)")
    shelf.run("insert into shop.part values (5), (777), (778), (2000)")
    order = await approved(ledger, shelf, entry, DE)

    result = await run(worker(ledger, shelf, entry).delete, order)

    assert shelf.left() == [5, 777, 778, 2000]
    assert result.summary == "1,996 deleted, 4 spared as the database refuses it of 2,000 rows"
    (event,) = await told(ledger, "effect:run:done")
    assert await ledger.get_content(event["report"]) == b"5\n777\n778\n2000\n"
    assert "777" not in str(event)


async def test_a_row_over_which_a_trigger_stumbles_is_listed_and_the_rest_is_deleted(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run(
        "create function shop.divide() returns trigger language plpgsql as "
        "$$ begin perform 1 / (old.id - 5); return old; end $$"
    )
    shelf.run(
        "create trigger divides before delete on shop.thing "
        "for each row execute function shop.divide()"
    )
    order = await approved(ledger, shelf, entry, DE)
    result = await run(worker(ledger, shelf, entry).delete, order)
    assert result.summary == "9 deleted, 1 spared as the database refuses it of 10 rows"
    assert shelf.left() == [5]


async def test_rows_that_refer_to_each_other_are_all_deleted(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    # Each row holds the one before it, and the batches begin with the first.
    columns = f"{COUNTRIES}, above bigint references shop.thing"
    fill = "select n, 'DE', case when n > 1 then n - 1 end from generate_series(1, 3000) n"
    entry = shelf.put(columns, fill)
    shelf.run("create index on shop.thing (above)")
    order = await approved(ledger, shelf, entry, DE)

    result = await run(worker(ledger, shelf, entry).delete, order)
    assert result.summary == "3,000 deleted of 3,000 rows"
    assert shelf.left() == []


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (
            "insert into shop.thing select n, 'DE' from generate_series(11, 15) n",
            "the selection has grown from 10 to 15 rows",
        ),
        ("delete from shop.thing where id < 3", "the selection has shrunk from 10 to 8 rows"),
        (
            "update shop.thing set id = id + 100 where id < 4",
            "of 10 rows 3 fit the filters no more, and 3 others do",
        ),
    ],
)
async def test_a_selection_that_has_drifted_touches_nothing_and_is_asked_about_again(
    ledger: PostgresLedger, shelf: Shelf, meanwhile: str, why: str
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    shelf.run(meanwhile)
    there = shelf.left()
    activities = worker(ledger, shelf, entry)

    first = await run(activities.delete, order)
    # By now it would fit again; but an old attempt has nothing left to do.
    shelf.run("delete from shop.thing")
    shelf.run(f"insert into shop.thing {NUMBERS}")
    again = await run(activities.delete, order)

    assert first == again
    assert first.stopped
    assert first.summary.startswith(f"{why}, which is more than 10% of what was approved")
    assert first.again is not None
    assert first.again["filters"] == [{"column": "country", "op": "eq", "value": "DE"}]
    assert len(shelf.left()) == 10
    assert len(there) in {8, 10, 15}
    assert (await state_of(ledger))[0] is DeletionState.DRIFTED
    kinds = [event.kind for event in await ledger.timeline(REQUEST)]
    assert kinds[-2:] == ["effect:permit:consumed", "effect:run:stopped"]


async def test_what_is_within_the_tolerance_goes_on(ledger: PostgresLedger, shelf: Shelf) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    shelf.run("insert into shop.thing values (11, 'DE')")
    shelf.run("delete from shop.thing where id = 1")

    result = await run(worker(ledger, shelf, entry).delete, order)
    assert result.summary == "9 deleted, 1 gone before of 10 rows"
    assert shelf.left() == [11]


@pytest.mark.rule(number=4)
async def test_a_catalogue_that_has_changed_is_no_approval(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    other = entry.model_copy(update={"dataset": entry.dataset.model_copy(update={"about": "X"})})
    with pytest.raises(ApplicationError, match=r"entry of 'things' has changed") as caught:
        await run(worker(ledger, shelf, other).delete, order)
    assert caught.value.non_retryable
    nothing = entry.model_copy(update={"name": "others"})
    with pytest.raises(ApplicationError, match="it was there when people approved"):
        await run(worker(ledger, shelf, nothing).delete, order)
    assert len(shelf.left()) == 10
    assert await ledger.deletions.find(PERMIT) is None


@pytest.mark.rule(number=4)
@pytest.mark.parametrize("what", ["selection", "catalogue", "parts"])
async def test_only_the_selection_that_was_approved_is_deleted(
    ledger: PostgresLedger, shelf: Shelf, what: str
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    wrong: Any = "c" * 64 if what != "parts" else ["c" * 64]
    order = await approved(ledger, shelf, entry, DE, **{what: wrong})
    with pytest.raises(ApplicationError) as caught:
        await run(worker(ledger, shelf, entry).delete, order)
    assert caught.value.non_retryable
    assert len(shelf.left()) == 10


async def test_a_soft_deletion_is_undone_and_other_marks_stay(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(MARKED, UNMARKED, delete=SOFT)
    shelf.run("update shop.thing set deleted_at = '2020-01-01' where id = 10")
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)

    first = await run(activities.delete, order)
    again = await run(activities.delete, order)
    assert first == again
    assert first.summary == "9 marked as deleted of 9 rows"
    assert first.until is not None
    (event,) = await told(ledger, "effect:run:done")
    assert event["effect"] == "in_force"
    assert shelf.run("select count(*) from shop.thing where deleted_at = %s", APPROVED) == [(9,)]

    # Somebody marks one of them anew: that mark is not ours.
    shelf.run("update shop.thing set deleted_at = now() where id = 1")
    ended = await run(activities.end, ending(order, EndReason.WITHDRAWN))
    assert ended == await run(activities.end, ending(order, EndReason.WITHDRAWN))
    assert (ended.undone, ended.summary) == (
        True,
        "8 restored, 1 marked otherwise meanwhile of 9 rows",
    )
    marked = shelf.run("select id from shop.thing where deleted_at is not null order by id")
    assert marked == [(1,), (10,)]
    (event,) = await told(ledger, "effect:run:ended")
    assert (event["effect"], event["returned"]) == ("undone", 8)


async def test_marked_rows_are_purged_when_their_time_is_over(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(MARKED, UNMARKED, delete=SOFT)
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    await run(activities.delete, order)
    shelf.run("create table shop.part (thing bigint references shop.thing)")
    shelf.run("insert into shop.part values (7)")
    shelf.run("update shop.thing set deleted_at = null where id = 2")
    # What the row says otherwise is of no account any more.
    shelf.run("update shop.thing set country = 'FR' where id = 3")

    ended = await run(activities.end, ending(order, EndReason.EXPIRED))
    assert ended == await run(activities.end, ending(order, EndReason.EXPIRED))
    assert not ended.undone
    assert ended.summary == (
        "8 deleted for good, 1 still marked, as the database refuses it, "
        "1 marked otherwise meanwhile of 10 rows"
    )
    assert shelf.left() == [2, 7]
    assert await ledger.get_content(str(ended.facts["report"])) == b"7\n"
    assert (await state_of(ledger))[0] is DeletionState.ENDED


async def test_without_a_purge_the_marks_stay(ledger: PostgresLedger, shelf: Shelf) -> None:
    entry = shelf.put(MARKED, UNMARKED, delete={"soft": "deleted_at", "undo": "7d"})
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    await run(activities.delete, order)
    ended = await run(activities.end, ending(order, EndReason.EXPIRED))
    assert ended.summary == "10 marked as deleted of 10 rows"
    assert len(shelf.left()) == 10


async def test_a_stop_before_the_beginning_touches_nothing_ever(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    stopped = await run(activities.delete, order.model_copy(update={"stop": True}))
    again = await run(activities.delete, order)
    assert stopped == again
    assert (stopped.stopped, stopped.summary) == (True, "nothing touched of 10 rows")
    assert len(shelf.left()) == 10


@pytest.mark.parametrize("delete", [HARD, SOFT])
async def test_a_stop_in_the_middle_is_told_exactly(
    ledger: PostgresLedger, shelf: Shelf, delete: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = shelf.put(MARKED, UNMARKED, delete=delete)
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    monkeypatch.setattr("placet.deleting.pace.Pace.took", lambda *_: None)
    monkeypatch.setattr("placet.deleting.work.FIRST", 4)
    environment = ActivityEnvironment()
    beats: list[Any] = []

    def beat(*details: Any) -> None:
        beats.extend(details)
        if len(beats) == 1:
            environment.cancel(
                cancellation_details=activity.ActivityCancellationDetails(cancel_requested=True)
            )

    environment.on_heartbeat = beat
    result: EffectResult = await environment.run(activities.delete, order)

    assert result.stopped
    assert beats[0] == {"done": 4, "total": 10, "unit": "rows", "bytes": None}
    if delete is HARD:
        # The batch under way when it was heard comes to its end.
        deleted = int(str(result.facts["deleted"]))
        assert deleted in {4, 8}
        assert result.summary == f"{deleted} deleted, {10 - deleted} left of 10 rows"
        assert shelf.left() == [*range(deleted + 1, 11)]
    else:
        assert result.summary in {
            "4 marked and restored of 10 rows",
            "8 marked and restored of 10 rows",
        }
        assert shelf.run("select from shop.thing where deleted_at is not null") == []
    assert result == await run(activities.delete, order.model_copy(update={"stop": True}))


async def test_a_role_that_may_not_is_told_before_and_waited_for_after_the_beginning(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    shelf.run("revoke delete on shop.thing from sample_deleter")
    with pytest.raises(ApplicationError, match=r"grant delete on shop\.thing") as caught:
        await run(activities.delete, order)
    assert caught.value.non_retryable
    assert await ledger.deletions.find(PERMIT) is None


async def test_locked_rows_are_waited_for(
    ledger: PostgresLedger, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    monkeypatch.setattr("placet.deleting.work._TRIES", 2)
    monkeypatch.setattr("placet.deleting.work.PAUSE_SECONDS", 0.01)
    with psycopg.connect(shelf.admin_url) as other:
        other.execute("select from shop.thing where id = 7 for update")
        with pytest.raises(UnavailableError, match="goes on when that is free"):
            await run(activities.delete, order)
    # Those before it did not have to wait.
    assert shelf.left() == [7, 8, 9, 10]
    assert (await run(activities.delete, order)).summary == "10 deleted of 10 rows"


@pytest.mark.parametrize("begun", [False, True])
async def test_a_locked_table_is_waited_for(
    ledger: PostgresLedger, shelf: Shelf, *, begun: bool
) -> None:
    entry = shelf.put(MARKED, UNMARKED, delete=SOFT)
    order: Any = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    does: Any = activities.delete
    if begun:
        await run(does, order)
        does, order = activities.end, ending(order, EndReason.WITHDRAWN)
    with psycopg.connect(shelf.admin_url) as other:
        other.execute("lock table shop.thing in access exclusive mode")
        with pytest.raises(UnavailableError, match="goes on when that is free"):
            await run(does, order)
    summary = "10 restored of 10 rows" if begun else "10 marked as deleted of 10 rows"
    assert (await run(does, order)).summary == summary


class Altered:
    """A ledger whose content store returns something else than was stored."""

    def __init__(self, ledger: PostgresLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def get_content(self, digest: str) -> bytes:
        """Return what is stored, and a space."""
        return await self._ledger.get_content(digest) + b" "


async def test_what_has_begun_waits_for_what_was_altered(
    ledger: PostgresLedger, shelf: Shelf
) -> None:
    entry = shelf.put(MARKED, UNMARKED, delete=SOFT)
    order = await approved(ledger, shelf, entry, DE)
    altered: Any = Altered(ledger)
    with pytest.raises(ApplicationError, match="not what was approved") as caught:
        await run(worker(altered, shelf, entry).delete, order)
    assert caught.value.non_retryable
    await run(worker(ledger, shelf, entry).delete, order)

    undo = ending(order, EndReason.WITHDRAWN)
    with pytest.raises(UnavailableError, match="it goes on when that is put right"):
        await run(worker(altered, shelf, entry).end, undo)
    assert (await run(worker(ledger, shelf, entry).end, undo)).undone


async def test_who_stops_it_while_rows_are_counted_is_not_asked_again(
    ledger: PostgresLedger, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    shelf.run("delete from shop.thing where id < 6")
    environment, selected = ActivityEnvironment(), PostgresRows.selected

    async def stopped_meanwhile(rows: PostgresRows) -> int:
        details = activity.ActivityCancellationDetails(cancel_requested=True)
        environment.cancel(cancellation_details=details)
        return await selected(rows)

    monkeypatch.setattr(PostgresRows, "selected", stopped_meanwhile)
    result = await environment.run(worker(ledger, shelf, entry).delete, order)
    assert (result.stopped, result.again) == (True, None)
    assert result.summary == "nothing touched of 10 rows"
    assert (await state_of(ledger))[0] is DeletionState.STOPPED


async def test_an_attempt_that_counts_while_another_stops_it_touches_nothing(
    ledger: PostgresLedger, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    activities, selected = worker(ledger, shelf, entry), PostgresRows.selected
    stops: list[EffectResult] = []

    async def stopped_meanwhile(rows: PostgresRows) -> int:
        stops.append(await run(activities.delete, order.model_copy(update={"stop": True})))
        return await selected(rows)

    monkeypatch.setattr(PostgresRows, "selected", stopped_meanwhile)
    assert [await run(activities.delete, order)] == stops
    assert stops[0].stopped
    assert len(shelf.left()) == 10


async def test_a_table_that_lost_its_rights_half_way_is_waited_for(
    ledger: PostgresLedger, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    order = await approved(ledger, shelf, entry, DE)
    activities = worker(ledger, shelf, entry)
    monkeypatch.setattr("placet.deleting.work._TRIES", 1)
    with psycopg.connect(shelf.admin_url) as other:
        other.execute("select from shop.thing where id = 7 for update")
        with pytest.raises(UnavailableError):
            await run(activities.delete, order)
    shelf.run("revoke delete on shop.thing from sample_deleter")
    with pytest.raises(UnavailableError, match="it goes on when that is put right"):
        await run(activities.delete, order)
    shelf.run("grant delete on shop.thing to sample_deleter")
    assert (await run(activities.delete, order)).summary == "10 deleted of 10 rows"
