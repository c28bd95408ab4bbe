"""The ledger as a whole: what writes it, what reads it, and what stands beside it."""

from collections.abc import Sequence
from typing import Protocol

from placet.domain.erasure import Concern
from placet.domain.grants import GrantRow, Membership
from placet.domain.ledger import LedgerEvent, LedgerStep, Receipt, RecordedEvent, WrittenStep
from placet.domain.ledger_rows import (
    AssignmentRow,
    ConsumeResult,
    PaymentEntry,
    PaymentReport,
    PaymentResult,
    PaymentRow,
    PublicationRow,
    RequestRow,
    ReviewRow,
)
from placet.ports.effects import Deletions, Deliveries, ExportBook, Grants, Publishing
from placet.ports.erasing import Erasures, Retention


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
