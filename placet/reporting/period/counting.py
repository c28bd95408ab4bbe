"""Counts a period's requests, one after the other, in memory that does not grow with their texts.

It keeps counts, eight bytes for each length of time, the ids of a few exceptions, and the sample.
"""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from placet.domain.plan import Assurance
from placet.domain.vocabulary import Kind, Refusal
from placet.reporting.period.exceptions import Exceptional, exceptions_of
from placet.reporting.period.facts import Happening, Period, RequestFacts
from placet.reporting.period.speed import Lengths, Stopwatch

NAMED = 20
"""How many requests an exception names; the rest is counted."""

OPEN = "open"
_VERDICTS = {Kind.APPROVED, Kind.REJECTED, Kind.CHANGES_REQUESTED}
_LEFT = {Kind.RESUBMITTED, Kind.EDITED}


@dataclass(frozen=True)
class Exceptions:
    """How often something was out of the rule: requests, events, and the first requests' ids."""

    what: Exceptional
    requests: int
    events: int
    named: tuple[str, ...]


@dataclass(frozen=True)
class Reviewer:
    """What one person decided: how many of each verdict, and how many of them were verified."""

    person: str
    approved: int
    rejected: int
    changes_requested: int
    verified: int


@dataclass(frozen=True)
class Sampled:
    """A request drawn for detailed testing."""

    request: str
    pipeline: str
    submitted: datetime
    outcome: str
    by: str


@dataclass(frozen=True)
class Summary:
    """A period in figures.

    Attributes:
        period: Which.
        total: How many requests were submitted in it.
        pruned: Of how many of them bodies were pruned: only their outcomes are counted.
        outcomes: Pipeline, outcome (``open`` while there is none) and what brought it about, with
            how many requests.
        reviewers: The most active first.
        decided: From submitted to decided, by pipeline.
        stages: From opened to decided, by pipeline and stage.
        lengths: How many requests were decided within which time.
        days: How many requests were submitted on each day.
        exceptions: Every way of being out of the rule, also those that never happened.
        refusals: Why messages were refused, with how many.
        own: Who tried to decide about their own request, with how often.
        oldest_open: When the oldest request was submitted that is still open.
        sample: Drawn by ``seed``.
        seed: As it was given.
    """

    period: Period
    total: int
    pruned: int
    outcomes: tuple[tuple[str, str, str, int], ...]
    reviewers: tuple[Reviewer, ...]
    decided: tuple[tuple[str, Lengths], ...]
    stages: tuple[tuple[str, str, Lengths], ...]
    lengths: tuple[tuple[str, int], ...]
    days: tuple[tuple[date, int], ...]
    exceptions: tuple[Exceptions, ...]
    refusals: tuple[tuple[str, int], ...]
    own: tuple[tuple[str, int], ...]
    oldest_open: datetime | None
    sample: tuple[Sampled, ...]
    seed: int


class Counting:
    """A summary in the making."""

    def __init__(self, period: Period, *, sample: int = 0, seed: int = 0) -> None:
        """Begin to count a period; ``sample`` requests are drawn, the same for the same seed."""
        self._period, self._size, self._seed = period, sample, seed
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._verdicts: dict[str, Counter[str]] = defaultdict(Counter)
        self._decided: dict[str, Stopwatch] = defaultdict(Stopwatch)
        self._all = Stopwatch()
        self._stages: dict[tuple[str, str], Stopwatch] = defaultdict(Stopwatch)
        self._days: Counter[date] = Counter()
        self._exceptions: dict[Exceptional, Counter[str]] = {
            each: Counter() for each in Exceptional
        }
        self._named: dict[Exceptional, list[str]] = {each: [] for each in Exceptional}
        self._refusals: Counter[str] = Counter()
        self._own: Counter[str] = Counter()
        self._oldest: datetime | None = None
        self._pruned = 0
        self._drawn: list[tuple[int, str, Sampled]] = []

    def add(self, request: RequestFacts) -> None:
        """Count one request."""
        outcome = request.outcome or OPEN
        self._outcomes[request.pipeline, outcome, request.by] += 1
        self._days[request.submitted.date()] += 1
        self._pruned += request.pruned
        if not request.outcome and (self._oldest is None or request.submitted < self._oldest):
            self._oldest = request.submitted
        if not request.pruned:
            self._look(request)
        self._draw(request, outcome)

    def _look(self, request: RequestFacts) -> None:
        for what, count in exceptions_of(request):
            self._exceptions[what].update(requests=1, events=count)
            if len(self._named[what]) < NAMED:
                self._named[what].append(request.request)
        self._time(request)
        for event in request.events:
            self._listen(event)

    def summary(self) -> Summary:
        """Return all that was counted."""
        return Summary(
            period=self._period,
            total=self._outcomes.total(),
            pruned=self._pruned,
            outcomes=tuple((*key, count) for key, count in sorted(self._outcomes.items())),
            reviewers=tuple(_reviewers(self._verdicts)),
            decided=tuple((name, each.figures()) for name, each in sorted(self._decided.items())),
            stages=tuple((*key, each.figures()) for key, each in sorted(self._stages.items())),
            lengths=tuple(self._all.buckets()),
            days=tuple(sorted(self._days.items())),
            exceptions=tuple(
                Exceptions(what, count["requests"], count["events"], tuple(self._named[what]))
                for what, count in self._exceptions.items()
            ),
            refusals=_most_first(self._refusals),
            own=_most_first(self._own),
            oldest_open=self._oldest,
            sample=tuple(each for _, _, each in sorted(self._drawn, key=lambda drawn: drawn[1])),
            seed=self._seed,
        )

    def _time(self, request: RequestFacts) -> None:
        opened: dict[str, datetime] = {}
        for event in request.events:
            if event.kind == Kind.STAGE_OPENED:
                opened = {event.stage: event.at}
            elif event.kind in _LEFT:
                opened = {}
            elif event.kind in {Kind.STAGE_PASSED, Kind.DECIDED}:
                for stage, since in opened.items():
                    self._stages[request.pipeline, stage].add(event.at - since)
                opened = {}
            if event.kind == Kind.DECIDED:
                self._decided[request.pipeline].add(event.at - request.submitted)
                self._all.add(event.at - request.submitted)

    def _listen(self, event: Happening) -> None:
        if event.kind in _VERDICTS:
            verified = event.assurance == Assurance.VERIFIED
            self._verdicts[event.actor].update([event.kind, *["verified"] * verified])
        elif event.kind == Kind.REFUSED:
            self._refusals[event.detail or "not said"] += 1
            if event.detail == Refusal.OWN_REQUEST:
                self._own[event.actor] += 1

    def _draw(self, request: RequestFacts, outcome: str) -> None:
        """Keep the requests whose rank is lowest: a fair draw that can be repeated."""
        rank = drawn_rank(self._seed, request.request)
        told = Sampled(request.request, request.pipeline, request.submitted, outcome, request.by)
        entry = (-rank, request.request, told)
        if len(self._drawn) < self._size:
            heapq.heappush(self._drawn, entry)
        elif self._drawn and entry > self._drawn[0]:
            heapq.heapreplace(self._drawn, entry)


def drawn_rank(seed: int, request: str) -> int:
    """Return where a request stands in the draw: SHA-256 of ``seed:request``, as a number."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{request}".encode()).digest())


def counted(
    requests: Iterable[RequestFacts], period: Period, *, sample: int = 0, seed: int = 0
) -> Summary:
    """Return the summary of requests."""
    counting = Counting(period, sample=sample, seed=seed)
    for request in requests:
        counting.add(request)
    return counting.summary()


def _reviewers(verdicts: dict[str, Counter[str]]) -> list[Reviewer]:
    found = [
        Reviewer(
            person,
            count[Kind.APPROVED],
            count[Kind.REJECTED],
            count[Kind.CHANGES_REQUESTED],
            count["verified"],
        )
        for person, count in verdicts.items()
    ]
    return sorted(
        found,
        key=lambda each: (-(each.approved + each.rejected + each.changes_requested), each.person),
    )


def _most_first(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counter.items(), key=lambda each: (-each[1], each[0])))
