"""How many rows to touch in one statement, so that none takes long."""

from dataclasses import dataclass

TARGET_SECONDS = 0.2
FIRST, LEAST, MOST = 1_000, 100, 20_000


@dataclass
class Pace:
    """Learns from how long batches took.

    Attributes:
        size: How many rows the next batch should have.
    """

    size: int = FIRST

    def took(self, rows: int, seconds: float) -> None:
        """Learn from a batch: it grows at most twofold, and shrinks at once."""
        if rows < self.size:
            return
        fitting = int(rows * TARGET_SECONDS / seconds) if seconds > 0 else 2 * rows
        self.size = max(LEAST, min(fitting, 2 * rows, MOST))

    def too_slow(self, rows: int) -> None:
        """Learn from a batch that took too long and was given up."""
        self.size = max(LEAST, min(self.size, rows // 4))
