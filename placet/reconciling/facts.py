"""What is held against each other: plain facts about one request, from four places.

Ids and digests are lower-case hex, instants are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from placet.reconciling.remembered import Chain

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the ledger has it.

    Attributes:
        age: How long ago the database recorded it, by the database's clock.
        fits: Whether the leaf is that of what the row holds now; None when there is no body.
        kind: Empty when there is no body.
        body: The body as it stands, sealed texts sealed; None when it is gone.
        pruned: Whether an event says that the part of the ledger with the body was pruned.
    """

    event_id: str
    stream_seq: int
    seq: int
    leaf: str
    age: timedelta
    fits: bool | None
    kind: str
    occurred: datetime | None
    body: Json | None
    pruned: bool = False

    @property
    def place(self) -> str:
        """Return where it stands in the request's story, for people."""
        return f"event {self.stream_seq}"

    @property
    def data(self) -> Json:
        """Return the body's data."""
        found = self.body.get("data") if self.body else None
        return found if isinstance(found, Mapping) else {}

    @property
    def service(self) -> Json:
        """Return what the body says of who wrote it."""
        found = self.body.get("service") if self.body else None
        return found if isinstance(found, Mapping) else {}

    @property
    def written_by(self) -> tuple[str, str, str]:
        """Return workflow id, first run id and namespace of who wrote it; empty where unsaid."""
        names = ("workflow_id", "first_run_id", "namespace")
        workflow_id, run_id, namespace = (str(self.service.get(name, "")) for name in names)
        return workflow_id, run_id, namespace

    @property
    def state(self) -> Json | None:
        """Return the state of the case that the body holds, if it holds one."""
        found = self.body.get("state") if self.body else None
        return found if isinstance(found, Mapping) else None


@dataclass(frozen=True, slots=True)
class Permit:
    """A row of ``effect.permit``; ``consumed_event`` and the like are None before it was."""

    permit: str
    request: str
    digest: str
    effect: str
    issued_event: str
    consumed: bool
    consumed_event: str | None
    revoked_event: str | None


@dataclass(frozen=True, slots=True)
class Stray:
    """A permit, or what was done under one, that nothing else knows.

    Attributes:
        effect: What was done; None for a permit.
    """

    request: str
    permit: str
    effect: str | None = None


@dataclass(frozen=True, slots=True)
class EffectRow:
    """A row of what an effect has done: a payment, a mail, a page.

    Attributes:
        effect: As permits name it.
        permit: Under which it was done.
        digest: Of what was done; None where the table does not repeat it.
        state: As its table has it; empty for a mail that has not ended.
        age: How long ago it was begun.
        facts: What the event that says that it was done repeats.
    """

    effect: str
    permit: str
    request: str
    digest: str | None
    state: str
    age: timedelta
    facts: Json


@dataclass(frozen=True, slots=True)
class Lists:
    """A request as the lists have it: its row, whom it waits for, and its reviews."""

    request: Json | None
    assignments: tuple[Json, ...] = ()
    reviews: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """Everything Postgres has of one request, read in one instant.

    ``hold`` is the legal hold whose story this is, as it stands: ``on_what`` and ``target``.
    """

    request: str
    events: tuple[Recorded, ...]
    permits: tuple[Permit, ...] = ()
    effects: tuple[EffectRow, ...] = ()
    lists: Lists = Lists(None)
    hold: Json | None = None

    @property
    def whole(self) -> bool:
        """Say whether every event has its body."""
        return all(event.body is not None for event in self.events)


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """The SHA-256 of a payment file in each directory of the spool; None where it is not."""

    staging: str | None = None
    outbox: str | None = None
    archive: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a comparison goes by.

    Attributes:
        namespace: Temporal's, whose histories are read.
        retention: For how long it remembers a closed workflow.
        grace: How young something of an open case is that may still be under way.
    """

    namespace: str
    retention: timedelta
    grace: timedelta


@dataclass(slots=True)
class Counts:
    """What was looked at, and what was left out on purpose."""

    requests: int = 0
    events: int = 0
    workflows: int = 0
    runs: int = 0
    leaves: int = 0
    messages: int = 0
    permits: int = 0
    effects: int = 0
    files: int = 0
    in_flight: int = 0
    beyond_retention: int = 0
    by_program: int = 0
    pruned: int = 0

    def add(self, other: "Counts") -> None:
        """Add another's numbers."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Looked:
    """Everything that is known of one request.

    ``files`` are the payment files by name; None when the spool is not within reach.
    """

    story: Story
    chains: tuple[Chain, ...]
    files: Mapping[str, PaymentFile] | None = field(default=None)
