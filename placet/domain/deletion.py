"""A deletion that somebody wants: which rows of which data set, and how far it has come.

The request names rows by filters. What people approve is the selection as it was when they were
asked: the keys of its rows, in their order, kept in parts and bound by a digest.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from placet.domain.base import Model, Stored
from placet.domain.calendar import Duration
from placet.domain.catalogue import Entry
from placet.domain.data_rules import too_many
from placet.domain.filters import Filter, Op
from placet.domain.ledger import Hex64, Receipt, UtcInstant
from placet.domain.people import MAX_ADDRESS
from placet.domain.policy import Name
from placet.domain.text import Line, Text, clean_text

PIPELINE = "delete"
EFFECT = "delete"

MAX_FILTERS = 50


def _requester(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean_text(value, MAX_ADDRESS, multiline=False)
    if not text:
        raise ValueError("it is empty; write an address, such as bob@example.com")
    return text


def _reason(value: Any) -> Any:
    if isinstance(value, str) and not clean_text(value, 8 * MAX_ADDRESS, truncate=True):
        raise ValueError("it is empty; say why the rows have to go")
    return value


class DeleteRequest(Model):
    """Rows that somebody wants deleted.

    Attributes:
        pipeline: Always ``delete``; part of the digest, so no other kind of request has the same.
        requester: An address of the person who asks, as they wrote it.
        reference: The requester's own key for it; the same key twice is the same request.
        dataset: As the catalogue names it; it also says how its rows are deleted.
        filters: Which rows; all of them must hold.
        everything: Has to be true to delete every row there is, so that a forgotten filter is an
            error.
        reason: Why, for those who review it.
    """

    pipeline: Literal["delete"] = "delete"
    requester: Annotated[str, BeforeValidator(_requester), Field(max_length=MAX_ADDRESS)]
    reference: Line | None = None
    dataset: Name
    filters: tuple[Filter, ...] = Field(default=(), max_length=MAX_FILTERS)
    everything: bool = False
    reason: Annotated[Text, BeforeValidator(_reason)]

    @model_validator(mode="after")
    def _means_it(self) -> Self:
        if not self.filters and not self.everything:
            raise ValueError(
                "it has no filters, so it would delete every row; add filters, or write "
                '"everything": true if that is meant'
            )
        return self


class Mode(StrEnum):
    """How rows are deleted."""

    SOFT = "soft"
    """They are marked as deleted, and the mark can be taken away for a while."""
    HARD = "hard"
    """They are gone at once; the approval can be withdrawn for a while before that."""


class ReferenceAction(StrEnum):
    """What deleting a row does to those that refer to it, as Postgres abbreviates it."""

    NOTHING = "a"
    RESTRICT = "r"
    CASCADE = "c"
    SET_NULL = "n"
    SET_DEFAULT = "d"

    @property
    def refuses(self) -> bool:
        """Say whether a row that is referred to cannot be deleted."""
        return self in {ReferenceAction.NOTHING, ReferenceAction.RESTRICT}


class Reference(Stored):
    """A table whose rows refer to those of another.

    Attributes:
        table: Schema and name.
        action: What becomes of its rows when one that they refer to is deleted.
    """

    table: str
    action: ReferenceAction


def deletable(entry: Entry) -> Entry:
    """Return a data set as deletions see it: without the rows that are marked already.

    Its digest is another than that of the catalogue's own entry.
    """
    soft = entry.dataset.delete.soft if entry.dataset.delete else None
    unmarked = Filter(column=soft, op=Op.IS_NULL) if soft else None
    if unmarked is None or unmarked in entry.dataset.rows:
        return entry
    rows = (*entry.dataset.rows, unmarked)
    return entry.model_copy(update={"dataset": entry.dataset.model_copy(update={"rows": rows})})


class Scope(Stored):
    """What the effect of a deletion will touch.

    Attributes:
        dataset: As the catalogue names it.
        source: The database it is in, likewise.
        catalogue: SHA-256 of the catalogue's entry, which is kept under it.
        rows: How many rows were selected.
        total: How many the data set had.
        selection: SHA-256 of the keys of the selected rows, written as Postgres copies them.
        parts: SHA-256 of each file of keys, in their order.
        survey: SHA-256 of what the source said of them, a masked sample among it.
        mode: How they are deleted.
        grace: With ``hard``: how long after the approval.
        undo: With ``soft``: how long the marks can be taken away again.
        purge: With ``soft``: whether the rows are deleted when that time is over.
        tolerance: By how many percent the selection may have changed when it is deleted.
    """

    dataset: str
    source: str
    catalogue: Hex64
    rows: int = Field(ge=1)
    total: int = Field(ge=1)
    selection: Hex64
    parts: tuple[Hex64, ...] = Field(min_length=1)
    survey: Hex64
    mode: Mode
    grace: Duration | None = None
    undo: Duration | None = None
    purge: bool = False
    tolerance: float = Field(ge=0)

    @property
    def everything(self) -> bool:
        """Say whether it is every row that the data set had."""
        return self.rows == self.total

    @property
    def share(self) -> int:
        """Return how much of the data set it is, in whole percent; at least 1."""
        return max(1, 100 * self.rows // self.total)

    @property
    def percent(self) -> str:
        """Say how much of the data set it is, such as ``17.5%``."""
        return "all of them" if self.everything else f"{100 * self.rows / self.total:.1f}%"

    @property
    def how(self) -> str:
        """Say how rows are deleted, and until when that can be stopped or undone."""
        if self.mode is Mode.HARD:
            if self.grace is None:
                return "for good, as soon as it is approved"
            return f"for good, {self.grace} after the approval; until then it can be withdrawn"
        end = "then the rows are deleted for good" if self.purge else "the marks then stay for good"
        return f"marked as deleted; for {self.undo} that can be undone, {end}"

    @property
    def when_it_runs(self) -> str:
        """Say what is left alone when other rows are there by then."""
        return (
            "only rows that fit then too are touched; if the selection has changed by more than "
            f"{self.tolerance:g}%, nothing is, and people are asked again"
        )

    def to_plan(self) -> dict[str, JsonValue]:
        """Return it as ``Plan.scope`` carries it; ``Scope.model_validate`` reads it back."""
        return self.model_dump(mode="json", exclude_none=True)


class DeletionState(StrEnum):
    """Where a deletion stands; migration 0013 has the ways from one to the next."""

    RUNNING = "running"
    STOPPING = "stopping"
    """It was stopped half-way, and the marks that it has made are taken away."""
    IN_FORCE = "in_force"
    """Its rows are marked, and the marks can be taken away."""
    UNDOING = "undoing"
    PURGING = "purging"
    """The time to undo it is over, and the marked rows are deleted."""
    DONE = "done"
    STOPPED = "stopped"
    DRIFTED = "drifted"
    """The selection had changed too much: nothing was touched."""
    UNDONE = "undone"
    ENDED = "ended"

    @property
    def final(self) -> bool:
        """Say whether nothing more comes of it."""
        return self in _FINAL


_FINAL = frozenset(
    {
        DeletionState.DONE,
        DeletionState.STOPPED,
        DeletionState.DRIFTED,
        DeletionState.UNDONE,
        DeletionState.ENDED,
    }
)


class Recount(Stored):
    """What a source says of an approved selection right before anything is touched.

    Attributes:
        selected: How many rows fit the filters now.
        existing: How many of the approved rows are there.
        matching: How many of these still fit the filters.
    """

    selected: int = Field(ge=0)
    existing: int = Field(ge=0)
    matching: int = Field(ge=0)


class DeletionEntry(Stored):
    """A deletion to begin under a permit.

    Attributes:
        digest: Of the approved revision; must be the permit's.
        approved: How many rows were approved.
        mark: When: rows are marked with it.
        recount: What the source said; None when it was not asked.
        holder: The attempt that deletes; an earlier one may do so no more.
        state: ``running``, or how it ends without having touched anything.
    """

    permit_id: str = Field(min_length=1)
    request: str = Field(min_length=1)
    digest: Hex64
    dataset: str = Field(min_length=1)
    selection: Hex64
    mode: Mode
    approved: int = Field(ge=1)
    mark: UtcInstant
    recount: Recount | None
    holder: str = Field(min_length=1)
    state: DeletionState = DeletionState.RUNNING


class Counts(Stored):
    """What became of the approved rows.

    Attributes:
        deleted: Deleted or, where the mode is ``soft``, marked.
        spared: There, and not touched: they did not fit the filters any more.
        missing: Gone before.
        blocked: Not touched: others refer to them, or a rule of the database forbids it.
        left: Not touched, because the deletion was stopped.
        marked: Still bearing the mark when the marks were to be taken away, or purged.
        returned: Of these: how many marks were taken away again.
        purged: Of these: how many rows were deleted when the time to undo was over.
        kept: Of these: how many could be neither.
        report: SHA-256 of the file that lists the keys of those blocked or kept; None without.
    """

    deleted: int = 0
    spared: int = 0
    missing: int = 0
    blocked: int = 0
    left: int = 0
    marked: int = 0
    returned: int = 0
    purged: int = 0
    kept: int = 0
    report: Hex64 | None = None

    def told(self) -> dict[str, JsonValue]:
        """Return what there is to tell: those of which there are none are left out."""
        return self.model_dump(mode="json", exclude_defaults=True)


class DeletionRow(Stored):
    """A deletion as recorded.

    Attributes:
        standing: How many rows were to be touched when the pass under way began.
        place: How many of the approved rows that pass has seen.
        counts: What became of the rows, as far as that is known.
        until: Until when it can be undone, or could be.
    """

    permit_id: str
    request: str
    digest: Hex64
    dataset: str
    selection: Hex64
    mode: Mode
    approved: int
    mark: UtcInstant
    selected: int | None
    existing: int | None
    matching: int | None
    state: DeletionState
    standing: int
    place: int
    counts: Counts
    began_at: UtcInstant
    changed_at: UtcInstant
    until: UtcInstant | None
    ended_at: UtcInstant | None


class DeletionResult(Stored):
    """What a call about a whole deletion came to.

    Attributes:
        first: True when this call did it, false when it had been done before.
        deletion: The deletion as it is now.
        receipts: Of the events given, as far as they stand in the ledger.
    """

    first: bool
    deletion: DeletionRow
    receipts: list[Receipt]


class Ended(Stored):
    """How a deletion ends, or comes into force.

    Attributes:
        state: What it becomes.
        counts: What became of the rows by now.
        until: Until when it can be undone, where it comes into force.
    """

    state: DeletionState
    counts: Counts = Counts()
    until: UtcInstant | None = None


def rows_text(count: int) -> str:
    """Return a number of rows as people read it."""
    return "1 row" if count == 1 else f"{count:,} rows"


def title_of(count: int | None, dataset: str) -> str:
    """Return the one line that names a deletion, such as ``Delete 1,204 rows of customers``."""
    rows = "rows" if count is None else rows_text(count)
    return f"Delete {rows} of {dataset}"


def drift_text(approved: int, recount: Recount) -> str:
    """Say how a selection has changed since it was approved."""
    lost, new = approved - recount.matching, recount.selected - recount.matching
    if not lost:
        return f"the selection has grown from {approved:,} to {rows_text(recount.selected)}"
    if not new:
        return f"the selection has shrunk from {approved:,} to {rows_text(recount.selected)}"
    fits = "fits" if lost == 1 else "fit"
    do = "other does" if new == 1 else "others do"
    return f"of {rows_text(approved)} {lost:,} {fits} the filters no more, and {new:,} {do}"


def drifted(approved: int, recount: Recount, tolerance: float) -> bool:
    """Say whether a selection has changed by more than so many percent of what was approved.

    Rows that have come count as much as rows that are gone, and neither makes up for the other.
    """
    changed = max(approved - recount.matching, recount.selected - recount.matching)
    return too_many(changed, approved, tolerance)


def outcome_text(row: DeletionRow) -> str:
    """Say in one line what became of a deletion, such as ``1,204 deleted, 6 spared of 1,210``."""
    parts = [f"{count:,} {word}" for count, word in _told(row) if count]
    total = rows_text(row.approved)
    return f"{', '.join(parts)} of {total}" if parts else f"nothing touched of {total}"


def _told(row: DeletionRow) -> list[tuple[int, str]]:
    """Return how many rows there are of each kind, in words, for where the deletion stands."""
    counts = row.counts
    if row.state in {DeletionState.UNDONE, DeletionState.ENDED} and counts.marked:
        return [
            (counts.returned, "restored"),
            (counts.purged, "deleted for good"),
            (counts.kept, "still marked, as the database refuses it"),
            (counts.deleted - counts.marked, "marked otherwise meanwhile"),
            (row.approved - counts.deleted, "never marked"),
        ]
    if row.state is DeletionState.STOPPED and row.mode is Mode.SOFT:
        return [
            (counts.returned, "marked and restored"),
            (counts.kept, "still marked, as the database refuses it"),
        ]
    return [
        (counts.deleted, "marked as deleted" if row.mode is Mode.SOFT else "deleted"),
        (counts.left, "left"),
        (counts.spared, "spared as they had changed"),
        (counts.missing, "gone before"),
        (counts.blocked, "spared as the database refuses it"),
    ]
