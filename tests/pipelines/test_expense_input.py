import copy
import json
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.digest import digest, read_json
from placet.domain.errors import InvalidInputError
from placet.domain.expense import ExpenseRequest, payable
from placet.domain.money import RateTable
from placet.pipelines.expense import parse_expense

EXAMPLES = Path(__file__).parents[2] / "examples"
RATES = RateTable.model_validate(
    {"base": "EUR", "as_of": "2026-03-02", "rates": {"JPY": "162.37", "USD": "1.0850"}}
)
GOOD: dict[str, Any] = {
    "title": "Team dinner",
    "requester": "alice@example.com",
    "reference": "dinner-1",
    "cost_centre": "CC-200",
    "purpose": "The release.",
    "lines": [
        {
            "date": "2026-03-05",
            "description": "Dinner",
            "category": "meals",
            "amount": {"amount": "184.60", "currency": "EUR"},
            "receipt": "sha256:" + "ab" * 32,
        }
    ],
    "payee": {"name": "Alice Adams", "iban": "DE89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX"},
}
GONE = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good expense with one value replaced, or removed with GONE."""
    result: Any = copy.deepcopy(GOOD)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    target = result
    for part in parents:
        target = target[part]
    if value is GONE:
        del target[last]
    else:
        target[last] = value
    return dict(result)


def refusal(raw: Any, **context: Any) -> list[str]:
    """The lines of the error that refuses ``raw``, after the heading."""
    with pytest.raises(InvalidInputError) as caught:
        parse_expense(raw, **context)
    heading, *lines = str(caught.value).split("\n  ")
    assert heading == "this expense cannot be accepted:"
    assert str(caught.value).encode("utf-8")
    assert len(str(caught.value)) < 10_000
    return lines


def test_a_good_expense_is_read() -> None:
    request = parse_expense(GOOD, today=date(2026, 3, 6), rates=RATES)
    assert str(payable(request, RATES)) == "184.60 EUR"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        # Missing fields.
        ("title", GONE, "title: it is missing; add it"),
        ("payee.iban", GONE, "payee.iban: it is missing; add it"),
        ("lines.0.amount.currency", GONE, "lines[0].amount.currency: it is missing; add it"),
        # Wrong types.
        ("title", 7, "title: it is not text; write it in quotes"),
        ("title", None, "title: it is not text"),
        ("requester", ["alice"], "requester: it is not text"),
        ("payee", "Alice", "payee: it is not an object; write it as {...}"),
        ("lines", {"0": {}}, "lines: it is not a list; write it as [...]"),
        ("lines", "dinner", "lines: it is not a list"),
        ("lines.0", 3, "lines[0]: it is not an object"),
        ("lines.0.category", "bribes", "lines[0].category: 'bribes' is not known; write 'accom"),
        ("lines.0.category", 3, "lines[0].category: this is not known"),
        ("pipeline", "export", "pipeline: 'export' is not known; write 'expense'"),
        # Amounts.
        ("lines.0.amount", "-3 EUR", "lines[0].amount: -3.00 is negative; it must be above zero"),
        ("lines.0.amount", "0 EUR", "lines[0].amount: it is zero"),
        ("lines.0.amount", 12, "lines[0].amount: it is not an object"),
        ("lines.0.amount.amount", "NaN", "lines[0].amount.amount: 'NaN' is no plain number"),
        ("lines.0.amount.amount", float("nan"), "lines[0].amount.amount: nan is not exact"),
        ("lines.0.amount.amount", 12.5, "lines[0].amount.amount: 12.5 is not exact; write it as"),
        ("lines.0.amount.amount", 10**30, "lines[0].amount.amount: it has more than 15 digits"),
        ("lines.0.amount.amount", "1.005", "lines[0].amount.amount: EUR has 2 digits after"),
        ("lines.0.amount.currency", "EURO", "lines[0].amount.currency: 'EURO' is no ISO 4217"),
        # Accounts.
        ("payee.iban", "DE89 3704 0044 0532 0130 01", "(invalid checksum digits); compare it"),
        ("payee.iban", "DE89", "payee.iban: 'DE89' does not look like an IBAN"),
        ("payee.iban", "💶", "payee.iban: '💶' does not look like an IBAN"),
        ("payee.iban", "BR1500000000000010932840814P2", "is outside SEPA (BR)"),
        ("payee.bic", "NOBANK", "payee.bic: 'NOBANK' does not look like a BIC"),
        ("payee.bic", "COBAZZFFXXX", "payee.bic: 'COBAZZFFXXX' is not a valid BIC"),
        # Text.
        ("title", "", "title: it is empty; write something a reader can see"),
        ("purpose", " ", "purpose: it is empty; write something"),
        ("requester", "", "requester: it is empty; write an address"),
        ("title", "x" * 1_000_000, "title: it is 1000000 characters long; at most 200"),
        ("purpose", "x" * 4_001, "purpose: it is 4001 characters long; at most 4000"),
        ("payee.name", "💶", "payee.name: no bank can print it"),
        # Structure.
        ("lines", [], "lines: there are 0; write at least 1"),
        ("lines", [{}] * 10_000, "lines: there are 10,000 lines; at most 500 are allowed, split"),
        ("cost_center", "CC-1", "cost_center: there is no such field; correct its name or remove"),
        ("\x00" * 500, 1, "…: there is no such field"),
        ("\ud83d", 1, "it holds half a character"),
        # Days and receipts.
        ("lines.0.date", "5.3.2026", "lines[0].date: it is not a day; write it as 2026-03-01"),
        ("lines.0.receipt", "receipts/x.pdf", "lines[0].receipt: 'receipts/x.pdf' is not a stored"),
        ("lines.0.receipt", {"sha256": "xyz"}, "lines[0].receipt.sha256: "),
    ],
)
def test_one_mistake_is_one_clear_line(path: str, value: Any, said: str) -> None:
    lines = refusal(changed(path, value))
    assert len(lines) == 1
    assert said in lines[0]


def test_every_mistake_is_listed_at_once() -> None:
    raw = changed("title", GONE) | {"payee": {"name": "A", "iban": "x"}, "extra": 1}
    assert [line.partition(":")[0] for line in refusal(raw)] == ["title", "payee.iban", "extra"]


@pytest.mark.rule(number=8)
def test_five_hundred_bad_lines_are_a_short_answer() -> None:
    lines = refusal(changed("lines", [{}] * 500))
    assert lines[0] == "lines[0].date: it is missing; add it"
    assert lines[-1] == "and 1980 more; correct these first"
    assert len(lines) == 21


@pytest.mark.rule(number=8)
@pytest.mark.parametrize("raw", [None, [], [GOOD], "text", 3, True])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    assert refusal(raw) == ["the whole: it is not a JSON object; write it as {...}"]


def test_a_day_in_the_future_is_refused_but_tomorrow_may_be_another_time_zone() -> None:
    assert parse_expense(GOOD, today=date(2026, 3, 4))
    assert refusal(GOOD, today=date(2026, 3, 3)) == [
        "lines[0].date: 2026-03-05 is in the future; claim what has been paid"
    ]


def test_a_currency_without_a_rate_is_refused_before_anybody_is_asked() -> None:
    raw = changed("lines.0.amount", "5 KWD")
    assert parse_expense(raw)
    assert "no KWD rate" in refusal(raw, rates=RATES)[0]


def test_a_bare_number_in_a_file_is_exact() -> None:
    text = json.dumps(GOOD).replace('"184.60"', "184.60")
    assert digest(parse_expense(read_json(text))) == digest(parse_expense(GOOD))


def test_an_emoji_in_every_text_is_accepted_and_kept() -> None:
    raw = copy.deepcopy(GOOD)
    for key in ("title", "requester", "reference", "cost_centre", "purpose"):
        raw[key] += " 🍕👨‍👩‍👧🇫🇷"
    raw["lines"][0]["description"] += " 🍷"
    raw["payee"]["name"] += " 🎉"
    request = parse_expense(read_json(json.dumps(raw)))
    assert request.title == "Team dinner 🍕👨‍👩‍👧🇫🇷"
    assert request.payee.name == "Alice Adams 🎉"
    assert ExpenseRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("expense-*.json")), ids=lambda path: path.name
)
def test_the_examples_need_only_their_receipts_stored(path: Path) -> None:
    raw = read_json(path.read_bytes())
    for line in raw["lines"]:
        if "receipt" in line:
            assert (EXAMPLES / line["receipt"]).is_file()
            line["receipt"] = "ab" * 32
    assert parse_expense(raw, today=date(2026, 3, 10), rates=RATES)


nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.rule(number=8)
@given(
    st.sampled_from([*GOOD, "lines.0", *(f"lines.0.{key}" for key in GOOD["lines"][0])]), nonsense
)
def test_nonsense_is_read_or_refused_and_nothing_else(path: str, value: Any) -> None:
    with suppress(InvalidInputError):
        request = parse_expense(changed(path, value), today=date(2026, 3, 6), rates=RATES)
        assert len(digest(request)) == 64
