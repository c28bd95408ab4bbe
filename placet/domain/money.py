"""Exact money: an amount is a decimal number with the digits its currency has, never a float."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

from placet.domain.base import Model
from placet.domain.errors import InvalidInputError
from placet.domain.text import clean_text

MAX_DIGITS = 15
"""Digits an amount may have, before and after the point together."""

MINOR_UNITS = {
    code: digits
    for digits, codes in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        2: """
            AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN
            BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD
            FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW
            KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
            MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG
            SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD
            USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
        """,
        3: "BHD IQD JOD KWD LYD OMR TND",
        4: "CLF UYW",
    }.items()
    for code in codes.split()
}
"""Currency code to digits after the point (ISO 4217 table A.1, the codes that have minor units)."""

_MAX_WRITTEN = 40
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_EXACT = Context(prec=80, traps=[InvalidOperation, Overflow, Inexact])
_ROUNDING = Context(prec=80, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow])


class MoneyError(InvalidInputError, ValueError):
    """An amount, a currency or a rate cannot be used.

    It is a ``ValueError`` too, so that a validator may raise it.
    """

    code = "invalid-money"


def minor_units(currency: str) -> int:
    """Digits after the point that ``currency`` has.

    Raises:
        MoneyError: It is no ISO 4217 code of a currency with minor units.
    """
    digits = MINOR_UNITS.get(currency)
    if digits is None:
        shown = clean_text(currency, 20, multiline=False, truncate=True)
        raise MoneyError(f"{shown!r} is no ISO 4217 currency; write its code, such as EUR")
    return digits


def _currency(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    code = value.strip().upper()
    minor_units(code)
    return code


def _exact(value: Any) -> Decimal:
    """Read a number without losing a digit."""
    if isinstance(value, float):
        raise MoneyError(f'{value!r} is not exact; write it as a string, such as "12.50"')
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**MAX_DIGITS:
            raise _too_large()
        return Decimal(value)
    if isinstance(value, str):
        text = value.strip()
        if not _PLAIN_NUMBER.fullmatch(text):
            shown = clean_text(text, 40, multiline=False, truncate=True)
            raise MoneyError(f"{shown!r} is no plain number; write it as 12.50, with a point")
        value = Decimal(text)
    if not isinstance(value, Decimal):
        raise MoneyError('it is not a number; write it as a string, such as "12.50"')
    if not value.is_finite():
        raise MoneyError(f'{value} is not a number; write it as a string, such as "12.50"')
    if (value and value.adjusted() >= MAX_DIGITS) or len(value.as_tuple().digits) > _MAX_WRITTEN:
        raise _too_large()
    return value


def _too_large() -> MoneyError:
    return MoneyError(f"it has more than {MAX_DIGITS} digits; check the number")


Currency = Annotated[str, BeforeValidator(_currency), Field(min_length=3, max_length=3)]
"""An ISO 4217 alphabetic code; lower case is accepted and stored as upper case."""

# Written out in full: 0.0000001 is 1E-7 to ``str``, which the reader above refuses.
_Exact = Annotated[
    Decimal,
    BeforeValidator(_exact),
    PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json"),
]


class Money(Model):
    """An exact amount in one currency; it may be negative or zero.

    Read from ``{"amount": "12.50", "currency": "EUR"}`` or ``"12.50 EUR"``. The amount may be a
    string, a whole number or a ``Decimal``; a float is refused because it is not exact. It is kept
    with exactly the digits the currency has, so equal money has one spelling and one digest.

    Raises:
        MoneyError: (inside pydantic's ``ValidationError``) not finite, more decimals than the
            currency has, more than 15 digits, or an unknown currency.
    """

    # The currency comes first: the amount's validator needs it.
    currency: Currency
    amount: _Exact

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        amount, currency = _split(value)
        return {"amount": amount, "currency": currency}

    @field_validator("amount")
    @classmethod
    def _to_minor_units(cls, amount: Decimal, info: ValidationInfo) -> Decimal:
        currency = info.data.get("currency")
        return amount if currency is None else _scaled(amount, currency)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"12.50 EUR"``.

        Raises:
            MoneyError: It is not an amount and a currency.
        """
        amount, currency = _split(text)
        code = _currency(currency)
        return cls(currency=code, amount=_scaled(_exact(amount), code))

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in ``currency``."""
        return cls(currency=currency, amount=Decimal(0))

    @classmethod
    def total(cls, amounts: Iterable["Money"], currency: str) -> "Money":
        """Add up amounts that are all in ``currency``; nothing gives zero.

        Raises:
            MoneyError: One is in another currency, or the sum has more than 15 digits.
        """
        result: Money = cls.zero(currency)
        for money in amounts:
            result = result + money
        return result

    def __add__(self, other: "Money") -> "Money":
        return self._with(_EXACT.add(self.amount, self._same(other)))

    def __sub__(self, other: "Money") -> "Money":
        return self._with(_EXACT.subtract(self.amount, self._same(other)))

    def __neg__(self) -> "Money":
        return self._with(_EXACT.minus(self.amount))

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    @property
    def minor(self) -> int:
        """The amount in the currency's smallest unit: cents for EUR, yen for JPY."""
        return int(self.amount.scaleb(minor_units(self.currency), _EXACT))

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise MoneyError(
                f"{self} and {other} are in different currencies; convert one of them first"
            )
        return other.amount

    def _with(self, amount: Decimal) -> "Money":
        return Money(currency=self.currency, amount=_scaled(_exact(amount), self.currency))


def _split(text: str) -> tuple[str, str]:
    match text.split():
        case [amount, currency]:
            return amount, currency
        case _:
            shown = clean_text(text, 40, multiline=False, truncate=True)
            raise MoneyError(f"{shown!r} is not an amount and a currency; write it as 12.50 EUR")


def _scaled(amount: Decimal, currency: str) -> Decimal:
    """Give an amount exactly the decimals its currency has."""
    digits = minor_units(currency)
    if amount and amount.adjusted() >= MAX_DIGITS - digits:
        raise _too_large()
    try:
        scaled = amount.quantize(Decimal(1).scaleb(-digits), context=_EXACT)
    except (Inexact, InvalidOperation):
        raise MoneyError(f"{currency} has {digits} digits after the point; round it") from None
    return abs(scaled) if scaled == 0 else scaled


def _positive(money: Money) -> Money:
    if money.amount < 0:
        raise MoneyError(f"{money.amount} is negative; it must be above zero")
    if money.amount == 0:
        raise MoneyError("it is zero; it must be above zero")
    return money


PositiveMoney = Annotated[Money, AfterValidator(_positive)]
"""Money above zero."""


def _rate(value: Decimal) -> Decimal:
    if value <= 0:
        raise MoneyError(f"{value} cannot be a rate; it must be above zero")
    if value.adjusted() < -MAX_DIGITS:
        raise MoneyError("it is too small for a rate; check the number")
    return value


class RateTable(Model):
    """Exchange rates of one day.

    Attributes:
        base: What the rates are quoted against.
        as_of: The day they are from.
        rates: Units of each currency that one unit of ``base`` buys, the way the European Central
            Bank quotes them: ``{"USD": "1.0850"}`` with base EUR.
    """

    base: Currency
    as_of: date
    rates: dict[Currency, Annotated[_Exact, AfterValidator(_rate)]] = Field(max_length=200)

    def convert(self, money: Money, to: str) -> Money:
        """Express ``money`` in the currency ``to``, rounded half up to its minor unit.

        Half up (away from zero) is what Council Regulation (EC) No 1103/97, article 5, demands of
        conversions into euro. Rounding happens once, at the end, also between two currencies that
        are both not the base.

        Raises:
            MoneyError: A currency is unknown or the table has no rate for it.
        """
        digits = minor_units(to)
        if money.currency == to:
            return money
        up = _ROUNDING.multiply(money.amount, self._per_base(to))
        exact = _ROUNDING.divide(up, self._per_base(money.currency))
        rounded = _ROUNDING.quantize(exact, Decimal(1).scaleb(-digits))
        return Money(currency=to, amount=_scaled(_exact(rounded), to))

    def _per_base(self, currency: str) -> Decimal:
        if currency == self.base:
            return Decimal(1)
        rate = self.rates.get(currency)
        if rate is None:
            raise MoneyError(
                f"there is no {currency} rate for {self.as_of.isoformat()}; add it to the rate"
                f" table, or state the amount in {self.base}"
            )
        return rate
