"""Computes the leaf of what a row of the ledger holds, to be held against its own."""

from collections.abc import Mapping
from typing import Any

from placet.ledger.encoding import microseconds
from placet.proof.leaf import Event, leaf_hash


def leaf_of(stream: str, row: Mapping[str, Any]) -> str:
    """Return, in hex, the leaf of a row of :data:`placet.ledger.sql_reconciling.EVENTS`.

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
        occurred=microseconds(row["occurred"]),
        recorded=microseconds(row["recorded"]),
        signing_key=row["signing_key"] or "",
        anchor=bytes(row["anchor"] or b""),
        retention_class=row["retention_class"] or "",
        body=bytes(row["body"]),
        signature=bytes(row["signature"] or b""),
    )
    return leaf_hash(event).hex()
