"""How far a long effect has come, as its activity tells by heartbeat."""

from pydantic import Field

from placet.domain.base import Stored


class Advance(Stored):
    """How much is done of how much; ``total`` and ``bytes`` are None where nobody knows."""

    done: int = Field(ge=0)
    total: int | None = Field(default=None, ge=0)
    unit: str = Field(default="rows", max_length=40)
    bytes: int | None = Field(default=None, ge=0)

    @property
    def percent(self) -> int | None:
        """Return how much is done, in whole percent, rounded down; None without a total."""
        return min(100, self.done * 100 // self.total) if self.total else None
