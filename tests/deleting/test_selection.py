import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.deleting.keys import columns_of, read_key, write_key
from placet.deleting.pace import FIRST, LEAST, MOST, TARGET_SECONDS, Pace
from placet.deleting.selection import Freezing, Keys, Selection
from placet.domain.deletion import Recount, drifted
from placet.domain.errors import ConflictError, InvalidInputError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
KEYS = st.lists(st.tuples(TEXT, TEXT), unique=True, max_size=200)


def frozen(keys: list[tuple[str, ...]]) -> Keys:
    """Freeze keys as they come from Postgres."""
    freezing = Freezing(most_rows=1000)
    for key in keys:
        freezing.add(f"{write_key(key)}\n".encode())
    return freezing.finish()


def selection(keys: Keys, sha256: str | None = None) -> Selection:
    """Return a selection whose parts are all stored."""
    stored = {part.sha256: part.content for part in keys.parts}

    async def fetch(name: str) -> bytes:
        return stored[name]

    return Selection(fetch, [part.sha256 for part in keys.parts], sha256 or keys.sha256)


@given(st.lists(TEXT, min_size=1))
def test_a_key_is_read_as_it_was_written(values: list[str]) -> None:
    line = write_key(tuple(values))
    assert "\n" not in line
    assert read_key(line) == tuple(values)


def test_null_is_no_key_and_is_told_from_its_spelling() -> None:
    with pytest.raises(ValueError, match="1"):
        read_key("1\t\\N")
    assert read_key("1\t\\\\N") == ("1", "\\N")


def test_keys_are_turned_into_columns() -> None:
    assert columns_of([("1", "a"), ("2", "b")]) == [["1", "2"], ["a", "b"]]


@given(KEYS, st.integers(0, 250), st.lists(st.integers(1, 50), min_size=1))
async def test_every_key_behind_a_place_is_read_once_in_order_by_whatever_batches(
    keys: list[tuple[str, ...]], start: int, sizes: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("placet.deleting.selection.PART_BYTES", 64)
        kept = frozen(keys)
    reader = selection(kept).reader(start)
    found: list[tuple[str, ...]] = []
    for size in [*sizes, *[50] * 250]:
        batch = await reader.take(size)
        assert len(batch) <= size
        found += batch
        assert reader.place == start + len(found)
    assert found == keys[start:]
    assert kept.rows == len(keys)
    text = "".join(f"{write_key(key)}\n" for key in keys)
    assert kept.sha256 == hashlib.sha256(text.encode()).hexdigest()


async def test_what_is_stored_is_held_against_its_digests() -> None:
    kept = frozen([("1",), ("2",)])
    with pytest.raises(ConflictError, match="the stored selection is not what was approved"):
        await selection(kept, "a" * 64).reader().take(1)

    async def other(_: str) -> bytes:
        return b"something else"

    with pytest.raises(ConflictError, match="the stored keys"):
        await Selection(other, [kept.parts[0].sha256], kept.sha256).reader().take(1)


def test_a_selection_has_an_end_in_bytes() -> None:
    freezing = Freezing(most_rows=1000, most_bytes=100)
    for number in range(999):
        freezing.add(f"{hashlib.sha256(str(number).encode()).hexdigest()}\n".encode())
    with pytest.raises(InvalidInputError, match="more than 100 bytes; split"):
        freezing.finish()


@given(st.lists(st.floats(1e-6, 10.0), min_size=1, max_size=50), st.floats(1e-7, 1e-2))
def test_a_batch_stays_within_its_bounds_and_comes_to_its_target(
    noise: list[float], a_row: float
) -> None:
    pace = Pace()
    for seconds in noise:
        before = pace.size
        pace.took(before, seconds)
        assert LEAST <= pace.size <= min(MOST, max(2 * before, LEAST))
    for _ in range(20):
        pace.took(pace.size, pace.size * a_row)
    assert pace.size in {LEAST, MOST} or pace.size * a_row == pytest.approx(TARGET_SECONDS, rel=0.1)


def test_what_took_too_long_makes_the_next_batch_smaller_and_a_rest_teaches_nothing() -> None:
    pace = Pace()
    pace.too_slow(FIRST)
    assert pace.size == FIRST // 4
    pace.took(10, 5.0)
    assert pace.size == FIRST // 4
    for _ in range(9):
        pace.too_slow(pace.size)
    assert pace.size == LEAST


@pytest.mark.parametrize(
    ("selected", "matching", "tolerance", "too_much"),
    [
        (1000, 1000, 0.0, False),
        (1001, 1000, 0.0, True),
        (999, 999, 0.0, True),
        (1010, 1000, 1.0, False),
        (1011, 1000, 1.0, True),
        (990, 990, 1.0, False),
        (989, 989, 1.0, True),
        # As many have come as are gone: the number is the same, and the rows are not.
        (1000, 900, 5.0, True),
    ],
)
def test_a_selection_has_drifted_by_what_came_and_by_what_is_gone(
    *, selected: int, matching: int, tolerance: float, too_much: bool
) -> None:
    recount = Recount(selected=selected, existing=matching, matching=matching)
    assert drifted(1000, recount, tolerance) is too_much
