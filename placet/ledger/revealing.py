"""Shows what is personal in what is read: tokens are looked up, opened, and put back."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from psycopg.rows import DictRow

from placet.domain.ledger import RecordedEvent
from placet.domain.plan import utc
from placet.personal.sealing import TOKEN, TOKEN_BYTES, revealed, value_of

Open = Callable[[Iterable[str]], Awaitable[dict[str, Mapping[str, Any] | str]]]
"""Returns, by the digest in hex, what ciphertexts say by path, or what to show instead."""

REQUEST = {
    "title": "state.title",
    "requester_name": "state.requester.name",
    "outcome_reason": "state.outcome.reason",
    "stage": "state.stage",
    "amount": "state.amount",
    "route": "state.route",
}
ASSIGNMENT = {
    "name": "waiting_for.{place}.name",
    "group": "waiting_for.{place}.group",
}
REVIEW = {
    "actor_name": "actor.name",
    "role": "actor.role",
    "stage": "stage",
    "reason": "reason",
    "decision_id": "decision_id",
}
"""Which path of an event's body each column of a list comes from."""


async def revealed_rows(
    rows: Sequence[DictRow], columns: Mapping[str, str], open_tokens: Open
) -> list[dict[str, Any]]:
    """Return rows of a list with what their tokens stand for."""
    found = [TOKEN.fullmatch(row[name] or "") for row in rows for name in columns]
    opened = await open_tokens(token[1] for token in found if token)
    return [{**row, **_values(row, columns, opened)} for row in rows]


def _values(
    row: DictRow, columns: Mapping[str, str], opened: Mapping[str, Mapping[str, Any] | str]
) -> dict[str, Any]:
    # Lists count places from 1, as SQL does; paths count from 0.
    place = row.get("place", 1) - 1
    return {
        name: value_of(row[name], path.format(place=place), opened)
        for name, path in columns.items()
        if row[name] is not None
    }


async def revealed_events(rows: Sequence[DictRow], open_tokens: Open) -> list[RecordedEvent]:
    """Return events with what their tokens stand for."""
    bodies = [row["body"] for row in rows if row["body"] is not None]
    opened = await open_tokens(
        token.decode() for body in bodies for token in TOKEN_BYTES.findall(body)
    )
    return [
        _pruned(row)
        if row["body"] is None
        else RecordedEvent(**{**row, "body": revealed(json.loads(row["body"]), opened)})
        for row in rows
    ]


def sealed_events(rows: Sequence[DictRow]) -> list[RecordedEvent]:
    """Return events exactly as they are recorded and signed."""
    return [
        _pruned(row)
        if row["body"] is None
        else RecordedEvent(**{**row, "body": json.loads(row["body"])})
        for row in rows
    ]


def _pruned(row: DictRow) -> RecordedEvent:
    """Return an event whose body is gone, with what its header still says."""
    left = {"kind": row["kind"], "request": row["stream"], "occurred": utc(row["occurred"])}
    return RecordedEvent(**{**row, "body": left, "pruned": True})
