"""Partitions of the ledger in Postgres, made in advance and pruned; see migration 0018."""

from datetime import datetime

from placet.domain.ledger_rows import PartitionRow
from placet.ledger import sql_retention as sql
from placet.ledger.session import Session

SIZE = 10_000_000
"""How many events a new partition takes."""
AHEAD = 2_000_000
"""A new one is made when fewer numbers are left."""


class PostgresRetention(Session):
    """The port's real adapter; see :mod:`placet.ports`."""

    async def keep_room(self, size: int = SIZE, ahead: int = AHEAD) -> str | None:
        """Make the next partition where the last one fills up; return its name, or None.

        Raises:
            UnavailableError: The ledger does not answer, or is too busy just now.
            InvalidInputError: The size is refused.
        """
        (row,) = await self._all(sql.KEEP_ROOM, {"size": size, "ahead": ahead})
        return None if row["name"] is None else str(row["name"])

    async def partitions(self) -> list[PartitionRow]:
        """Return the partitions that still hold bodies, the oldest first."""
        return [PartitionRow(**row) for row in await self._all_patiently(sql.PARTITIONS, {})]

    async def hindrances(self, partition: str, before: datetime) -> list[str]:
        """Return why a partition may not be pruned now; empty when it may.

        Args:
            partition: Its name.
            before: All of its events have to be older than that.
        """
        values = {"partition": partition, "before": before}
        return [row["why"] for row in await self._all_patiently(sql.HINDRANCES, values)]

    async def is_sealed(self, seq: int) -> bool:
        """Say whether an event has its place in the tree."""
        return bool(await self._all(sql.IS_SEALED, {"seq": seq}))


class PostgresPruner(Session):
    """Drops bodies whose tombstone is sealed; needs the login of the eraser."""

    async def prune(self, partition: str, tombstone: str) -> int:
        """Drop the bodies of a partition; return how many, 0 when they are gone already.

        Args:
            partition: Its name.
            tombstone: The event that says so, by its id.

        Raises:
            NotFoundError: There is no such partition or tombstone.
            ConflictError: The tombstone is not sealed, or something forbids it by now.
        """
        values = {"partition": partition, "tombstone": bytes.fromhex(tombstone)}
        (row,) = await self._all_patiently(sql.PRUNE, values)
        return int(row["gone"])
