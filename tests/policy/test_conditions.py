"""Conditions: checked when read, exact with money, never silently false."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.facts import FactKind
from placet.policy.conditions import ConditionError, check_condition, holds

KNOWN = {
    "total": FactKind.MONEY,
    "lines": FactKind.NUMBER,
    "all_receipts": FactKind.TRUTH,
    "urgent": FactKind.TRUTH,
    "centre": FactKind.TEXT,
    "categories": FactKind.TEXTS,
}


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("total <= 50", {"total": "50.00"}, True),
        ("total <= 50", {"total": "50.01"}, False),
        ("total <= 50.00", {"total": 50.0}, True),
        ("50 >= total", {"total": 50}, True),
        ("total == 0.1", {"total": "0.10"}, True),
        ("total > 10000 && all_receipts", {"total": "10000.01", "all_receipts": True}, True),
        ('"travel" in categories', {"categories": ["meals", "travel"]}, True),
        ("categories.all(each, each == 'meals')", {"categories": ["meals"]}, True),
        ("categories.exists(each, each.startsWith('t'))", {"categories": ["meals"]}, False),
        ("size(categories) > 1 || lines > 3", {"categories": [], "lines": 4}, True),
        ("centre.matches('^4[0-9]+$')", {"centre": "4711"}, True),
        ("urgent ? total < 10 : total < 20", {"urgent": False, "total": "15"}, True),
        ("true", {}, True),
    ],
)
def test_a_condition_is_checked_and_decided(text: str, facts: Any, expected: bool) -> None:  # noqa: FBT001 - a table's column.
    check_condition(text, KNOWN)
    assert holds(text, facts, KNOWN) is expected


# Each would otherwise be a route that is never or always taken; the message says what to change.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("totl <= 50", "there is no fact 'totl'; did you mean 'total'?"),
        ("total <= 50 || totl", "did you mean 'total'"),
        ("true || nope", "there is no fact 'nope'"),
        ("total.amount <= 50", "cannot be decided"),
        ("siez(categories) > 1", "there is no function 'siez'; did you mean 'size'?"),
        ("total <=", "is not CEL"),
        ("total <= 50 and urgent", "is not CEL"),
        ("", "is not CEL"),
        ("total", "must give true or false"),
        ("'yes'", "must give true or false"),
        ("total <= 'fifty'", "cannot be decided"),
        ("total + 1 <= 50", "write whole numbers with a point"),
        ("urgent && total <= 'fifty'", "cannot be decided"),
        ("!urgent && total <= 'fifty'", "cannot be decided"),
        ("lines / 0 > 1", "cannot be decided"),
        ("centre.matches('((a{1,999}){1,999}){1,999}')", "cannot be decided"),
        ("total <= 1234567890123.4567", "more than 15 digits"),
        ("categories.exists(total, total == 'x')", "'total' is a fact"),
        ("categories.all(a, categories.all(b, a == b))", "inside another"),
        ("categories.all(a, [1].exists (b, true))", "inside another"),
        ("categories.map(a, categories.filter(b, a == b)) == []", "inside another"),
        ("true" + " " * 1000, "longer than 1000"),
        ("!(" * 300 + "true" + ")" * 300, "is not CEL"),
        ("\x00", "is not CEL"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused_when_read(text: str, message: str) -> None:
    with pytest.raises(ConditionError) as refused:
        check_condition(text, KNOWN)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_comprehensions_side_by_side_and_brackets_in_texts_are_taken() -> None:
    text = "categories.all(a, a != ').all(x, (') && categories.exists(b, b == '(')"
    check_condition(text, KNOWN)
    assert holds(text, {"categories": ["("]}, KNOWN)


# A fact that cannot be compared exactly, or is not there, is never taken for "no".
@pytest.mark.parametrize(
    ("text", "facts", "message"),
    [
        ("total <= 50", {}, "says nothing about 'total'"),
        ("total <= 50", {"total": "1234567890123.45678"}, "cannot be compared exactly"),
        ("total <= 50", {"total": "1e3"}, "cannot be compared exactly"),
        ("total <= 50", {"total": None}, "cannot be decided"),
        ("total <= 50", {"total": True}, "cannot be decided"),
        ("lines <= 50", {"lines": 2**60}, "too large"),
        ("size(categories) > 1", {"categories": ["x"] * 10_001}, "more than 10,000"),
    ],
)
def test_a_condition_that_cannot_be_decided_says_so(text: str, facts: Any, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        holds(text, facts, KNOWN)


cents = st.integers(0, 10**15 - 1).map(lambda number: Decimal(number) / 100)


@given(cents, st.one_of(cents, st.none()))
def test_money_is_compared_exactly(amount: Decimal, other: Decimal | None) -> None:
    limit = amount if other is None else other
    for sign, expected in (("<=", amount <= limit), ("<", amount < limit), ("==", amount == limit)):
        assert holds(f"total {sign} {limit:.2f}", {"total": f"{amount:.2f}"}, KNOWN) is expected


@given(st.integers(0, 10**15 - 2))
def test_money_that_differs_by_a_cent_differs(number: int) -> None:
    one, two = Decimal(number) / 100, Decimal(number + 1) / 100
    assert holds(f"total < {two:.2f}", {"total": f"{one:.2f}"}, KNOWN)


@pytest.mark.rule(number=12)
@given(st.text(st.sampled_from("total()<=!&|.'\"15[]{}?: allexists,"), max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    with suppress(ConditionError):
        check_condition(text, KNOWN)
