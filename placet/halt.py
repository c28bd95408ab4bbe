"""What long work looks at wherever it can end, between two steps."""

from dataclasses import dataclass


@dataclass
class Halt:
    """Why work may have to end early.

    Attributes:
        asked: Somebody wants it stopped.
        leaving: The worker ends, and another goes on.
    """

    asked: bool = False
    leaving: bool = False

    @property
    def wanted(self) -> bool:
        """Say whether it has to end, for whatever reason."""
        return self.asked or self.leaving
