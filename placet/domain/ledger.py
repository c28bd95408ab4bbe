"""What goes into the ledger, what comes back, and the hash that binds it.

The hash of a leaf is computed twice from the same definition: by the database when it appends, and
here, where a reader can check it without a database.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue

from placet.domain.base import Stored

Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Thirty-two bytes in lower-case hex: an event id, a leaf, a SHA-256."""

UtcInstant = Annotated[AwareDatetime, AfterValidator(lambda instant: instant.astimezone(UTC))]
"""An instant in UTC; one without a zone is refused."""

MAX_BODY_BYTES = 1 << 20
"""The ledger takes no larger body; large things belong into the content store."""

LEAF_PREFIX = b"\x00placet/v1"
"""RFC 6962 starts a leaf with a zero byte; the name separates our hashes from anybody else's."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LedgerEvent(Stored):
    """One thing that happened, as the workflow tells it.

    Attributes:
        event_id: The exactly-once key, computed in workflow code from the namespace, the workflow
            id, the first run id and the logical step.
        stream: The request's id, which is the workflow's id; at most 1000 bytes in UTF-8.
        kind: ``source:subject:action``, for instance ``reviewer:review:approved``.
        occurred: The workflow's time; the body carries the same instant.
        body: What is hashed, as RFC 8785 canonical JSON.
    """

    event_id: Hex64
    stream: str = Field(min_length=1, max_length=1000)
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*){2}$")
    occurred: UtcInstant
    body: dict[str, JsonValue]

    def telling(self, facts: dict[str, JsonValue]) -> Self:
        """Return the event with ``facts`` added to its data."""
        data = self.body.get("data")
        told = {**(data if isinstance(data, dict) else {}), **facts}
        return self.model_copy(update={"body": {**self.body, "data": told}})


class Receipt(Stored):
    """What an append returns and the workflow keeps: a second, independent copy of the leaf.

    Attributes:
        event_id: The event it stands for.
        seq: The place in the whole ledger; increasing, with gaps where a transaction was undone.
        stream_seq: The place in the request's own story: 1, 2, 3, without a gap.
        leaf: SHA-256 over header, body and signature, see :func:`leaf_hash`.
        recorded: The database's time.
    """

    event_id: Hex64
    seq: int
    stream_seq: int
    leaf: Hex64
    recorded: UtcInstant


class LedgerStep(Stored):
    """The events of one step of a workflow, and what the step came to.

    Attributes:
        stream: The request's id; every event is of it.
        chain: The workflow's first run id, which continued runs share.
        number: 1, 2, 3 … within the chain.
        outcome: What the workflow goes on with, as JSON.
        events: At least one.
    """

    stream: str = Field(min_length=1, max_length=1000)
    chain: str
    number: int = Field(ge=1)
    outcome: str
    events: tuple[LedgerEvent, ...] = Field(min_length=1)


class WrittenStep(Stored):
    """What stands in the ledger for a step.

    Attributes:
        receipts: Of the step's events, in their order.
        known: None when this call wrote the step. Else the outcome it was first written with, by
            a worker that died before Temporal heard of it; the receipts are those of its events.
    """

    receipts: tuple[Receipt, ...]
    known: str | None = None


class RecordedEvent(LedgerEvent):
    """An event read back, with its place and its leaf."""

    seq: int
    stream_seq: int
    leaf: Hex64
    recorded: UtcInstant


class LeafHeader(Stored):
    """Everything a leaf binds besides the body and the signature."""

    event_id: Hex64
    stream: str
    stream_seq: int
    seq: int
    kind: str
    occurred: UtcInstant
    recorded: UtcInstant
    signing_key: str = ""
    anchor: bytes = b""
    retention_class: str = ""


def leaf_hash(header: LeafHeader, body: bytes, signature: bytes = b"") -> str:
    """Hash one event as the ledger's version 1 does.

    ``sha256(0x00 ‖ "placet/v1" ‖ framed(header) ‖ sha256(body) ‖ sha256(signature))``, where the
    header is each of its fields framed, and framing puts a length of four bytes, big-endian, before
    the content. Numbers are eight bytes, big-endian; instants are microseconds since 1970 in UTC.

    Args:
        header: The header's fields, in the order of the class.
        body: The canonical JSON exactly as stored.
        signature: The writer's signature, empty when there is none.

    Returns:
        The leaf in hex, 64 characters.
    """
    fields = (
        bytes.fromhex(header.event_id),
        header.stream.encode(),
        _eight_bytes(header.stream_seq),
        _eight_bytes(header.seq),
        header.kind.encode(),
        _eight_bytes(_microseconds(header.occurred)),
        _eight_bytes(_microseconds(header.recorded)),
        header.signing_key.encode(),
        header.anchor,
        header.retention_class.encode(),
    )
    framed_header = _framed(b"".join(_framed(field) for field in fields))
    digests = hashlib.sha256(body).digest() + hashlib.sha256(signature).digest()
    return hashlib.sha256(LEAF_PREFIX + framed_header + digests).hexdigest()


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _eight_bytes(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
