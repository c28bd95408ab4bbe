from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from placet.domain.deletion import Counts, DeletionEntry, DeletionState, Ended, Mode, Recount
from placet.domain.errors import ConflictError, NotFoundError, PlacetError
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.ledger.stories import (
    DIGEST,
    OTHER_DIGEST,
    event,
    permit_consumed,
    permit_issued,
    state,
    submitted,
)

PERMIT = "permit-1"
RUNNING, STOPPING, IN_FORCE = (
    DeletionState.RUNNING,
    DeletionState.STOPPING,
    DeletionState.IN_FORCE,
)
UNDOING, PURGING, DONE = DeletionState.UNDOING, DeletionState.PURGING, DeletionState.DONE
STOPPED, DRIFTED = DeletionState.STOPPED, DeletionState.DRIFTED
UNDONE, ENDED = DeletionState.UNDONE, DeletionState.ENDED
UNTIL = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)


def entry(holder: str = "first", **changes: object) -> DeletionEntry:
    """Return the deletion of an approved request."""
    return DeletionEntry.model_validate(
        {
            "permit_id": PERMIT,
            "request": "expense-1",
            "digest": DIGEST,
            "dataset": "customers",
            "selection": "a" * 64,
            "mode": Mode.SOFT,
            "approved": 10,
            "mark": datetime(2026, 3, 2, 8, 30, 0, 123456, tzinfo=UTC),
            "recount": Recount(selected=11, existing=10, matching=9),
            "holder": holder,
            **changes,
        }
    )


def done(kind: str = "done") -> LedgerEvent:
    """Return an event that says how a deletion has ended."""
    return event(f"effect:run:{kind}", step="deleted", data={"permit": PERMIT, "effect": kind})


async def state_of(ledger: PostgresLedger) -> DeletionState:
    """Return where the deletion stands."""
    row = await ledger.deletions.find(PERMIT)
    assert row is not None
    return row.state


@pytest.fixture
async def approved(ledger: PostgresLedger) -> PostgresLedger:
    await ledger.append([submitted(), event(state=state("approved", effect="pending"))])
    await ledger.append([permit_issued(effect="delete")])
    return ledger


@pytest.fixture
async def begun(approved: PostgresLedger) -> PostgresLedger:
    await approved.deletions.begin(entry(), [permit_consumed()])
    return approved


@pytest.mark.rule(number=5)
async def test_a_permit_begins_one_deletion_and_says_so_the_second_time(
    approved: PostgresLedger,
) -> None:
    first = await approved.deletions.begin(entry(), [permit_consumed()])
    again = await approved.deletions.begin(entry("second"), [permit_consumed()])

    assert (first.first, again.first) == (True, False)
    assert again.deletion == first.deletion
    assert again.receipts == first.receipts
    row = first.deletion
    assert (row.state, row.approved, row.standing, row.place) == (RUNNING, 10, 9, 0)
    assert (row.selected, row.existing, row.matching) == (11, 10, 9)
    assert row.mark.microsecond == 123456
    assert await approved.deletions.deletions(request="expense-1") == [row]
    assert await approved.deletions.find("permit-9") is None


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"permit_id": "permit-9"}, NotFoundError, "unknown"),
        ({"digest": OTHER_DIGEST}, ConflictError, f"{DIGEST}.*{OTHER_DIGEST}"),
        ({"request": "expense-2"}, NotFoundError, "not one of request"),
        ({"state": DONE}, ConflictError, "cannot begin as done"),
        ({"state": IN_FORCE}, ConflictError, "cannot begin as in_force"),
    ],
)
async def test_a_deletion_that_the_permit_does_not_cover_is_refused(
    approved: PostgresLedger, wrong: dict[str, Any], error: type[PlacetError], message: str
) -> None:
    with pytest.raises(error, match=message):
        await approved.deletions.begin(entry(**wrong), [permit_consumed()])

    assert await approved.deletions.deletions() == []
    assert (await approved.deletions.begin(entry(), [permit_consumed()])).first


@pytest.mark.rule(number=4)
async def test_the_selection_cannot_change_under_way(begun: PostgresLedger) -> None:
    with pytest.raises(ConflictError, match=f"{'a' * 64}.*{'b' * 64}"):
        await begun.deletions.begin(entry(selection="b" * 64), [permit_consumed()])


@pytest.mark.rule(number=5)
async def test_a_permit_for_another_effect_deletes_nothing(ledger: PostgresLedger) -> None:
    await ledger.append([submitted(), permit_issued()])
    with pytest.raises(ConflictError, match="allows the effect payment, not delete"):
        await ledger.deletions.begin(entry(), [permit_consumed()])


@pytest.mark.rule(number=5)
async def test_a_permit_consumed_for_something_else_deletes_nothing_later(
    approved: PostgresLedger,
) -> None:
    await approved.consume(PERMIT, DIGEST, "delete", [permit_consumed()])
    with pytest.raises(ConflictError, match="do not delete"):
        await approved.deletions.begin(entry(), [permit_consumed()])


@pytest.mark.rule(number=1)
@pytest.mark.parametrize("how", [STOPPED, DRIFTED])
async def test_what_is_over_before_it_began_uses_the_permit_up(
    approved: PostgresLedger, how: DeletionState
) -> None:
    book = approved.deletions
    recount = None if how is STOPPED else entry().recount
    over = entry(state=how, recount=recount)
    first = await book.begin(over, [permit_consumed(), done("stopped")])
    assert len(first.receipts) == 2
    assert not (await book.begin(entry("second"), [permit_consumed()])).first
    assert await state_of(approved) is how
    await book.hold(PERMIT, "second")
    with pytest.raises(ConflictError, match="stop deleting"):
        await book.advance(PERMIT, "second", 1)
    again = await book.end(PERMIT, "second", Ended(state=how), [done("stopped")])
    assert (again.first, again.receipts) == (False, first.receipts[1:])


@pytest.mark.rule(number=5)
async def test_who_takes_over_goes_on_alone(begun: PostgresLedger) -> None:
    book = begun.deletions
    await book.advance(PERMIT, "first", 4)
    row = await book.hold(PERMIT, "second")
    assert row.place == 4

    with pytest.raises(ConflictError, match="stop deleting"):
        await book.advance(PERMIT, "first", 5)
    with pytest.raises(ConflictError, match="stop deleting"):
        await book.turn(PERMIT, "first", STOPPING, 1, {})
    with pytest.raises(ConflictError, match="stop deleting"):
        await book.end(PERMIT, "first", Ended(state=DONE), [done()])
    await book.advance(PERMIT, "second", 5)
    with pytest.raises(NotFoundError):
        await book.hold("permit-9", "second")


async def test_a_pass_only_goes_forward(begun: PostgresLedger) -> None:
    book = begun.deletions
    await book.advance(PERMIT, "first", 4)
    await book.advance(PERMIT, "first", 4)
    with pytest.raises(ConflictError, match="cannot go back to row 3"):
        await book.advance(PERMIT, "first", 3)
    with pytest.raises(PlacetError):
        await book.advance(PERMIT, "first", 11)

    row = await book.turn(PERMIT, "first", RUNNING, 2, {})
    assert (row.place, row.standing) == (0, 2)
    with pytest.raises(ConflictError, match="would change nothing"):
        await book.turn(PERMIT, "first", RUNNING, 2, {})


WAYS = {
    (RUNNING, STOPPING): "soft",
    (IN_FORCE, UNDOING): "soft",
    (IN_FORCE, PURGING): "soft",
}
ENDS = {
    (RUNNING, DONE),
    (RUNNING, IN_FORCE),
    (STOPPING, STOPPED),
    (UNDOING, UNDONE),
    (PURGING, ENDED),
    (IN_FORCE, ENDED),
}


async def bring(ledger: PostgresLedger, where: DeletionState) -> None:
    """Bring a deletion that has begun to a state."""
    book = ledger.deletions
    if where is STOPPING:
        await book.turn(PERMIT, "first", STOPPING, 3, {"marked": 3})
    elif where in {IN_FORCE, UNDOING, PURGING}:
        await book.end(PERMIT, "first", Ended(state=IN_FORCE, until=UNTIL), [done()])
        if where is not IN_FORCE:
            await book.turn(PERMIT, "first", where, 3, {"marked": 3})


@pytest.mark.parametrize("where", [RUNNING, STOPPING, IN_FORCE, UNDOING, PURGING])
async def test_only_these_ways_lead_on(begun: PostgresLedger, where: DeletionState) -> None:
    book = begun.deletions
    await bring(begun, where)
    allowed = {after for before, after in ENDS if before is where}
    for after in sorted({DONE, IN_FORCE, STOPPED, UNDONE, ENDED} - allowed - {where}):
        with pytest.raises(ConflictError, match=f"is {where}; it cannot become {after}"):
            await book.end(PERMIT, "first", Ended(state=after, until=UNTIL), [done("ended")])
    for after in sorted({RUNNING, STOPPING, UNDOING, PURGING} - {where}):
        if (where, after) not in WAYS:
            with pytest.raises(ConflictError, match=f"is {where}; it cannot become {after}"):
                await book.turn(PERMIT, "first", after, 0, {})
    assert await state_of(begun) is where


async def test_what_is_marked_can_be_undone_until_it_has_ended(begun: PostgresLedger) -> None:
    book = begun.deletions
    marked = Ended(state=IN_FORCE, counts=Counts(deleted=9, spared=1), until=UNTIL)
    first = await book.end(PERMIT, "first", marked, [done()])
    later = marked.model_copy(update={"until": datetime(2027, 1, 1, tzinfo=UTC)})
    again = await book.end(PERMIT, "first", later, [done()])
    assert (first.first, again.first) == (True, False)
    assert again.deletion == first.deletion
    assert (first.deletion.until, first.deletion.ended_at) == (UNTIL, None)

    row = await book.turn(PERMIT, "first", UNDOING, 8, {"marked": 8})
    assert (row.counts.deleted, row.counts.marked, row.standing) == (9, 8, 8)
    counts = row.counts.model_copy(update={"returned": 8})
    over = await book.end(PERMIT, "first", Ended(state=UNDONE, counts=counts), [done("ended")])
    assert over.deletion.counts == counts
    assert over.deletion.ended_at is not None
    with pytest.raises(ConflictError, match="stop deleting"):
        await book.turn(PERMIT, "first", PURGING, 0, {})


async def test_a_hard_deletion_has_nothing_to_undo(approved: PostgresLedger) -> None:
    book = approved.deletions
    await book.begin(entry(mode=Mode.HARD), [permit_consumed()])
    with pytest.raises(ConflictError, match="cannot become stopping"):
        await book.turn(PERMIT, "first", STOPPING, 3, {})
    with pytest.raises(ConflictError, match="cannot become in_force"):
        await book.end(PERMIT, "first", Ended(state=IN_FORCE, until=UNTIL), [done()])
    stopped = await book.end(PERMIT, "first", Ended(state=STOPPED), [done("stopped")])
    assert stopped.deletion.state is STOPPED


async def test_who_marked_rows_takes_the_marks_away_before_it_has_stopped(
    begun: PostgresLedger,
) -> None:
    with pytest.raises(ConflictError, match="is running; it cannot become stopped"):
        await begun.deletions.end(PERMIT, "first", Ended(state=STOPPED), [done("stopped")])


@pytest.mark.rule(number=1)
async def test_a_deletion_ends_once_with_its_event(begun: PostgresLedger) -> None:
    book = begun.deletions
    first = await book.end(PERMIT, "first", Ended(state=DONE), [done()])
    again = await book.end(PERMIT, "second", Ended(state=DONE), [done()])
    assert (first.first, again.first) == (True, False)
    assert again.receipts == first.receipts
    kinds = [told.kind for told in await begun.timeline("expense-1")]
    assert kinds[-2:] == ["effect:permit:consumed", "effect:run:done"]
    with pytest.raises(NotFoundError):
        await book.end("permit-9", "first", Ended(state=DONE), [done()])


SNEAKY: Sequence[str] = (
    "update effect.deletion set state = 'running'",
    "delete from effect.deletion",
    "insert into effect.deletion (permit_id) values ('permit-9')",
    "select effect.held_deletion('permit-1', 'first')",
)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("statement", SNEAKY)
async def test_the_application_cannot_touch_the_table(
    database: Database, begun: PostgresLedger, statement: str
) -> None:
    with (
        psycopg.connect(database.app_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
    assert await state_of(begun) is RUNNING
