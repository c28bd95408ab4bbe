import asyncio
from decimal import Decimal

import psycopg
import pytest

from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError, PlacetError
from placet.domain.ledger_rows import PaymentEntry, PaymentReport, PaymentStatus
from placet.ledger import PostgresLedger, open_pool
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import (
    DIGEST,
    OTHER_DIGEST,
    event,
    payment_done,
    permit_consumed,
    permit_issued,
    state,
    submitted,
)


def entry(permit: str = "permit-1", request: str = "expense-1", **changes: object) -> PaymentEntry:
    """Return the payment of an approved expense."""
    return PaymentEntry.model_validate(
        {
            "payment_id": f"pay-{permit}",
            "permit_id": permit,
            "request": request,
            "digest": DIGEST,
            "msg_id": f"MSG-{permit}",
            "end_to_end_id": f"E2E-{permit}",
            "amount": Decimal("120.00"),
            "currency": "EUR",
            "creditor_name": "Alice Ash",
            "creditor_iban": "DE89370400440532013000",
            "file_name": f"{permit}.xml",
            "file_sha256": "f" * 64,
            **changes,
        }
    )


@pytest.fixture
async def approved_expense(ledger: PostgresLedger) -> PostgresLedger:
    await ledger.append([submitted(), event(state=state("approved", effect="pending"))])
    await ledger.append([permit_issued()])
    return ledger


@pytest.mark.rule(number=5)
async def test_a_permit_pays_once_and_says_so_the_second_time(
    approved_expense: PostgresLedger,
) -> None:
    first = await approved_expense.pay(entry(), [permit_consumed(), payment_done()])
    again = await approved_expense.pay(entry(), [permit_consumed(), payment_done()])

    assert first.first
    assert not again.first
    assert again.payment == first.payment
    assert again.receipts == first.receipts
    assert first.payment.amount == Decimal("120.00")
    assert first.payment.status is PaymentStatus.WRITTEN
    assert await approved_expense.payments(request="expense-1") == [first.payment]
    assert [told.kind for told in await approved_expense.timeline("expense-1")][-2:] == [
        "effect:permit:consumed",
        "effect:run:done",
    ]
    row = await approved_expense.request("expense-1")
    assert row is not None
    assert row.effect == "done"


@pytest.mark.rule(number=5)
async def test_sixteen_concurrent_payments_under_one_permit_are_one_payment(
    database: Database, approved_expense: PostgresLedger
) -> None:
    async with open_pool(database.app_url, max_size=16, patience=60) as pool:
        ledger = PostgresLedger(pool)
        async with asyncio.timeout(60):
            results = await asyncio.gather(
                *(
                    ledger.pay(
                        entry(payment_id=f"pay-{n}", msg_id=f"M{n}", end_to_end_id=f"E{n}"),
                        [permit_consumed(), payment_done()],
                    )
                    for n in range(16)
                )
            )

    assert [result.first for result in results].count(True) == 1
    assert len({result.payment.payment_id for result in results}) == 1
    assert len(await approved_expense.payments()) == 1
    assert len(await approved_expense.timeline("expense-1")) == 5


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"permit_id": "permit-9"}, NotFoundError, "unknown"),
        ({"digest": OTHER_DIGEST}, ConflictError, f"{DIGEST}.*{OTHER_DIGEST}"),
        ({"request": "expense-2"}, NotFoundError, "not one of request"),
        ({"currency": "euro"}, InvalidInputError, "correct the value"),
        ({"creditor_name": "nul \x00"}, InvalidInputError, "NUL"),
        ({"creditor_name": "\ud800"}, InvalidInputError, "surrogate"),
    ],
)
async def test_a_payment_that_the_permit_does_not_cover_is_refused(
    approved_expense: PostgresLedger,
    wrong: dict[str, object],
    error: type[PlacetError],
    message: str,
) -> None:
    bad = entry().model_copy(update=wrong)
    events = [permit_consumed(request=bad.request), payment_done(request=bad.request)]

    with pytest.raises(error, match=message):
        await approved_expense.pay(bad, events)

    assert await approved_expense.payments() == []
    assert (await approved_expense.pay(entry(), [permit_consumed(), payment_done()])).first


@pytest.mark.rule(number=4)
async def test_a_permit_for_another_effect_does_not_pay(ledger: PostgresLedger) -> None:
    await ledger.append([submitted(), permit_issued(effect="publish")])

    with pytest.raises(ConflictError, match="allows the effect publish, not payment"):
        await ledger.pay(entry(), [permit_consumed(), payment_done()])


async def test_an_expired_permit_does_not_pay(ledger: PostgresLedger) -> None:
    await ledger.append([submitted(), permit_issued(expires="2026-03-02T08:05:00Z")])
    await ledger.append([permit_issued("permit-2", expires="9999-01-01T00:00:00Z")])

    with pytest.raises(ConflictError, match="expired at 2026-03-02"):
        await ledger.consume("permit-1", DIGEST, "payment", [permit_consumed()])
    assert (
        await ledger.consume("permit-2", DIGEST, "payment", [permit_consumed("permit-2")])
    ).first


async def test_a_payment_made_in_time_is_still_the_answer_after_the_permit_has_expired(
    database: Database, approved_expense: PostgresLedger
) -> None:
    first = await approved_expense.pay(entry(), [permit_consumed(), payment_done()])
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("update effect.permit set expires_at = '2026-01-01Z'")

    again = await approved_expense.pay(entry(), [permit_consumed(), payment_done()])
    assert (again.first, again.payment) == (False, first.payment)


@pytest.mark.rule(number=5)
async def test_a_permit_is_issued_once(approved_expense: PostgresLedger) -> None:
    again = permit_issued(expires="2027-01-01T00:00:00Z")

    with pytest.raises(ConflictError):
        await approved_expense.append([again])
    with pytest.raises(ConflictError):
        await approved_expense.append([again.model_copy(update={"event_id": "ab" * 32})])


@pytest.mark.rule(number=4)
async def test_another_payment_under_a_used_permit_is_refused(
    approved_expense: PostgresLedger,
) -> None:
    await approved_expense.pay(entry(), [permit_consumed(), payment_done()])

    for change in ({"amount": Decimal(121)}, {"currency": "USD"}, {"creditor_iban": "GB82WEST"}):
        with pytest.raises(ConflictError, match="another approval"):
            await approved_expense.pay(entry(**change), [permit_consumed(), payment_done()])
    assert (await approved_expense.payments())[0].amount == 120


async def test_an_identifier_the_bank_would_confuse_is_refused(
    approved_expense: PostgresLedger,
) -> None:
    await approved_expense.append([permit_issued("permit-2")])
    await approved_expense.pay(entry(), [permit_consumed(), payment_done()])

    for name in ("payment_id", "msg_id", "end_to_end_id"):
        taken = entry("permit-2", **{name: getattr(entry(), name)})
        with pytest.raises(ConflictError, match="recorded already"):
            await approved_expense.pay(
                taken, [permit_consumed("permit-2"), payment_done("permit-2")]
            )
    assert (
        await approved_expense.pay(
            entry("permit-2"), [permit_consumed("permit-2"), payment_done("permit-2")]
        )
    ).first


@pytest.mark.rule(number=1)
async def test_a_permit_cannot_be_consumed_without_its_event(
    database: Database, approved_expense: PostgresLedger
) -> None:
    with psycopg.connect(database.app_url) as connection:
        connection.execute("select effect.consume('permit-1', %s, 'payment')", [DIGEST])
        with pytest.raises(psycopg.Error, match="effect:permit:consumed event") as refused:
            connection.commit()
    assert refused.value.sqlstate == "PLT04"
    with pytest.raises(PlacetError, match="effect:permit:consumed event"):
        await approved_expense.consume("permit-1", DIGEST, "payment", [event()])


@pytest.mark.rule(number=1)
async def test_the_event_of_a_consumption_that_did_not_happen_is_refused(
    approved_expense: PostgresLedger,
) -> None:
    with pytest.raises(PlacetError, match="effect:permit:consumed event"):
        await approved_expense.append([permit_consumed()])
    with pytest.raises(ConflictError, match="never issued"):
        await approved_expense.append([permit_consumed("permit-9")])


@pytest.mark.rule(number=5)
async def test_a_permit_consumed_for_something_else_does_not_pay_later(
    approved_expense: PostgresLedger,
) -> None:
    assert (
        await approved_expense.consume("permit-1", DIGEST, "payment", [permit_consumed()])
    ).first
    again = await approved_expense.consume("permit-1", DIGEST, "payment", [permit_consumed()])
    assert not again.first
    assert len(again.receipts) == 1

    with pytest.raises(ConflictError, match="do not pay"):
        await approved_expense.pay(entry(), [permit_consumed(), payment_done()])


async def test_events_of_another_request_cannot_accompany_a_payment(
    approved_expense: PostgresLedger,
) -> None:
    with pytest.raises(InvalidInputError, match="expense-2"):
        await approved_expense.pay(entry(), [permit_consumed(), event(request="expense-2")])


@pytest.mark.rule(number=1)
async def test_a_payment_that_loses_its_connection_halfway_did_not_happen(
    database: Database, approved_expense: PostgresLedger
) -> None:
    values = list(
        entry().model_dump(exclude={"digest", "permit_id", "payment_id", "request"}).values()
    )
    victim = psycopg.connect(database.app_url)
    victim.execute("select effect.consume('permit-1', %s, 'payment')", [DIGEST])
    victim.execute(
        "select effect.record_payment('permit-1', 'pay-permit-1', 'expense-1', "
        "%s, %s, %s, %s, %s, %s, %s, %s)",
        values,
    )
    append_raw(victim, [permit_consumed(), payment_done()])
    with psycopg.connect(database.admin_url, autocommit=True) as killer:
        killer.execute("select pg_terminate_backend(%s, 10000)", [victim.info.backend_pid])
    victim.close()

    assert await approved_expense.payments() == []
    assert (await approved_expense.pay(entry(), [permit_consumed(), payment_done()])).first


@pytest.mark.parametrize("named_by", ["msg_id", "end_to_end_id"])
async def test_a_rejection_by_the_bank_is_recorded_once_with_its_event(
    approved_expense: PostgresLedger, named_by: str
) -> None:
    await approved_expense.pay(entry(), [permit_consumed(), payment_done()])
    report = PaymentReport.model_validate(
        {named_by: getattr(entry(), named_by), "status": "rejected", "reason": "AC04"}
    )
    told = event("bank:payment:rejected", step="bank", data={"effect": "failed"})

    first = await approved_expense.report_payment(report, [told])
    again = await approved_expense.report_payment(report, [told])

    assert first.first
    assert not again.first
    assert first.payment.status is PaymentStatus.REJECTED
    assert first.payment.status_reason == "AC04"
    assert again == first.model_copy(update={"first": False})
    row = await approved_expense.request("expense-1")
    assert row is not None
    assert row.effect == "failed"
    with pytest.raises(ConflictError, match="is rejected already"):
        await approved_expense.report_payment(
            report.model_copy(update={"status": PaymentStatus.SETTLED}), [event()]
        )


@pytest.mark.parametrize(
    "names",
    [{}, {"msg_id": "MSG-9"}, {"msg_id": "MSG-permit-1", "end_to_end_id": "E2E-9"}],
)
async def test_a_report_about_a_payment_nobody_made_is_refused(
    approved_expense: PostgresLedger, names: dict[str, str]
) -> None:
    await approved_expense.pay(entry(), [permit_consumed(), payment_done()])

    with pytest.raises(NotFoundError):
        await approved_expense.report_payment(
            PaymentReport(status=PaymentStatus.SETTLED, **names), [event()]
        )


async def test_a_report_needs_an_event_of_the_payments_request(
    approved_expense: PostgresLedger,
) -> None:
    await approved_expense.pay(entry(), [permit_consumed(), payment_done()])
    report = PaymentReport(msg_id="MSG-permit-1", status=PaymentStatus.SETTLED)

    with pytest.raises(InvalidInputError, match="expense-7"):
        await approved_expense.report_payment(report, [event(request="expense-7")])
    assert (await approved_expense.payments())[0].status is PaymentStatus.WRITTEN
