"""How the requests of a period ended, by what, and when they were submitted."""

from collections import Counter
from datetime import date, timedelta
from itertools import groupby

from placet.domain.vocabulary import DecidedBy, Status
from placet.reporting.document import Bar, Bars, Section, Table
from placet.reporting.period.counting import OPEN, Summary

_ORDER = (Status.APPROVED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.FAILED, OPEN)
_BY: dict[str, str] = {
    DecidedBy.RULE: "a rule",
    DecidedBy.TIMEOUT: "a deadline",
    DecidedBy.SYSTEM: "the system",
    DecidedBy.BREAK_GLASS: "breaking the glass",
}
_DAILY, _WEEKLY = 31, 190
"""Up to so many days requests are shown by day, and by week; else by month."""


def outcomes(summary: Summary) -> Section:
    """Return the section about how the requests ended."""
    counts = by_outcome(summary)
    bars = tuple(
        Bar(outcome.capitalize(), count, f"{count:,} ({share(count, summary.total)})")
        for outcome, count in counts.items()
    )
    table = Table(
        "By pipeline, outcome and what brought it about",
        ("Pipeline", "Outcome", "By", "Requests"),
        tuple((p, o, by_what(by) or "nobody yet", f"{n:,}") for p, o, by, n in summary.outcomes),
        (40, 35, 35, 25),
        frozenset({3}),
        empty="No request was submitted.",
    )
    if not summary.total:
        return Section("Outcomes", (table,))
    heads = ("Outcome", "Requests")
    over_time = Bars("When they were submitted", _over_time(summary), (_unit(summary), "Requests"))
    return Section("Outcomes", (Bars("How they ended", bars, heads), table, over_time))


def by_what(told: str) -> str:
    """Return what brought an outcome about, in words; one that is not known as it is."""
    return _BY.get(told, told)


def by_outcome(summary: Summary) -> dict[str, int]:
    """Return how many requests ended how, in the order in which reports tell it."""
    counts: Counter[str] = Counter()
    for _, outcome, _, count in summary.outcomes:
        counts[outcome] += count
    order = [*map(str, _ORDER), *sorted(set(counts) - set(_ORDER))]
    return {outcome: counts[outcome] for outcome in order if counts[outcome]}


def share(count: int, of: int) -> str:
    """Return a part of a whole in per cent."""
    return f"{100 * count / of:.1f} %" if of else "none"


def _unit(summary: Summary) -> str:
    days = (summary.period.last - summary.period.first).days + 1
    return "Day" if days <= _DAILY else "Week from" if days <= _WEEKLY else "Month"


def _over_time(summary: Summary) -> tuple[Bar, ...]:
    """Return a bar for each part of the period; those in a row in which nothing came share one."""
    unit, counts = _unit(summary), dict.fromkeys(_labels(summary), 0)
    for day, count in summary.days:
        counts[_label(day, unit)] += count
    bars: list[Bar] = []
    for count, run in groupby(counts, key=lambda label: counts[label]):
        labels = list(run)
        if count:
            bars += (Bar(label, count, f"{count:,}") for label in labels)
        else:
            several = len(labels) > 1
            bars.append(Bar(f"{labels[0]} to {labels[-1]}" if several else labels[0], 0, "0"))
    return tuple(bars)


def _labels(summary: Summary) -> list[str]:
    """Return a label for each part of the period, also for those in which nothing came."""
    first, last = summary.period.first, summary.period.last
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return list(dict.fromkeys(_label(day, _unit(summary)) for day in days))


def _label(day: date, unit: str) -> str:
    if unit == "Month":
        return f"{day:%Y-%m}"
    return str(day - timedelta(days=day.weekday()) if unit == "Week from" else day)
