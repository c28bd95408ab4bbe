"""The catalogue: which data sets there are, whose they are, and what may be done with them.

It is YAML in ``policies/datasets.yaml``; ``placet.sources`` reads it with line numbers in its
errors. Nobody's request holds SQL: it names a data set, columns and filters that stand here.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from placet.domain.base import Model
from placet.domain.calendar import Duration
from placet.domain.errors import NotFoundError
from placet.domain.filters import ColumnName, RowRule
from placet.domain.people import Directory
from placet.domain.plan import Selector
from placet.domain.policy import Label, Name, Reviewers
from placet.domain.problems import Problem, suggestion
from placet.domain.roster import named
from placet.domain.variable import Variable

MAX_COLUMNS = 200

_PART = r"[A-Za-z_][A-Za-z0-9_$]{0,62}"
_OWNER_FIELDS = ("person", "role", "group")


def _is_owner(value: Selector) -> Selector:
    if all(getattr(value, field) is None for field in _OWNER_FIELDS):
        raise ValueError("an owner is a person, a role or a group; name one of them")
    return value


Owner = Annotated[Reviewers, AfterValidator(_is_owner)]
"""Somebody who answers for data: a person, a role or a group."""


def owned_by_nobody(owners: Iterable[Selector], directory: Directory) -> Iterator[tuple[int, str]]:
    """Yield the owners who are nobody, each with its place among them and what to say of it."""
    for place, owner in enumerate(owners):
        if named((owner,), directory):
            continue
        people = directory.people
        if owner.role is not None:
            near = suggestion(owner.role, (role for each in people for role in each.roles))
        elif owner.group is not None:
            near = suggestion(owner.group, (group for each in people for group in each.groups))
        else:
            near = ""
        yield place, f"its owner, {owner}, is nobody in the directory{near}"


TableName = Annotated[str, Field(pattern=rf"^{_PART}\.{_PART}$")]
"""A table or a view with its schema, such as ``shop.customer``."""


class UnknownDatasetError(NotFoundError):
    """The catalogue has no such data set."""

    code = "unknown-dataset"


class Source(Model):
    """A Postgres database that data sets are in.

    Attributes:
        read_env: The variable of the workers that holds the connection of a role that only reads.
        delete_env: The same for a role that also deletes or marks; without it nothing is deleted.
    """

    read_env: Variable
    delete_env: Variable | None = None


class Column(Model):
    """A column that may be exported.

    Attributes:
        personal: Whether it is data about a person: reviewers see it flagged and only masked.
        about: What it is, in a few words.
    """

    personal: bool = False
    about: Label | None = None


class DeleteRule(Model):
    """How rows of a data set are deleted.

    Attributes:
        soft: The column of time that marks a row as deleted.
        undo: With ``soft``: how long the mark can be taken away again.
        purge: With ``soft``: whether marked rows are deleted when ``undo`` is over.
        hard: Delete the rows themselves.
        grace: With ``hard``: how long after the approval, while it can be withdrawn.
    """

    soft: ColumnName | None = None
    undo: Duration | None = None
    purge: bool = False
    hard: bool = False
    grace: Duration | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.hard is (self.soft is not None):
            raise ValueError("write either soft, with the column that marks a row, or hard: true")
        if self.hard and (self.undo is not None or self.purge):
            raise ValueError("undo and purge are for soft; with hard write grace")
        if not self.hard and self.undo is None:
            raise ValueError("soft needs undo: how long the mark can be taken away, such as 7d")
        if not self.hard and self.grace is not None:
            raise ValueError("grace is for hard; with soft write undo")
        return self


class Dataset(Model):
    """A table or view of a source, and what of it may be asked for.

    Attributes:
        about: One line for people.
        source: The source's name.
        table: Schema and table.
        key: The columns that tell a row from all others.
        owner: Who answers for it, and is always asked.
        columns: Those that may be exported, in this order.
        rows: Conditions that always apply.
        filters: The columns a request may select by; None for all of ``columns``.
        delete: How rows are deleted; None where they may not be.
    """

    about: Label
    source: Name
    table: TableName
    key: tuple[ColumnName, ...] = Field(default=(), max_length=8)
    owner: tuple[Owner, ...] = Field(min_length=1, max_length=20)
    columns: dict[ColumnName, Column] = Field(min_length=1, max_length=MAX_COLUMNS)
    rows: tuple[RowRule, ...] = Field(default=(), max_length=20)
    filters: tuple[ColumnName, ...] | None = Field(default=None, max_length=MAX_COLUMNS)
    delete: DeleteRule | None = None

    @property
    def filterable(self) -> tuple[str, ...]:
        """Return the columns that a request may select by."""
        return tuple(self.columns) if self.filters is None else self.filters

    @property
    def personal(self) -> tuple[str, ...]:
        """Return the columns that are data about people."""
        return tuple(name for name, column in self.columns.items() if column.personal)

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Return every column that the entry names, each once: the table must have all of them."""
        soft = self.delete.soft if self.delete else None
        named = [*self.columns, *self.key, *(rule.column for rule in self.rows)]
        return tuple(dict.fromkeys([*named, *([soft] if soft else [])]))

    @property
    def schema_and_table(self) -> tuple[str, str]:
        """Return the table's schema and its name."""
        schema, _, table = self.table.partition(".")
        return schema, table


class Entry(Model):
    """A data set with its source: all that the catalogue says of it, as a request freezes it.

    ``placet.digest.digest(entry)`` tells it from any other state of the catalogue.
    """

    name: Name
    dataset: Dataset
    source: Source


class Catalogue(Model):
    """Every source and every data set, by name; empty where there is no file."""

    sources: dict[Name, Source] = Field(default_factory=dict, max_length=50)
    datasets: dict[Name, Dataset] = Field(default_factory=dict, max_length=500)

    def entry(self, name: str) -> Entry:
        """Return a data set with its source.

        Raises:
            UnknownDatasetError: There is none of this name; the message says which are near.
        """
        found = self.datasets.get(name)
        if found is None:
            near = suggestion(name, self.datasets)
            raise UnknownDatasetError(f"there is no data set '{name:.60}'{near}")
        return Entry(name=name, dataset=found, source=self.sources[found.source])

    @property
    def entries(self) -> Iterator[Entry]:
        """Yield every data set with its source."""
        return (self.entry(name) for name in self.datasets)

    def problems(self) -> Iterator[Problem]:
        """Yield what contradicts itself, with its place in the file."""
        for name, dataset in self.datasets.items():
            at = ("datasets", name)
            source = self.sources.get(dataset.source)
            if source is None:
                near = suggestion(dataset.source, self.sources)
                yield Problem((*at, "source"), f"there is no source '{dataset.source}'{near}")
            for place, column in enumerate(dataset.filters or ()):
                if column not in dataset.columns:
                    near = suggestion(column, dataset.columns)
                    yield Problem((*at, "filters", place), f"'{column}' is not among columns{near}")
            yield from _twice((*at, "key"), dataset.key)
            yield from _twice((*at, "filters"), dataset.filters or ())
            yield from _deleting(at, dataset, source)


def _twice(at: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Problem]:
    for place, name in enumerate(names):
        if name in names[:place]:
            yield Problem((*at, place), f"'{name}' is written twice; keep one")


def _deleting(at: tuple[str, ...], dataset: Dataset, source: Source | None) -> Iterator[Problem]:
    """Yield what is missing so that rows can be deleted as the entry says."""
    if dataset.delete is None:
        return
    if not dataset.key:
        yield Problem((*at, "delete"), "needs key: the columns that tell a row from all others")
    if source is not None and source.delete_env is None:
        text = f"needs delete_env of the source '{dataset.source}'; add it there"
        yield Problem((*at, "delete"), text)
    if dataset.delete.soft in dataset.columns:
        text = "the column that marks a row is set by Placet; take it out of columns"
        yield Problem((*at, "delete", "soft"), text)
