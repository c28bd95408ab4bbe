"""Makes a document of a period's summary."""

from collections.abc import Mapping
from datetime import datetime

from placet.domain.plurals import plural
from placet.reporting.document import (
    Bar,
    Bars,
    Block,
    Code,
    Document,
    Facts,
    Note,
    Paragraph,
    Section,
    Table,
    Value,
)
from placet.reporting.period.counting import Exceptions, Summary
from placet.reporting.period.outcomes import by_outcome, by_what, outcomes, share
from placet.reporting.period.speed import Lengths
from placet.reporting.proof import Head


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
            outcomes(summary),
            _exceptions(summary),
            _reviewers(summary, known),
            _speed(summary),
            _messages(summary, known),
            *([_sample(summary)] if summary.sample else []),
        ),
    )


def _headline(summary: Summary) -> Note:
    counts = by_outcome(summary)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
    title = f"{plural(summary.total, 'request')} submitted"
    return Note(title, f"As they stand now: {told}." if told else "")


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
    if summary.pruned:
        told = (
            f"of {plural(summary.pruned, 'request')} nobody can read all events any more: outcomes "
            "are counted, and no verdicts, exceptions, times or messages"
        )
        rows.append(("Pruned", told))
    if head is None:
        rows.append(("Sealed", "the ledger has no checkpoint yet: nothing outside vouches for it"))
    else:
        rows += [
            ("Newest checkpoint", f"{head.origin}, {plural(head.size, 'leaf', 'leaves')}"),
            ("Its root", Code(head.root)),
        ]
    return Facts(tuple(rows))


def _exceptions(summary: Summary) -> Section:
    never = [each.what.value for each in summary.exceptions if not each.requests]
    table = Table(
        "What happened, to how many requests, and how often",
        ("What", "Requests", "Share", "Times"),
        tuple(
            (
                each.what.value,
                f"{each.requests:,}",
                share(each.requests, summary.total),
                f"{each.events:,}",
            )
            for each in summary.exceptions
            if each.requests
        ),
        (75, 20, 20, 20),
        frozenset({1, 2, 3}),
        empty="No request was out of the rule.",
    )
    blocks: list[Block] = [table]
    if any(each.named for each in summary.exceptions):
        blocks.append(
            Table(
                "Which requests",
                ("What", "Requests, in the order of their ids"),
                tuple((each.what.value, _named(each)) for each in summary.exceptions if each.named),
                (60, 75),
            )
        )
    if summary.total and never:
        blocks.append(Paragraph(f"Looked for, and found in no request: {'; '.join(never)}."))
    return Section("Overrides and exceptions", tuple(blocks))


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
            share(each.verified, each.approved + each.rejected + each.changes_requested),
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
    if not summary.decided:
        return Section("How fast", (pipelines,))
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
        f"Drawn at random: the {plural(size, 'request')} of the period whose SHA-256 of “{seed}:”, "
        "the seed and a colon, followed by the request's id is smallest. Who knows the ids can "
        "draw them again; the seed is for whoever tests to choose."
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
        (9, 50, 24, 24, 38),
        frozenset({0}),
    )
    return Section("Sample for detailed testing", (Paragraph(about), table))


def _ended(outcome: str, by: str) -> str:
    return f"{outcome} by {by_what(by)}" if by else outcome


def span(seconds: float) -> str:
    """Return a length in its two largest units, such as ``2 d 3 h`` or ``45 s``."""
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"
