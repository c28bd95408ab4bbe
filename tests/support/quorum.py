"""Counts quorums by trying every possibility: slow, plain, and not the code under test."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

SeatKey = tuple[str, str]


class Voter(NamedTuple):
    """Somebody at the table.

    Attributes:
        person: Who.
        seats: The seats they may fill.
        counts: Whether filling one brings its group nearer to the quorum.
        must_sit: Whether a seat has to be found for them, as for everybody who has voted.
    """

    person: str
    seats: tuple[SeatKey, ...]
    counts: bool
    must_sit: bool = True


def possible(voters: Iterable[Voter], needs: Mapping[str, int]) -> bool:
    """Say whether people can sit so that each group has what it needs.

    One person sits on one seat, a seat is sat on by one person.
    """
    groups = sorted(needs)
    reached: set[tuple[frozenset[SeatKey], tuple[int, ...]]] = {
        (frozenset(), tuple(0 for _ in groups))
    }
    for voter in voters:
        after = set() if voter.must_sit else set(reached)
        for taken, counts in reached:
            for seat in voter.seats:
                if seat in taken:
                    continue
                grown = tuple(
                    min(count + (voter.counts and seat[0] == group), needs[group])
                    for group, count in zip(groups, counts, strict=True)
                )
                after.add((taken | {seat}, grown))
        reached = after
    return any(counts == tuple(needs[group] for group in groups) for _, counts in reached)
