"""A permit that was revoked is dead for everybody; one that was consumed cannot be revoked."""

import asyncio

import psycopg
import pytest

from placet.domain.errors import ConflictError
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger, open_pool
from tests.conftest import Database
from tests.ledger.stories import DIGEST, event, permit_consumed, permit_issued, state, submitted


def revoked(permit: str = "permit-1", request: str = "expense-1") -> LedgerEvent:
    """Return the event that says that a permit was revoked."""
    return event(
        "person:effect:revoked",
        request=request,
        step=f"revoked {permit}",
        minute=4,
        data={"permit": permit, "effect": "revoked"},
        state=state("approved", effect="revoked"),
    )


async def consume(ledger: PostgresLedger, permit: str, request: str = "expense-1") -> None:
    """Consume a permit."""
    await ledger.consume(permit, DIGEST, "payment", [permit_consumed(permit, request)])


@pytest.fixture
async def waiting(ledger: PostgresLedger) -> PostgresLedger:
    """Give a ledger with an approval that waits for its time."""
    await ledger.append([submitted(), event(state=state("approved", effect="waiting"))])
    await ledger.append([permit_issued()])
    return ledger


@pytest.mark.rule(number=5)
async def test_a_revoked_permit_is_never_consumed(waiting: PostgresLedger) -> None:
    first = await waiting.append([revoked()])
    assert await waiting.append([revoked()]) == first

    with pytest.raises(ConflictError, match=r"was revoked at .* ask for a new approval"):
        await consume(waiting, "permit-1")

    row = await waiting.request("expense-1")
    assert row is not None
    assert row.effect == "revoked"
    assert "effect:permit:consumed" not in [e.kind for e in await waiting.timeline("expense-1")]


@pytest.mark.rule(number=5)
@pytest.mark.parametrize(("permit", "request_id"), [("permit-9", "expense-1"), ("permit-1", "x")])
async def test_only_a_permit_of_this_request_is_revoked(
    waiting: PostgresLedger, permit: str, request_id: str
) -> None:
    await waiting.append([submitted("x")])
    with pytest.raises(ConflictError, match="cannot be revoked"):
        await waiting.append([revoked(permit, request_id)])
    await consume(waiting, "permit-1")


@pytest.mark.rule(number=5)
async def test_a_consumed_permit_cannot_be_revoked(waiting: PostgresLedger) -> None:
    await consume(waiting, "permit-1")
    with pytest.raises(ConflictError, match="it is consumed or revoked already"):
        await waiting.append([revoked()])
    assert "person:effect:revoked" not in [e.kind for e in await waiting.timeline("expense-1")]


@pytest.mark.rule(number=5)
async def test_revoked_and_consumed_at_the_same_moment_is_one_of_them(
    database: Database, ledger: PostgresLedger
) -> None:
    names = [f"expense-{number}" for number in range(24)]
    for name in names:
        await ledger.append([submitted(name), permit_issued(name, name)])

    async def both(name: str) -> list[BaseException | None]:
        # Each goes first as often as the other.
        pair = [consume(many, name, name), many.append([revoked(name, name)])]
        order = pair if names.index(name) % 2 else pair[::-1]
        done = await asyncio.gather(*order, return_exceptions=True)
        return [each for each in done if isinstance(each, BaseException)]

    async with open_pool(database.app_url, max_size=16, patience=60) as pool:
        many = PostgresLedger(pool)
        async with asyncio.timeout(60):
            problems = await asyncio.gather(*map(both, names))

    assert all(len(each) == 1 and isinstance(each[0], ConflictError) for each in problems)
    for name in names:
        kinds = [told.kind for told in await ledger.timeline(name)]
        assert ("person:effect:revoked" in kinds) != ("effect:permit:consumed" in kinds)
    async with await psycopg.AsyncConnection.connect(database.admin_url) as connection:
        cursor = await connection.execute(
            "select count(*), count(*) filter (where (consumed_at is null) <> (revoked_at is null))"
            " from effect.permit"
        )
        assert await cursor.fetchone() == (24, 24)


@pytest.mark.parametrize("word", ["done", "failed", "stopped"])
async def test_a_state_that_is_written_after_the_effects_word_does_not_take_it_back(
    waiting: PostgresLedger, word: str
) -> None:
    kind = f"effect:run:{word}"
    await waiting.append([event(kind, step="effect", data={"permit": "permit-1", "effect": word})])
    await waiting.append(
        [event("person:case:commented", step="late", state=state("approved", effect="pending"))]
    )
    row = await waiting.request("expense-1")
    assert row is not None
    assert row.effect == word
