"""What the ledger in Postgres tells reports: a period's requests, and where events are sealed."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import tuple_row

from placet.ledger import reporting_sql as sql
from placet.ledger.session import Session
from placet.reporting.period.facts import COUNTED, Happening, Period, RequestFacts
from placet.reporting.proof import NOTHING_SEALED, Proof

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

    async def proof(self, numbers: Sequence[int]) -> Proof:  # noqa: ARG002 - nothing is sealed yet
        """Return the newest checkpoint, and the place of each sealed event among ``numbers``."""
        return NOTHING_SEALED


def _request(rows: Sequence[tuple[Any, ...]]) -> RequestFacts:
    """Return the request that its rows of :data:`placet.ledger.reporting_sql.PERIOD` tell."""
    request, pipeline, requester, submitted, revision, outcome, by, effect = rows[0][:8]
    return RequestFacts(
        request,
        pipeline,
        requester or "",
        submitted,
        revision,
        outcome or "",
        by or "",
        effect or "",
        [_happening(row) for row in rows if row[8] is not None],
    )


def _happening(row: tuple[Any, ...]) -> Happening:
    kind, at, actor, stage, assurance, detail, revision = row[8:]
    return Happening(
        kind, at, actor or "", stage or "", assurance or "", detail or "", revision or 1
    )
