"""Read the ledger, the effects and the lists for a reconciliation, never all at once."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.ledger import sql_reconciling as sql
from placet.ledger.leaves import leaf_of
from placet.ledger.session import Session
from placet.reconciling.facts import EffectRow, Lists, Permit, Recorded, Story, Stray

_PAGE = 500


class PostgresReconciling(Session):
    """What a reconciliation reads; every method raises UnavailableError while nobody answers."""

    async def count(self) -> int:
        """Return about how many requests there are."""
        return int((await self._all(sql.REQUESTS, {}))[0]["count"])

    async def requests(self, since: datetime | None) -> AsyncIterator[str]:
        """Yield every request that the ledger or the lists know, in the order of their ids.

        Args:
            since: Only those of which something was recorded at this instant or later.
        """
        after = ""
        while True:
            rows = await self._all(sql.STREAMS, {"after": after, "since": since, "limit": _PAGE})
            for row in rows:
                yield str(row["stream"])
            if len(rows) < _PAGE:
                return
            after = str(rows[-1]["stream"])

    async def unknown(self, requests: Sequence[str]) -> list[str]:
        """Return those of these of which the ledger has no event."""
        known = {row["stream"] for row in await self._all(sql.KNOWN, {"streams": list(requests)})}
        return [request for request in dict.fromkeys(requests) if request not in known]

    async def story(self, request: str) -> Story:
        """Return everything about one request, as it was in one instant."""
        async with self._transaction() as connection:
            await connection.execute(sql.SNAPSHOT)
            events = await _events(connection, request)
            if any(event.body is None for event in events):
                pruned = await _pruned(connection)
                events = [_marked(event, pruned) for event in events]
            told = {"request": request, "permits": _permits(events)}
            permits = await _rows(connection, sql.PERMITS, told)
            effects = await _rows(connection, sql.EFFECTS, told)
            listed = await _rows(connection, sql.LISTED, told)
            assigned = await _rows(connection, sql.ASSIGNED, told)
            reviewed = await _rows(connection, sql.REVIEWED, told)
            held = await _rows(connection, sql.HELD, told)
        return Story(
            request=request,
            events=tuple(events),
            permits=tuple(Permit(**row) for row in permits),
            effects=tuple(EffectRow(**row) for row in effects),
            lists=Lists(listed[0] if listed else None, tuple(assigned), tuple(reviewed)),
            hold=held[0] if held else None,
        )

    async def stray_permits(self) -> AsyncIterator[Stray]:
        """Yield permits that no event of their request has issued."""
        async for row in self._pages(sql.STRAY_PERMITS):
            yield Stray(**row)

    async def stray_effects(self) -> AsyncIterator[Stray]:
        """Yield what was done under a permit that is not there, or is another request's."""
        async for row in self._pages(sql.STRAY_EFFECTS):
            yield Stray(**row)

    async def paid(self, permits: Iterable[str]) -> set[str]:
        """Return the files of the payments under these permits."""
        rows = await self._all(sql.PAID_FILES, {"permits": list(permits)})
        return {str(row["file_name"]) for row in rows}

    async def payable(self, permits: Iterable[str]) -> set[str]:
        """Return those of these permits that are there and are for a payment."""
        rows = await self._all(sql.OPEN_PERMITS, {"permits": list(permits)})
        return {str(row["permit_id"]) for row in rows}

    async def _pages(self, query: LiteralString) -> AsyncIterator[DictRow]:
        after = effect = ""
        while True:
            rows = await self._all(query, {"after": after, "effect": effect, "limit": _PAGE})
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return
            after, effect = str(rows[-1]["permit"]), str(rows[-1].get("effect"))


async def _events(connection: AsyncConnection[DictRow], request: str) -> list[Recorded]:
    events: list[Recorded] = []
    while True:
        after = events[-1].stream_seq if events else 0
        told = {"stream": request, "after": after, "limit": _PAGE}
        rows = await _rows(connection, sql.EVENTS, told)
        events += [_recorded(request, row) for row in rows]
        if len(rows) < _PAGE:
            return events


async def _pruned(connection: AsyncConnection[DictRow]) -> list[tuple[int, int]]:
    """Return what was pruned, from and to which number; nothing was, as a rule."""
    told = [_body(row["body"]).get("data") for row in await _rows(connection, sql.PRUNED, {})]
    ranges = [(each.get("from_seq"), each.get("to_seq")) for each in told if isinstance(each, dict)]
    return [(low, high) for low, high in ranges if isinstance(low, int) and isinstance(high, int)]


def _marked(event: Recorded, pruned: list[tuple[int, int]]) -> Recorded:
    is_pruned = event.body is None and any(low <= event.seq <= high for low, high in pruned)
    return replace(event, pruned=is_pruned)


async def _rows(
    connection: AsyncConnection[DictRow], query: LiteralString, told: dict[str, Any]
) -> list[DictRow]:
    return await (await connection.execute(query, told)).fetchall()


def _recorded(request: str, row: DictRow) -> Recorded:
    raw = row["body"]
    return Recorded(
        event_id=row["event_id"],
        stream_seq=row["stream_seq"],
        seq=row["seq"],
        leaf=row["leaf"],
        age=row["age"],
        fits=None if raw is None else leaf_of(request, row) == row["leaf"],
        kind=row["kind"] or "",
        occurred=row["occurred"],
        body=None if raw is None else _body(raw),
    )


def _body(raw: bytes) -> dict[str, Any]:
    """Return the body; what is no JSON object any more has a leaf that does not fit."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _permits(events: Iterable[Recorded]) -> list[str]:
    """Return the permits that events name; of a body that was changed by hand, what may be one."""
    named = (event.data.get("permit") for event in events)
    return list({each for each in named if isinstance(each, str) and each.isprintable()})
