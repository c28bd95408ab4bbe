"""Exports in the ledger's database: one for a permit, one attempt at a time, forward only."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from placet.domain.errors import ConflictError, NotFoundError, PlacetError
from placet.domain.export import ExportEntry, ExportFile, ExportState
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
READY, STOPPED, FAILED = ExportState.READY, ExportState.STOPPED, ExportState.FAILED
FILE = ExportFile(
    name="customers.csv",
    rows=480,
    bytes=1234,
    sha256="a" * 64,
    until=datetime(2026, 4, 1, tzinfo=UTC),
)


def entry(holder: str = "first", **changes: object) -> ExportEntry:
    """Return the export of an approved request."""
    return ExportEntry.model_validate(
        {
            "permit_id": PERMIT,
            "request": "expense-1",
            "digest": DIGEST,
            "dataset": "customers",
            "holder": holder,
            "store": "here",
            **changes,
        }
    )


def done() -> LedgerEvent:
    """Return the event that says a file is there."""
    return event("effect:run:done", step="made", data={"permit": PERMIT, "effect": "in_force"})


def gone() -> LedgerEvent:
    """Return the event that says it is gone."""
    return event("effect:run:ended", step="gone", data={"permit": PERMIT, "effect": "ended"})


@pytest.fixture
async def approved(ledger: PostgresLedger) -> PostgresLedger:
    await ledger.append([submitted(), event(state=state("approved", effect="pending"))])
    await ledger.append([permit_issued(effect="export")])
    return ledger


@pytest.fixture
async def begun(approved: PostgresLedger) -> PostgresLedger:
    await approved.exports.begin(entry(), [permit_consumed()])
    return approved


@pytest.mark.rule(number=5)
async def test_a_permit_makes_one_file_and_says_so_the_second_time(
    approved: PostgresLedger,
) -> None:
    book = approved.exports
    first = await book.begin(entry(), [permit_consumed()])
    again = await book.begin(entry(), [permit_consumed()])
    assert (first.first, again.first) == (True, False)
    assert again.receipts == first.receipts
    made = await book.end(PERMIT, "first", READY, FILE, [done()])
    same = await book.end(PERMIT, "first", READY, FILE, [done()])
    assert (made.first, same.first) == (True, False)
    assert same.receipts == made.receipts
    assert (made.export.state, made.export.rows, made.export.until) == (READY, 480, FILE.until)
    ended = await book.remove(PERMIT, [gone()])
    twice = await book.remove(PERMIT, [gone()])
    assert (ended.first, twice.first) == (True, False)
    assert twice.receipts == ended.receipts
    assert twice.export.state is ExportState.GONE
    assert await book.rows(request="expense-1") == [twice.export]


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"permit_id": "permit-9"}, NotFoundError, "unknown"),
        ({"digest": OTHER_DIGEST}, ConflictError, f"{DIGEST}.*{OTHER_DIGEST}"),
        ({"request": "expense-2"}, NotFoundError, "not one of request"),
    ],
)
async def test_an_export_that_the_permit_does_not_cover_is_refused(
    approved: PostgresLedger, wrong: dict[str, Any], error: type[PlacetError], message: str
) -> None:
    with pytest.raises(error, match=message):
        await approved.exports.begin(entry(**wrong), [permit_consumed()])
    assert await approved.exports.rows() == []


@pytest.mark.rule(number=5)
async def test_a_permit_for_another_effect_exports_nothing(ledger: PostgresLedger) -> None:
    await ledger.append([submitted(), permit_issued()])
    with pytest.raises(ConflictError, match="allows the effect"):
        await ledger.exports.begin(entry(), [permit_consumed()])


@pytest.mark.rule(number=5)
async def test_an_attempt_that_was_overtaken_can_do_no_more(begun: PostgresLedger) -> None:
    book = begun.exports
    await book.begin(entry("second", store="there"), [permit_consumed()])
    assert not await book.holds(PERMIT, "first")
    assert await book.holds(PERMIT, "second")
    with pytest.raises(ConflictError, match="Another worker"):
        await book.end(PERMIT, "first", READY, FILE, [done()])
    assert (await book.end(PERMIT, "second", READY, FILE, [done()])).export.store == "there"
    assert not await book.holds(PERMIT, "second")


@pytest.mark.parametrize("ending", [STOPPED, FAILED])
async def test_what_has_ended_without_a_file_gets_none(
    begun: PostgresLedger, ending: ExportState
) -> None:
    await begun.exports.end(PERMIT, "first", ending)
    with pytest.raises(ConflictError, match=f"is {ending}; it cannot become ready"):
        await begun.exports.end(PERMIT, "first", READY, FILE, [done()])
    with pytest.raises(ConflictError, match="there is no file to be gone"):
        await begun.exports.remove(PERMIT, [gone()])


async def test_what_was_never_begun_cannot_end(approved: PostgresLedger) -> None:
    with pytest.raises(NotFoundError, match="exports nothing"):
        await approved.exports.end(PERMIT, "first", READY, FILE)
    with pytest.raises(NotFoundError, match="exports nothing"):
        await approved.exports.remove(PERMIT, [])


async def test_the_application_only_reads_the_table(
    database: Database, begun: PostgresLedger
) -> None:
    assert await begun.exports.rows(permit_id=PERMIT)
    with (
        psycopg.connect(database.app_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("update effect.export set state = 'gone'")
