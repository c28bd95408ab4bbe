"""What is recorded of effects that take their time: one book for each kind."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import JsonValue

from placet.domain.deletion import DeletionEntry, DeletionResult, DeletionRow, DeletionState, Ended
from placet.domain.delivery import (
    Counts,
    DeliveryRow,
    DeliveryStatus,
    Ending,
    Handover,
    MailingEntry,
    MailingResult,
    MailingRow,
)
from placet.domain.export import ExportEntry, ExportFile, ExportResult, ExportRow, ExportState
from placet.domain.grants import GrantEntry, GrantResult, GrantRow, Membership, Release
from placet.domain.ledger import LedgerEvent, Receipt
from placet.domain.ledger_rows import Publication, PublicationEntry, PublicationState, TargetState


class Deliveries(Protocol):
    """Keeps whom a mail goes to, and what became of each. Every method may be repeated."""

    async def begin(self, entry: MailingEntry, events: Sequence[LedgerEvent]) -> MailingResult:
        """Consume a permit and record whom its mail goes to, or take over from who sent it."""
        ...

    async def claim(self, permit_id: str, holder: str, place: int) -> bool:
        """Say that a mail is about to be handed over; False when it is not waiting any more."""
        ...

    async def record(self, permit_id: str, holder: str, handover: Handover) -> None:
        """Record what became of a mail."""
        ...

    async def end(
        self, permit_id: str, holder: str, ending: Ending, events: Sequence[LedgerEvent]
    ) -> MailingResult:
        """Send nothing more, and append the events that say so, in one transaction."""
        ...

    async def mailings(
        self, *, permit_id: str | None = None, request: str | None = None
    ) -> list[MailingRow]:
        """Return the mails that fit every filter given."""
        ...

    async def counts(self, permit_id: str) -> Counts:
        """Return how many recipients there are of each status."""
        ...

    async def rows(
        self,
        permit_id: str,
        *,
        statuses: Collection[DeliveryStatus] = (),
        after: int = 0,
        limit: int = 1000,
    ) -> list[DeliveryRow]:
        """Return recipients in their order, behind place ``after``."""
        ...


class ExportBook(Protocol):
    """Keeps which files were made of data, and until when. Every method may be repeated."""

    async def begin(self, entry: ExportEntry, events: Sequence[LedgerEvent]) -> ExportResult:
        """Consume a permit and record its export, or take over from who made it."""
        ...

    async def end(  # noqa: PLR0913 - each says another thing of one ending
        self,
        permit_id: str,
        holder: str,
        state: ExportState,
        file: ExportFile | None = None,
        events: Sequence[LedgerEvent] = (),
        *,
        rows: int | None = None,
    ) -> ExportResult:
        """End the making of a file, and append the events that say so, in one transaction."""
        ...

    async def remove(self, permit_id: str, events: Sequence[LedgerEvent]) -> ExportResult:
        """Record that a file was deleted, with its event, in one transaction."""
        ...

    async def holds(self, permit_id: str, holder: str) -> bool:
        """Say whether an attempt may still finish its file."""
        ...

    async def rows(
        self, *, permit_id: str | None = None, request: str | None = None, limit: int = 1000
    ) -> list[ExportRow]:
        """Return the exports that fit every filter given, the newest first."""
        ...


class Grants(Protocol):
    """Keeps which roles were granted until when. Every method may be repeated."""

    async def begin(self, entry: GrantEntry, events: Sequence[LedgerEvent]) -> GrantResult:
        """Consume a permit and begin its grant in one transaction."""
        ...

    async def hold(
        self,
        permit_id: str,
        granted_at: datetime,
        until: datetime,
        events: Sequence[LedgerEvent],
        identity: str | None = None,
    ) -> GrantResult:
        """Say that a grant is in force, with its event, in one transaction."""
        ...

    async def fail(
        self, permit_id: str, why: str, events: Sequence[LedgerEvent] = ()
    ) -> GrantResult:
        """Say that nothing is granted by this permit, and never will be."""
        ...

    async def release(self, permit_id: str) -> Release:
        """Begin to end a grant, and say what is to be done for it."""
        ...

    async def end(self, permit_id: str, why: str, events: Sequence[LedgerEvent]) -> GrantResult:
        """End a grant and append the event that says so, in one transaction."""
        ...

    async def find(self, permit_id: str) -> GrantRow | None:
        """Return the grant that a permit has begun, or None."""
        ...

    async def rows(
        self,
        *,
        request: str | None = None,
        person: str | None = None,
        of: Membership | None = None,
        still_open: bool = False,
    ) -> list[GrantRow]:
        """Return the grants that fit every filter given, the oldest first."""
        ...


class Publishing(Protocol):
    """Keeps how far publications have come. Every method may be repeated."""

    async def find(self, permit_id: str) -> Publication | None:
        """Return the publication that a permit has begun, or None."""
        ...

    async def begin(self, entry: PublicationEntry, events: Sequence[LedgerEvent]) -> Publication:
        """Consume a permit and begin its publication in one transaction."""
        ...

    async def mark(
        self, permit_id: str, target: str, state: TargetState, why: str | None = None
    ) -> None:
        """Move a target of a publication on."""
        ...

    async def away(self, permit_id: str, target: str, why: str) -> timedelta:
        """Note that a target does not answer; return for how long it has not."""
        ...

    async def give_up(self, permit_id: str, reason: str) -> None:
        """Say that what was switched is to be put back."""
        ...

    async def end(
        self, permit_id: str, state: PublicationState, events: Sequence[LedgerEvent] = ()
    ) -> list[Receipt]:
        """End a publication and append its events in one transaction."""
        ...


class Deletions(Protocol):
    """Keeps how far deletions have come. Every method may be repeated."""

    async def find(self, permit_id: str) -> DeletionRow | None:
        """Return the deletion that a permit has begun, or None."""
        ...

    async def begin(self, entry: DeletionEntry, events: Sequence[LedgerEvent]) -> DeletionResult:
        """Consume a permit and record its deletion in one transaction."""
        ...

    async def hold(self, permit_id: str, holder: str) -> DeletionRow:
        """Take a deletion over: from here on no earlier attempt moves it."""
        ...

    async def turn(
        self,
        permit_id: str,
        holder: str,
        state: DeletionState,
        standing: int,
        counts: Mapping[str, JsonValue],
    ) -> DeletionRow:
        """Begin what comes next, or one more pass, with so many rows to be touched."""
        ...

    async def advance(self, permit_id: str, holder: str, place: int) -> None:
        """Record how many rows of the approved selection the pass under way has seen."""
        ...

    async def end(
        self, permit_id: str, holder: str, ended: Ended, events: Sequence[LedgerEvent]
    ) -> DeletionResult:
        """End a deletion or put it in force, and append its events, in one transaction."""
        ...

    async def deletions(
        self, *, permit_id: str | None = None, request: str | None = None
    ) -> list[DeletionRow]:
        """Return the deletions that fit every filter given, the newest first."""
        ...
