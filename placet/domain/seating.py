"""Who fills which seat: quorums as a flow from people through seats into groups.

One person fills one seat, one seat is filled by one person, and a group takes so many. As many
people as can be are seated: a maximum flow with unit capacities, grown by one augmenting path per
person (Ford and Fulkerson 1956). A few hundred people are seated in milliseconds.
"""

from collections import deque
from collections.abc import Iterable, Mapping

SeatKey = tuple[str, str]
"""A seat's group and the id of the person who holds it."""


class Seating:
    """People on seats, seated one after the other; nobody who sits is ever sent away.

    Whoever comes may make others move to another of their own seats. A person takes the first seat
    of their preference that can be had so.
    """

    def __init__(
        self, candidates: Mapping[str, Iterable[SeatKey]], needs: Mapping[str, int] | None = None
    ) -> None:
        """Seat the candidates in their order; for the arguments see :func:`filled`."""
        self._options = {person: tuple(seats) for person, seats in candidates.items()}
        self._room = None if needs is None else dict(needs)
        self.by_person: dict[str, SeatKey] = {}
        self.by_seat: dict[SeatKey, str] = {}
        for person in self._options:
            self._seat(person)

    def has_place_for(self, seats: Iterable[SeatKey]) -> bool:
        """Say whether somebody who may fill ``seats`` could be seated too; seats nobody."""
        seen: set[str] = set()
        return any(self._way_to(seat, "", {}, seen) is not None for seat in seats)

    def _seat(self, person: str) -> None:
        seen = {person}
        for seat in self._options[person]:
            moves = self._way_to(seat, person, {}, seen)
            if moves is not None:
                self._move(moves)
                return

    def _way_to(
        self, seat: SeatKey, person: str, pushed: dict[str, tuple[str, SeatKey]], seen: set[str]
    ) -> list[tuple[str, SeatKey]] | None:
        """Find the shortest chain of moves that ends with ``person`` on ``seat``.

        ``pushed`` says of everybody who would have to move who then takes which seat; ``seen`` are
        those from whom no way was found, or is being looked for.
        """
        waiting: deque[tuple[str, tuple[SeatKey, ...]]] = deque([(person, (seat,))])
        while waiting:
            mover, wanted = waiting.popleft()
            for target in wanted:
                if self._is_free(target):
                    return _chain(mover, target, pushed)
                for other in self._in_the_way(target):
                    if other not in seen:
                        seen.add(other)
                        pushed[other] = (mover, target)
                        waiting.append((other, self._options[other]))
        return None

    def _is_free(self, seat: SeatKey) -> bool:
        return seat not in self.by_seat and (self._room is None or self._room.get(seat[0], 0) > 0)

    def _in_the_way(self, seat: SeatKey) -> list[str]:
        """Return whose moving would make this seat free: who sits there, or all of a full group."""
        if seat in self.by_seat:
            return [self.by_seat[seat]]
        return [person for other, person in self.by_seat.items() if other[0] == seat[0]]

    def _move(self, moves: list[tuple[str, SeatKey]]) -> None:
        for person, _ in moves:
            left = self.by_person.pop(person, None)
            if left is not None:
                del self.by_seat[left]
                self._add_room(left, 1)
        for person, seat in moves:
            self.by_person[person] = seat
            self.by_seat[seat] = person
            self._add_room(seat, -1)

    def _add_room(self, seat: SeatKey, change: int) -> None:
        if self._room is not None:
            self._room[seat[0]] += change


def _chain(
    mover: str, target: SeatKey, pushed: Mapping[str, tuple[str, SeatKey]]
) -> list[tuple[str, SeatKey]]:
    moves = [(mover, target)]
    while mover in pushed:
        mover, target = pushed[mover]
        moves.append((mover, target))
    return moves


def filled(
    candidates: Mapping[str, Iterable[SeatKey]], needs: Mapping[str, int] | None = None
) -> dict[str, SeatKey]:
    """Seat as many people as the groups need.

    Args:
        candidates: Person id to the seats, as ``(group, holder id)``, that they may fill, in order
            of preference.
        needs: Group to the number of its seats that are wanted; groups not named want none. None
            wants every seat.

    Returns:
        Person id to the seat they fill. Every group got what it needs exactly when
        ``len(result) == sum(needs.values())``.
    """
    return Seating(candidates, needs).by_person


def satisfiable(candidates: Mapping[str, Iterable[SeatKey]], needs: Mapping[str, int]) -> bool:
    """Say whether every group can have as many filled seats as it needs at the same time."""
    return len(filled(candidates, needs)) == sum(needs.values())
