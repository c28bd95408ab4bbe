"""Says what came of a verification: to people in sentences, to programs as one JSON object."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .bundle import STAMP, Bundle
from .findings import plural, shown
from .trust import Trust
from .verify import Report

_MICRO = 1_000_000
# So many of a code are told to people: one changed event lets every later checkpoint differ.
_TOLD = 5
_NEXT = (
    "  docs/findings.md says what each code means; begin with the first line, keep the bundle",
    "  as it is, and ask for another export before you accuse anybody",
)


def proved(report: Report) -> list[str]:
    """Say what a bundle without findings proves."""
    bundle, order, newest = report.bundle, report.order, report.newest
    if report.findings.counts or newest is None:
        return []
    told = []
    if bundle.request is not None:
        stands = "stands" if bundle.events == 1 else "stand"
        told.append(
            f"{plural(bundle.events, 'event')} of request {shown(bundle.request)} {stands} in the"
            f" log {bundle.log}, exactly like this"
        )
    else:
        told.append(
            f"{_positions(bundle)} all that the log {bundle.log} holds there, exactly like this"
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
        held = "first event" if report.held == 1 else f"first {report.held} events"
        told.append(f"nothing has changed in the {held} since the held note")
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
        yield plural(
            newest.others,
            "signature of the checkpoint is by a key that is not pinned",
            "signatures of the checkpoint are by keys that are not pinned",
        )
    for count, one, many in (
        (
            order.unsigned,
            "event is from before its writer signed",
            "events are from before their writers signed",
        ),
        (
            order.pruned,
            "body was pruned: only its header and digest are proved",
            "bodies were pruned: only their headers and digests are proved",
        ),
        (
            order.unopened,
            "sealed piece of personal data came without its key",
            "sealed pieces of personal data came without their key",
        ),
        (
            order.erased,
            "piece of personal data has been erased",
            "pieces of personal data have been erased",
        ),
        (
            report.unjudged,
            "story begins too early, or lacks bodies, to be judged by the rules",
            "stories begin too early, or lack bodies, to be judged by the rules",
        ),
        (
            order.ahead,
            "event says that it occurred after it was recorded: do not believe its timers",
            "events say that they occurred after they were recorded: do not believe their timers",
        ),
        (
            order.hidden,
            "signature of a person under a decision is sealed or erased",
            "signatures of people under decisions are sealed or erased",
        ),
    ):
        if count:
            yield plural(count, one, many)
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
        lines.append(f"NOT VERIFIED: {plural(total, 'finding')} in {plural(report.seen, 'event')}")
        lines += _NEXT
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


def _positions(bundle: Bundle) -> str:
    first, last = bundle.first, bundle.size - 1
    if bundle.events == 1:
        return f"1 event, position {first}, is"
    return f"{bundle.events} events, positions {first} to {last}, are"


def _utc(microseconds: int) -> str:
    try:
        told = datetime.fromtimestamp(microseconds // _MICRO, UTC)
    except (ValueError, OverflowError, OSError):
        return "no time"
    return f"{told:%Y-%m-%d %H:%M:%S} UTC"
