"""An expense: what somebody spent, and the account that is to be paid back."""

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from placet.domain.base import Model
from placet.domain.errors import InvalidInputError
from placet.domain.money import Money, PositiveMoney, RateTable
from placet.domain.text import Line, Text, clean_text

PIPELINE = "expense"
PAYOUT_CURRENCY = "EUR"
MAX_LINES = 500
MAX_RECEIPT_BYTES = 10 * 1024 * 1024
MAX_PAYOUT = Money.parse("999999999.99 EUR")
"""The most one SEPA credit transfer may carry (EPC implementation guidelines)."""

_MAX_ADDRESS = 320
_FIRST_DAY = date(2000, 1, 1)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
_RECEIPT_DIGEST = re.compile(r"(sha256:)?(?P<hex>[0-9a-f]{64})", re.ASCII)


class Category(StrEnum):
    """What money was spent on."""

    ACCOMMODATION = "accommodation"
    ENTERTAINMENT = "entertainment"
    EQUIPMENT = "equipment"
    MEALS = "meals"
    OTHER = "other"
    SERVICES = "services"
    SOFTWARE = "software"
    TRAINING = "training"
    TRAVEL = "travel"


class ReceiptType(StrEnum):
    """The kinds of file a receipt may be."""

    HEIC = "image/heic"
    JPEG = "image/jpeg"
    PDF = "application/pdf"
    PNG = "image/png"
    WEBP = "image/webp"


def _compact(kind: str, form: re.Pattern[str], example: str) -> BeforeValidator:
    """A validator for what people group with spaces: stored without, in capitals."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        code = "".join(value.split()).upper()
        if not form.fullmatch(code):
            shown = clean_text(value, 40, multiline=False, truncate=True)
            raise ValueError(f"{shown!r} does not look like {kind}; write it as {example}")
        return code

    return BeforeValidator(read)


Iban = Annotated[str, _compact("an IBAN", _IBAN, "DE89 3704 0044 0532 0130 00")]
"""An IBAN's form, compact; its check digits and bank are verified at the door."""

Bic = Annotated[str, _compact("a BIC", _BIC, "COBADEFFXXX")]
"""A BIC's form, 8 or 11 characters."""


def _day(value: Any) -> Any:
    """Read a day as people write it; a number or a moment is not taken for one."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            value = None
    if type(value) is not date:
        raise ValueError("it is not a day; write it as 2026-03-01")
    if value < _FIRST_DAY:
        raise ValueError(f"{value.isoformat()} is before {_FIRST_DAY.isoformat()}; check the year")
    return value


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean_text(value, _MAX_ADDRESS, multiline=False)
    if not text:
        raise ValueError("it is empty; write an address, such as bob@example.com")
    return text


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("it is empty; write something")
    return text


class Receipt(Model):
    """A receipt that the content store holds.

    Attributes:
        sha256: Of its bytes, 64 lower-case hexadecimal digits.
        name: What the file was called.
        media_type: What its content is, found by looking at it.
        size: Bytes, at most 10 MiB.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: Line | None = None
    media_type: ReceiptType | None = None
    size: int | None = Field(default=None, ge=1, le=MAX_RECEIPT_BYTES)

    @model_validator(mode="before")
    @classmethod
    def _from_digest(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = _RECEIPT_DIGEST.fullmatch(value.strip())
        if match is None:
            shown = clean_text(value, 60, multiline=False, truncate=True)
            raise ValueError(
                f"{shown!r} is not a stored receipt; write the path of a file beside the request,"
                " or sha256: and 64 hexadecimal digits"
            )
        return {"sha256": match["hex"]}


class ExpenseLine(Model):
    """One thing that was paid for.

    Attributes:
        date: The day it was paid.
        description: What it was.
        category: What kind of spending it is.
        amount: What it cost, in the currency it was paid in; above zero.
        receipt: Its receipt, if there is one.
    """

    date: Annotated[date, BeforeValidator(_day)]
    description: Line
    category: Category
    amount: PositiveMoney
    receipt: Receipt | None = None


class Payee(Model):
    """Who is paid, and where.

    Attributes:
        name: The account's holder.
        iban: The account, compact.
        bic: The bank; within SEPA the IBAN is enough.
    """

    name: Line
    iban: Iban
    bic: Bic | None = None


def _not_too_many(value: Any) -> Any:
    # Counted before any line is read, so that ten thousand bad lines are one short answer.
    if isinstance(value, list | tuple) and len(value) > MAX_LINES:
        raise ValueError(
            f"there are {len(value):,} lines; at most {MAX_LINES} are allowed, split the request"
        )
    return value


class ExpenseRequest(Model):
    """What somebody wants paid back.

    Attributes:
        pipeline: Always ``expense``; part of the digest, so no other kind of request has the same.
        title: One line that names the request on every screen.
        requester: An address of the person who asks, as they wrote it.
        reference: The requester's own key for it; the same key twice is the same request.
        cost_centre: What it is booked on.
        purpose: Why the money was spent.
        lines: What was paid for, 1 to 500.
        payee: Who is paid.
    """

    pipeline: Literal["expense"] = "expense"
    title: Line
    requester: Annotated[str, BeforeValidator(_address), Field(max_length=_MAX_ADDRESS)]
    reference: Line | None = None
    cost_centre: Line
    purpose: Annotated[Text, AfterValidator(_not_empty)]
    lines: Annotated[
        tuple[ExpenseLine, ...],
        BeforeValidator(_not_too_many),
        Field(min_length=1, max_length=MAX_LINES),
    ]
    payee: Payee


def payable(request: ExpenseRequest, rates: RateTable) -> Money:
    """What there is to pay out, in EUR.

    The lines of one currency are added up first and the sum is converted, so splitting a line
    changes nothing.

    Raises:
        InvalidInputError: A currency has no rate, or the sum is nothing or more than one SEPA
            transfer may carry.
    """
    currencies = sorted({line.amount.currency for line in request.lines})
    sums = [
        Money.total((line.amount for line in request.lines if line.amount.currency == code), code)
        for code in currencies
    ]
    total = Money.total((rates.convert(one, PAYOUT_CURRENCY) for one in sums), PAYOUT_CURRENCY)
    if total > MAX_PAYOUT:
        raise InvalidInputError(
            f"{total} is more than one transfer can carry ({MAX_PAYOUT}); split the request"
        )
    if total == Money.zero(PAYOUT_CURRENCY):
        raise InvalidInputError(f"it comes to less than a cent ({total}); there is nothing to pay")
    return total


def facts(request: ExpenseRequest, rates: RateTable, today: date) -> dict[str, JsonValue]:
    """What a policy's conditions may look at: flat names to JSON values.

    ``total`` and ``largest_line`` are euros as decimal strings: exact in the ledger, too.

    Args:
        request: The expense.
        rates: To express it in EUR.
        today: The day to count ages from.

    Raises:
        InvalidInputError: See ``payable``.
    """
    lines = request.lines
    largest = max(rates.convert(line.amount, PAYOUT_CURRENCY).amount for line in lines)
    missing = sum(line.receipt is None for line in lines)
    oldest = min(line.date for line in lines)
    return {
        "total": str(payable(request, rates).amount),
        "currency": PAYOUT_CURRENCY,
        "currencies": [*sorted({line.amount.currency for line in lines})],
        "line_count": len(lines),
        "largest_line": str(largest),
        "categories": [*sorted({line.category.value for line in lines})],
        "all_receipts": missing == 0,
        "missing_receipts": missing,
        "cost_centre": request.cost_centre,
        "requester": request.requester,
        "payee_country": request.payee.iban[:2],
        "oldest_line_days": max(0, (today - oldest).days),
    }
