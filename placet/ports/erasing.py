"""What is erased or pruned: the records of it, and those who do it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from placet.domain.erasure import Concern, Erased, ErasureEntry, ErasureResult, ErasureRow, HoldRow
from placet.domain.ledger import LedgerEvent
from placet.domain.ledger_rows import PartitionRow


class Erasures(Protocol):
    """Keeps who is to be erased, and what is gone. Every method may be repeated."""

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody."""
        ...

    async def shared(self, subject: str, contents: Iterable[str]) -> set[str]:
        """Return those of somebody's contents that requests of others name too."""
        ...

    async def addresses(self, subject: str) -> list[str]:
        """Return the addresses that events name somebody by; none once their key is gone."""
        ...

    async def subjects(self, subject: str) -> list[str]:
        """Return whose keys seal what is about somebody: their id, and their requests."""
        ...

    async def find(self, permit_id: str) -> ErasureRow | None:
        """Return the erasure that a permit has begun, or None."""
        ...

    async def begin(self, entry: ErasureEntry, events: Sequence[LedgerEvent]) -> ErasureResult:
        """Consume a permit and record its erasure in one transaction."""
        ...

    async def plan_addresses(self, permit_id: str, addresses: Sequence[str]) -> None:
        """Say which addresses are the person's: they are taken out of what is recorded of mails."""
        ...

    async def plan_contents(self, permit_id: str, digests: Sequence[str]) -> None:
        """Add to a plan what else is the person's."""
        ...

    async def confirm(self, permit_id: str) -> None:
        """Say that the keys are destroyed, and that all that was planned is gone."""
        ...

    async def erased(self, permit_id: str) -> Erased:
        """Return what an erasure has taken away so far."""
        ...

    async def end(self, permit_id: str, events: Sequence[LedgerEvent]) -> ErasureResult:
        """End an erasure and append the events that say what is gone, in one transaction."""
        ...

    async def rows(
        self, *, permit_id: str | None = None, subject: str | None = None
    ) -> list[ErasureRow]:
        """Return the erasures that fit every filter given, the newest first."""
        ...

    async def holds(self, subject: str | None = None) -> list[HoldRow]:
        """Return the legal holds that stand; of somebody those that forbid to erase them."""
        ...


class Eraser(Protocol):
    """Deletes for erasures that are under way, and for nothing else."""

    async def personal(self, permit_id: str, most: int) -> int:
        """Delete ciphertexts about the person, so many at once; return how many there were."""
        ...

    async def steps(self, permit_id: str) -> int:
        """Delete what steps of the person's closed requests came to."""
        ...

    async def contents(self, permit_id: str, digests: Sequence[str]) -> int:
        """Delete stored content that the plan names."""
        ...

    async def addresses(self, permit_id: str) -> int:
        """Take the addresses that are planned out of what is recorded of mails."""
        ...

    async def finish(self, permit_id: str) -> None:
        """Say that all of it is gone; nothing more can be erased by this permit."""
        ...

    async def named_elsewhere(self, candidates: Sequence[str], own: Sequence[str]) -> set[str]:
        """Return those digests that other stored JSON names; ``own`` does not count."""
        ...


class Retention(Protocol):
    """Keeps the ledger's partitions: made in advance, and pruned when they are old enough."""

    async def keep_room(self) -> str | None:
        """Make the next partition where the last one fills up; return its name, or None."""
        ...

    async def partitions(self) -> list[PartitionRow]:
        """Return the partitions that still hold bodies, the oldest first."""
        ...

    async def hindrances(self, partition: str, before: datetime) -> list[str]:
        """Return why a partition may not be pruned now; empty when it may."""
        ...

    async def is_sealed(self, seq: int) -> bool:
        """Say whether an event has its place in the tree."""
        ...


class Pruner(Protocol):
    """Drops the bodies of partitions whose tombstone is sealed, and nothing else."""

    async def prune(self, partition: str, tombstone: str) -> int:
        """Drop the bodies of a partition; return how many, 0 when they are gone already."""
        ...


class DestroysKeys(Protocol):
    """Keeps the keys that seal what is personal, and destroys them."""

    def destroy(self, subject: str) -> bool:
        """Destroy a person's key for good; False when there was none."""
        ...
