"""Whether people can sit so that each group has enough: quickly, and as by trying everything."""

import time
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from placet.proof.rules.seats import Seat, can_fill

SEATS: list[Seat] = [(group, holder) for group in "ab" for holder in "xyz"]


def tried(options: dict[str, list[Seat]], needs: dict[str, int]) -> bool:
    """Say the same by trying everything."""
    for chosen in product(*([None, *seats] for seats in options.values())):
        taken = [seat for seat in chosen if seat]
        if len(set(taken)) == len(taken) and all(
            sum(seat[0] == group for seat in taken) >= need for group, need in needs.items()
        ):
            return True
    return False


@given(
    st.dictionaries(st.sampled_from("12345"), st.lists(st.sampled_from(SEATS), max_size=3)),
    st.dictionaries(st.sampled_from("ab"), st.integers(-2, 4)),
)
def test_it_says_what_trying_everything_says(
    options: dict[str, list[Seat]], needs: dict[str, int]
) -> None:
    assert can_fill(options, needs) is tried(options, needs)


def test_a_group_that_needs_less_than_nobody_makes_up_for_no_other() -> None:
    assert not can_fill({}, {"a": -1, "b": 1})


def test_many_seats_take_no_time_each() -> None:
    seats = [("g", f"h{number}") for number in range(10_000)]
    options = {
        f"p{number}": [seats[0], *seats[max(0, number - 1) : number + 1]]
        for number in range(len(seats))
    }
    began = time.process_time()
    assert can_fill(options, {"g": len(seats)})
    assert not can_fill(options, {"g": len(seats) + 1})
    assert time.process_time() - began < 20
