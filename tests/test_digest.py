import json
import random
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from placet.digest import canonical, digest, read_json
from placet.domain.errors import InvalidInputError
from placet.domain.money import Money

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner)
    ),
    max_leaves=12,
)


def test_the_example_of_rfc_8785_section_3_2_2() -> None:
    # The RFC's sample input in its sections 3.2.2 and 3.2.3, and the octets of section 3.2.4.
    given_text = r"""{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"""
    expected = bytes.fromhex(
        "7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72 75 65 2c 66 61 6c 73 65 5d 2c"
        "22 6e 75 6d 62 65 72 73 22 3a 5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31"
        "65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31 65 2d 32 37 5d 2c 22 73 74 72 69 6e 67 22"
        "3a 22 e2 82 ac 24 5c 75 30 30 30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d"
    )
    assert canonical(json.loads(given_text)) == expected


def test_keys_are_sorted_by_utf_16_units_as_in_rfc_8785_section_3_2_3() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    in_order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(dict.fromkeys(keys, 0)))) == in_order


@pytest.mark.rule(number=4)
@given(plain, st.randoms())
def test_the_order_of_keys_does_not_change_the_digest(value: Any, rng: random.Random) -> None:
    def shuffled(item: Any) -> Any:
        if isinstance(item, dict):
            keys = list(item)
            rng.shuffle(keys)
            return {key: shuffled(item[key]) for key in keys}
        return [shuffled(child) for child in item] if isinstance(item, list) else item

    assert digest(shuffled(value)) == digest(value)


@given(plain)
def test_the_canonical_form_is_a_fixed_point(value: Any) -> None:
    # Every JSON number is a double to RFC 8785, also one written without a point.
    assert canonical(json.loads(canonical(value), parse_int=float)) == canonical(value)


Colour = StrEnum("Colour", {"RED": "red"})


def test_what_json_has_no_type_for_is_written_as_text() -> None:
    moment = datetime(2026, 3, 1, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    value = {
        "amount": Decimal("12.50"),
        "tiny": Decimal("1E-7"),
        "day": date(2026, 3, 1),
        "at": moment,
        "colour": Colour("red"),
        "pair": (1, 2),
    }
    assert canonical(value) == (
        b'{"amount":"12.50","at":"2026-03-01T08:00:00Z","colour":"red","day":"2026-03-01",'
        b'"pair":[1,2],"tiny":"0.0000001"}'
    )
    assert canonical({"at": moment}) == canonical({"at": moment.astimezone(UTC)})


@pytest.mark.rule(number=4)
def test_a_model_and_its_json_have_one_digest() -> None:
    money = Money.parse("12.5 EUR")
    assert canonical(money) == b'{"amount":"12.50","currency":"EUR"}'
    assert digest(money) == digest({"currency": "EUR", "amount": "12.50"})
    # Computed once with sha256sum; a change here would break every stored digest.
    assert digest(money) == "d51da126fe91ea17c397b289b7b0d29fb1739538a7c4bd138b836a642e4eeb50"


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        "\ud800",
        {1: "a"},
        {"a": {1, 2}},
        b"bytes",
        Decimal("NaN"),
        Decimal("1e999999999"),
        datetime(2026, 3, 1),  # noqa: DTZ001 - a naive datetime is the point.
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError):
        canonical(value)


@pytest.mark.rule(number=8)
def test_a_bottomless_value_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidInputError, match="nested"):
        canonical(value)


@pytest.mark.rule(number=4)
def test_numbers_are_read_exactly() -> None:
    assert read_json('{"a": 12.50, "b": 3, "c": 1e2}') == {
        "a": Decimal("12.50"),
        "b": 3,
        "c": Decimal("1e2"),
    }
    assert str(read_json("0.1")) == "0.1"
    assert str(read_json(b"\xef\xbb\xbf12.50")) == "12.50"


@pytest.mark.rule(number=8)
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "it is empty"),
        (b" \n", "it is empty"),
        ('{"a": 1,}', "not JSON: line 1"),
        ("{'a': 1}", "not JSON: line 1, column 2"),
        (b"\xff\xfe{", "not UTF-8"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ('{"a": 1, "b": 2, "a": 3}', '"a" is written twice'),
        ('{"x": {"\\ud83d": 1, "\\ud83d": 2}}', '"\ufffd" is written twice'),
        ("[" * 51 + "]" * 51, "more than 50 levels"),
        ('{"a":' * 51 + "1" + "}" * 51, "more than 50 levels"),
        # Deep enough to exhaust a recursive parser.
        ("[" * 100_000 + "]" * 100_000, "more than 50 levels"),
        ("1e999999999", "no number anybody means"),
        ("1e-999999999", "no number anybody means"),
        ("1e" + "9" * 50, "no number anybody means"),
        ("9" * 5_000, "no number anybody means"),
        ("0." + "1" * 5_000, "no number anybody means"),
        ('"' + "x" * 1_048_576 + '"', "larger than 1,048,576 bytes"),
        (b"[" + b" " * 1_048_576, "larger than 1,048,576 bytes"),
        # Two bytes for each letter.
        ('"' + "é" * 600_000 + '"', "larger than 1,048,576 bytes"),
    ],
)
def test_a_document_that_could_be_misread_is_refused(source: str | bytes, said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_json(source)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


def test_fifty_levels_are_read() -> None:
    assert read_json("[" * 50 + "]" * 50) is not None


ascii_keyed = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=5), inner)
    ),
    max_leaves=12,
)


@given(plain | ascii_keyed)
def test_the_fast_way_writes_what_rfc8785_writes_or_refuses_as_it_does(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(InvalidInputError):
            canonical(value)
    else:
        assert canonical(value) == expected
