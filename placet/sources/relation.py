"""A data set's table as its database knows it, and the statements that select from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from placet.digest import digest
from placet.domain.catalogue import Dataset
from placet.domain.filters import Filter, Op


class ColumnType(NamedTuple):
    """A column's type.

    Attributes:
        name: As ``format_type`` of Postgres writes it, such as ``character varying(80)``.
        bare: The same without a length or a scale, such as ``character varying``.
        category: Its one-letter category in ``pg_type``, such as N for numbers and S for text.
    """

    name: str
    bare: str
    category: str

    @property
    def sql(self) -> SQL:
        """Return the type for a cast; Postgres itself wrote and quoted it.

        A cast to the bare type only reads a value. One to a length or a scale would cut or round
        it, and so find other rows than those that were meant.
        """
        return SQL(self.bare)


class Where(NamedTuple):
    """A condition and the values it is filled with."""

    condition: Composable
    values: dict[str, Any]


@dataclass(frozen=True)
class Relation:
    """A table or view that was looked up.

    Attributes:
        oid: Its number in the database.
        dataset: What the catalogue says of it.
        types: Each of its columns' type.
        definition: The query of a view; None of a table.
    """

    oid: int
    dataset: Dataset
    types: Mapping[str, ColumnType]
    definition: str | None

    @property
    def name(self) -> Identifier:
        """Return it for a statement."""
        return Identifier(*self.dataset.schema_and_table)

    @property
    def key(self) -> Composed:
        """Return the columns of its key for a statement."""
        return names(self.dataset.key)

    def shape(self, columns: Sequence[str]) -> str:
        """Return the SHA-256 of what these columns are, besides their names: types, and a query."""
        return digest({"types": self.typed(columns), "view": self.definition})

    def typed(self, columns: Sequence[str]) -> dict[str, str]:
        """Return the type of each of these columns, as Postgres writes it."""
        return {name: self.types[name].name for name in columns}

    def fixed(self) -> Where:
        """Return the conditions that the catalogue always applies."""
        return self._where("row", self.dataset.rows)

    def where(self, filters: Sequence[Filter]) -> Where:
        """Return the catalogue's conditions together with those of a request."""
        fixed, asked = self.fixed(), self.asked(filters)
        both = SQL("{} and {}").format(fixed.condition, asked.condition)
        return Where(both, fixed.values | asked.values)

    def asked(self, filters: Sequence[Filter]) -> Where:
        """Return the conditions of a request alone."""
        return self._where("filter", filters)

    def only(self, asked: Filter) -> Where:
        """Return one condition by itself."""
        return self._where("only", (asked,))

    def _where(self, prefix: str, filters: Iterable[Filter]) -> Where:
        conditions: list[Composable] = []
        values: dict[str, Any] = {}
        for place, each in enumerate(filters):
            name = f"{prefix}_{place}"
            conditions.append(_condition(each, self.types[each.column], name))
            if each.value is not None:
                values[name] = list(each.values) if each.op is Op.IN else each.value
        return Where(SQL(" and ").join(conditions) if conditions else SQL("true"), values)


def names(columns: Iterable[str]) -> Composed:
    """Return columns for a statement."""
    return SQL(", ").join(map(Identifier, columns))


_COMPARISONS: Mapping[Op, SQL] = {
    Op.EQ: SQL("{column} = {value}::{type}"),
    Op.NE: SQL("{column} <> {value}::{type}"),
    Op.LT: SQL("{column} < {value}::{type}"),
    Op.LE: SQL("{column} <= {value}::{type}"),
    Op.GT: SQL("{column} > {value}::{type}"),
    Op.GE: SQL("{column} >= {value}::{type}"),
    Op.IN: SQL("{column} = any ({value}::{type}[])"),
    Op.IS_NULL: SQL("{column} is null"),
    Op.NOT_NULL: SQL("{column} is not null"),
    Op.STARTS_WITH: SQL("pg_catalog.starts_with({column}::text, {value}::text)"),
}


def _condition(each: Filter, kind: ColumnType, name: str) -> Composed:
    return _COMPARISONS[each.op].format(
        column=Identifier(each.column), value=Placeholder(name), type=kind.sql
    )
