import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pydantic import JsonValue

from placet.domain.errors import ConflictError, NotFoundError, PlacetError, UnavailableError
from placet.domain.grants import GrantEntry, GrantState, Membership, Release
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.ledger.stories import DIGEST, OTHER_DIGEST, event, permit_issued, state, submitted

FIRST, SECOND = "access-1", "access-2"
FROM = datetime(2026, 3, 2, 9, tzinfo=UTC)
UNTIL = FROM + timedelta(hours=8)
ALICE = Membership(target="shop", role="reporting_read", account="alice_db")


def entry(request: str = FIRST, **changes: object) -> GrantEntry:
    """Return the grant of an approved request."""
    told = {
        "permit_id": f"permit-{request}",
        "request": request,
        "digest": DIGEST,
        "person": "alice",
        "was_member": False,
        **ALICE.model_dump(),
    }
    return GrantEntry.model_validate(told | changes)


def consumed(request: str = FIRST) -> list[LedgerEvent]:
    """Return the event that says that the permit was consumed."""
    data: dict[str, JsonValue] = {"permit": f"permit-{request}", "effect": "pending"}
    return [event("effect:permit:consumed", request=request, step="consumed", data=data)]


def said(what: str, request: str = FIRST) -> list[LedgerEvent]:
    """Return the event that says how far the effect has come."""
    return [event(f"effect:run:{what}", request=request, step=what, data={"effect": "done"})]


@pytest.fixture
async def approved(ledger: PostgresLedger) -> PostgresLedger:
    """Give a ledger with two approved requests for the same role."""
    for request in (FIRST, SECOND):
        issued = permit_issued(f"permit-{request}", request, effect="access")
        pending = event(request=request, step="pending", state=state("approved", effect="pending"))
        await ledger.append([submitted(request), pending, issued])
    return ledger


async def granted(ledger: PostgresLedger, request: str = FIRST, **changes: object) -> None:
    """Bring a grant into force."""
    await ledger.grants.begin(entry(request, **changes), consumed(request))
    await ledger.grants.hold(f"permit-{request}", FROM, UNTIL, said("done", request))


async def kinds(ledger: PostgresLedger, request: str = FIRST) -> list[str]:
    """Return what the effect has said."""
    return [e.kind for e in await ledger.timeline(request) if e.kind.startswith("effect:")]


@pytest.mark.rule(number=5)
async def test_a_grant_goes_its_way_once_however_often_it_is_said(approved: PostgresLedger) -> None:
    book, permit = approved.grants, f"permit-{FIRST}"
    for first in (True, False):
        begun = await book.begin(entry(), consumed())
        assert (begun.first, begun.grant.state) == (first, GrantState.GRANTING)
        assert [receipt.event_id for receipt in begun.receipts] == [consumed()[0].event_id]
    for first, shift in ((True, 0), (False, 5)):
        later = timedelta(hours=shift)
        held = await book.hold(permit, FROM + later, UNTIL + later, said("done"))
        assert (held.first, held.grant.state) == (first, GrantState.IN_FORCE)
        assert (held.grant.granted_at, held.grant.until) == (FROM, UNTIL)
        assert len(held.receipts) == 1
    for _ in range(2):
        assert await book.release(permit) is Release.ENDING
    ending = await book.find(permit)
    assert ending is not None
    assert ending.ending_at is not None
    for first in (True, False):
        ended = await book.end(permit, "expired", said("ended"))
        assert (ended.first, ended.grant.state) == (first, GrantState.ENDED)
        assert ended.grant.ended_why == "expired"
    assert await book.release(permit) is Release.ENDED
    assert await kinds(approved) == [
        "effect:permit:consumed",
        "effect:run:done",
        "effect:run:ended",
    ]


async def test_what_is_not_in_force_cannot_end_and_what_is_cannot_fail(
    approved: PostgresLedger,
) -> None:
    book, permit = approved.grants, f"permit-{FIRST}"
    with pytest.raises(NotFoundError, match="has begun no grant"):
        await book.release(permit)
    await book.begin(entry(), consumed())
    for refused in (book.release(permit), book.end(permit, "expired", [])):
        with pytest.raises(ConflictError, match="is granting"):
            await refused
    await book.hold(permit, FROM, UNTIL, said("done"))
    with pytest.raises(ConflictError, match="cannot fail any more"):
        await book.fail(permit, "nothing")
    with pytest.raises(UnavailableError, match="has to be taken away"):
        await book.end(permit, "expired", said("ended"))
    assert await kinds(approved) == ["effect:permit:consumed", "effect:run:done"]


async def test_a_grant_that_failed_never_comes_into_force(approved: PostgresLedger) -> None:
    book, permit = approved.grants, f"permit-{FIRST}"
    await book.begin(entry(), consumed())
    assert (await book.fail(permit, "no such role")).first
    assert not (await book.fail(permit, "something else")).first
    with pytest.raises(ConflictError, match="has failed; ask for a new approval"):
        await book.hold(permit, FROM, UNTIL, said("done"))
    found = await book.find(permit)
    assert found is not None
    assert (found.state, found.ended_why) == (GrantState.FAILED, "no such role")


@pytest.mark.rule(number=4)
async def test_a_permit_grants_one_thing_and_only_what_was_approved(
    approved: PostgresLedger,
) -> None:
    book = approved.grants
    with pytest.raises(ConflictError, match="what was approved is not what would run"):
        await book.begin(entry(digest=OTHER_DIGEST), consumed())
    with pytest.raises(NotFoundError, match="is not one of request"):
        await book.begin(entry(request=SECOND, permit_id=f"permit-{FIRST}"), consumed())
    await book.begin(entry(), consumed())
    for changes in ({"role": "orders_write"}, {"account": "dan_db"}, {"target": "other"}):
        with pytest.raises(ConflictError, match="something else needs another approval"):
            await book.begin(entry(**changes), consumed())


async def test_a_permit_for_something_else_grants_nothing(ledger: PostgresLedger) -> None:
    issued = permit_issued(f"permit-{FIRST}", FIRST, effect="payment")
    await ledger.append([submitted(FIRST), issued])
    with pytest.raises(ConflictError, match="allows the effect payment, not access"):
        await ledger.grants.begin(entry(), consumed())


async def test_nobody_is_granted_what_is_on_its_way_to_them(approved: PostgresLedger) -> None:
    book = approved.grants
    await book.begin(entry(), consumed())
    with pytest.raises(UnavailableError, match=r"access-1 is granting reporting_read at shop"):
        await book.begin(entry(SECOND), consumed(SECOND))
    await book.begin(entry(SECOND, account="dan_db"), consumed(SECOND))
    await book.hold(f"permit-{FIRST}", FROM, UNTIL, said("done"))
    await book.release(f"permit-{FIRST}")
    assert await kinds(approved, SECOND) == ["effect:permit:consumed"]


async def test_nor_what_is_being_taken_away(approved: PostgresLedger) -> None:
    await granted(approved)
    await approved.grants.release(f"permit-{FIRST}")
    with pytest.raises(UnavailableError, match="access-1 is taking away reporting_read"):
        await approved.grants.begin(entry(SECOND), consumed(SECOND))
    assert await kinds(approved, SECOND) == []


async def test_what_is_being_granted_anew_is_not_taken_away_meanwhile(
    approved: PostgresLedger,
) -> None:
    await granted(approved)
    await approved.grants.begin(entry(SECOND, was_member=True), consumed(SECOND))
    with pytest.raises(UnavailableError, match="access-2 is granting reporting_read"):
        await approved.grants.release(f"permit-{FIRST}")


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
async def test_of_two_grants_the_last_one_takes_the_role_away(
    approved: PostgresLedger, order: Sequence[str]
) -> None:
    await granted(approved)
    await granted(approved, SECOND, was_member=True)
    assert len(await approved.open_grants(ALICE)) == 2
    earlier, later = (f"permit-{request}" for request in order)
    book = approved.grants
    assert await book.release(earlier) is Release.COVERED
    assert (await book.end(earlier, "expired", said("ended", order[0]))).first
    with pytest.raises(UnavailableError, match="No other grant keeps reporting_read"):
        await book.end(later, "expired", said("ended", order[1]))
    assert await book.release(later) is Release.ENDING
    await book.end(later, "expired", said("ended", order[1]))
    assert await approved.open_grants(ALICE) == []


async def test_two_that_end_at_once_do_not_both_leave_the_role_to_the_other(
    approved: PostgresLedger,
) -> None:
    await granted(approved)
    await granted(approved, SECOND, was_member=True)

    async def end(request: str) -> Release:
        """End a grant as an activity does: again, where the other one was faster."""
        permit = f"permit-{request}"
        while True:
            released = await approved.grants.release(permit)
            try:
                await approved.grants.end(permit, "expired", said("ended", request))
            except UnavailableError:
                continue
            return released

    async with asyncio.timeout(20):
        found = await asyncio.gather(end(FIRST), end(SECOND))
    assert sorted(found) == [Release.COVERED, Release.ENDING]


async def test_a_role_that_only_a_grant_explains_is_not_taken_over_without_it(
    approved: PostgresLedger,
) -> None:
    with pytest.raises(UnavailableError, match="no grant keeps it there"):
        await approved.grants.begin(entry(was_member=True), consumed())
    assert await kinds(approved) == []
    nobody_knows = await approved.grants.begin(entry(was_member=None), consumed())
    assert nobody_knows.first


@pytest.mark.parametrize("looked", [None, False])
async def test_what_another_grant_keeps_there_is_known_also_when_nobody_saw_it(
    approved: PostgresLedger, *, looked: bool | None
) -> None:
    await granted(approved)
    begun = await approved.grants.begin(entry(SECOND, was_member=looked), consumed(SECOND))
    assert begun.grant.was_member is True


async def test_grants_are_found_by_what_they_are_of(approved: PostgresLedger) -> None:
    await granted(approved)
    await granted(approved, SECOND, account="dan_db", person="dan")
    book = approved.grants

    async def found(**filters: object) -> list[str]:
        return [row.request for row in await book.rows(**filters)]  # type: ignore[arg-type]

    assert await found() == [FIRST, SECOND]
    assert await found(request=SECOND) == [SECOND]
    assert await found(person="alice") == [FIRST]
    assert await found(of=ALICE) == [FIRST]
    await book.release(f"permit-{FIRST}")
    assert await found(still_open=True) == [FIRST, SECOND]
    await book.end(f"permit-{FIRST}", "withdrawn", said("ended"))
    assert await found(still_open=True) == [SECOND]
    assert await book.find("permit-9") is None


@pytest.mark.parametrize(
    "statement",
    [
        "update effect.access_grant set state = 'ended'",
        "insert into effect.access_grant default values",
        "delete from effect.access_grant",
        "select effect.lock_membership('a', 'b', 'c')",
        "select effect.locked_grant('permit-access-1')",
    ],
)
async def test_the_application_changes_a_grant_only_by_its_functions(
    approved: PostgresLedger, database: Database, statement: str
) -> None:
    await granted(approved)
    with (
        psycopg.connect(database.app_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


async def test_a_consumed_permit_without_its_grant_grants_nothing(approved: PostgresLedger) -> None:
    await approved.consume(f"permit-{FIRST}", DIGEST, "access", consumed())
    with pytest.raises(PlacetError, match="has to be consumed for a grant in the same"):
        await approved.grants.begin(entry(), consumed())
