"""Who fills which seat: quorums as a flow from people through seats into groups.

One person fills one seat, one seat is filled by one person, and a group needs so many filled
seats. Whether that can be had is a unit-capacity maximum flow (Ford and Fulkerson 1956), found by
augmenting paths; the sizes are a handful of people, so the simple form is fast enough.
"""

from collections.abc import Iterable, Mapping

SeatKey = tuple[str, str]
"""A seat's group and the id of the person who holds it."""


def filled(
    candidates: Mapping[str, Iterable[SeatKey]], needs: Mapping[str, int]
) -> dict[str, SeatKey]:
    """Seat as many people as the groups need.

    Args:
        candidates: Person id to the seats, as ``(group, holder id)``, that they may fill, in order
            of preference.
        needs: Group to the number of its seats that are wanted; groups not named want none.

    Returns:
        Person id to the seat they fill. Every group got what it needs exactly when
        ``len(result) == sum(needs.values())``.
    """
    options = {person: list(seats) for person, seats in candidates.items()}
    sitting: dict[SeatKey, str] = {}
    room = dict(needs)

    def place(person: str, tried: set[SeatKey]) -> bool:
        for seat in options[person]:
            if seat in tried or seat[0] not in room:
                continue
            tried.add(seat)
            if seat in sitting:
                if place(sitting[seat], tried):
                    sitting[seat] = person
                    return True
                continue
            if room[seat[0]] > 0:
                room[seat[0]] -= 1
                sitting[seat] = person
                return True
            # The group has all it needs: somebody in it may move elsewhere and leave room.
            for other in [s for s in sitting if s[0] == seat[0] and s not in tried]:
                tried.add(other)
                if place(sitting[other], tried):
                    del sitting[other]
                    sitting[seat] = person
                    return True
        return False

    for person in options:
        place(person, set())
    return {person: seat for seat, person in sitting.items()}


def satisfiable(candidates: Mapping[str, Iterable[SeatKey]], needs: Mapping[str, int]) -> bool:
    """Say whether every group can have as many filled seats as it needs at the same time."""
    return len(filled(candidates, needs)) == sum(needs.values())
