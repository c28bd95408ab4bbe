"""What the ledger in Postgres tells reports: a period's requests, and where events are sealed."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, tuple_row

from placet.ledger import sql_reporting as sql
from placet.ledger.leaves import leaf_of
from placet.ledger.session import Session
from placet.ledger.sql import PATIENTLY
from placet.ledger.sql_reconciling import EVENTS
from placet.reporting.paths import BLOCK, Paths
from placet.reporting.period.facts import COUNTED, Happening, Period, RequestFacts
from placet.reporting.proof import NOTHING_SEALED, Place, Proof

_AT_ONCE = 5_000
"""Rows that are fetched at once: the memory that a report of any period takes."""


class PostgresReports(Session):
    """Reads what reports need; it writes nothing."""

    async def requests(self, period: Period) -> AsyncIterator[RequestFacts]:
        """Yield the requests submitted in a period, in the order of their ids, as a stream."""
        values = {
            "begins": period.begins,
            "ends": period.ends,
            "pipeline": period.pipeline,
            "kinds": [kind.value for kind in COUNTED],
        }
        async with (
            self._transaction() as connection,
            connection.cursor("report", row_factory=tuple_row) as cursor,
        ):
            await connection.execute(PATIENTLY)
            await cursor.execute(sql.PERIOD, values)
            of_one: list[tuple[Any, ...]] = []
            while rows := await cursor.fetchmany(_AT_ONCE):
                for row in rows:
                    if of_one and row[0] != of_one[0][0]:
                        yield _request(of_one)
                        of_one = []
                    of_one.append(row)
            if of_one:
                yield _request(of_one)

    async def newest(self) -> datetime | None:
        """Return when the ledger's newest event was recorded; None for an empty ledger."""
        rows = await self._all(sql.NEWEST, {})
        found: datetime | None = rows[0]["recorded"] if rows else None
        return found

    async def proof(
        self, request: str | None, numbers: Sequence[int], *, block: int = BLOCK
    ) -> Proof:
        """Return the newest checkpoint, where a request's events stand, and which are not right.

        To find paths, every leaf of the tree is read once, ``block`` of them at a time.
        """
        async with self._transaction() as connection:
            await connection.execute(sql.ONE_MOMENT)
            await connection.execute(PATIENTLY)
            changed, missing = await _damages(connection, request) if request else ((), ())
            newest = await (await connection.execute(sql.CHECKPOINT)).fetchone()
            if newest is None:
                return replace(NOTHING_SEALED, changed=changed, missing=missing)
            size = newest["tree_size"]
            told = {"numbers": list(numbers), "size": size}
            rows = await (await connection.execute(sql.PLACES, told)).fetchall()
            lines = await (await connection.execute(sql.COSIGNATURES, told)).fetchall()
            stamps = await (await connection.execute(sql.STAMPS, told)).fetchall()
            places = {row["seq"]: row["position"] for row in rows}
            paths = await _paths(connection, places.values(), size, block) if places else {}
        return Proof(
            note=newest["note"] + "".join(row["line"] for row in lines),
            sealed_at=newest["sealed_at"],
            stamps=tuple((row["authority"], row["stored_at"]) for row in stamps),
            places={
                seq: Place(position, tuple(each.hex() for each in paths[position]))
                for seq, position in places.items()
            },
            changed=changed,
            missing=missing,
        )


async def _damages(
    connection: AsyncConnection[DictRow], request: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of a request's events that were changed, and of those that are gone."""
    changed, missing, last = list[int](), list[int](), 0
    while True:
        told = {"stream": request, "after": last, "limit": _AT_ONCE}
        rows = await (await connection.execute(EVENTS, told)).fetchall()
        for row in rows:
            number = row["stream_seq"]
            missing += range(last + 1, number)
            last = number
            if row["kind"] is None:
                missing.append(number)
            # Of an event that was pruned there is no body, and its leaf is all that stays.
            elif row["body"] is not None and leaf_of(request, row) != row["leaf"]:
                changed.append(number)
        if len(rows) < _AT_ONCE:
            return tuple(changed), tuple(missing)


async def _paths(
    connection: AsyncConnection[DictRow], positions: Collection[int], size: int, block: int
) -> dict[int, list[bytes]]:
    paths = Paths(positions, block)
    async with connection.cursor("leaves", row_factory=tuple_row) as cursor:
        await cursor.execute(sql.LEAVES, {"size": size})
        while rows := await cursor.fetchmany(block):
            paths.add([bytes(leaf) for (leaf,) in rows])
    return paths.found()


def _request(rows: Sequence[tuple[Any, ...]]) -> RequestFacts:
    """Return the request that its rows of :data:`placet.ledger.sql_reporting.PERIOD` tell."""
    request, pipeline, requester, submitted, revision, outcome, by, effect, pruned = rows[0][:9]
    return RequestFacts(
        request,
        pipeline,
        requester or "",
        submitted,
        revision,
        outcome or "",
        by or "",
        effect or "",
        [_happening(row) for row in rows if row[9] is not None],
        pruned=pruned,
    )


def _happening(row: tuple[Any, ...]) -> Happening:
    kind, at, actor, stage, assurance, detail, revision = row[9:]
    return Happening(
        kind, at, actor or "", stage or "", assurance or "", detail or "", revision or 1
    )
