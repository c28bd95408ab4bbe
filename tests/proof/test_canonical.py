"""The strict reading of JSON, against another implementation of RFC 8785."""

import json
import math
import struct
from typing import Any

import pytest
import rfc8785 as reference
from hypothesis import given
from hypothesis import strategies as st

from placet.proof.canonical import read_canonical, read_line, rfc8785

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(TEXT, v), max_leaves=20)


@given(VALUES)
def test_what_the_other_implementation_writes_is_read(value: Any) -> None:
    text = reference.dumps(value).decode()
    assert rfc8785(value) == text
    assert rfc8785(read_canonical(text)) == text


@given(st.binary(min_size=8, max_size=8))
def test_every_number_is_written_as_the_other_implementation_does(raw: bytes) -> None:
    (number,) = struct.unpack(">d", raw)
    if math.isfinite(number):
        assert rfc8785(number) == reference.dumps(number).decode()


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a":1} ',
        '{"a": 1}',
        '{"b":1,"a":1}',
        '{"a":1,"a":1}',
        '{"a":1.0}',
        '{"a":1e2}',
        '{"a":-0}',
        '{"a":0.00001e-3}',
        '{"a":9007199254740993}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":1e999}',
        '{"a":"\\u0041"}',
        '{"a":"\\/"}',
        '{"a":"\\u001F"}',
        '{"a":"\\ud800"}',
        # These two keys change places when they are compared as UTF-16.
        '{"\ue000":1,"\U0001f600":1}',
        "[" * 300 + "]" * 300,
        "[" * 100_000,
        "9" * 5000,
    ],
)
def test_another_way_of_writing_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_canonical(text)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', '{"a":1.5}', '{"a":NaN}', '{"a": 1}', '{"a":"\\u0041"}', "[1,]"]
)
def test_a_line_has_one_form_only(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_line(text)


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.none()))
def test_a_line_keeps_the_order_of_its_keys(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert list(read_line(text)) == list(value)
