"""What activities and lists may ask of the world: the ledger, people, policies, messages."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import JsonValue

from placet.domain.catalogue import Entry
from placet.domain.deletion import (
    DeletionEntry,
    DeletionResult,
    DeletionRow,
    DeletionState,
    Ended,
)
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
from placet.domain.erasure import (
    Concern,
    Erased,
    ErasureEntry,
    ErasureResult,
    ErasureRow,
    HoldRow,
)
from placet.domain.export import (
    Chunk,
    ExportEntry,
    ExportFile,
    ExportResult,
    ExportRow,
    ExportState,
    Format,
)
from placet.domain.filters import Filter
from placet.domain.grants import GrantEntry, GrantResult, GrantRow, Membership, Release
from placet.domain.ledger import (
    LedgerEvent,
    LedgerStep,
    Receipt,
    RecordedEvent,
    WrittenStep,
)
from placet.domain.ledger_rows import (
    AssignmentRow,
    ConsumeResult,
    PartitionRow,
    PaymentEntry,
    PaymentReport,
    PaymentResult,
    PaymentRow,
    Publication,
    PublicationEntry,
    PublicationRow,
    PublicationState,
    RequestRow,
    ReviewRow,
    TargetState,
)
from placet.domain.people import Directory
from placet.domain.record import Notice
from placet.pipelines.pipeline import Surveyor
from placet.policy.service import KeptPolicy


class Recorder(Protocol):
    """Writes the ledger. Every method may be repeated: it does its work once."""

    async def append(self, events: Sequence[LedgerEvent]) -> list[Receipt]:
        """Append events in one transaction and return their receipts, in the same order."""
        ...

    async def append_step(self, step: LedgerStep) -> WrittenStep:
        """Append a step's events in one transaction, or return what it first came to."""
        ...

    async def put_content(self, data: bytes, media_type: str) -> str:
        """Store bytes and return their SHA-256 in hex."""
        ...

    async def consume(
        self, permit_id: str, digest: str, effect: str, events: Sequence[LedgerEvent]
    ) -> ConsumeResult:
        """Consume a permit and append its events in one transaction."""
        ...

    async def pay(self, entry: PaymentEntry, events: Sequence[LedgerEvent]) -> PaymentResult:
        """Consume a permit, record its payment and append its events in one transaction."""
        ...

    async def report_payment(
        self, report: PaymentReport, events: Sequence[LedgerEvent]
    ) -> PaymentResult:
        """Record what the bank says about a payment, with its event, in one transaction."""
        ...


class Reader(Protocol):
    """Reads the ledger and the lists that follow from it."""

    async def timeline(self, request: str) -> list[RecordedEvent]:
        """Return a request's events in order."""
        ...

    async def get_content(self, digest: str) -> bytes:
        """Return stored bytes by their digest."""
        ...

    async def has_content(self, digest: str) -> bool:
        """Say whether content is stored under a digest."""
        ...

    async def has_file(self, digest: str) -> bool:
        """Say whether a file is stored under a digest; what Placet itself stores is none."""
        ...

    async def requests(  # noqa: PLR0913 - each is one filter of a list
        self,
        *,
        reviewer: str | None = None,
        requester: str | None = None,
        status: str | None = None,
        pipeline: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[RequestRow]:
        """Return the newest requests that fit every filter given."""
        ...

    async def request(self, request_id: str) -> RequestRow | None:
        """Return one request's row."""
        ...

    async def assignments(self, requests: Sequence[str]) -> list[AssignmentRow]:
        """Return whom these requests wait for."""
        ...

    async def reviews(self, request_id: str) -> list[ReviewRow]:
        """Return the verdicts on a request, in order."""
        ...

    async def published(self, slug: str) -> PublicationRow | None:
        """Return what stands under a slug now: the newest publication that is done, if any.

        Its version is None when it was taken away.
        """
        ...

    async def publications(self, slug: str, limit: int = 100) -> list[PublicationRow]:
        """Return what was done to a slug, the newest first."""
        ...

    async def open_grants(self, of: Membership) -> list[GrantRow]:
        """Return the grants of a role for an account that are not over, the oldest first."""
        ...

    async def payments(
        self,
        *,
        permit_id: str | None = None,
        request: str | None = None,
        msg_id: str | None = None,
        end_to_end_id: str | None = None,
    ) -> list[PaymentRow]:
        """Return the payments that fit every filter given."""
        ...


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


class Erasures(Protocol):
    """Keeps who is to be erased, and what is gone. Every method may be repeated."""

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody."""
        ...

    async def shared(self, concern: Concern) -> set[str]:
        """Return those of somebody's contents that requests of others name too."""
        ...

    async def subjects(self, subject: str) -> list[str]:
        """Return whose keys seal what is about somebody: their id, and their requests."""
        ...

    async def find(self, permit_id: str) -> ErasureRow | None:
        """Return the erasure that a permit has begun, or None."""
        ...

    async def begin(self, entry: ErasureEntry, events: Sequence[LedgerEvent]) -> ErasureResult:
        """Consume a permit and record its erasure in one transaction."""
        ...

    async def plan_addresses(self, permit_id: str, addresses: Sequence[str]) -> None:
        """Say which addresses are the person's: they are taken out of what is recorded of mails."""
        ...

    async def erased(self, permit_id: str) -> Erased:
        """Return what an erasure has taken away so far."""
        ...

    async def end(self, permit_id: str, events: Sequence[LedgerEvent]) -> ErasureResult:
        """End an erasure and append the events that say what is gone, in one transaction."""
        ...

    async def rows(
        self, *, permit_id: str | None = None, subject: str | None = None
    ) -> list[ErasureRow]:
        """Return the erasures that fit every filter given, the newest first."""
        ...

    async def holds(self, subject: str | None = None) -> list[HoldRow]:
        """Return the legal holds that stand; of somebody those that forbid to erase them."""
        ...


class Eraser(Protocol):
    """Deletes for erasures that are under way, and for nothing else."""

    async def personal(self, permit_id: str, most: int) -> int:
        """Delete ciphertexts about the person, so many at once; return how many there were."""
        ...

    async def steps(self, permit_id: str) -> int:
        """Delete what steps of the person's closed requests came to."""
        ...

    async def contents(self, permit_id: str, digests: Sequence[str]) -> int:
        """Delete stored content that the plan names."""
        ...

    async def addresses(self, permit_id: str) -> int:
        """Take the addresses that are planned out of what is recorded of mails."""
        ...

    async def finish(self, permit_id: str) -> None:
        """Say that all of it is gone; nothing more can be erased by this permit."""
        ...

    async def named_elsewhere(self, candidates: Sequence[str], own: Sequence[str]) -> set[str]:
        """Return those digests that other stored JSON names; ``own`` does not count."""
        ...


class Retention(Protocol):
    """Keeps the ledger's partitions: made in advance, and pruned when they are old enough."""

    async def keep_room(self) -> str | None:
        """Make the next partition where the last one fills up; return its name, or None."""
        ...

    async def partitions(self) -> list[PartitionRow]:
        """Return the partitions that still hold bodies, the oldest first."""
        ...

    async def hindrances(self, partition: str, before: datetime) -> list[str]:
        """Return why a partition may not be pruned now; empty when it may."""
        ...

    async def is_sealed(self, seq: int) -> bool:
        """Say whether an event has its place in the tree."""
        ...


class Pruner(Protocol):
    """Drops the bodies of partitions whose tombstone is sealed, and nothing else."""

    async def prune(self, partition: str, tombstone: str) -> int:
        """Drop the bodies of a partition; return how many, 0 when they are gone already."""
        ...


class DestroysKeys(Protocol):
    """Keeps the keys that seal what is personal, and destroys them."""

    def destroy(self, subject: str) -> bool:
        """Destroy a person's key for good; False when there was none."""
        ...


class Ledger(Recorder, Reader, Protocol):
    """A whole ledger."""

    @property
    def publishing(self) -> Publishing:
        """Return what is recorded of publications on their way."""
        ...

    @property
    def deliveries(self) -> Deliveries:
        """Return what is recorded of mails."""
        ...

    @property
    def exports(self) -> ExportBook:
        """Return what is recorded of exports."""
        ...

    @property
    def grants(self) -> Grants:
        """Return what is recorded of granted roles."""
        ...

    @property
    def deletions(self) -> Deletions:
        """Return what is recorded of deletions."""
        ...

    @property
    def retention(self) -> Retention:
        """Return the ledger's partitions."""
        ...

    @property
    def erasures(self) -> Erasures:
        """Return what is recorded of erasures and legal holds."""
        ...

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody."""
        ...


class DirectoryPort(Protocol):
    """Where people come from."""

    def snapshot(self) -> Directory:
        """Return everybody as they are now; it never changes afterwards."""
        ...


class PolicyPort(Protocol):
    """Where policies come from."""

    def in_force(self, pipeline: str) -> KeptPolicy:
        """Return the policy in force for a pipeline, with all it stands on.

        Raises:
            PlacetError: There is none.
        """
        ...


class Selected(Protocol):
    """A selection as it is in one instant, about to be copied."""

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        ...

    @property
    def at(self) -> datetime:
        """Return the instant, by the source's clock."""
        ...

    @property
    def types(self) -> Mapping[str, str]:
        """Return each column's type, as Postgres writes it, in order."""
        ...

    @property
    def shape(self) -> str:
        """Return the SHA-256 of what the columns are, as a survey has it."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """Copy it, once; for a thread, as this waits.

        Raises:
            UnavailableError: The source has gone away.
        """
        ...


class Sources(Surveyor, Protocol):
    """The databases that data sets are in; Placet's role there can only read."""

    def selected(
        self, entry: Entry, columns: Sequence[str], filters: Sequence[Filter], form: Format
    ) -> AbstractAsyncContextManager[Selected]:
        """Count a selection and hold the instant, to copy exactly what was counted.

        Raises:
            UnavailableError: The source does not answer.
            InvalidInputError: It lacks what the catalogue names, or does not take a filter.
            ConflictError: The role that should only read could write.
        """
        ...

    async def check(self, entry: Entry) -> list[str]:
        """Hold a data set against its source; return what is wrong, empty when nothing is.

        Raises:
            UnavailableError: The source does not answer.
        """
        ...


class Notifier(Protocol):
    """Writes to people."""

    async def deliver(self, key: str, notice: Notice) -> None:
        """Deliver ``notice``; the same ``key`` again delivers nothing new.

        Raises:
            UnavailableError: It could not be delivered now.
            PlacetError: It can never be delivered.
        """
        ...
