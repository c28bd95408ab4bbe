import asyncio

import pytest

from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.ledger import LedgerEvent, LedgerStep
from placet.ledger import PostgresLedger
from tests.ledger.stories import event, opened, submitted


def step(
    number: int, *events: LedgerEvent, outcome: str = '{"case": 1}', chain: str = "run-1"
) -> LedgerStep:
    return LedgerStep(
        stream="expense-1", chain=chain, number=number, outcome=outcome, events=events
    )


async def test_a_step_is_written_once_and_then_comes_back_as_it_was(
    ledger: PostgresLedger,
) -> None:
    first = await ledger.append_step(step(1, submitted(), opened()))
    again = await ledger.append_step(step(1, submitted(), outcome='{"case": 2}'))

    assert first.known is None
    assert again.known == '{"case": 1}'
    assert again.receipts == first.receipts
    assert len(await ledger.timeline("expense-1")) == 2


async def test_steps_taken_at_the_same_time_are_one_step(ledger: PostgresLedger) -> None:
    await ledger.append_step(step(1, submitted()))
    attempts = [step(2, event(minute=n), outcome=f'{{"n": {n}}}') for n in range(8)]
    written = await asyncio.gather(*map(ledger.append_step, attempts))

    firsts = [(n, each) for n, each in enumerate(written) if each.known is None]
    assert len(firsts) == 1
    winner = f'{{"n": {firsts[0][0]}}}'
    assert {each.known for each in written} == {None, winner}
    assert len({each.receipts for each in written}) == 1
    assert len(await ledger.timeline("expense-1")) == 2


async def test_another_workflow_cannot_take_a_step_in_the_story(ledger: PostgresLedger) -> None:
    await ledger.append_step(step(1, submitted()))
    with pytest.raises(ConflictError, match="has a story in the ledger already"):
        await ledger.append_step(step(1, submitted(), chain="run-2"))


async def test_a_step_holds_events_of_its_own_request_only(ledger: PostgresLedger) -> None:
    with pytest.raises(InvalidInputError, match="another request"):
        await ledger.append_step(step(1, submitted(request="expense-2")))


async def test_old_steps_are_forgotten_and_their_events_are_not(ledger: PostgresLedger) -> None:
    await ledger.append_step(step(1, submitted(step="first")))
    for number in range(2, 67):
        await ledger.append_step(step(number, event()))

    story = await ledger.timeline("expense-1")
    assert len(story) == 66
    # Step 1 is forgotten, so it is taken for a new one, and its event is known by its own id.
    again = await ledger.append_step(step(1, submitted(step="first")))
    assert again.known is None
    assert again.receipts[0].event_id == story[0].event_id
    assert len(await ledger.timeline("expense-1")) == 66
