"""What can only be judged of events together: their order, their times, and what they lack."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .bundle import Bundle
from .events import Checked
from .findings import Code, Finding, plural, shown

ALLOWANCE = 5 * 60
"""Seconds by which clocks of the database and of witnesses may differ, or a transaction last."""

ERASED = "system:subject:erased"
PRUNED = "system:partition:pruned"

KEPT = {
    ERASED,
    PRUNED,
    "person:hold:placed",
    "person:hold:released",
    "person:loss:accepted",
}
"""What keeps its body when it is pruned: the proof of others stands on it."""

_MICRO = 1_000_000
_NAMED = 80


class Order:
    """Sees every event of a bundle once, in its order.

    Attributes:
        policies: Digests of the policies that events name.
        first: When the first event was recorded, in microseconds since 1970; None without any.
        last: The same of the last one.
        pruned: How many events have lost their bodies.
        unsigned: How many events nobody signed.
        unopened: How many ciphertexts came without their key.
        erased: How many ciphertexts are gone.
        hidden: How many signatures of people are sealed or gone.
        ahead: How many events say that they occurred later than they were recorded.
    """

    def __init__(self, bundle: Bundle, roots: Mapping[int, bytes]) -> None:
        """Judge by the roots of all known checkpoints, by their sizes."""
        self.policies: set[str] = set()
        self.first: int | None = None
        self.last: int | None = None
        self.pruned = self.unsigned = self.unopened = self.erased = self.hidden = self.ahead = 0
        self._bundle = bundle
        self._roots = roots
        self._next = bundle.first
        self._ids, self._seqs = _Unique(), _Unique()
        self._streams: dict[str, int] = {}
        self._latest = self._latest_since_witness = (-(2**63), 0)
        self._lacking: dict[bytes, int] = {}
        self._bare: list[tuple[int, int]] = []
        self._whole = array("q")
        self._gone: set[bytes] = set()
        self._tombstones: list[tuple[int, int]] = []

    def see(self, one: Checked) -> Iterator[Finding]:
        """Judge the next event."""
        place = f"position {one.position}"
        event = one.event
        if self._bundle.request is None:
            if one.position != self._next:
                told = f"position {self._next} should come here"
                yield Finding(Code.POSITION_GAP, place, told)
            self._next = one.position + 1
        else:
            if one.position < self._next:
                yield Finding(Code.POSITION_GAP, place, "it stands behind a later position")
            self._next = one.position + 1
            if event.stream != self._bundle.request and event.kind not in {ERASED, PRUNED}:
                yield Finding(Code.OTHER_REQUEST, place, "it is of another request")
        self._ids.add(event.event_id)
        self._seqs.add(event.seq.to_bytes(8, "big"))
        yield from self._stream(one, place)
        yield from self._anchor(one, place)
        yield from self._time(one, place)
        self._body(one)

    def witnessed(self, time: int, place: str) -> Iterator[Finding]:
        """Judge the events since the last witness by the time at which one saw them."""
        recorded, position = self._latest_since_witness
        if recorded > (time + ALLOWANCE) * _MICRO:
            told = f"it was recorded later than a witness cosigned {place}, which holds it"
            yield Finding(Code.TIME_AFTER_WITNESS, f"position {position}", told)
        self._latest_since_witness = (-(2**63), 0)

    def finish(self) -> Iterator[Finding]:
        """Judge what only the end can tell."""
        named = {f"policies/{digest}.json" for digest in self.policies}
        there = {name for name in self._bundle.files if name.startswith("policies/")}
        for name in sorted(named - there):
            yield Finding(Code.POLICY_MISSING, shown(name), "an event names this policy")
        for name in sorted(there - named):
            yield Finding(Code.FILE_UNEXPECTED, shown(name), "no event names this policy")
        for code, unique in ((Code.EVENT_ID_REPEATED, self._ids), (Code.SEQ_REPEATED, self._seqs)):
            for each in unique.repeated():
                told = "two events have it: an event was copied, or an id used again"
                yield Finding(code, each.hex(), told)
        for digest, position in self._lacking.items():
            if digest in self._gone:
                self.erased += 1
                continue
            told = f"the ciphertext {digest.hex()} is gone, and no event says that it was erased"
            yield Finding(Code.PERSONAL_MISSING, f"position {position}", told)
        covered = _Ranges(self._tombstones)
        # Bodies go with their partition: whoever takes some of them away chooses what to hide.
        kept = {place for seq in self._whole if (place := covered.place_of(seq)) is not None}
        for seq, position in self._bare:
            place = covered.place_of(seq)
            if place is None or place in kept:
                told = "its body is gone, and no event says that it was pruned"
                if place is not None:
                    told = "its body is gone, and others are there that were to be pruned with it"
                yield Finding(Code.BODY_MISSING, f"position {position}", told)

    def _stream(self, one: Checked, place: str) -> Iterator[Finding]:
        stream, number = one.event.stream, one.event.stream_seq
        before = self._streams.get(stream)
        self._streams[stream] = number
        # In a part of the ledger nobody knows what stood before the first event of a stream.
        part = self._bundle.first > 0 or self._bundle.request not in {None, stream}
        if before is None and part:
            return
        expected = (before or 0) + 1
        if number != expected:
            told = f"it is number {number} of {shown(stream)}, where {expected} should come"
            yield Finding(Code.STREAM_GAP, place, told)

    def _anchor(self, one: Checked, place: str) -> Iterator[Finding]:
        anchor = one.event.anchor
        if not anchor:
            return
        size, root = int.from_bytes(anchor[:8], "big"), anchor[8:]
        if size > one.position:
            told = f"its writer claims to have seen a tree of {size}, which would hold the event"
            yield Finding(Code.ANCHOR_LATER, place, told)
        elif self._roots.get(size) != root:
            tree = f"a tree of {plural(size, 'leaf', 'leaves')}"
            told = f"its writer saw {tree} that no checkpoint of the log has"
            yield Finding(Code.ANCHOR_UNKNOWN, place, told)

    def _time(self, one: Checked, place: str) -> Iterator[Finding]:
        """Hold the recorded time to the events before: it may hardly go back.

        An event cannot be older than the anchor its writer signed, nor therefore than what the
        anchor's tree holds; these events all stand before it.
        """
        recorded = one.event.recorded
        self.ahead += one.event.occurred > recorded + ALLOWANCE * _MICRO
        self.first, self.last = (recorded if self.first is None else self.first), recorded
        latest, at = self._latest
        if recorded < latest - ALLOWANCE * _MICRO:
            early = plural((latest - recorded) // _MICRO, "second")
            told = f"it was recorded {early} before position {at}"
            yield Finding(Code.TIME_BACKWARDS, place, told)
        self._latest = max(self._latest, (recorded, one.position))
        self._latest_since_witness = max(self._latest_since_witness, (recorded, one.position))

    def _body(self, one: Checked) -> None:
        self.unsigned += not one.event.signature
        self.unopened += one.unopened
        self.hidden += one.hidden
        for digest in one.lacking:
            self._lacking.setdefault(bytes.fromhex(digest), one.position)
        if one.pruned:
            self.pruned += 1
            self._bare.append((one.event.seq, one.position))
        elif one.event.kind not in KEPT:
            self._whole.append(one.event.seq)
        if one.body is None:
            return
        policy, data = one.body.get("policy"), one.body.get("data")
        if isinstance(policy, dict):
            # What is longer than a digest names no policy, and is not worth the memory.
            self.policies.add(str(policy.get("digest"))[:_NAMED])
        if one.event.kind == ERASED and isinstance(data, dict):
            self._gone.update(_digests(data.get("digests")))
        if one.event.kind == PRUNED and isinstance(data, dict):
            first, last = data.get("from_seq"), data.get("to_seq")
            # A partition is pruned when it is full: a tombstone covers what stands before it.
            if isinstance(first, int) and isinstance(last, int) and last < one.event.seq:
                self._tombstones.append((first, last))


def _digests(value: Any) -> Iterator[bytes]:
    for each in value if isinstance(value, list) else ():
        try:
            yield bytes.fromhex(each)
        except (TypeError, ValueError):
            continue


class _Ranges:
    """Numbers from a first to a last, of many ranges that may overlap."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(ranges):
            if self._lasts and first <= self._lasts[-1]:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def place_of(self, number: int) -> int | None:
        """Return which of the ranges, joined where they overlap, holds a number."""
        place = bisect_right(self._firsts, number) - 1
        return place if place >= 0 and number <= self._lasts[place] else None


class _Unique:
    """Remembers sixteen bytes of each of millions of ids, and finds those that came twice."""

    _BYTES = 16

    def __init__(self) -> None:
        self._buckets = [bytearray() for _ in range(256)]

    def add(self, name: bytes) -> None:
        self._buckets[name[-1]] += name[: self._BYTES].rjust(self._BYTES, b"\x00")

    def repeated(self) -> Iterator[bytes]:
        for bucket in filter(None, self._buckets):
            starts = range(0, len(bucket), self._BYTES)
            names = [bytes(bucket[at : at + self._BYTES]) for at in starts]
            if len(set(names)) != len(names):
                yield from (name for name, times in Counter(names).items() if times > 1)
