"""YAML files: what is taken, what is refused, and where the message points."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.policy.files import FileError, parse, read


def test_plain_yaml_is_read_with_its_places() -> None:
    document = parse(
        'a: 1\nb:\n  - x: "1"\n  - 2026-01-01\nc: [true, null, 1.5, yes, 09:30]\n', "f"
    )
    assert document.value == {
        "a": 1,
        "b": [{"x": "1"}, "2026-01-01"],
        "c": [True, None, 1.5, "yes", "09:30"],
    }
    assert document.places["b", 0, "x"] == (3, 5)
    assert document.places["b", 1] == (4, 5)
    assert document.places["c", 2] == (5, 17)


def test_an_anchor_may_be_used_again() -> None:
    document = parse("a: &it {x: 1}\nb: *it\n", "f")
    assert document.value == {"a": {"x": 1}, "b": {"x": 1}}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


# What YAML can do and a policy must not; and what is broken.
@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: a: is written twice"),
        ("a:\n  b: 1\n  b: 1\n", "f:3:3: a.b: is written twice"),
        ("a: !!python/object:os.system x\n", "f:1:4: a: the tag"),
        ("a: !!set {x}\n", "f:1:4: a: the tag"),
        ("a: !mine x\n", "the tag !mine is not taken"),
        ("a: &a [*a]\n", "contains itself"),
        ("a: *missing\n", "f:1:4:"),
        ("a: {<<: {b: 1}}\n", "a key must be plain text"),
        ("? [a]\n: 1\n", "a key must be plain text"),
        ("a: 0x1F\n", "put it in quotes"),
        ("a: .nan\n", "put it in quotes"),
        ("a: 1e400\n", "put it in quotes"),
        ("a: 99999999999999999999999\n", "put it in quotes"),
        ("a: [1\n", "f:2:1:"),
        ("a: b: c\n", "f:1:5:"),
        ("\ta: 1\n", "f:1:1:"),
        ("a: 1\n---\nb: 2\n", "f:2:1:"),
        ("", "f: is empty"),
        ("# only a comment\n", "f: is empty"),
        ("a: \x00\n", "f: is no YAML"),
        (BOMB, "far too much"),
        ("[" * 2000, "f"),
        ("x" * (256 * 1024 + 1), "larger than 256 KiB"),
    ],
)
def test_what_a_file_must_not_hold_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(FileError) as refused:
        parse(text, "f")
    assert message in str(refused.value)


def test_what_is_not_utf8_is_refused() -> None:
    with pytest.raises(FileError, match="save it as UTF-8"):
        parse(b"a: \xff\n", "f")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nothing\.yaml: No such file"):
        read(tmp_path / "nothing.yaml")


@given(st.text(st.sampled_from("a1:-[]{}&*!?|>'\"# \n\t,.<"), max_size=40))
def test_anything_is_read_or_refused(text: str) -> None:
    with suppress(FileError):
        parse(text, "f")
