"""Checks a bundle from end to end: each event in other processes, all together in this one."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .bundle import (
    CHECKPOINT,
    CHECKPOINTS,
    EVENTS,
    PERSONAL,
    STAMP,
    Bundle,
    check_files,
    lines,
    notes,
    open_bundle,
)
from .checkpoints import Cosigned, Timetable, read_note
from .events import Checked, check_events
from .findings import Code, DamagedError, Finding, Findings, UnusableError, plural, shown
from .lines import position_of
from .note import MAX_NOTE_BYTES
from .order import Order
from .proofs import Paths, WholeTree
from .rules.policies import Rulebook
from .rules.replay import Replay
from .trust import Trust

CHUNK = 256
"""Events that go to another process at once."""

AHEAD = 4
"""Chunks that are under way for each process: all that is ever in memory of a bundle."""

_MAX_STAMP = 64 * 1024

_CHUNK_BYTES = 4 << 20
"""So many bytes make a chunk too, however few events they are."""

_MAX_BYTES = 64 << 20
"""More than the personal data of one event can come to."""

Examined = tuple[list[Checked], list[Finding]]
Progress = Callable[[int, int], None]
Stamps = Callable[[bytes, bytes], datetime]


class Judge(Protocol):
    """Judges whether the events, one after the other, keep the rules that they tell of.

    Attributes:
        unjudged: Requests whose story is not all there, or older than what is judged.
    """

    unjudged: set[str]

    def see(  # noqa: PLR0913, PLR0917 - an event has that many sides
        self,
        position: int,
        stream: str,
        stream_seq: int,
        kind: str,
        occurred: int,
        body: dict[str, Any] | None,
    ) -> Iterator[Finding]:
        """Yield what is wrong with the next event; the body is None when it is not there."""
        ...

    def finish(self) -> Iterator[Finding]:
        """Yield what only the end can tell."""
        ...


def _replay(since: int, _: Bundle) -> Judge:
    return Replay(since)


MakeJudge = Callable[[int, Bundle], Judge]

JUDGES: tuple[MakeJudge, ...] = (_replay, Rulebook)
"""Who else looks at every event, in its order; each is told from which position on to judge."""


class Report(NamedTuple):
    """What came of a verification.

    Attributes:
        bundle: What was verified.
        findings: What is wrong.
        newest: The newest checkpoint; None when its note proves nothing.
        order: What was counted.
        seen: How many events could be read.
        held: The size of the tree in the note that the auditor held; None without one.
        unjudged: How many requests' stories could not be judged.
        stamped: What the newest checkpoint's time-stamp says; None when nobody looked, or it is
            false.
    """

    bundle: Bundle
    findings: Findings
    newest: Cosigned | None
    order: Order
    seen: int
    held: int | None
    unjudged: int
    stamped: datetime | None = None


def verify(  # noqa: PLR0913 - what is to be verified, by what, and how
    path: Path,
    trust: Trust,
    held: str | None = None,
    *,
    progress: Progress | None = None,
    judges: Iterable[MakeJudge] | None = None,
    processes: int | None = None,
    stamps: Stamps | None = None,
) -> Report:
    """Verify a bundle.

    Args:
        path: The bundle's directory.
        trust: What the auditor has pinned.
        held: A note that the auditor kept from an earlier time; the bundle must extend its tree.
        progress: Is told now and then how many events of how many are done.
        judges: Who else looks at every event, in its order; :data:`JUDGES` by default.
        processes: How many look at events at once; as many as there are processors by default.
        stamps: Returns when a stamp was made for exactly a text, or raises ValueError; without it
            time-stamps are not looked at, as reading them takes more than this program has.

    Raises:
        UnusableError: It is no bundle, or the held note is none of this log.
    """
    bundle, findings, timetable = open_bundle(path), Findings(), Timetable()
    kept = None if held is None else _held(held, trust)
    findings.add(check_files(bundle))
    newest = _checkpoints(bundle, trust, timetable, findings)
    findings.add(_differences(bundle, trust, newest))
    order = Order(bundle, timetable.known)
    proof: Paths | WholeTree
    if bundle.request is None:
        proof = WholeTree(bundle, timetable, order, kept.checkpoint if kept else None)
    else:
        proof = Paths(bundle, timetable, order, kept.checkpoint if kept else None, newest)
    # Events from before signing was turned on did not tell the rules either.
    making = JUDGES if judges is None else judges
    sitting = [make(trust.unsigned_before, bundle) for make in making]
    seen = 0
    for checked, found in _examine(bundle, trust, processes or os.cpu_count() or 1):
        findings.add(found)
        for one in checked:
            findings.add(proof.before(one.position))
            findings.add(order.see(one))
            findings.add(proof.add(one))
            event, body = one.event, one.body
            story = (one.position, event.stream, event.stream_seq, event.kind, event.occurred)
            for judge in sitting:
                findings.add(judge.see(*story, body))
        seen += len(checked)
        if progress is not None:
            progress(seen, bundle.events)
    findings.add(proof.finish(newest))
    findings.add(order.finish())
    for judge in sitting:
        findings.add(judge.finish())
    if seen != bundle.events:
        told = f"it should hold {plural(bundle.events, 'event')}, {seen} can be read"
        findings.add([Finding(Code.BUNDLE_DIFFERS, EVENTS, told)])
    stamped = _stamped(bundle, newest, stamps, findings) if stamps else None
    unjudged = len(set[str]().union(*(judge.unjudged for judge in sitting)))
    size = kept.checkpoint.size if kept else None
    return Report(bundle, findings, newest, order, seen, size, unjudged, stamped)


def _stamped(
    bundle: Bundle, newest: Cosigned | None, stamps: Stamps, findings: Findings
) -> datetime | None:
    """Return when the newest checkpoint was stamped."""
    if newest is None or STAMP not in bundle.files:
        return None
    with bundle.open(STAMP) as stream:
        stamp = stream.read(_MAX_STAMP)
    try:
        return stamps(stamp, newest.checkpoint.text.encode())
    except ValueError as error:
        findings.add([Finding(Code.STAMP_FALSE, STAMP, shown(error))])
        return None


def _held(text: str, trust: Trust) -> Cosigned:
    wrong = Findings()
    held = read_note(text, trust, "held note", wrong)
    if held is None or wrong.first:
        raise UnusableError(
            f"the held note proves nothing: {wrong.first[0].sentence}; name the file `checkpoint`"
            " that you kept from an earlier bundle"
        )
    return held


def _checkpoints(
    bundle: Bundle, trust: Trust, timetable: Timetable, findings: Findings
) -> Cosigned | None:
    """Read all notes, and return the newest."""
    with bundle.open(CHECKPOINTS) as stream:
        for number, text in enumerate(notes(stream), 1):
            place = f"checkpoints, note {number}"
            older = read_note(text, trust, place, findings)
            if older is not None:
                findings.add(timetable.plan(older, place))
    with bundle.open(CHECKPOINT) as stream:
        raw = stream.read(MAX_NOTE_BYTES + 1)
    if len(raw) > MAX_NOTE_BYTES:
        raise DamagedError(f"{CHECKPOINT} has more than {MAX_NOTE_BYTES} bytes")
    try:
        text = raw.decode()
    except ValueError:
        raise DamagedError(f"{CHECKPOINT} is not UTF-8") from None
    newest = read_note(text, trust, CHECKPOINT, findings)
    if newest is not None:
        findings.add(timetable.plan(newest, CHECKPOINT))
        if len(newest.witnesses) < trust.quorum:
            told = f"{len(newest.witnesses)} pinned witnesses cosigned it, not {trust.quorum}"
            findings.add([Finding(Code.WITNESS_MISSING, CHECKPOINT, told)])
    return newest


def _differences(bundle: Bundle, trust: Trust, newest: Cosigned | None) -> Iterator[Finding]:
    """Compare what the bundle says of itself with what it is."""
    told = []
    if bundle.log != trust.origin:
        told.append(f"it is of another log than {trust.origin}")
    if newest is not None and newest.checkpoint.size != bundle.size:
        told.append(f"its checkpoint has a tree of {newest.checkpoint.size}, not {bundle.size}")
    if bundle.request is None and bundle.first + bundle.events != bundle.size:
        told.append(
            f"{plural(bundle.events, 'event')} from {bundle.first} on cannot end at {bundle.size}"
        )
    if bundle.request is not None and bundle.first:
        told.append("the events of a request do not begin at a position")
    for each in told:
        yield Finding(Code.BUNDLE_DIFFERS, "bundle.json", each)


def _examine(bundle: Bundle, trust: Trust, processes: int) -> Iterator[Examined]:
    """Have all events looked at, chunk by chunk, in their order."""
    with ExitStack() as stack:
        chunks = chunks_of(bundle, stack)
        if processes == 1 or bundle.events <= CHUNK:
            for at, events, personal in chunks:
                yield check_events(events, personal, trust, at)
            return
        pool = stack.enter_context(ProcessPoolExecutor(processes))
        under_way: deque[Future[Examined]] = deque()
        for at, events, personal in chunks:
            under_way.append(pool.submit(check_events, events, personal, trust, at))
            if len(under_way) >= AHEAD * processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def chunks_of(bundle: Bundle, stack: ExitStack) -> Iterator[tuple[int, list[bytes], list[bytes]]]:
    """Yield the number of a chunk's first line, its events, and their personal data."""
    events = lines(stack.enter_context(bundle.open(EVENTS)))
    personal = lines(stack.enter_context(bundle.open(PERSONAL)))
    row, at, size = next(personal, None), 0, 0
    chunk: list[bytes] = []
    rows: list[bytes] = []
    for line in events:
        chunk.append(line)
        size += len(line)
        last = position_of(line)
        while row is not None and position_of(row) <= last and size < _MAX_BYTES:
            rows.append(row)
            size += len(row)
            row = next(personal, None)
        if len(chunk) == CHUNK or size >= _CHUNK_BYTES:
            yield at, chunk, rows
            at += len(chunk)
            chunk, rows, size = [], [], 0
    if chunk:
        yield at, chunk, rows
    if row is not None:
        # What lies behind the last event belongs to none; the first of it is enough to say so.
        yield at + len(chunk), [], [row]
