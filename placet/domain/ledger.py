"""What goes into the ledger, and what comes back."""

from datetime import UTC
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, PlainSerializer

from placet.domain.base import Stored

Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Thirty-two bytes in lower-case hex: an event id, a leaf, a SHA-256."""

UtcInstant = Annotated[AwareDatetime, AfterValidator(lambda instant: instant.astimezone(UTC))]
"""An instant in UTC; one without a zone is refused."""

Raw = Annotated[bytes, PlainSerializer(bytes.hex, when_used="json")]
"""Bytes that JSON shows in hex."""

MAX_BODY_BYTES = 1 << 20
"""The ledger takes no larger body; large things belong into the content store."""


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
        leaf: SHA-256 over header, body and signature; :mod:`placet.proof.leaf` defines it.
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
    """An event read back, with its place and its leaf.

    Attributes:
        signing_key: The writer's key, by its name and id; empty when nobody signed.
        signature: 64 bytes, or none.
        anchor: The newest checkpoint that the writer knew; empty when it knew none.
        retention_class: How long the body is kept; empty for as long as there is no rule.
        pruned: Whether the body is gone: what stands in its place says only what is left.
    """

    seq: int
    stream_seq: int
    leaf: Hex64
    recorded: UtcInstant
    signing_key: str = ""
    signature: Raw = b""
    anchor: Raw = b""
    retention_class: str = ""
    pruned: bool = False
