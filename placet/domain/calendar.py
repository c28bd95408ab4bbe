"""Business time: working hours, closing days, and arithmetic on them that survives clock changes.

Opening hours are local times of one zone; every sum is made in UTC. A span has two parts. Its
hours and minutes are counted while the calendar is open. Its days are working days: ``2d`` after
Tuesday 15:00 is Thursday 15:00, as people mean it, whatever number of hours lie between. When that
time of day is closed there, the next opening counts.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from placet.domain.people import TimeZone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"^(?:(\d{1,3})d)?(?:(\d{1,3})h)?(?:(\d{1,4})m)?$")
_CLOCK = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)$")
_DAY_MINUTES = 24 * 60
_MINUTE = timedelta(minutes=1)
_ONE_DAY = timedelta(days=1)


class Span(NamedTuple):
    """A length of time as policy files write it: ``2d``, ``4h``, ``90m``, ``1d4h``.

    On the wall clock a day is 24 hours. In business time it is a working day.
    """

    days: int
    minutes: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``text``.

        Raises:
            ValueError: It is no span, or is zero.
        """
        match = _SPAN.match(text)
        days, hours, minutes = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
        if days + hours + minutes == 0:
            message = f"'{text:.40}' is no length of time; write 2d, 4h, 90m or 1d4h"
            raise ValueError(message)
        return cls(days, hours * 60 + minutes)

    def wall(self) -> timedelta:
        """Return it on the wall clock."""
        return timedelta(days=self.days, minutes=self.minutes)

    def __str__(self) -> str:
        hours, minutes = divmod(self.minutes, 60)
        parts = ((self.days, "d"), (hours, "h"), (minutes, "m"))
        return "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"


def _read_span(value: object) -> object:
    if isinstance(value, str):
        return Span.parse(value)
    if isinstance(value, Span):
        return value
    message = "write a length of time such as 2d, 4h, 90m or 1d4h"
    raise ValueError(message)


Duration = Annotated[Span, BeforeValidator(_read_span), PlainSerializer(str, return_type=str)]
"""A :class:`Span` that is text in files and in JSON."""


def _minutes(clock: str) -> int:
    match = _CLOCK.match(clock.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match else _DAY_MINUTES + 1
    if minutes > _DAY_MINUTES:
        message = f"'{clock}' is no time of day; write it as 09:00, up to 24:00"
        raise ValueError(message)
    return minutes


class Interval(NamedTuple):
    """Part of a day, in minutes since local midnight; ``ends`` is no longer inside."""

    opens: int
    ends: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``09:00-12:30``.

        Raises:
            ValueError: It is not that, or ends before it begins.
        """
        first, dash, last = text.partition("-")
        if not dash:
            message = f"'{text}' is no span of hours; write it as 09:00-17:30"
            raise ValueError(message)
        found = cls(_minutes(first), _minutes(last))
        if found.ends <= found.opens:
            message = f"'{text}' ends before it begins; split it at midnight"
            raise ValueError(message)
        return found

    def __str__(self) -> str:
        pairs = (divmod(minute, 60) for minute in self)
        return "-".join(f"{hour:02}:{minute:02}" for hour, minute in pairs)


def _read_interval(value: object) -> object:
    if isinstance(value, str):
        return Interval.parse(value)
    if isinstance(value, Interval):
        return value
    message = "write hours as text such as '09:00-17:30'"
    raise ValueError(message)


Hours = Annotated[Interval, BeforeValidator(_read_interval), PlainSerializer(str, return_type=str)]
"""An :class:`Interval` that is text in files and in JSON."""


class BusinessCalendar(BaseModel):
    """When people work.

    Attributes:
        time_zone: In which the hours are meant.
        hours: Seven entries from Monday: the intervals in which each weekday is open, in order.
        closed: Days on which nothing opens, each with its name.
        until: The last day whose holidays are in ``closed``; later only ``hours`` count.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    time_zone: TimeZone
    hours: tuple[tuple[Hours, ...], ...] = Field(min_length=7, max_length=7)
    closed: dict[date, str] = Field(default_factory=dict)
    until: date | None = None

    @model_validator(mode="after")
    def _opens_sometime(self) -> Self:
        if not any(self.hours):
            message = "the calendar is never open; give at least one weekday hours"
            raise ValueError(message)
        for name, day in zip(DAYS, self.hours, strict=True):
            if any(later.opens < earlier.ends for earlier, later in pairwise(day)):
                message = f"the hours of {name} overlap or are out of order; sort and separate them"
                raise ValueError(message)
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """Return the time zone itself."""
        return ZoneInfo(self.time_zone)

    def works(self, day: date) -> bool:
        """Say whether ``day`` is a working day."""
        return bool(self.hours[day.weekday()]) and day not in self.closed

    def add(self, start: datetime, span: Span) -> datetime:
        """Return the instant ``span`` of business time after ``start`` (aware), in UTC.

        Working days are counted first, then open minutes. From outside working hours the count
        begins at the next opening. The result is open, or the moment of closing.
        """
        instant = self.settle(start)
        if span.days:
            instant = self._days_later(instant, span.days)
        return self._minutes_later(instant, span.minutes)

    def settle(self, instant: datetime) -> datetime:
        """Return ``instant`` in UTC if then open or just closing, else the next opening."""
        instant = instant.astimezone(UTC)
        for starts, ends in self._intervals(instant):
            if instant <= ends:
                return max(starts, instant)
        raise AssertionError  # pragma: no cover - the intervals do not end.

    def _days_later(self, start: datetime, days: int) -> datetime:
        local = start.astimezone(self.zone)
        day = local.date()
        clock: time | None = local.time().replace(fold=0)
        if clock == time() and not self._opens_at_midnight(start):
            # Midnight as a moment of closing belongs to the day that ends.
            day, clock = day - _ONE_DAY, None
        for _ in range(days):
            day += _ONE_DAY
            while not self.works(day):
                day += _ONE_DAY
        if clock is None:
            return self.settle(datetime.combine(day + _ONE_DAY, time(), self.zone))
        return self.settle(datetime.combine(day, clock, self.zone))

    def _opens_at_midnight(self, instant: datetime) -> bool:
        return any(s <= instant < e for s, e in self._day(instant.astimezone(self.zone).date()))

    def _minutes_later(self, start: datetime, minutes: int) -> datetime:
        left = minutes * _MINUTE
        for opens, ends in self._intervals(start):
            begin = max(opens, start)
            if left <= ends - begin:
                return begin + left
            left -= max(ends - begin, timedelta())
        raise AssertionError  # pragma: no cover - the intervals do not end.

    def _intervals(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open intervals in UTC, in order and without end, the last begun day first."""
        day = start.astimezone(self.zone).date() - _ONE_DAY
        last = datetime.min.replace(tzinfo=UTC)
        while True:
            for planned, ends in self._day(day):
                # A clock set forward can push an interval into the next; none is counted twice.
                opens = max(planned, last)
                if opens < ends:
                    yield opens, ends
                    last = ends
            day += _ONE_DAY

    def _day(self, day: date) -> list[tuple[datetime, datetime]]:
        if not self.works(day):
            return []
        return [
            (self._instant(day, part.opens), self._instant(day, part.ends))
            for part in self.hours[day.weekday()]
        ]

    def _instant(self, day: date, minutes: int) -> datetime:
        extra, rest = divmod(minutes, _DAY_MINUTES)
        clock = time(rest // 60, rest % 60)
        return datetime.combine(day + extra * _ONE_DAY, clock, self.zone).astimezone(UTC)


def weekdays(text: str) -> tuple[int, ...]:
    """Return the weekdays (0 is Monday) that ``mon-fri``, ``sat`` or ``mon,wed`` names.

    Raises:
        ValueError: It names none.
    """
    found: list[int] = []
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        ends = last if dash else first
        if first not in DAYS or ends not in DAYS or DAYS.index(first) > DAYS.index(ends):
            message = f"'{text}' names no weekdays; write mon-fri, sat or mon,wed"
            raise ValueError(message)
        found.extend(range(DAYS.index(first), DAYS.index(ends) + 1))
    return tuple(found)
