"""Shows what is personal in what is read: tokens are looked up, opened, and put back."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from placet.domain.ledger import RecordedEvent
from placet.domain.plan import utc
from placet.personal.sealing import SEALED, TOKEN, TOKEN_BYTES, revealed, value_of

_MAX_DEPTH = 100
"""So deep may a body nest for the verifier too."""


class Opened(NamedTuple):
    """A ciphertext that was looked up.

    Attributes:
        request: In which it was recorded; None when nobody knows.
        told: What it says by path, or what to show instead.
    """

    request: str | None
    told: Mapping[str, Any] | str


Open = Callable[[Iterable[str]], Awaitable[dict[str, Opened]]]
"""Looks ciphertexts up by their digests in hex."""

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
    row: DictRow, columns: Mapping[str, str], opened: Mapping[str, Opened]
) -> dict[str, Any]:
    # Lists count places from 1, as SQL does; paths count from 0.
    place = row.get("place", 1) - 1
    named = {token[1] for name in columns if row[name] and (token := TOKEN.fullmatch(row[name]))}
    told = _told_in(row["request"], {each: opened[each] for each in named & opened.keys()})
    return {
        name: value_of(row[name], path.format(place=place), told)
        for name, path in columns.items()
        if row[name] is not None
    }


def _told_in(request: str, opened: Mapping[str, Opened]) -> dict[str, Mapping[str, Any] | str]:
    """Return what is shown in a request: nothing that was recorded in another.

    Whoever can append could otherwise have shown to them what they cannot open.
    """
    return {
        digest: each.told if each.request == request else SEALED for digest, each in opened.items()
    }


async def revealed_events(rows: Sequence[DictRow], open_tokens: Open) -> list[RecordedEvent]:
    """Return events with what their tokens stand for."""
    bodies = [row["body"] for row in rows if row["body"] is not None]
    opened = await open_tokens(
        token.decode() for body in bodies for token in TOKEN_BYTES.findall(body)
    )
    told = {stream: _told_in(stream, opened) for stream in {row["stream"] for row in rows}}
    return [
        _pruned(row)
        if row["body"] is None
        else RecordedEvent(**{**row, "body": revealed(_body(row), told[row["stream"]])})
        for row in rows
    ]


def sealed_events(rows: Sequence[DictRow]) -> list[RecordedEvent]:
    """Return events exactly as they are recorded and signed."""
    return [
        _pruned(row) if row["body"] is None else RecordedEvent(**{**row, "body": _body(row)})
        for row in rows
    ]


def _body(row: DictRow) -> dict[str, Any]:
    """Return an event's body; of one that cannot be read, what its header says.

    Numbers of thousands of digits, or a thousand lists in each other, are JSON to the database, and
    must not keep the rest of a story from being read.
    """
    try:
        told: Any = json.loads(row["body"])
    except (ValueError, RecursionError):
        return _header(row)
    return told if isinstance(told, dict) and _nests_little(told) else _header(row)


def _nests_little(told: dict[str, Any]) -> bool:
    level: list[Any] = [told]
    for _ in range(_MAX_DEPTH):
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return True
    return False


def _header(row: DictRow) -> dict[str, Any]:
    return {"kind": row["kind"], "request": row["stream"], "occurred": utc(row["occurred"])}


def _pruned(row: DictRow) -> RecordedEvent:
    """Return an event whose body is gone, with what its header still says."""
    return RecordedEvent(**{**row, "body": _header(row), "pruned": True})
