"""Writes a period's summary for programs: JSON, and CSV with a row for each figure."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from placet.reporting.period.counting import Summary

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEADS = ("figure", "pipeline", "of", "detail", "value")


def as_json(summary: Summary) -> bytes:
    """Return the summary as one JSON object, in ASCII; the same figures give the same bytes."""
    told = asdict(summary)
    return (json.dumps(told, sort_keys=True, indent=2, default=_plain) + "\n").encode()


def as_csv(summary: Summary) -> bytes:
    """Return the summary as CSV (RFC 4180): figure, pipeline, of what, in which detail, value.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADS)
    for row in _rows(summary):
        writer.writerow([_cell(each) for each in row])
    return out.getvalue().encode()


_Row = tuple[object, object, object, object, object]


def _rows(summary: Summary) -> Iterator[_Row]:
    yield "requests", "", "", "", summary.total
    yield "pruned", "", "", "", summary.pruned
    for pipeline, outcome, by, count in summary.outcomes:
        yield "outcome", pipeline, outcome, by, count
    yield from _exceptions(summary)
    yield from _reviewers(summary)
    yield from _lengths(summary)
    for day, count in summary.days:
        yield "submitted", "", day, "requests", count
    for why, count in summary.refusals:
        yield "refusal", "", why, "messages", count
    for who, count in summary.own:
        yield "own_request", "", who, "messages", count
    for drawn in summary.sample:
        yield "sample", drawn.pipeline, drawn.request, drawn.outcome, drawn.by


def _exceptions(summary: Summary) -> Iterator[_Row]:
    for each in summary.exceptions:
        yield "exception", "", each.what.name.lower(), "requests", each.requests
        yield "exception", "", each.what.name.lower(), "events", each.events


def _reviewers(summary: Summary) -> Iterator[_Row]:
    for each in summary.reviewers:
        for name in ("approved", "rejected", "changes_requested", "verified"):
            yield "reviewer", "", each.person, name, getattr(each, name)


def _lengths(summary: Summary) -> Iterator[_Row]:
    for pipeline, lengths in summary.decided:
        for name, value in asdict(lengths).items():
            yield "decided", pipeline, "", _seconds(name), value
    for pipeline, stage, lengths in summary.stages:
        for name, value in asdict(lengths).items():
            yield "stage", pipeline, stage, _seconds(name), value
    for name, count in summary.lengths:
        yield "decided_within", "", name, "requests", count


def _seconds(name: str) -> str:
    return name if name == "count" else f"{name}_seconds"


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _plain(value: Any) -> str:
    """Return a day or an instant as ISO 8601 writes it."""
    return str(value.isoformat())
