from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from placet.domain.filters import Filter, Op, RowRule, words
from placet.domain.masking import MASKED, SHOWN, masked, shortened

RULE: TypeAdapter[Filter] = TypeAdapter(RowRule)


def made(op: str, value: Any = None) -> Filter:
    return Filter.model_validate({"column": "country", "op": op, "value": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (12, "12"),
        # JSON numbers are read as decimals, so that none is rounded.
        (Decimal("12.50"), "12.50"),
        # Beyond what a double holds exactly.
        (2**63, "9223372036854775808"),
        ("2026-01-01", "2026-01-01"),
    ],
)
def test_a_value_becomes_text_and_the_database_gives_it_a_type(value: Any, text: str) -> None:
    assert made("eq", value).values == (text,)


@pytest.mark.parametrize(
    ("op", "value", "said"),
    [
        ("in", "DE", "takes a list"),
        ("in", [], "at least 1 item"),
        ("eq", ["DE"], "takes one value"),
        ("eq", None, "to look for none use is_null"),
        ("is_null", "DE", "takes no value"),
        ("like", "DE", "should be 'eq'"),
        ("eq", {"a": 1}, "should be a valid"),
        # Postgres stores no NUL; a value that is repaired would select something else.
        ("eq", "D\x00E", "holds a character"),
        ("eq", " DE", "begins or ends with a space"),
        ("eq", "x" * 1001, "at most 1000"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(op: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        made(op, value)


def test_filters_are_told_in_words() -> None:
    filters = [made("in", list("ABCDEFG")), made("not_null"), made("ge", 5)]
    assert words(filters) == (
        "country is one of A, B, C, D, E and 2 more, and country is set, and country is at least 5"
    )
    assert words([]) == "every row"


def test_the_catalogue_writes_null_as_people_do() -> None:
    assert RULE.validate_python({"column": "a", "is": None}).op is Op.IS_NULL
    assert RULE.validate_python({"column": "a", "is": "not null"}).op is Op.NOT_NULL
    assert RULE.validate_python({"column": "a", "op": "eq", "value": 1}).values == ("1",)
    for wrong in ({"is": 5}, {"is": "empty"}, {"is": None, "op": "eq"}):
        with pytest.raises(ValidationError, match="write is: null"):
            RULE.validate_python({"column": "a", **wrong})


@given(st.text())
def test_a_masked_value_is_only_its_shape(value: str) -> None:
    shape = masked(value)
    assert len(shape) <= MASKED
    assert set(shape) <= set("x9 *…")


def test_masking_keeps_letters_and_digits_apart() -> None:
    assert masked("Zoë 42!") == "x 9*"
    assert masked("customer7@example.com") == "x9*x*x"


@pytest.mark.parametrize("values", [("true", "false"), ("f", "female"), ("7", "1234")])
def test_values_of_one_kind_are_not_told_apart_by_their_lengths(values: tuple[str, str]) -> None:
    assert masked(values[0]) == masked(values[1])


@given(st.text())
def test_a_shortened_value_fits_on_one_line(value: str) -> None:
    assert len(shortened(value)) <= SHOWN
    assert shortened(value).isprintable() or "\ufffd" in shortened(value) or not value.isprintable()
