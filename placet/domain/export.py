"""An export that somebody wants: which rows and columns, in what form, for whom and how long."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from placet.domain.base import Model, Stored
from placet.domain.calendar import Duration, Span
from placet.domain.data_rules import too_many
from placet.domain.filters import ColumnName, Filter
from placet.domain.ledger import Hex64, Receipt, UtcInstant
from placet.domain.people import MAX_ADDRESS
from placet.domain.policy import Name
from placet.domain.sending import MailAddress
from placet.domain.text import Line, Text, clean_text

PIPELINE = "export"
EFFECT = "export"

MAX_FILTERS = 50
MIN_PURPOSE = 10
_USUAL_KEEP = Span(7, 0)


class Format(StrEnum):
    """In what form rows are written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Compression(StrEnum):
    """How a file is compressed; Parquet compresses inside."""

    ZSTD = "zstd"
    GZIP = "gzip"
    NONE = "none"


def _requester(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean_text(value, MAX_ADDRESS, multiline=False)
    if not text:
        raise ValueError("it is empty; write an address, such as bob@example.com")
    return text


def _purpose(value: Any) -> Any:
    if isinstance(value, str) and len(clean_text(value, 8 * MAX_ADDRESS, truncate=True)) < (
        MIN_PURPOSE
    ):
        raise ValueError(
            f"say in at least {MIN_PURPOSE} characters what the data is for; who answers for it "
            "has to judge that"
        )
    return value


_PRIVATE = re.compile("AGE-SECRET-KEY|AGE-PLUGIN|PRIVATE KEY", re.IGNORECASE)
_PUBLIC = re.compile("age1[02-9ac-hj-np-z]{58}", re.ASCII)


def _key(value: Any) -> Any:
    """Read a key; what is none is not repeated, as it may be a secret all the same."""
    if not isinstance(value, str):
        return value
    if _PRIVATE.search(value):
        # Perhaps with the lines around it, as age-keygen writes them.
        raise ValueError(
            "it is a private key, which nobody else may have; make a new pair with age-keygen, "
            "and write the public key, which begins with age1"
        )
    if not _PUBLIC.fullmatch(value.strip()):
        raise ValueError(
            "it is no X25519 key of age, which is age1 and 58 small letters and digits; write the "
            "public key that age-keygen shows, not one of SSH, of a plugin or a post-quantum one"
        )
    return value.strip()


AgeKey = Annotated[str, BeforeValidator(_key)]
"""A public X25519 key as age writes it; whether it is one, ``placet.exports`` says."""


class Recipient(Model):
    """Whom the file is for.

    Attributes:
        name: How people know them.
        address: Their mail address: one of somebody in the directory may not review it.
        key: Their public key of ``age``; the file is then encrypted to it.
    """

    name: Line | None = None
    address: MailAddress
    key: AgeKey | None = None

    def __str__(self) -> str:
        """Return them as people write them."""
        return f"{self.name} <{self.address}>" if self.name else self.address


class ExportRequest(Model):
    """Rows of a data set that somebody wants in a file.

    Attributes:
        pipeline: Always ``export``; part of the digest, so no other kind of request has the same.
        requester: An address of the person who asks, as they wrote it.
        reference: The requester's own key for it; the same key twice is the same request.
        dataset: As the catalogue names it.
        columns: In this order; None for all that the catalogue lists.
        filters: Which rows; all of them must hold. None of them: every row.
        format: CSV, JSON Lines or Parquet.
        compression: Of the file; Parquet's own with that format.
        purpose: What the data is for, for those who decide.
        recipient: Whom it is for.
        keep: How long the file is kept once it is made.
    """

    pipeline: Literal["export"] = "export"
    requester: Annotated[str, BeforeValidator(_requester), Field(max_length=MAX_ADDRESS)]
    reference: Line | None = None
    dataset: Name
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=1)] | None = None
    filters: tuple[Filter, ...] = Field(default=(), max_length=MAX_FILTERS)
    format: Format = Format.CSV
    compression: Compression = Compression.ZSTD
    purpose: Annotated[Text, BeforeValidator(_purpose)]
    recipient: Recipient
    keep: Duration = _USUAL_KEEP

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.format is Format.PARQUET and self.compression is Compression.GZIP:
            raise ValueError("parquet is compressed inside, by zstd or none; write one of them")
        return self


_ENDINGS = {Compression.ZSTD: ".zst", Compression.GZIP: ".gz", Compression.NONE: ""}


def file_name(dataset: str, form: Format, compression: Compression, *, encrypted: bool) -> str:
    """Return what the file is called, such as ``customers.csv.zst.age``."""
    packed = "" if form is Format.PARQUET else _ENDINGS[compression]
    return f"{dataset}.{form}{packed}{'.age' if encrypted else ''}"


def rows_text(rows: int) -> str:
    """Return a number of rows as people read it."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


class Scope(Stored):
    """What an export takes, as it was when people were asked.

    Attributes:
        dataset: Its name in the catalogue.
        source: Its source's name.
        catalogue: SHA-256 of all that the catalogue says of both, which is kept under it.
        rows: How many rows were selected; None where the source could not be asked.
        columns: In their order.
        personal: Those that are data about people.
        format: In what form.
        compression: How it is compressed.
        encrypt: Whether it is encrypted to the recipient's key.
        tolerance: By how many percent the number of rows may have changed.
        keep: For how long the file is kept.
        recipient: Whom it is for.
        sample: SHA-256 of the masked rows that people saw; None as for ``rows``.
        shape: SHA-256 of what the columns were, see ``Survey``; None as for ``rows``.
    """

    dataset: str
    source: str
    catalogue: Hex64
    rows: int | None = Field(default=None, ge=0)
    columns: tuple[str, ...]
    personal: tuple[str, ...]
    format: Format
    compression: Compression
    encrypt: bool
    tolerance: float = Field(ge=0)
    keep: Duration
    recipient: str
    sample: Hex64 | None = None
    shape: Hex64 | None = None

    def to_plan(self) -> dict[str, JsonValue]:
        """Return it as a plan carries it."""
        return self.model_dump(mode="json")

    @property
    def file_name(self) -> str:
        """Return what the file is called."""
        return file_name(self.dataset, self.format, self.compression, encrypted=self.encrypt)

    def drifted(self, rows: int) -> bool:
        """Say whether there are now more or fewer rows than the approval covers."""
        approved = self.rows or 0
        return too_many(abs(rows - approved), approved, self.tolerance)


class Chunk(NamedTuple):
    """Some of what a source gives: whole rows in the wanted form, and how many they are.

    Nothing at all when nothing came for a moment, so that whoever takes them can look around.
    """

    rows: int
    data: bytes


class ExportState(StrEnum):
    """How far an export has come."""

    RUNNING = "running"
    READY = "ready"
    """The file can be collected."""
    GONE = "gone"
    """The file was deleted, because its time was over or somebody took it back."""
    FAILED = "failed"
    STOPPED = "stopped"
    DRIFTED = "drifted"
    """There is no file: there were too many or too few rows by then, and people are asked again."""


class ExportEntry(Stored):
    """An export to run under a permit.

    Attributes:
        digest: Of the approved revision; must be the permit's.
        dataset: The data set's name.
        holder: The attempt that runs; an earlier one can do no more.
        store: The directory of exports that its file will be in, by that directory's own name.
    """

    permit_id: str = Field(min_length=1)
    request: str = Field(min_length=1)
    digest: Hex64
    dataset: str
    holder: str = Field(min_length=1)
    store: str = Field(min_length=1)


class ExportFile(Stored):
    """A finished file.

    Attributes:
        name: What it is called, in the directory of its case.
        rows: How many rows it holds.
        bytes: Its size.
        sha256: Of its bytes.
        until: When it is to be deleted.
    """

    name: str
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: Hex64
    until: UtcInstant


class ExportRow(Stored):
    """An export as recorded; of a file only once there was one.

    ``rows`` is also that of a selection that had drifted.
    """

    permit_id: str
    request: str
    digest: Hex64
    dataset: str
    store: str
    state: ExportState
    began_at: UtcInstant
    ended_at: UtcInstant | None
    name: str | None
    rows: int | None
    bytes: int | None
    sha256: Hex64 | None
    until: UtcInstant | None
    gone_at: UtcInstant | None

    @property
    def file(self) -> ExportFile | None:
        """Return the file that was made, also when it is gone; None when there never was one."""
        return ExportFile.model_validate(self, from_attributes=True) if self.name else None


class ExportResult(Stored):
    """What a call about an export came to.

    Attributes:
        first: True when this call did it, false when it had been done before.
        export: The export as it is now.
        receipts: Of the events given, as far as they stand in the ledger.
    """

    first: bool
    export: ExportRow
    receipts: list[Receipt]


class Manifest(Stored):
    """What lies beside an exported file, for whoever gets it.

    Attributes:
        case: The case's id.
        permit: The permit under which it was made.
        digest: SHA-256 of the request that was approved.
        purpose: What the data is for.
        recipient: Whom it is for.
        filters: Which rows, in words.
        rows: How many rows it holds.
        bytes: The file's size.
        sha256: Of the file's bytes.
        plain_sha256: Of what it holds once it is decrypted; None when it is not encrypted.
        encrypted_to: The key; None when it is not encrypted.
        approved_at: When people agreed.
        snapshot_at: The instant of the source that the rows are of.
        expires_at: When the file is to be deleted.
    """

    case: str
    permit: str
    digest: Hex64
    dataset: str
    purpose: str
    recipient: str
    columns: tuple[str, ...]
    filters: str
    format: Format
    compression: Compression
    file: str
    rows: int
    bytes: int
    sha256: Hex64
    plain_sha256: Hex64 | None = None
    encrypted_to: str | None = None
    approved_at: UtcInstant
    snapshot_at: UtcInstant
    expires_at: UtcInstant
    placet: str

    @property
    def as_file(self) -> ExportFile:
        """Return what the ledger keeps of it."""
        return ExportFile(
            name=self.file,
            rows=self.rows,
            bytes=self.bytes,
            sha256=self.sha256,
            until=self.expires_at,
        )
