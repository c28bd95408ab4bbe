"""Computes the leaf of what a row of the ledger holds, to be held against its own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from placet.proof.leaf import Event, leaf_hash

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def leaf_of(stream: str, row: Mapping[str, Any]) -> str:
    """Return, in hex, the leaf of a row of :data:`placet.ledger.reconciling_sql.EVENTS`.

    Args:
        stream: The request whose event it is.
        row: A row whose body is there.
    """
    event = Event(
        event_id=bytes.fromhex(row["event_id"]),
        stream=stream,
        stream_seq=row["stream_seq"],
        seq=row["seq"],
        kind=row["kind"],
        occurred=_microseconds(row["occurred"]),
        recorded=_microseconds(row["recorded"]),
        signing_key=row["signing_key"] or "",
        anchor=bytes(row["anchor"] or b""),
        retention_class=row["retention_class"] or "",
        body=bytes(row["body"]),
        signature=bytes(row["signature"] or b""),
    )
    return leaf_hash(event).hex()


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
