"""An open stage: its seats, its votes and its remaining timers."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime

from placet.domain.base import Stored
from placet.domain.plan import (
    GroupPlan,
    LevelPlan,
    Opening,
    PersonRef,
    Roster,
    Schedule,
    Seat,
    StagePlan,
    TakeOver,
)
from placet.domain.review import Review
from placet.domain.seating import SeatKey, filled, satisfiable
from placet.domain.vocabulary import Action


class OpenStage(Stored):
    """The stage that waits for people now.

    Attributes:
        plan: What it asks for.
        opened: When it opened.
        roster: Who may review, as the directory last said.
        schedule: Its timers; those that have fired are gone from ``reminders``.
        reached: Indices of the escalation levels that have come in, in that order.
        reminded: How many reminders have gone out.
        extended: Whether its first deadline has passed.
        checked: When the directory was last looked at.
    """

    plan: StagePlan
    opened: AwareDatetime
    roster: Roster
    schedule: Schedule
    reached: tuple[int, ...] = ()
    reminded: int = 0
    extended: bool = False
    checked: AwareDatetime

    @classmethod
    def at(cls, plan: StagePlan, opening: Opening, now: datetime) -> "OpenStage":
        """Open ``plan`` at ``now``."""
        return cls(
            plan=plan,
            opened=now,
            roster=opening.roster,
            schedule=opening.schedule,
            checked=now,
        )

    @property
    def groups(self) -> tuple[GroupPlan, ...]:
        """Return the groups that must agree: the plan's, or the level that took over."""
        for index in reversed(self.reached):
            level = self.plan.ladder[index]
            if level.mode is TakeOver.REPLACE:
                group = GroupPlan(
                    name=level.name, reviewers=level.to, approve=level.approve, reject=level.reject
                )
                return (group,)
        return self.plan.groups

    def _own_seats(self, group: str) -> list[Seat]:
        seats = [seat for level in self.roster.ladder for seat in level]
        return [seat for seat in (*self.roster.seats, *seats) if seat.group == group]

    def _joined(self) -> list[Seat]:
        """Return the seats of levels that joined after the last take-over."""
        joined: list[Seat] = []
        for index in self.reached:
            if self.plan.ladder[index].mode is TakeOver.REPLACE:
                joined = []
            elif index < len(self.roster.ladder):
                joined.extend(self.roster.ladder[index])
        return joined

    def seats(self) -> list[Seat]:
        """Return every seat that counts now; people of a joined level may sit in any group."""
        own = [seat for group in self.groups for seat in self._own_seats(group.name)]
        holders = {(seat.group, seat.holder.id) for seat in own}
        extra = [
            seat.model_copy(update={"group": group.name})
            for seat in self._joined()
            for group in self.groups
            if (group.name, seat.holder.id) not in holders
        ]
        return own + extra

    def seats_of(self, person: str) -> tuple[SeatKey, ...]:
        """Return the seats ``person`` may fill: those they hold first, then as a stand-in."""
        held = [(s.group, s.holder.id) for s in self.seats() if s.holder.id == person]
        stood = [
            (s.group, s.holder.id)
            for s in self.seats()
            if s.holder.id != person and any(p.id == person for p in s.people())
        ]
        return tuple(dict.fromkeys((*held, *stood)))

    def holder(self, seat: SeatKey) -> PersonRef | None:
        """Return who holds ``seat``."""
        for candidate in self.seats():
            if (candidate.group, candidate.holder.id) == seat:
                return candidate.holder
        return None

    def needs(self, reviews: tuple[Review, ...], action: Action) -> dict[str, int]:
        """Return per group how many votes for ``action`` decide.

        Percentages are of the group's own seats; somebody who voted and has since left the
        directory keeps their seat, and people that an escalation brought in raise no threshold.
        """
        joined = {seat.holder.id for seat in self._joined()}
        used = {seat for seat in self.sitting(reviews).values() if seat[1] not in joined}
        result = {}
        for group in self.groups:
            keys = {(seat.group, seat.holder.id) for seat in self._own_seats(group.name)}
            keys |= {seat for seat in used if seat[0] == group.name}
            threshold = group.approve if action is Action.APPROVE else group.reject
            result[group.name] = threshold.of(len(keys))
        return result

    def sitting(self, reviews: tuple[Review, ...]) -> dict[str, SeatKey]:
        """Return who fills which seat with the votes that count (approve and reject)."""
        votes = _votes(reviews)
        return filled({r.person.id: r.seats for r in votes}, self._room())

    def _room(self) -> dict[str, int]:
        return {group.name: 1_000_000 for group in self.groups}

    def admits(self, reviews: tuple[Review, ...], person: str) -> bool:
        """Say whether a seat is left for ``person`` beside everybody who has voted."""
        votes = {r.person.id: r.seats for r in _votes(reviews)}
        everybody = {**votes, person: self.seats_of(person)}
        return len(filled(everybody, self._room())) == len(everybody)

    def approved(self, reviews: tuple[Review, ...]) -> bool:
        """Say whether every group has its approvals, each person counted once."""
        votes = {r.person.id: r.seats for r in _votes(reviews) if r.action is Action.APPROVE}
        return satisfiable(votes, self.needs(reviews, Action.APPROVE))

    def rejected(self, reviews: tuple[Review, ...]) -> bool:
        """Say whether some group has its rejections."""
        votes = {r.person.id: r.seats for r in _votes(reviews) if r.action is Action.REJECT}
        needs = self.needs(reviews, Action.REJECT)
        return any(satisfiable(votes, {group: count}) for group, count in needs.items())

    def reachable(self, reviews: tuple[Review, ...]) -> bool:
        """Say whether the approvals can still be had from the people who are there."""
        votes = _votes(reviews)
        approvals = {r.person.id: r.seats for r in votes if r.action is Action.APPROVE}
        hopes = {person.id: self.seats_of(person.id) for person in self.awaited(reviews)}
        # Whoever rejected keeps their seat filled, so it cannot be approved by a stand-in.
        lost = {
            seat
            for person, seat in self.sitting(reviews).items()
            if any(r.person.id == person and r.action is Action.REJECT for r in votes)
        }
        candidates = {
            person: [seat for seat in seats if seat not in lost]
            for person, seats in {**hopes, **approvals}.items()
        }
        return satisfiable(candidates, self.needs(reviews, Action.APPROVE))

    def awaited(self, reviews: tuple[Review, ...]) -> tuple[PersonRef, ...]:
        """Return the people from whom a vote can be expected, each once."""
        voted = {r.person.id for r in _votes(reviews)}
        taken = set(self.sitting(reviews).values())
        people = [
            person
            for seat in self.seats()
            if (seat.group, seat.holder.id) not in taken
            for person in seat.reachable()
            if person.id not in voted
        ]
        return tuple({person.id: person for person in people}.values())

    def open_holders(self, reviews: tuple[Review, ...]) -> list[str]:
        """Return the ids of those whose own seats have no vote yet."""
        taken = set(self.sitting(reviews).values())
        own = [seat for seat in self.roster.seats if (seat.group, seat.holder.id) not in taken]
        return [seat.holder.id for seat in own]

    def next_level(self) -> int | None:
        """Return the index of the first escalation level that has not come in."""
        for index in range(len(self.plan.ladder)):
            if index not in self.reached:
                return index
        return None

    def level(self, index: int) -> LevelPlan:
        """Return escalation level ``index``."""
        return self.plan.ladder[index]

    def escalated(self, index: int) -> "OpenStage":
        """Return the stage with level ``index`` in."""
        return self.model_copy(update={"reached": (*self.reached, index)})

    @property
    def due_deadline(self) -> datetime:
        """Return the deadline that is in force."""
        if self.extended and self.schedule.final is not None:
            return self.schedule.final
        return self.schedule.deadline

    def escalation_due(self, now: datetime) -> int | None:
        """Return the level whose instant has come, or None."""
        for index, instant in enumerate(self.schedule.escalations):
            if index not in self.reached and instant is not None and instant <= now:
                return index
        return None

    def next_due(self) -> datetime:
        """Return the next instant at which something happens by itself."""
        instants = [self.due_deadline, *self.schedule.reminders[:1]]
        instants += [
            instant
            for index, instant in enumerate(self.schedule.escalations)
            if index not in self.reached and instant is not None
        ]
        instants.append(self.next_check())
        return min(instants)

    def next_check(self) -> datetime:
        """Return when the directory is to be looked at again."""
        instant = self.checked + timedelta(hours=self.schedule.recheck_hours)
        known = self.roster.changes_at
        if known is not None and known > self.checked:
            instant = min(instant, known)
        return instant


def _votes(reviews: tuple[Review, ...]) -> list[Review]:
    return [r for r in reviews if r.counts and r.action in {Action.APPROVE, Action.REJECT}]
