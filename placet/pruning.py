"""Prune old events: a tombstone is recorded and sealed first, then the bodies of a partition go."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import JsonValue

from placet.domain.errors import ConflictError
from placet.domain.ledger_rows import PartitionRow
from placet.domain.plan import utc
from placet.domain.plurals import plural
from placet.domain.vocabulary import Kind
from placet.holding import Told, program_event
from placet.ports import Ledger, Pruner

OpenPruner = Callable[[], AbstractAsyncContextManager[Pruner]]

_LOOK_SECONDS = 0.5


class Candidate(NamedTuple):
    """A partition, and why it may not be pruned; ``why`` is empty when it may."""

    partition: PartitionRow
    why: tuple[str, ...]


class Pruned(NamedTuple):
    """What became of a partition: how many bodies are gone; None before it is sealed."""

    partition: str
    gone: int | None


def require_old_enough(before: datetime, now: datetime, years: int) -> None:
    """Refuse an instant after which events have to be kept.

    Raises:
        ConflictError: It is too late; the message says which is the latest.
    """
    # Leap days count for the keeping.
    latest = now - timedelta(days=366 * years)
    if before > latest:
        raise ConflictError(
            f"events are kept for {plural(years, 'year')} (PLACET_RETENTION_YEARS); prune those "
            f"before {latest.date()} or earlier"
        )


async def candidates(ledger: Ledger, before: datetime) -> list[Candidate]:
    """Return each partition that holds something, and what keeps it from being pruned."""
    book = ledger.retention
    return [
        Candidate(row, tuple(await book.hindrances(row.name, before)))
        for row in await book.partitions()
        if row.events
    ]


async def prune(  # noqa: PLR0913, PLR0917 - each is another side of it
    ledger: Ledger, opened: OpenPruner, row: PartitionRow, before: datetime, told: Told, wait: float
) -> Pruned:
    """Append a partition's tombstone, wait until it is sealed, and drop the bodies.

    Repeated, it goes on where it was: the tombstone of a partition is one event.

    Args:
        ledger: Where it stands.
        opened: Opens the login that may drop bodies.
        row: Which partition.
        before: All of its events are older.
        told: Who wants it, and why.
        wait: How many seconds to wait for the sealer.

    Raises:
        ConflictError: Something forbids it by now.
    """
    known = await ledger.timeline(_stream(row))
    if known:
        event_id, seq = known[0].event_id, known[0].seq
    else:
        stone = program_event(
            Kind.PARTITION_PRUNED, _stream(row), _data(row, before), told, row.name
        )
        (receipt,) = await ledger.append([stone])
        event_id, seq = receipt.event_id, receipt.seq
    until = time.monotonic() + wait
    while not await ledger.retention.is_sealed(seq):
        if time.monotonic() >= until:
            return Pruned(row.name, None)
        await asyncio.sleep(_LOOK_SECONDS)
    async with opened() as pruner:
        return Pruned(row.name, await pruner.prune(row.name, event_id))


def _stream(row: PartitionRow) -> str:
    return f"retention:{row.name}"


def _data(row: PartitionRow, before: datetime) -> dict[str, JsonValue]:
    return {
        "partition": row.name,
        "from_seq": row.lower,
        "to_seq": row.upper - 1,
        "first_position": row.first_position,
        "last_position": row.last_position,
        "count": row.events,
        "before": utc(before),
    }
