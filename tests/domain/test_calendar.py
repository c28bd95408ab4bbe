"""Business time: what people mean by two days, and arithmetic that survives clock changes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.domain.calendar import BusinessCalendar, Interval, Span, weekdays

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = ("09:00-12:30", "13:30-17:30")
WEEK = (*[OFFICE] * 4, ("09:00-13:00",), (), ())


def calendar(*hours: Any, zone: str = "Europe/Berlin", **fields: Any) -> BusinessCalendar:
    return BusinessCalendar.model_validate({"time_zone": zone, "hours": hours or WEEK, **fields})


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def after(start: str, span: str, which: BusinessCalendar | None = None) -> str:
    found = (which or calendar()).add(berlin(start), Span.parse(span))
    assert found.tzinfo is UTC
    return f"{found.astimezone(BERLIN):%a %m-%d %H:%M}"


# In May 2026 the 4th is a Monday; Friday closes at 13:00, lunch is from 12:30 to 13:30.
@pytest.mark.parametrize(
    ("start", "span", "expected"),
    [
        ("2026-05-05T15:00", "2d", "Thu 05-07 15:00"),
        ("2026-05-05T15:00", "2h", "Tue 05-05 17:00"),
        ("2026-05-05T15:00", "3h", "Wed 05-06 09:30"),
        ("2026-05-05T12:00", "1h", "Tue 05-05 14:00"),
        ("2026-05-05T15:00", "150m", "Tue 05-05 17:30"),  # Exactly until closing.
        ("2026-05-05T12:45", "1h", "Tue 05-05 14:30"),  # Begun at lunch.
        ("2026-05-09T11:00", "1h", "Mon 05-11 10:00"),  # Begun on a Saturday.
        ("2026-05-09T11:00", "1d", "Tue 05-12 09:00"),
        ("2026-05-07T16:00", "1d", "Mon 05-11 09:00"),  # Friday at 16:00 is closed.
        ("2026-05-08T10:00", "1d", "Mon 05-11 10:00"),
        ("2026-05-05T15:00", "1d1h", "Wed 05-06 16:00"),
        ("2026-05-05T17:30", "1d", "Wed 05-06 17:30"),
    ],
)
def test_a_span_ends_when_people_expect_it(start: str, span: str, expected: str) -> None:
    assert after(start, span) == expected


def test_closing_days_are_skipped() -> None:
    closed = calendar(closed={"2026-05-06": "Company outing", "2026-05-07": "Closed"})
    assert after("2026-05-05T11:00", "1d", closed) == "Fri 05-08 11:00"
    assert after("2026-05-05T15:00", "3h", closed) == "Fri 05-08 09:30"
    assert not closed.works(date(2026, 5, 6))


def test_midnight_at_closing_belongs_to_the_day_that_ends() -> None:
    late = calendar(*[("16:00-24:00",)] * 5, (), ())
    assert after("2026-05-05T20:00", "4h", late) == "Wed 05-06 00:00"
    assert after("2026-05-06T00:00", "1d", late) == "Thu 05-07 00:00"
    assert after("2026-05-08T20:00", "1d4h", late) == "Tue 05-12 00:00"
    assert after("2026-05-09T00:00", "1d", late) == "Tue 05-12 00:00"


def test_hours_that_a_clock_set_forward_pushes_together_count_once() -> None:
    early = calendar(*[("02:00-02:30", "03:00-04:00")] * 7)
    assert after("2026-03-29T00:00", "50m", early) == "Sun 03-29 03:50"
    assert after("2026-03-29T00:00", "60m", early) == "Sun 03-29 04:00"
    assert after("2026-03-29T00:00", "61m", early) == "Mon 03-30 02:01"


def test_a_night_in_which_the_clock_is_set_back_has_an_hour_more() -> None:
    always = calendar(*[("00:00-24:00",)] * 7)
    assert after("2026-10-25T00:00", "25h", always) == "Mon 10-26 00:00"
    assert after("2026-10-24T23:00", "4h", always) == "Sun 10-25 02:00"
    assert after("2026-10-24T12:00", "1d", always) == "Sun 10-25 12:00"
    assert after("2026-10-24T12:00", "24h", always) == "Sun 10-25 11:00"


# A calendar in which time could never run out, or whose hours contradict each other.
@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ([()] * 7, "never open"),
        ([("09:00-12:00", "11:00-13:00"), *[()] * 6], "overlap"),
        ([("13:00-17:00", "09:00-12:00"), *[()] * 6], "out of order"),
        ([("17:00-09:00",), *[()] * 6], "ends before it begins"),
        ([("09:00",), *[()] * 6], "no span of hours"),
        ([("09:00-24:30",), *[()] * 6], "no time of day"),
        ([("9-17",), *[()] * 6], "no time of day"),
    ],
)
def test_a_calendar_that_cannot_work_is_refused(hours: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        calendar(*hours)


@pytest.mark.parametrize("text", ["", "0d", "2", "d", "2w", "-1d", "1h2d", "1.5h", "2d ", "9999d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no length of time"):
        Span.parse(text)


@pytest.mark.parametrize("text", ["", "monday", "fri-mon", "mon-", "mon;tue"])
def test_what_names_no_weekday_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no weekdays"):
        weekdays(text)


def test_weekdays_are_read() -> None:
    assert weekdays("mon-fri") == (0, 1, 2, 3, 4)
    assert weekdays("Mon, wed-thu") == (0, 2, 3)


@given(st.integers(0, 999), st.integers(0, 5000))
def test_a_span_reads_back_as_written(days: int, minutes: int) -> None:
    span = Span(days, minutes)
    if span != (0, 0):
        assert Span.parse(str(span)) == span


def test_a_calendar_reads_back_as_written() -> None:
    one = calendar(closed={"2026-12-24": "Christmas Eve"}, until="2027-12-31")
    assert BusinessCalendar.model_validate_json(one.model_dump_json()) == one
    assert str(one.hours[0][0]) == "09:00-12:30"


# Both clock changes of each zone lie in these days; Lord Howe moves by half an hour, and Santiago
# changes at midnight.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "UTC"]
DAY = st.sampled_from([(), OFFICE, ("00:00-24:00",), ("04:15-08:00", "22:00-24:00")])
OFFICE_DAY = st.sampled_from([(), OFFICE, ("06:00-23:30",), ("09:00-13:00",)])
instants = st.datetimes(datetime(2026, 2, 20), datetime(2026, 12, 1)).map(  # noqa: DTZ001 - made UTC.
    lambda naive: naive.replace(second=0, microsecond=0, tzinfo=UTC)
)
spans = st.builds(Span, st.just(0), st.integers(0, 6000))


def weeks(day: st.SearchStrategy[Any]) -> st.SearchStrategy[BusinessCalendar]:
    closed = st.dictionaries(
        st.dates(date(2026, 2, 20), date(2026, 12, 31)), st.just("closed"), max_size=30
    )
    return st.builds(
        lambda hours, zone, days: calendar(*hours, zone=zone, closed=days),
        st.lists(day, min_size=7, max_size=7).filter(any),
        st.sampled_from(ZONES),
        closed,
    )


@given(weeks(DAY), instants, spans, spans)
def test_open_minutes_add_up(
    which: BusinessCalendar, start: datetime, one: Span, two: Span
) -> None:
    both = Span(0, one.minutes + two.minutes)
    assert which.add(which.add(start, one), two) == which.add(start, both)


@given(weeks(DAY), instants, instants, spans)
def test_who_starts_later_ends_no_earlier(
    which: BusinessCalendar, one: datetime, two: datetime, span: Span
) -> None:
    first, second = sorted((one, two))
    assert first <= which.add(first, span) <= which.add(second, span)


@given(weeks(OFFICE_DAY), instants, instants, st.integers(0, 12), st.integers(0, 600))
def test_working_days_keep_the_order_too(
    which: BusinessCalendar, one: datetime, two: datetime, days: int, minutes: int
) -> None:
    first, second = sorted((one, two))
    span = Span(days, minutes)
    assert first <= which.add(first, span) <= which.add(second, span)
    assert which.add(first, span) <= which.add(first, Span(days + 1, minutes))


@given(weeks(DAY), instants, st.integers(0, 12), st.integers(0, 600))
def test_nothing_ends_while_the_calendar_is_closed(
    which: BusinessCalendar, start: datetime, days: int, minutes: int
) -> None:
    end = which.add(start, Span(days, minutes))
    assert which.settle(end) == end
    local = (end - timedelta(microseconds=1)).astimezone(which.zone)
    opening = end.astimezone(which.zone)
    assert which.works(local.date()) or which.works(opening.date())


@settings(max_examples=40)
@given(weeks(DAY), instants, st.integers(0, 2000))
def test_a_span_has_as_many_open_minutes_as_it_says(
    which: BusinessCalendar, start: datetime, minutes: int
) -> None:
    def is_open(instant: datetime) -> bool:
        local = instant.astimezone(which.zone)
        minute = local.hour * 60 + local.minute
        return local.date() not in which.closed and any(
            part.opens <= minute < part.ends for part in which.hours[local.weekday()]
        )

    counted = sum(is_open(start + timedelta(minutes=each)) for each in range(minutes))
    end = start + timedelta(minutes=minutes)
    assert counted == 0 or which.add(start, Span(0, counted)) <= end
    assert which.add(start, Span(0, counted + 1)) > end


def test_an_interval_is_written_as_it_is_read() -> None:
    assert str(Interval.parse("00:00-24:00")) == "00:00-24:00"
