"""How the votes on an open stage stand: who sits where, what is decided, who may still come."""

from collections.abc import Iterable
from functools import cached_property

from placet.domain.plan import PersonRef, Seat
from placet.domain.review import Review, votes
from placet.domain.seating import Seating, SeatKey, satisfiable
from placet.domain.stage import OpenStage
from placet.domain.vocabulary import Action

Options = dict[str, tuple[SeatKey, ...]]
"""Person id to the seats they may fill."""


class Tally:
    """One look at a stage and its reviews; ask again after either has changed."""

    def __init__(self, stage: OpenStage, reviews: Iterable[Review]) -> None:
        """Count ``reviews``, which are those of ``stage``."""
        self._stage = stage
        self._votes = votes(reviews)
        self._options: Options = {vote.person.id: vote.seats for vote in self._votes}

    @cached_property
    def seats(self) -> dict[SeatKey, Seat]:
        """Every seat that counts now, by its key."""
        return {seat.key: seat for seat in self._stage.seats()}

    @cached_property
    def seated(self) -> Seating:
        """Who fills which seat with the votes that count (approve and reject)."""
        return Seating(self._options)

    def seats_of(self, person: str) -> tuple[SeatKey, ...]:
        """Return the seats ``person`` may fill: those they hold first, then as a stand-in."""
        return self._seats_by_person.get(person, ())

    @cached_property
    def _seats_by_person(self) -> Options:
        held: dict[str, list[SeatKey]] = {}
        stood: dict[str, list[SeatKey]] = {}
        for key, seat in self.seats.items():
            held.setdefault(seat.holder.id, []).append(key)
            for person in seat.stand_ins:
                stood.setdefault(person.id, []).append(key)
        people = dict.fromkeys((*held, *stood))
        return {p: tuple(dict.fromkeys((*held.get(p, ()), *stood.get(p, ())))) for p in people}

    def admits(self, person: str) -> bool:
        """Say whether a seat is left for ``person`` beside everybody who has voted."""
        return self.seated.has_place_for(self.seats_of(person))

    def seated_with(self, person: str) -> dict[str, SeatKey]:
        """Return who would fill which seat if ``person`` voted too."""
        return Seating({**self._options, person: self.seats_of(person)}).by_person

    def needs(self, action: Action) -> dict[str, int]:
        """Return per group how many votes for ``action`` decide.

        Percentages are of the group's own seats; somebody who voted and has since left the
        directory keeps their seat, and people that an escalation brought in raise no threshold.
        """
        own = {seat.key for seat in self._stage.own_seats()}
        guests = set(self._stage.guests)
        kept = {key for key in self.seated.by_seat if key not in guests}
        result = {}
        for group in self._stage.groups:
            size = sum(name == group.name for name, _ in own | kept)
            threshold = group.approve if action is Action.APPROVE else group.reject
            result[group.name] = threshold.of(size)
        return result

    @property
    def approved(self) -> bool:
        """Say whether every group has its approvals, each person counted once."""
        return satisfiable(self._counted(Action.APPROVE), self.needs(Action.APPROVE))

    @property
    def rejected(self) -> bool:
        """Say whether some group has its rejections."""
        counted = self._counted(Action.REJECT)
        needs = self.needs(Action.REJECT)
        return any(satisfiable(counted, {group: count}) for group, count in needs.items())

    def _counted(self, action: Action) -> Options:
        """Return the votes for ``action`` with the seats that no other vote fills."""
        people = {vote.person.id for vote in self._votes if vote.action is action}
        return _without_seats_of_others(self._options, people, self.seated)

    @property
    def reachable(self) -> bool:
        """Say whether the approvals can still be had from the people who are there."""
        hopes = {person.id: self.seats_of(person.id) for person in self.awaited}
        everybody = {**self._options, **hopes}
        against = {vote.person.id for vote in self._votes if vote.action is Action.REJECT}
        candidates = _without_seats_of_others(
            everybody, everybody.keys() - against, Seating(everybody)
        )
        return satisfiable(candidates, self.needs(Action.APPROVE))

    @cached_property
    def awaited(self) -> tuple[PersonRef, ...]:
        """The people from whom a vote can be expected and would be admitted, each once."""
        there = {
            person.id: person
            for seat in self.seats.values()
            for person in seat.reachable()
            if person.id not in self._options
        }
        return tuple(person for person in there.values() if self.admits(person.id))

    def places_of(self, person: str) -> list[Seat]:
        """Return where ``person`` is awaited: their open seats, else those others can leave."""
        mine = [key for key in self.seats_of(person) if self._can_be_filled_by(person, key)]
        still_open = [key for key in mine if key not in self.seated.by_seat]
        return [self.seats[key] for key in still_open or mine]

    def _can_be_filled_by(self, person: str, key: SeatKey) -> bool:
        return any(somebody.id == person for somebody in self.seats[key].reachable())


def _without_seats_of_others(options: Options, people: Iterable[str], seated: Seating) -> Options:
    """Return the options of ``people``, less the seats that anybody else sits on.

    A seat is filled by one person, so one that a rejection fills cannot also count as approved.
    """
    chosen = set(people)
    taken = {seat for seat, person in seated.by_seat.items() if person not in chosen}
    return {
        person: tuple(seat for seat in seats if seat not in taken)
        for person, seats in options.items()
        if person in chosen
    }
