"""Writes events as the database takes them: parallel arrays, and bodies as canonical JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from placet.digest import canonical
from placet.domain.errors import InvalidInputError
from placet.domain.ledger import MAX_BODY_BYTES, LedgerEvent


def batch_of(events: Sequence[LedgerEvent]) -> dict[str, Any]:
    """Write events as the parallel arrays that audit.append() takes."""
    return {
        "event_ids": [bytes.fromhex(event.event_id) for event in events],
        "streams": [event.stream for event in events],
        "kinds": [event.kind for event in events],
        "occurred": [event.occurred for event in events],
        "bodies": [_body(event) for event in events],
    }


def _body(event: LedgerEvent) -> bytes:
    if not all(map(_storable, _texts([event.stream, event.body]))):
        raise InvalidInputError(
            f"The event {event.kind} holds a NUL character or half of a surrogate pair: remove it "
            "before recording."
        )
    body = canonical(event.body)
    if len(body) > MAX_BODY_BYTES:
        raise InvalidInputError(
            f"The body of {event.kind} has {len(body)} bytes, more than {MAX_BODY_BYTES}: put "
            "large things into the content store and record their digest."
        )
    return body


def _storable(text: str) -> bool:
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, without recursion."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as fields:
                waiting.extend(fields)
                waiting.extend(fields.values())
            case list() as items:
                waiting.extend(items)
