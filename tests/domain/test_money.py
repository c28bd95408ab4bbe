import json
from decimal import Decimal, getcontext, localcontext
from typing import Any

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from placet.domain.money import MINOR_UNITS, Money, MoneyError, PositiveMoney, RateTable

cents = st.integers(-(10**14), 10**14).map(lambda n: Money.parse(f"{Decimal(n).scaleb(-2):f} EUR"))
RATES = RateTable.model_validate(
    {
        "base": "EUR",
        "as_of": "2026-03-02",
        "rates": {"USD": "1.0850", "JPY": "162.37", "KWD": "0.3341"},
    }
)


def test_the_table_is_iso_4217() -> None:
    published = {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}
    assert published == MINOR_UNITS


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"amount": "12.5", "currency": "EUR"}, "12.50 EUR"),
        ({"amount": 12, "currency": "eur"}, "12.00 EUR"),
        ({"amount": Decimal("12.500"), "currency": "EUR"}, "12.50 EUR"),
        ({"amount": Decimal("1E+2"), "currency": "JPY"}, "100 JPY"),
        ("12.50 EUR", "12.50 EUR"),
        (" -0.00   USD ", "0.00 USD"),
        ("1.234 KWD", "1.234 KWD"),
        ("9999999999999.99 EUR", "9999999999999.99 EUR"),
    ],
)
def test_equal_money_has_one_spelling(written: Any, kept: str) -> None:
    money = Money.model_validate(written)
    assert str(money) == kept
    assert Money.parse(kept) == money
    assert Money.model_validate_json(money.model_dump_json()) == money
    assert json.loads(money.model_dump_json())["amount"] == kept.partition(" ")[0]


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (12.5, "EUR", "12.5 is not exact; write it as a string"),
        (float("nan"), "EUR", "not exact"),
        ("NaN", "EUR", "no plain number"),
        ("Infinity", "EUR", "no plain number"),
        (Decimal("NaN"), "EUR", "NaN is not a number"),
        (Decimal("sNaN"), "EUR", "sNaN is not a number"),
        (Decimal("-Infinity"), "EUR", "-Infinity is not a number"),
        ("1e30", "EUR", "no plain number"),
        (Decimal("1e30"), "EUR", "more than 15 digits"),
        # Writing this one out would take a gigabyte.
        (Decimal("1e999999999"), "EUR", "more than 15 digits"),
        (10**30, "EUR", "more than 15 digits"),
        ("10000000000000.00", "EUR", "more than 15 digits"),
        ("12.505", "EUR", "EUR has 2 digits after the point"),
        ("12.5", "JPY", "JPY has 0 digits after the point"),
        (Decimal("1e-999999999"), "EUR", "EUR has 2 digits after the point"),
        ("12,50", "EUR", "with a point"),
        ("1_000", "EUR", "no plain number"),
        ("١٢", "EUR", "no plain number"),
        ("", "EUR", "no plain number"),
        (True, "EUR", "not a number"),
        (None, "EUR", "not a number"),
        ({"n": 1}, "EUR", "not a number"),
        ("1", "EURO", "'EURO' is no ISO 4217 currency"),
        # Gold has no minor unit, so no exact amount.
        ("1", "XAU", "'XAU' is no ISO 4217 currency"),
        ("1", "\ud83d\x00" * 400, "is no ISO 4217 currency"),
    ],
)
def test_what_is_no_exact_amount_is_refused(amount: Any, currency: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Money.model_validate({"amount": amount, "currency": currency})
    assert said in str(caught.value.errors()[0]["ctx"]["error"])


@pytest.mark.parametrize("text", ["12.50", "EUR 12.50", "12.50EUR", "1 2 EUR", "", "x" * 10_000])
def test_text_that_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        Money.parse(text)


def test_positive_money_refuses_nothing_and_less() -> None:
    positive = TypeAdapter[Money](PositiveMoney)
    assert str(positive.validate_python("0.01 EUR")) == "0.01 EUR"
    with pytest.raises(ValidationError, match=r"-3\.00 is negative; it must be above zero"):
        positive.validate_python("-3 EUR")
    with pytest.raises(ValidationError, match="it is zero"):
        positive.validate_python("0 EUR")


@given(cents, cents)
def test_arithmetic_is_exact_whatever_the_caller_set_decimal_to(a: Money, b: Money) -> None:
    with localcontext() as context:
        context.prec = 3
        assert (a + b).minor == a.minor + b.minor
        assert a + b - b == a
        assert (-a).minor == -a.minor
        assert (a < b) == (a.minor < b.minor)
        assert (a >= b) == (a.minor >= b.minor)
    assert getcontext().prec != 3


def test_currencies_do_not_mix() -> None:
    euro, dollar = Money.parse("1 EUR"), Money.parse("1 USD")
    for mix in (lambda: euro + dollar, lambda: euro - dollar, lambda: euro < dollar):
        with pytest.raises(MoneyError, match="different currencies"):
            mix()
    assert euro != dollar
    assert Money.total([], "EUR") == Money.zero("EUR")
    with pytest.raises(MoneyError, match="different currencies"):
        Money.total([euro, dollar], "EUR")


def test_a_sum_too_large_is_refused() -> None:
    most = Money.parse("9999999999999.99 EUR")
    with pytest.raises(MoneyError, match="more than 15 digits"):
        most + most


@pytest.mark.parametrize(
    ("money", "to", "expected"),
    [
        # 108.50 / 1.0850, exactly.
        ("108.50 USD", "EUR", "100.00 EUR"),
        ("100.00 EUR", "USD", "108.50 USD"),
        # 0.01 * 162.37 = 1.6237: to whole yen.
        ("0.01 EUR", "JPY", "2 JPY"),
        # Through the base with one rounding: 1000 / 162.37 * 1.0850 = 6.68226...
        ("1000 JPY", "USD", "6.68 USD"),
        ("1.00 EUR", "KWD", "0.334 KWD"),
        ("12.50 CHF", "CHF", "12.50 CHF"),
    ],
)
def test_conversion(money: str, to: str, expected: str) -> None:
    assert str(RATES.convert(Money.parse(money), to)) == expected


def test_half_a_cent_is_rounded_up_and_away_from_zero() -> None:
    halves = RateTable.model_validate({"base": "EUR", "as_of": "2026-03-02", "rates": {"USD": "2"}})
    assert str(halves.convert(Money.parse("0.05 USD"), "EUR")) == "0.03 EUR"
    assert str(halves.convert(Money.parse("-0.05 USD"), "EUR")) == "-0.03 EUR"


def test_a_missing_rate_is_named() -> None:
    with pytest.raises(MoneyError, match="no CHF rate for 2026-03-02; add it to the rate table"):
        RATES.convert(Money.parse("1 CHF"), "EUR")
    with pytest.raises(MoneyError, match="no ISO 4217 currency"):
        RATES.convert(Money.parse("1 EUR"), "EURO")


@pytest.mark.parametrize("rate", ["0", "-1", 1.085, "NaN", Decimal("1e-99"), "1e3", None])
def test_an_unusable_rate_is_refused(rate: Any) -> None:
    with pytest.raises(ValidationError):
        RateTable.model_validate({"base": "EUR", "as_of": "2026-03-02", "rates": {"USD": rate}})


def test_a_rate_table_survives_json() -> None:
    table = RateTable.model_validate(
        {"base": "EUR", "as_of": "2026-03-02", "rates": {"USD": "0.0000001", "IDR": 17000}}
    )
    assert RateTable.model_validate_json(table.model_dump_json()) == table
