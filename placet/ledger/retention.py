"""Partitions of the ledger, made in advance and pruned; see migrations 0018 and 0020."""

import asyncio
import time
from datetime import datetime

from placet.domain.errors import UnavailableError
from placet.domain.ledger_rows import PartitionRow
from placet.ledger import sql_retention as sql
from placet.ledger.session import Session

SIZE = 10_000_000
"""How many events a new partition takes."""
AHEAD = 2_000_000
"""A new one is made when fewer numbers are left."""

AT_ONCE = 5_000
"""How many events one step of a pruning takes, a transaction of a fraction of a second."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_PATIENCE_SECONDS = 600.0
"""For so long it is tried to detach a partition that others are using."""


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

        It goes in many short transactions, so that neither appending nor sealing waits for it.
        Whatever ends it in the middle, the next call goes on.

        Args:
            partition: Its name.
            tombstone: The event that says so, by its id.

        Raises:
            NotFoundError: There is no such partition or tombstone.
            ConflictError: The tombstone is not sealed, or something forbids it by now.
            UnavailableError: Somebody uses the partition all the time, or the ledger is away.
        """
        values = {"partition": partition, "tombstone": bytes.fromhex(tombstone), "most": AT_ONCE}
        await self._all_patiently(sql.BEGIN_PRUNING, values)
        pause, give_up = _FIRST_PAUSE, time.monotonic() + _PATIENCE_SECONDS
        while True:
            (row,) = await self._all(sql.GO_ON_PRUNING, values)
            match row["step"]:
                case "dropped" | "over":
                    return int(row["gone"])
                case "held up":
                    if time.monotonic() >= give_up:
                        raise UnavailableError(_held_up(partition))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                case _:
                    pause, give_up = _FIRST_PAUSE, time.monotonic() + _PATIENCE_SECONDS


def _held_up(partition: str) -> str:
    return (
        f"{partition} is in use all the time, as by an export of the ledger or a dump; type the "
        "same again when that is over, and it goes on where it was"
    )
