"""How long things took: exact figures of many lengths, in eight bytes for each."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

_HOUR = 3600.0
BUCKETS: tuple[tuple[str, float], ...] = (
    ("under 1 hour", _HOUR),
    ("1 to 4 hours", 4 * _HOUR),
    ("4 to 24 hours", 24 * _HOUR),
    ("1 to 3 days", 72 * _HOUR),
    ("3 to 7 days", 168 * _HOUR),
    ("7 days and more", math.inf),
)
"""Names of ranges of lengths with the end of each, in seconds, which is not in it."""


@dataclass(frozen=True)
class Lengths:
    """Figures of lengths in seconds; half of them are at most ``median``, 90 % ``ninetieth``."""

    count: int
    median: float
    ninetieth: float
    longest: float


@dataclass
class Stopwatch:
    """Collects lengths."""

    seconds: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, length: timedelta) -> None:
        """Take one more; a negative one, from clocks that disagree, counts as none."""
        self.seconds.append(max(0.0, length.total_seconds()))

    def figures(self) -> Lengths:
        """Return the figures of at least one length, by nearest rank."""
        ordered = sorted(self.seconds)
        return Lengths(len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.9), ordered[-1])

    def buckets(self) -> list[tuple[str, int]]:
        """Return how many lengths fall into each range."""
        counts = [0] * len(BUCKETS)
        for seconds in self.seconds:
            counts[next(n for n, (_, end) in enumerate(BUCKETS) if seconds < end)] += 1
        return [(name, count) for (name, _), count in zip(BUCKETS, counts, strict=True)]


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
