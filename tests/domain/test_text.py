import json
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from placet.domain.errors import InvalidInputError
from placet.domain.text import LINE_LIMIT, TEXT_LIMIT, Line, Text, clean_text

# Every code point, lone surrogates too, with the troublesome ones often.
anything = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cc", "Cf", "Mn"]),
        st.sampled_from("\x00\r\n\t\u202e\u2066\ufeff\uffff e\u0301"),
    ),
    max_size=60,
)


@pytest.mark.rule(number=12)
@given(anything, st.integers(1, 40), st.booleans())
def test_the_result_can_be_stored_anywhere(typed: str, limit: int, multiline: bool) -> None:  # noqa: FBT001
    text = clean_text(typed, limit, multiline=multiline, truncate=True)
    assert text.encode("utf-8").decode("utf-8") == text
    assert "\x00" not in text
    assert json.loads(json.dumps(text)) == text
    assert ET.fromstring(f"<a>{text.translate({38: '', 60: ''})}</a>") is not None  # noqa: S314
    assert unicodedata.is_normalized("NFC", text)
    assert text == text.strip()
    assert len(text) <= limit
    assert multiline or not set(text) & set("\n\t")
    assert not set(text) & set("\r\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(anything, st.integers(1, 40), st.booleans())
def test_cleaning_twice_changes_nothing(typed: str, limit: int, multiline: bool) -> None:  # noqa: FBT001
    once = clean_text(typed, limit, multiline=multiline, truncate=True)
    assert clean_text(once, limit, multiline=multiline) == once


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        # A NUL, which Postgres refuses, leaves a visible trace.
        ("pay\x00me", "pay\ufffdme"),
        # Half an emoji, as a bad client sends it.
        ("\ud83d lunch", "\ufffd lunch"),
        # An override that would show "invoice_exe.pdf".
        ("invoice_\u202efdp.exe", "invoice_\ufffdfdp.exe"),
        # Windows line breaks are line breaks.
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        # A decomposed letter is composed, so equal words are equal bytes.
        ("Zoe\u0308", "Zo\u00eb"),
        # A family and a flag are several code points held together; they stay together.
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7", None),
        # Arabic and its marks are ordinary text.
        ("مرحبا\u200f", None),
        ("  padded \n", "padded"),
    ],
)
def test_what_becomes_of_troublesome_text(typed: str, stored: str | None) -> None:
    assert clean_text(typed, 100) == (typed if stored is None else stored)


@pytest.mark.rule(number=12)
def test_a_line_has_no_line_breaks() -> None:
    assert clean_text("one\ntwo\tthree\u2028four", 100, multiline=False) == "one two three four"


def test_too_long_is_refused_with_the_limit() -> None:
    with pytest.raises(InvalidInputError, match="11 characters long; at most 10"):
        clean_text("x" * 11, 10)


def test_truncation_shows_that_something_was_cut() -> None:
    assert clean_text("x" * 11, 10, truncate=True) == "x" * 9 + "…"
    assert clean_text("x" * 10_000_000, 10, truncate=True) == "x" * 9 + "…"


def test_line_and_text_refuse_what_is_too_long_or_says_nothing() -> None:
    line = TypeAdapter[str](Line)
    text = TypeAdapter[str](Text)
    assert line.validate_python("x" * LINE_LIMIT) == "x" * LINE_LIMIT
    assert text.validate_python("x" * TEXT_LIMIT) == "x" * TEXT_LIMIT
    assert text.validate_python("") == ""
    for bad in ["x" * (LINE_LIMIT + 1), "", " \n ", "\u200b\u200d", 3, None, ["x"]]:
        with pytest.raises(ValidationError):
            line.validate_python(bad)
    with pytest.raises(ValidationError):
        text.validate_python("x" * (TEXT_LIMIT + 1))


def test_a_line_made_of_emoji_is_kept() -> None:
    assert TypeAdapter[str](Line).validate_python("🍕🍷") == "🍕🍷"
