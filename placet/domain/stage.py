"""An open stage: its seats, its escalation ladder and its remaining timers."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime

from placet.domain.base import Stored
from placet.domain.plan import (
    GroupPlan,
    LevelPlan,
    Opening,
    Roster,
    Schedule,
    Seat,
    StagePlan,
    TakeOver,
)
from placet.domain.review import Review, votes
from placet.domain.seating import Seating, SeatKey


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
        guests: Seats that joining levels have brought in; they raise no threshold, also when the
            directory no longer names them.
        last_escalation: When a level last came in.
        newcomers: Ids of those it brought in, who were written to at that moment.
    """

    plan: StagePlan
    opened: AwareDatetime
    roster: Roster
    schedule: Schedule
    reached: tuple[int, ...] = ()
    reminded: int = 0
    extended: bool = False
    checked: AwareDatetime
    guests: tuple[SeatKey, ...] = ()
    last_escalation: AwareDatetime | None = None
    newcomers: tuple[str, ...] = ()

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

    def own_seats(self) -> list[Seat]:
        """Return the seats of the groups that must agree, without those of joined levels."""
        names = {group.name for group in self.groups}
        levels = [seat for level in self.roster.ladder for seat in level]
        return [seat for seat in (*self.roster.seats, *levels) if seat.group in names]

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
        seats = {seat.key: seat for seat in self.own_seats()}
        for guest in self._joined():
            for group in self.groups:
                seat = guest.model_copy(update={"group": group.name})
                seats.setdefault(seat.key, seat)
        return list(seats.values())

    def open_holders(self, reviews: tuple[Review, ...]) -> list[str]:
        """Return the ids of those whose seats in the plan's own groups have no vote yet."""
        taken = Seating({vote.person.id: vote.seats for vote in votes(reviews)}).by_seat
        return [s.holder.id for s in self.roster.seats if s.key not in taken]

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
        return _with_guests(self.model_copy(update={"reached": (*self.reached, index)}))

    def with_roster(self, roster: Roster, now: datetime) -> "OpenStage":
        """Return the stage with what the directory says at ``now``."""
        return _with_guests(self.model_copy(update={"roster": roster, "checked": now}))

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

    def reminder_due(self, now: datetime) -> bool:
        """Say whether a reminder's instant has come."""
        return any(instant <= now for instant in self.schedule.reminders)

    def without_reminders_until(self, now: datetime) -> "OpenStage":
        """Return the stage without the reminders that are due by ``now``."""
        later = tuple(instant for instant in self.schedule.reminders if instant > now)
        schedule = self.schedule.model_copy(update={"reminders": later})
        return self.model_copy(update={"schedule": schedule})

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


def _with_guests(stage: OpenStage) -> OpenStage:
    own = {seat.key for seat in stage.own_seats()}
    known = dict.fromkeys((*stage.guests, *(seat.key for seat in stage.seats())))
    return stage.model_copy(update={"guests": tuple(key for key in known if key not in own)})
