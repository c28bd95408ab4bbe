import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from placet.domain.delivery import DeliveryStatus, Ending, Handover, MailingEntry
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError, PlacetError
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger, open_pool
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
PEOPLE = tuple(f"person{number}@example.com" for number in range(1, 5))
WAITING, SENT, DOUBT = DeliveryStatus.WAITING, DeliveryStatus.SENT, DeliveryStatus.IN_DOUBT
REFUSED, STOPPED = DeliveryStatus.REFUSED, DeliveryStatus.STOPPED


def entry(holder: str = "first", **changes: object) -> MailingEntry:
    """Return the mail of an approved request."""
    return MailingEntry.model_validate(
        {
            "permit_id": PERMIT,
            "request": "expense-1",
            "digest": DIGEST,
            "recipients": "a" * 64,
            "holder": holder,
            "addresses": PEOPLE,
            "message_ids": tuple(f"<{number}@example.com>" for number in range(1, 5)),
            **changes,
        }
    )


def done() -> LedgerEvent:
    """Return the event that says a mail has ended."""
    return event("effect:run:done", step="mailed", data={"permit": PERMIT, "effect": "done"})


def came(place: int, status: DeliveryStatus, code: int | None = 250) -> Handover:
    """Return what became of a recipient's mail."""
    return Handover(place=place, status=status, code=code, reply="said the server")


async def statuses(ledger: PostgresLedger) -> list[str]:
    """Return the status of each recipient."""
    return [row.status.value for row in await ledger.deliveries.rows(PERMIT)]


@pytest.fixture
async def approved(ledger: PostgresLedger) -> PostgresLedger:
    await ledger.append([submitted(), event(state=state("approved", effect="pending"))])
    await ledger.append([permit_issued(effect="send")])
    return ledger


@pytest.fixture
async def begun(approved: PostgresLedger) -> PostgresLedger:
    await approved.deliveries.begin(entry(), [permit_consumed()])
    return approved


@pytest.mark.rule(number=5)
async def test_a_permit_begins_one_mail_and_says_so_the_second_time(
    approved: PostgresLedger,
) -> None:
    first = await approved.deliveries.begin(entry(), [permit_consumed()])
    again = await approved.deliveries.begin(entry(), [permit_consumed()])

    assert (first.first, again.first) == (True, False)
    assert again.mailing == first.mailing
    assert again.receipts == first.receipts
    assert first.mailing.total == 4
    rows = await approved.deliveries.rows(PERMIT)
    assert [row.address for row in rows] == list(PEOPLE)
    assert {row.status for row in rows} == {WAITING}
    assert await approved.deliveries.mailings(request="expense-1") == [first.mailing]


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"permit_id": "permit-9"}, NotFoundError, "unknown"),
        ({"digest": OTHER_DIGEST}, ConflictError, f"{DIGEST}.*{OTHER_DIGEST}"),
        ({"request": "expense-2"}, NotFoundError, "not one of request"),
        # The database itself lets no address get a mail twice.
        ({"addresses": (PEOPLE[0],) * 4}, ConflictError, "recorded already"),
        ({"addresses": ("", *PEOPLE[1:])}, InvalidInputError, "correct the value"),
    ],
)
async def test_a_mail_that_the_permit_does_not_cover_is_refused(
    approved: PostgresLedger, wrong: dict[str, Any], error: type[PlacetError], message: str
) -> None:
    with pytest.raises(error, match=message):
        await approved.deliveries.begin(entry(**wrong), [permit_consumed()])

    assert await approved.deliveries.mailings() == []
    assert (await approved.deliveries.begin(entry(), [permit_consumed()])).first


@pytest.mark.rule(number=4)
async def test_the_recipients_cannot_change_under_way(begun: PostgresLedger) -> None:
    with pytest.raises(ConflictError, match=f"{'a' * 64}.*{'b' * 64}"):
        await begun.deliveries.begin(entry(recipients="b" * 64), [permit_consumed()])


@pytest.mark.rule(number=5)
async def test_a_permit_for_another_effect_sends_nothing(ledger: PostgresLedger) -> None:
    await ledger.append([submitted(), permit_issued()])

    with pytest.raises(ConflictError, match="allows the effect payment, not send"):
        await ledger.deliveries.begin(entry(), [permit_consumed()])


@pytest.mark.rule(number=5)
async def test_a_permit_consumed_for_something_else_sends_nothing_later(
    approved: PostgresLedger,
) -> None:
    await approved.consume(PERMIT, DIGEST, "send", [permit_consumed()])

    with pytest.raises(ConflictError, match="do not send"):
        await approved.deliveries.begin(entry(), [permit_consumed()])


@pytest.mark.rule(number=5)
async def test_a_recipient_is_claimed_once(begun: PostgresLedger) -> None:
    assert await begun.deliveries.claim(PERMIT, "first", 1)
    assert not await begun.deliveries.claim(PERMIT, "first", 1)
    await begun.deliveries.record(PERMIT, "first", came(1, SENT))
    assert not await begun.deliveries.claim(PERMIT, "first", 1)
    assert await statuses(begun) == ["sent", "waiting", "waiting", "waiting"]


@pytest.mark.rule(number=5)
async def test_of_sixteen_who_claim_the_same_recipient_one_may_send(
    database: Database, begun: PostgresLedger
) -> None:
    async with open_pool(database.app_url, max_size=16, patience=60) as pool:
        book = PostgresLedger(pool).deliveries
        async with asyncio.timeout(60):
            claims = await asyncio.gather(*(book.claim(PERMIT, "first", 2) for _ in range(16)))
    assert claims.count(True) == 1
    assert (await begun.deliveries.rows(PERMIT))[1].attempts == 1


@pytest.mark.rule(number=5)
async def test_who_takes_over_sends_alone_and_leaves_in_doubt_what_was_under_way(
    begun: PostgresLedger,
) -> None:
    book = begun.deliveries
    await book.claim(PERMIT, "first", 1)
    await book.claim(PERMIT, "first", 2)
    await book.record(PERMIT, "first", came(1, SENT))

    assert not (await book.begin(entry("second"), [permit_consumed()])).first
    assert await statuses(begun) == ["sent", "in_doubt", "waiting", "waiting"]
    with pytest.raises(ConflictError, match="stop sending"):
        await book.claim(PERMIT, "first", 3)
    with pytest.raises(ConflictError, match="stop sending"):
        await book.record(PERMIT, "first", came(3, REFUSED, 550))
    assert not await book.claim(PERMIT, "second", 2)
    assert await book.claim(PERMIT, "second", 3)


async def test_who_was_taken_for_dead_may_still_say_what_became_of_its_own(
    begun: PostgresLedger,
) -> None:
    book = begun.deliveries
    await book.claim(PERMIT, "first", 1)
    await book.begin(entry("second"), [permit_consumed()])

    with pytest.raises(ConflictError, match="is in_doubt; it cannot become sent"):
        await book.record(PERMIT, "second", came(1, SENT))
    await book.record(PERMIT, "first", came(1, SENT))
    assert await statuses(begun) == ["sent", "waiting", "waiting", "waiting"]


async def test_what_can_be_tried_again_waits_and_keeps_what_the_server_said(
    begun: PostgresLedger,
) -> None:
    book = begun.deliveries
    await book.record(PERMIT, "first", came(1, WAITING, 450))
    await book.claim(PERMIT, "first", 1)
    await book.record(PERMIT, "first", came(1, WAITING, 451))

    row = (await book.rows(PERMIT))[0]
    assert (row.status, row.code, row.attempts) == (WAITING, 451, 2)
    assert row.reply == "said the server"
    await book.record(PERMIT, "first", came(1, DeliveryStatus.GIVEN_UP, 451))
    assert (await book.rows(PERMIT))[0].attempts == 2


@pytest.mark.parametrize("final", [SENT, REFUSED, DOUBT])
async def test_what_is_known_of_a_recipient_is_final(
    begun: PostgresLedger, final: DeliveryStatus
) -> None:
    book = begun.deliveries
    await book.claim(PERMIT, "first", 1)
    await book.record(PERMIT, "first", came(1, final))
    await book.record(PERMIT, "first", came(1, final))

    with pytest.raises(ConflictError, match="it cannot become stopped"):
        await book.record(PERMIT, "first", came(1, STOPPED))
    if final is not DOUBT:
        with pytest.raises(ConflictError, match="it cannot become waiting"):
            await book.record(PERMIT, "first", came(1, WAITING))


async def test_a_recipient_nobody_has_claimed_was_not_reached(begun: PostgresLedger) -> None:
    for status in (SENT, DOUBT, DeliveryStatus.SENDING, STOPPED):
        with pytest.raises(ConflictError, match="is waiting; it cannot become"):
            await begun.deliveries.record(PERMIT, "first", came(1, status))
    with pytest.raises(NotFoundError, match="recipient 5"):
        await begun.deliveries.record(PERMIT, "first", came(5, REFUSED))


@pytest.mark.rule(number=1)
async def test_a_mail_ends_once_with_its_event(begun: PostgresLedger) -> None:
    book = begun.deliveries
    with pytest.raises(ConflictError, match="recipients are waiting"):
        await book.end(PERMIT, "first", Ending.DONE, [done()])
    for place in range(1, 5):
        await book.claim(PERMIT, "first", place)
        await book.record(PERMIT, "first", came(place, SENT))

    first = await book.end(PERMIT, "first", Ending.DONE, [done()])
    again = await book.end(PERMIT, "first", Ending.DONE, [done()])

    assert (first.first, again.first) == (True, False)
    assert again.receipts == first.receipts
    assert first.mailing.ending is Ending.DONE
    assert [told.kind for told in await begun.timeline("expense-1")][-2:] == [
        "effect:permit:consumed",
        "effect:run:done",
    ]
    with pytest.raises(ConflictError, match="has ended"):
        await book.record(PERMIT, "first", came(1, SENT))
    assert (await book.begin(entry("second"), [permit_consumed()])).mailing == first.mailing


async def test_a_stopped_mail_reaches_nobody_else(begun: PostgresLedger) -> None:
    book = begun.deliveries
    await book.claim(PERMIT, "first", 1)
    await book.record(PERMIT, "first", came(1, SENT))
    await book.claim(PERMIT, "first", 2)

    ended = await book.end(PERMIT, "first", Ending.STOPPED, [done()])

    assert ended.mailing.ending is Ending.STOPPED
    assert await statuses(begun) == ["sent", "in_doubt", "stopped", "stopped"]
    assert await book.counts(PERMIT) == {SENT: 1, DOUBT: 1, STOPPED: 2}
    with pytest.raises(ConflictError, match="has ended"):
        await book.claim(PERMIT, "first", 3)


async def test_only_who_sends_now_ends_a_mail(begun: PostgresLedger) -> None:
    await begun.deliveries.begin(entry("second"), [permit_consumed()])

    with pytest.raises(ConflictError, match="Another worker"):
        await begun.deliveries.end(PERMIT, "first", Ending.STOPPED, [done()])
    with pytest.raises(NotFoundError):
        await begun.deliveries.end("permit-9", "first", Ending.STOPPED, [done()])


async def test_recipients_are_listed_page_by_page_and_by_status(begun: PostgresLedger) -> None:
    book = begun.deliveries
    await book.record(PERMIT, "first", came(2, REFUSED, 550))

    page = await book.rows(PERMIT, limit=3)
    rest = await book.rows(PERMIT, after=page[-1].place)
    assert [row.place for row in (*page, *rest)] == [1, 2, 3, 4]
    assert [row.place for row in await book.rows(PERMIT, statuses=[REFUSED])] == [2]
    assert [row.place for row in await book.rows(PERMIT, statuses=[WAITING], after=1)] == [3, 4]


SNEAKY: Sequence[str] = (
    (
        "insert into effect.delivery (permit_id, place, address, message_id) "
        "values ('permit-1', 9, 'x@example.com', '<9@x>')"
    ),
    "update effect.delivery set status = 'waiting'",
    "delete from effect.mailing",
    "select effect.held_mailing('permit-1', 'first')",
)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("statement", SNEAKY)
async def test_the_application_cannot_touch_the_tables(
    database: Database, begun: PostgresLedger, statement: str
) -> None:
    with (
        psycopg.connect(database.app_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
    assert await statuses(begun) == ["waiting"] * 4
