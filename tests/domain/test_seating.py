"""Quorums as a flow, against counting every possibility."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.seating import Seating, SeatKey, filled, satisfiable

GROUPS = ("finance", "legal", "board")
SEATS: tuple[SeatKey, ...] = tuple(product(GROUPS, ("ann", "ben", "cem")))

Options = dict[str, list[SeatKey]]

options = st.dictionaries(
    st.sampled_from(["ann", "ben", "cem", "dee", "eve"]),
    st.lists(st.sampled_from(SEATS), max_size=4, unique=True),
    max_size=5,
)
needs = st.dictionaries(st.sampled_from(GROUPS), st.integers(0, 3), max_size=3)


def most(people: Options, wanted: dict[str, int] | None) -> int:
    """Count by trying every way to seat everybody on one of their seats or nowhere."""
    ways = product(*([*seats, None] for seats in people.values()))
    return max(sum(s is not None for s in way) for way in ways if fits(way, wanted))


def fits(way: tuple[SeatKey | None, ...], wanted: dict[str, int] | None) -> bool:
    taken = [seat for seat in way if seat is not None]
    groups = Counter(group for group, _ in taken)
    within = wanted is None or all(count <= wanted.get(g, 0) for g, count in groups.items())
    return len(set(taken)) == len(taken) and within


@given(options, st.none() | needs)
@pytest.mark.rule(number=6)
def test_as_many_people_are_seated_as_possible_and_nobody_twice(
    people: Options, wanted: dict[str, int] | None
) -> None:
    seated = filled(people, wanted)
    assert all(seat in people[person] for person, seat in seated.items())
    assert fits(tuple(seated.values()), wanted)
    assert len(seated) == most(people, wanted)


@given(options, needs)
def test_a_quorum_is_met_exactly_when_every_group_can_have_all_it_needs(
    people: Options, wanted: dict[str, int]
) -> None:
    assert satisfiable(people, wanted) == (most(people, wanted) == sum(wanted.values()))


@given(options, st.lists(st.sampled_from(SEATS), max_size=3, unique=True))
def test_a_place_for_one_more_is_seen_before_they_sit(people: Options, more: list[SeatKey]) -> None:
    assert Seating(people).has_place_for(more) == (
        most({**people, "newcomer": more}, None) > most(people, None)
    )


@given(options, st.sampled_from(["ann", "ben", "cem", "dee", "eve", "fay"]))
def test_nobody_who_sits_is_sent_away_by_somebody_who_comes_later(
    people: Options, newcomer: str
) -> None:
    before = {person: seats for person, seats in people.items() if person != newcomer}
    after = {**before, newcomer: people.get(newcomer, list(SEATS[:1]))}
    assert set(filled(before)) <= set(filled(after))


@given(options, needs)
def test_the_same_people_are_always_seated_the_same_way(
    people: Options, wanted: dict[str, int]
) -> None:
    assert filled(people, wanted) == filled(people, wanted)


def test_people_sit_on_their_own_seat_when_a_stand_in_can_move() -> None:
    ann, ben, cem = ("finance", "ann"), ("finance", "ben"), ("finance", "cem")
    # Dee stands in for ann and ben and came first; ann also stands in for cem.
    seated = filled({"dee": [ann, ben], "ann": [ann, cem]})
    assert seated == {"dee": ben, "ann": ann}


def test_people_leave_their_own_seat_only_when_somebody_would_stand_otherwise() -> None:
    ann, cem = ("finance", "ann"), ("finance", "cem")
    assert filled({"ann": [ann, cem]}) == {"ann": ann}
    assert filled({"ann": [ann, cem], "dee": [ann]}) == {"ann": cem, "dee": ann}


def test_somebody_moves_to_another_group_to_leave_room_in_a_full_one() -> None:
    people: Options = {
        "ann": [("finance", "ann"), ("legal", "ann")],
        "ben": [("finance", "ben")],
    }
    assert satisfiable(people, {"finance": 1, "legal": 1})


def test_a_long_chain_of_moves_needs_no_deep_recursion() -> None:
    # Everybody but the first may sit on their own seat or the one before; the last takes the first
    # seat's neighbour, so that all have to move along.
    length = 3_000
    people: Options = {
        f"p{n}": [("finance", f"p{n}"), ("finance", f"p{n + 1}")] for n in range(length)
    }
    people["late"] = [("finance", "p0")]
    assert len(filled(people)) == length + 1


def test_two_hundred_people_of_a_full_group_are_seated_quickly() -> None:
    people: Options = {f"p{n}": [("finance", f"p{n}")] for n in range(200)}
    assert len(filled(people, {"finance": 3})) == 3
