"""The door of the expense pipeline: what somebody sent becomes a request, or one clear error."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from placet.domain.errors import InvalidInputError
from placet.domain.expense import ExpenseRequest, facts, payable
from placet.domain.facts import FactKind
from placet.domain.money import RateTable
from placet.domain.problems import Problem
from placet.payments.iban import check_bic, check_iban
from placet.payments.sepa import says_something
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Surroundings, WithFiles
from placet.receipts import read_receipts

_WHAT = "this expense"
# A requester's day may be a day ahead of the day where the service runs.
_TIME_ZONES = timedelta(days=1)


def parse_expense(
    raw: Any, *, today: date | None = None, rates: RateTable | None = None
) -> ExpenseRequest:
    """Read an expense and check everything that can be checked before anybody is asked.

    Args:
        raw: JSON as ``placet.digest.read_json`` reads it. Receipts are already references to the
            content store, see ``placet.receipts``.
        today: When given, a line of a later day is refused.
        rates: When given, what comes out must be payable: every currency has a rate.

    Raises:
        InvalidInputError: With a line for each problem: the field, what is wrong, what to do.
    """
    if not isinstance(raw, dict):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    try:
        request = ExpenseRequest.model_validate(raw)
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None
    problems = [*_payee(request), *_dates(request, today), *_payout(request, rates)]
    if problems:
        raise refused(_WHAT, problems)
    return request


def _payee(request: ExpenseRequest) -> Iterator[Problem]:
    payee = request.payee
    for field, check, value in (("iban", check_iban, payee.iban), ("bic", check_bic, payee.bic)):
        if value is not None:
            try:
                check(value)
            except InvalidInputError as error:
                yield Problem(("payee", field), str(error))
    if not says_something(payee.name):
        yield Problem(
            ("payee", "name"),
            "no bank can print it; write the account holder's name with letters",
        )


def _dates(request: ExpenseRequest, today: date | None) -> Iterator[Problem]:
    for index, line in enumerate(request.lines):
        if today is not None and line.date > today + _TIME_ZONES:
            yield Problem(
                ("lines", index, "date"),
                f"{line.date.isoformat()} is in the future; claim what has been paid",
            )


def _payout(request: ExpenseRequest, rates: RateTable | None) -> Iterator[Problem]:
    if rates is None:
        return
    try:
        payable(request, rates)
    except InvalidInputError as error:
        yield Problem(("lines",), str(error))


async def prepare_expense(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand an expense for planning; see ``Prepare``.

    Raises:
        InvalidInputError: With a line for each problem.
    """
    today, rates = surroundings.today, surroundings.rates
    request = parse_expense(raw, today=today, rates=rates)
    receipts = {line.receipt.sha256 for line in request.lines if line.receipt is not None}
    return Prepared(
        request=request,
        requester=request.requester,
        title=request.title,
        amount=str(payable(request, rates)),
        facts=facts(request, rates, today),
        contents=tuple(sorted(receipts)),
        reference=request.reference,
    )


def attach_receipts(raw: Any, directory: Path) -> WithFiles:
    """Read the receipts that ``raw`` names; see ``placet.receipts``.

    Raises:
        ReceiptError: With a line for each file that cannot be used.
    """
    attached = read_receipts(raw, directory)
    return WithFiles(attached.request, attached.files)


FACTS = {
    "total": FactKind.MONEY,
    "currency": FactKind.TEXT,
    "currencies": FactKind.TEXTS,
    "line_count": FactKind.NUMBER,
    "largest_line": FactKind.MONEY,
    "categories": FactKind.TEXTS,
    "all_receipts": FactKind.TRUTH,
    "missing_receipts": FactKind.NUMBER,
    "cost_centre": FactKind.TEXT,
    "requester": FactKind.TEXT,
    "payee_country": FactKind.TEXT,
    "oldest_line_days": FactKind.NUMBER,
}

DOOR = Door(prepare_expense, FACTS, attach_receipts)
