"""Who is asked, by which policy, and how people are written to."""

from typing import Protocol

from placet.domain.people import Directory
from placet.domain.record import Notice
from placet.policy.service import KeptPolicy


class DirectoryPort(Protocol):
    """Where people come from."""

    def snapshot(self) -> Directory:
        """Return everybody as they are now; it never changes afterwards."""
        ...


class PolicyPort(Protocol):
    """Where policies come from."""

    def in_force(self, pipeline: str) -> KeptPolicy:
        """Return the policy in force for a pipeline, with all it stands on.

        Raises:
            PlacetError: There is none.
        """
        ...


class Notifier(Protocol):
    """Writes to people."""

    async def deliver(self, key: str, notice: Notice) -> None:
        """Deliver ``notice``; the same ``key`` again delivers nothing new.

        Raises:
            UnavailableError: It could not be delivered now.
            PlacetError: It can never be delivered.
        """
        ...
