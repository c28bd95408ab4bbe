from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.digest import canonical, digest
from placet.domain.errors import InvalidInputError
from placet.domain.expense import ExpenseRequest, facts, payable
from placet.domain.money import RateTable
from placet.pipelines.expense import FACTS
from placet.policy.conditions import holds

RATES = RateTable.model_validate(
    {"base": "EUR", "as_of": "2026-03-02", "rates": {"USD": "1.0850", "JPY": "162.37"}}
)
TODAY = date(2026, 3, 10)


def line(amount: Any = "12.50 EUR", **changes: Any) -> dict[str, Any]:
    return {
        "date": "2026-03-05",
        "description": "Lunch",
        "category": "meals",
        "amount": amount,
        **changes,
    }


def expense(*lines: dict[str, Any], **changes: Any) -> ExpenseRequest:
    return ExpenseRequest.model_validate(
        {
            "title": "Lunch",
            "requester": "alice@example.com",
            "cost_centre": "CC-100",
            "purpose": "A customer came.",
            "lines": list(lines) or [line()],
            "payee": {"name": "Alice Adams", "iban": "de89 3704 0044 0532 0130 00"},
            **changes,
        }
    )


@pytest.mark.rule(number=4)
def test_how_it_was_typed_does_not_change_the_digest() -> None:
    one = expense(line("12.5 eur"), title="  Lunch ")
    other = expense(line({"currency": "EUR", "amount": Decimal("12.50")}))
    assert digest(one) == digest(other)
    assert one.payee.iban == "DE89370400440532013000"
    assert b'"pipeline":"expense"' in canonical(one)


def test_it_survives_json() -> None:
    request = expense(line(receipt="sha256:" + "0f" * 32), reference="r-1")
    again = ExpenseRequest.model_validate_json(request.model_dump_json())
    assert again == request
    assert digest(again) == digest(request)


def test_the_sum_of_a_currency_is_converted_once() -> None:
    # Each cent alone would be 0.0092 EUR, rounded up to a cent, three times.
    assert str(payable(expense(*[line("0.01 USD")] * 3), RATES)) == "0.03 EUR"
    assert str(payable(expense(*[line("0.01 USD")] * 100), RATES)) == "0.92 EUR"


def test_the_facts_a_policy_sees() -> None:
    request = expense(
        line("108.50 USD", date="2026-02-28", category="travel", receipt="ab" * 32),
        line("1624 JPY"),
        line("0.50 EUR"),
    )
    assert facts(request, RATES, TODAY) == {
        "total": "110.50",
        "currency": "EUR",
        "currencies": ["EUR", "JPY", "USD"],
        "line_count": 3,
        "largest_line": "100.00",
        "categories": ["meals", "travel"],
        "all_receipts": False,
        "missing_receipts": 2,
        "cost_centre": "CC-100",
        "requester": "alice@example.com",
        "payee_country": "DE",
        "oldest_line_days": 10,
    }


def test_a_condition_is_exact_to_the_cent() -> None:
    condition = "all_receipts && total <= 50.00 && !('travel' in categories)"
    for amount, expected in [("50.00 EUR", True), ("50.01 EUR", False), ("49.99 EUR", True)]:
        seen = facts(expense(line(amount, receipt="ab" * 32)), RATES, TODAY)
        assert holds(condition, seen, FACTS) is expected


@given(st.integers(1, 99_999_999_998))
def test_a_cent_more_is_more_in_the_facts(cents: int) -> None:
    def total(amount: int) -> Decimal:
        written = f"{amount // 100}.{amount % 100:02} EUR"
        return Decimal(str(facts(expense(line(written)), RATES, TODAY)["total"]))

    assert float(total(cents)) < float(total(cents + 1))
    assert total(cents) * 100 == cents


def test_a_line_of_tomorrow_is_not_older_than_today() -> None:
    assert facts(expense(line(date="2026-03-11")), RATES, TODAY)["oldest_line_days"] == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("1 CHF")], "no CHF rate for 2026-03-02"),
        ([line("500000000 EUR")] * 2, "more than one transfer can carry"),
        ([line("0.1 KWD"), line("1 USD")], "no KWD rate"),
        # Fifteen digits in each of five hundred lines.
        ([line("9999999999999.99 EUR")] * 500, "more than 15 digits"),
        ([line("999999999999999 JPY")], "more than one transfer can carry"),
    ],
)
def test_what_cannot_be_paid_out_is_refused(lines: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        payable(expense(*lines), RATES)


def test_what_comes_to_less_than_a_cent_is_refused() -> None:
    rates = RateTable.model_validate(
        {"base": "EUR", "as_of": "2026-03-02", "rates": {"IRR": "45000"}}
    )
    with pytest.raises(InvalidInputError, match="less than a cent"):
        payable(expense(line("100 IRR")), rates)


@pytest.mark.parametrize(
    "day",
    [
        "2026-02-30",
        "05.03.2026",
        "2026-03-05T00:00:00",
        "20260305",
        "1999-12-31",
        1_767_225_600,
        "",
        None,
    ],
)
def test_what_is_no_day_is_refused(day: Any) -> None:
    with pytest.raises(ValidationError):
        expense(line(date=day))


@pytest.mark.parametrize(
    "receipt",
    ["receipts/dinner.pdf", "sha256:", "sha256:" + "0" * 63, "AB" * 32, "", 3, {"name": "x.pdf"}],
)
def test_a_receipt_is_a_reference_to_stored_content(receipt: Any) -> None:
    with pytest.raises(ValidationError):
        expense(line(receipt=receipt))
