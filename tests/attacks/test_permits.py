"""A permit in the hands of somebody who has the application's database password."""

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from temporalio.client import WorkflowHistory
from temporalio.exceptions import ApplicationError

from activities.payment import PaymentActivities
from placet.domain.ledger_rows import PaymentEntry
from placet.domain.orders import EffectOrder
from placet.ledger import PostgresLedger
from placet.payments.spool import Spool
from placet.proof.rules.breaches import Breach
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import OTHER_DIGEST, permit_consumed, permit_issued
from tests.workflows.office import Handle, Office

BOB = "bob@example.com"

PAY = """
select effect.record_payment(%(permit)s, 'mine', %(request)s, 'mine', 'mine', {amount}, 'EUR',
                             'Mallory', {iban}, 'mine.xml', repeat('a', 64)) as first
"""
AGAIN = PAY.format(amount="120.00", iban="'DE89370400440532013000'")
MORE = PAY.format(amount="9120.00", iban="'DE89370400440532013000'")
ELSEWHERE = PAY.format(amount="120.00", iban="'DE02120300000000202051'")
CONSUME = "select effect.consume(%(permit)s, %(digest)s, 'payment') as first"


async def approved(office: Office) -> Handle:
    """Return a case that was approved and has ended."""
    handle = await office.submit()
    await office.decide(handle, "approve", BOB)
    await office.result(handle)
    return handle


def order_in(history: WorkflowHistory) -> EffectOrder:
    """Return what the workflow asked the payment's activity to do."""
    (payload,) = (
        event.activity_task_scheduled_event_attributes.input.payloads[0]
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name == "payment.pay"
    )
    return EffectOrder.model_validate_json(payload.data)


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return every row about permits, payments, events and lists."""
    tables = ("effect.permit", "effect.payment", "audit.event", "inbox.request", "inbox.review")
    async with await psycopg.AsyncConnection.connect(
        database.admin_url, row_factory=dict_row
    ) as connection:
        return {
            table: await (await connection.execute(f"table {table}".encode())).fetchall()
            for table in tables
        }


def files(office: Office) -> dict[Path, bytes]:
    """Return every payment file that was handed to the bank, and its copy in the archive."""
    found = [office.settings.spool.rglob(f"{place}/*") for place in ("outbox", "archive")]
    return {path: path.read_bytes() for path in itertools.chain(*found)}


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=11)
async def test_with_the_applications_password_a_used_permit_does_nothing_more(
    office: Office, database: Database
) -> None:
    handle = await approved(office)
    (paid,) = await office.ledger.payments(request=handle.id)
    names = {"permit": paid.permit_id, "digest": paid.digest, "request": handle.id}
    before, files_before = await everything(database), files(office)

    with psycopg.connect(database.app_url, autocommit=True) as connection:
        # What has happened already happens again without a trace.
        for repeated in (CONSUME, AGAIN):
            assert connection.execute(repeated.encode(), names).fetchall() == [(False,)]
        for state, statement, changed in (
            ("PLC04", CONSUME, {"digest": OTHER_DIGEST}),
            ("PLC05", CONSUME.replace("'payment'", "'publish'"), {}),
            ("PLN01", CONSUME, {"permit": "0" * 64}),
            ("PLC07", MORE, {}),
            ("PLC07", ELSEWHERE, {}),
            ("PLN01", MORE, {"request": "expense-other"}),
            *(
                ("42501", statement, {})
                for statement in (
                    "insert into effect.permit select * from effect.permit",
                    "insert into effect.payment select * from effect.payment",
                    "insert into audit.event_from_1 select * from audit.event_from_1",
                    "insert into inbox.request select * from inbox.request",
                    "insert into inbox.review select * from inbox.review",
                    "update effect.permit set consumed_at = null, consumed_event = null",
                    "update effect.payment set amount = 9120",
                    "update inbox.request set effect = 'pending'",
                    "delete from effect.payment",
                    "delete from effect.permit",
                    "delete from audit.event",
                    "delete from audit.step",
                    "delete from inbox.request",
                    "truncate effect.payment, effect.permit",
                    "truncate audit.event",
                )
            ),
        ):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(statement.encode(), names | changed)
            assert refused.value.sqlstate == state, statement
        for event in (
            permit_consumed(paid.permit_id, handle.id),
            permit_issued(paid.permit_id, handle.id),
        ):
            with pytest.raises(psycopg.Error):
                append_raw(connection, [event])

    assert await everything(database) == before
    assert files(office) == files_before


@pytest.mark.rule(number=5)
async def test_the_payment_called_again_by_hand_pays_nothing_more(
    office: Office, database: Database
) -> None:
    handle = await approved(office)
    order = order_in(await office.history(handle))
    before = await everything(database)
    (sent,) = (office.settings.spool / "outbox").iterdir()
    sent.unlink()  # The bank has collected it.
    for _ in range(2):
        payment = PaymentActivities(
            office.ledger, Spool(office.settings.spool, office.settings.debtor)
        )
        told = await payment.pay(order)
        assert told.facts["file"] == sent.name
    assert await everything(database) == before
    assert list((office.settings.spool / "outbox").iterdir()) == []


@pytest.mark.rule(number=4)
@pytest.mark.rule(number=5)
@pytest.mark.parametrize("spool", ["the same spool", "an empty spool"])
async def test_the_payment_called_by_hand_for_something_else_pays_nothing(
    office: Office, database: Database, tmp_path: Path, spool: str
) -> None:
    handle, other = await approved(office), await approved(office)
    order = order_in(await office.history(handle))
    others = order_in(await office.history(other))
    before, files_before = await everything(database), files(office)
    root = office.settings.spool if spool == "the same spool" else tmp_path / "empty"
    payment = PaymentActivities(office.ledger, Spool(root, office.settings.debtor))
    for wrong in (
        {"permit": others.permit},
        {"permit": "0" * 64},
        {"digest": OTHER_DIGEST},
        {"plan": order.plan.model_copy(update={"amount": "9120.00 EUR"})},
        {"request_id": other.id},
        {"request_id": other.id, "permit": "0" * 64},
    ):
        with pytest.raises(ApplicationError) as refused:
            await payment.pay(order.model_copy(update=wrong))
        assert refused.value.non_retryable
    assert await everything(database) == before
    assert files(office) == files_before
    assert list((tmp_path / "empty").rglob("outbox/*")) == []


class Grabbed:
    """A ledger whose permits somebody else uses a moment before the worker does."""

    def __init__(self, ledger: PostgresLedger, **changes: object) -> None:
        self._ledger = ledger
        self._changes = changes

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    async def pay(self, order: PaymentEntry, events: Any) -> object:
        """Pay something else with the permit, and then what is asked."""
        theirs = order.model_copy(update=self._changes)
        await self._ledger.pay(theirs, [permit_consumed(order.permit_id, order.request)])
        return await self._ledger.pay(order, events)


@pytest.mark.rule(number=5)
async def test_a_permit_that_somebody_else_has_used_pays_nothing_and_the_case_says_so(
    closed_office: Office,
) -> None:
    office = closed_office
    office.breaches = {Breach.STORY_UNREADABLE}
    office.writes_to = Grabbed(
        office.ledger, amount=Decimal("9120.00"), creditor_iban="DE02120300000000202051"
    )
    async with office.worker():
        handle = await approved(office)
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "failed")
    (failed,) = await office.told(handle, "effect:run:failed")
    assert "has paid 9120.00 EUR already" in failed["reason"]
    assert list((office.settings.spool / "outbox").iterdir()) == []


@pytest.mark.rule(number=5)
async def test_a_permit_that_somebody_else_has_used_up_pays_nothing(
    closed_office: Office,
) -> None:
    office = closed_office
    office.breaches = {Breach.STORY_UNREADABLE}

    class UsedUp(Grabbed):
        """Consumes the permit and pays nothing with it."""

        async def pay(self, order: PaymentEntry, events: Any) -> object:
            theirs = [permit_consumed(order.permit_id, order.request)]
            await office.ledger.consume(order.permit_id, order.digest, "payment", theirs)
            return await office.ledger.pay(order, events)

    office.writes_to = UsedUp(office.ledger)
    async with office.worker():
        handle = await approved(office)
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "failed")
    (failed,) = await office.told(handle, "effect:run:failed")
    assert "do not pay" in failed["reason"]
    assert await office.ledger.payments() == []
    assert list((office.settings.spool / "outbox").iterdir()) == []
