"""Says what came of a verification: to people in sentences, to programs as one JSON object."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .bundle import STAMP
from .findings import shown
from .trust import Trust
from .verify import Report

_MICRO = 1_000_000
# So many of a code are told to people: one changed event lets every later checkpoint differ.
_TOLD = 5


def proved(report: Report) -> list[str]:
    """Say what a bundle without findings proves."""
    bundle, order, newest = report.bundle, report.order, report.newest
    if report.findings.counts or newest is None:
        return []
    told = []
    if bundle.request is not None:
        told.append(
            f"{bundle.events} events of request {shown(bundle.request)} stand in the log"
            f" {bundle.log}, exactly like this"
        )
    else:
        told.append(
            f"{bundle.events} events, positions {bundle.first} to {bundle.size - 1}, are all that"
            f" the log {bundle.log} holds there, exactly like this"
        )
    if order.first is not None and order.last is not None:
        told.append(f"recorded from {_utc(order.first)} to {_utc(order.last)}")
    told.append(f"the tree of {bundle.size} has the root {newest.checkpoint.root.hex()}")
    told.extend(
        f"the witness {name} had seen this tree at {_utc(time * _MICRO)}"
        for name, time in newest.witnesses.items()
    )
    if report.stamped is not None:
        told.append(f"a time-stamp authority had seen it at {report.stamped:%Y-%m-%d %H:%M:%S} UTC")
    if report.held is not None:
        told.append(f"nothing has changed in the first {report.held} events since the held note")
    return told


def unproved(report: Report, trust: Trust) -> list[str]:
    """Say what a bundle does not prove, even without findings."""
    return list(_unproved(report, trust))


def _unproved(report: Report, trust: Trust) -> Iterator[str]:
    bundle, order, newest = report.bundle, report.order, report.newest
    if not trust.quorum:
        yield "no witness is demanded: whoever holds the log's key could have written it all anew"
    if report.held is None:
        yield "no held note was given: that an earlier state has not been taken back is not proved"
    if bundle.request is not None:
        yield "a single request's bundle does not prove that later events of it are not left out"
        yield "that older checkpoints belong to the same tree rests on the log's key alone"
    if bundle.first:
        yield f"the events before position {bundle.first} were not looked at"
    if newest is not None and newest.others:
        yield f"{newest.others} signatures of the checkpoint are by keys that are not pinned"
    for count, told in (
        (order.unsigned, "events are from before their writers signed"),
        (order.pruned, "bodies were pruned: only their headers and digests are proved"),
        (order.unopened, "sealed pieces of personal data came without their key"),
        (order.erased, "pieces of personal data have been erased"),
        (report.unjudged, "stories begin too early, or lack bodies, to be judged by the rules"),
        (order.hidden, "signatures of people under decisions are sealed or erased"),
    ):
        if count:
            yield f"{count} {told}"
    if STAMP in bundle.files and report.stamped is None:
        yield "the time stamp in stamp.tsr was not looked at"
    yield "that an event was never recorded at all cannot be seen here"


def as_text(report: Report, trust: Trust) -> str:
    """Write the result for people."""
    findings = report.findings
    said: Counter[str] = Counter()
    lines = []
    for each in findings.first:
        said[each.code] += 1
        if said[each.code] <= _TOLD:
            lines.append(str(each))
    lines += [
        f"{code}: {count - _TOLD} more; --json lists the first {findings.KEPT}"
        for code, count in findings.counts.items()
        if count > _TOLD
    ]
    total = findings.counts.total()
    lines.append("" if total else "VERIFIED")
    if total:
        lines.append(f"NOT VERIFIED: {total} findings in {report.seen} events")
    lines += [f"  {each}" for each in proved(report)]
    lines.append("Not proved:")
    lines += [f"  {each}" for each in unproved(report, trust)]
    return "\n".join(lines).lstrip("\n") + "\n"


def as_json(report: Report, trust: Trust) -> dict[str, Any]:
    """Return the result for programs."""
    bundle, newest = report.bundle, report.newest
    return {
        "verified": not report.findings.counts,
        "log": bundle.log,
        "request": bundle.request,
        "from": bundle.first,
        "size": bundle.size,
        "events": report.seen,
        "root": newest.checkpoint.root.hex() if newest else None,
        "witnesses": newest.witnesses if newest else {},
        "held": report.held,
        "counts": dict(report.findings.counts),
        "findings": [each._asdict() for each in report.findings.first],
        "proved": proved(report),
        "not_proved": unproved(report, trust),
    }


def _utc(microseconds: int) -> str:
    try:
        told = datetime.fromtimestamp(microseconds // _MICRO, UTC)
    except (ValueError, OverflowError, OSError):
        return "no time"
    return f"{told:%Y-%m-%d %H:%M:%S} UTC"
