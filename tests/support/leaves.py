"""What a leaf binds of a recorded event."""

from placet.digest import canonical
from placet.domain.ledger import RecordedEvent
from placet.ledger.encoding import microseconds
from placet.proof.leaf import Event


def leaf_event(event: RecordedEvent) -> Event:
    """Return an event as its leaf binds it."""
    return Event(
        event_id=bytes.fromhex(event.event_id),
        stream=event.stream,
        stream_seq=event.stream_seq,
        seq=event.seq,
        kind=event.kind,
        occurred=microseconds(event.occurred),
        recorded=microseconds(event.recorded),
        signing_key=event.signing_key,
        anchor=event.anchor,
        retention_class=event.retention_class,
        body=canonical(event.body),
        signature=event.signature,
    )
