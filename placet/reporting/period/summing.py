"""Makes a document of a period's summary."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from placet.domain.vocabulary import Status
from placet.reporting.document import (
    Bar,
    Bars,
    Code,
    Document,
    Facts,
    Note,
    Paragraph,
    Section,
    Table,
    Value,
)
from placet.reporting.period.counting import OPEN, Exceptions, Summary
from placet.reporting.period.speed import Lengths
from placet.reporting.proof import Head

_ORDER = (Status.APPROVED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.FAILED, OPEN)
_DAILY, _WEEKLY = 31, 190
"""Up to so many days requests are shown by day, and by week; else by month."""


def summary_of(
    summary: Summary,
    *,
    as_of: datetime,
    names: Mapping[str, str] | None = None,
    head: Head | None = None,
) -> Document:
    """Return the report of a period.

    Args:
        summary: The figures.
        as_of: When the ledger's newest event was recorded.
        names: Each person's printed name by id.
        head: The newest checkpoint of the ledger.
    """
    period = summary.period
    about = f" of the pipeline {period.pipeline}" if period.pipeline else ""
    known = names or {}
    return Document(
        kind="Summary of a period",
        title=f"Requests{about} from {period.first} to {period.last}",
        running=f"{period.first} to {period.last}{about}",
        as_of=as_of,
        opening=(_headline(summary), _scope(summary, head)),
        sections=(
            _outcomes(summary),
            _exceptions(summary),
            _reviewers(summary, known),
            _speed(summary),
            _messages(summary, known),
            *([_sample(summary)] if summary.sample else []),
        ),
    )


def _headline(summary: Summary) -> Note:
    counts = _by_outcome(summary)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
    requests = f"{summary.total:,} request{'' if summary.total == 1 else 's'}"
    return Note(f"{requests} submitted", f"As they stand now: {told}." if told else "")


def _scope(summary: Summary, head: Head | None) -> Facts:
    period = summary.period
    oldest = summary.oldest_open
    counted = (
        f"requests submitted from {period.begins:%Y-%m-%d %H:%M} UTC until before "
        f"{period.ends:%Y-%m-%d %H:%M} UTC, with all that has come of them since"
    )
    rows: list[tuple[str, Value]] = [
        ("Counted", counted),
        ("Pipeline", period.pipeline or "all"),
        ("Oldest still open", f"submitted {oldest:%Y-%m-%d %H:%M} UTC" if oldest else "none"),
    ]
    if head is None:
        rows.append(("Sealed", "the ledger has no checkpoint yet: nothing outside vouches for it"))
    else:
        rows += [
            ("Newest checkpoint", f"{head.origin}, {head.size:,} leaves"),
            ("Its root", Code(head.root)),
        ]
    return Facts(tuple(rows))


def _by_outcome(summary: Summary) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for _, outcome, _, count in summary.outcomes:
        counts[outcome] += count
    order = [*map(str, _ORDER), *sorted(set(counts) - set(_ORDER))]
    return {outcome: counts[outcome] for outcome in order if counts[outcome]}


def _outcomes(summary: Summary) -> Section:
    counts = _by_outcome(summary)
    bars = tuple(
        Bar(outcome.capitalize(), count, f"{count:,} ({_share(count, summary.total)})")
        for outcome, count in counts.items()
    )
    table = Table(
        "By pipeline, outcome and what brought it about",
        ("Pipeline", "Outcome", "By", "Requests"),
        tuple((p, o, by or "nobody yet", f"{n:,}") for p, o, by, n in summary.outcomes),
        (40, 35, 35, 25),
        frozenset({3}),
        empty="No request was submitted.",
    )
    heads = ("Outcome", "Requests")
    over_time = Bars("When they were submitted", _over_time(summary), (_unit(summary), "Requests"))
    return Section("Outcomes", (Bars("How they ended", bars, heads), table, over_time))


def _unit(summary: Summary) -> str:
    days = (summary.period.last - summary.period.first).days + 1
    return "Day" if days <= _DAILY else "Week from" if days <= _WEEKLY else "Month"


def _over_time(summary: Summary) -> tuple[Bar, ...]:
    unit, counts = _unit(summary), dict.fromkeys(_labels(summary), 0)
    for day, count in summary.days:
        counts[_label(day, unit)] += count
    return tuple(Bar(label, count, f"{count:,}") for label, count in counts.items())


def _labels(summary: Summary) -> list[str]:
    """Return a label for each part of the period, also for those in which nothing came."""
    first, last = summary.period.first, summary.period.last
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return list(dict.fromkeys(_label(day, _unit(summary)) for day in days))


def _label(day: date, unit: str) -> str:
    if unit == "Month":
        return f"{day:%Y-%m}"
    return str(day - timedelta(days=day.weekday()) if unit == "Week from" else day)


def _exceptions(summary: Summary) -> Section:
    table = Table(
        "Each with how many requests it happened to, and how often",
        ("What", "Requests", "Share", "Times"),
        tuple(
            (
                each.what.value,
                f"{each.requests:,}",
                _share(each.requests, summary.total),
                f"{each.events:,}",
            )
            for each in summary.exceptions
        ),
        (75, 20, 20, 20),
        frozenset({1, 2, 3}),
    )
    which = Table(
        "Which requests",
        ("What", "Requests, in the order of their ids"),
        tuple((each.what.value, _named(each)) for each in summary.exceptions if each.named),
        (45, 90),
        empty="None was out of the rule.",
    )
    return Section("Overrides and exceptions", (table, which))


def _named(exceptions: Exceptions) -> str:
    more = exceptions.requests - len(exceptions.named)
    return ", ".join((*exceptions.named, *([f"and {more:,} more"] if more else [])))


def _reviewers(summary: Summary, names: Mapping[str, str]) -> Section:
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            _person(each.person, names),
            f"{each.approved:,}",
            f"{each.rejected:,}",
            f"{each.changes_requested:,}",
            _share(each.verified, each.approved + each.rejected + each.changes_requested),
        )
        for each in summary.reviewers
    )
    table = Table(
        "Verdicts by person",
        ("Who", "Approved", "Rejected", "Asked for changes", "Verified"),
        rows,
        (55, 20, 20, 22, 18),
        frozenset({1, 2, 3, 4}),
        empty="Nobody reviewed anything.",
    )
    return Section("Who decided", (table,))


def _person(person: str, names: Mapping[str, str]) -> str:
    name = names.get(person)
    return f"{name} ({person})" if name else person or "unknown"


def _speed(summary: Summary) -> Section:
    heads = ("Decided", "Half of them within", "90 % within", "Longest")
    pipelines = Table(
        "From submitted to decided",
        ("Pipeline", *heads),
        tuple((name, *_figures(each)) for name, each in summary.decided),
        (45, 20, 28, 22, 20),
        frozenset({1, 2, 3, 4}),
        empty="Nothing was decided.",
    )
    stages = Table(
        "From the opening of a stage to its decision",
        ("Pipeline", "Stage", *heads),
        tuple((pipeline, stage, *_figures(each)) for pipeline, stage, each in summary.stages),
        (28, 32, 18, 24, 18, 18),
        frozenset({2, 3, 4, 5}),
        empty="No stage was decided.",
    )
    bars = tuple(Bar(name, count, f"{count:,}") for name, count in summary.lengths)
    drawn = Bars("How long decisions took", bars, ("From submitted to decided", "Requests"))
    return Section("How fast", (drawn, pipelines, stages))


def _figures(lengths: Lengths) -> tuple[str, str, str, str]:
    return (
        f"{lengths.count:,}",
        span(lengths.median),
        span(lengths.ninetieth),
        span(lengths.longest),
    )


def _messages(summary: Summary, names: Mapping[str, str]) -> Section:
    refusals = Table(
        "Refused messages by reason",
        ("Reason", "Messages"),
        tuple((why.replace("_", " "), f"{count:,}") for why, count in summary.refusals),
        (100, 35),
        frozenset({1}),
        empty="No message was refused.",
    )
    own = Table(
        "Who tried to decide about their own request",
        ("Who", "Times"),
        tuple((_person(who, names), f"{count:,}") for who, count in summary.own),
        (100, 35),
        frozenset({1}),
        empty="Nobody did.",
    )
    return Section("Refused messages", (refusals, own))


def _sample(summary: Summary) -> Section:
    seed, size = summary.seed, len(summary.sample)
    about = (
        f"Drawn at random: the {size} requests of the period whose SHA-256 of “{seed}:”, the "
        "seed and a colon, followed by the request's id is smallest. Who knows the ids can draw "
        "them again; the seed is for whoever tests to choose."
    )
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            str(number),
            Code(each.request),
            each.pipeline,
            f"{each.submitted:%Y-%m-%d}",
            _ended(each.outcome, each.by),
        )
        for number, each in enumerate(summary.sample, start=1)
    )
    table = Table(
        f"Sample of {size} by seed {seed}",
        ("No.", "Request", "Pipeline", "Submitted", "Outcome"),
        rows,
        (9, 58, 24, 22, 32),
        frozenset({0}),
    )
    return Section("Sample for detailed testing", (Paragraph(about), table))


def _ended(outcome: str, by: str) -> str:
    return f"{outcome} by {by}" if by else outcome


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else "none"


def span(seconds: float) -> str:
    """Return a length in its two largest units, such as ``2 d 3 h`` or ``45 s``."""
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"
