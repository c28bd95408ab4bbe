"""Looks a data set up in its database, and refuses a role that could change it."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import DataError, IntegrityError, UndefinedFunction
from psycopg.rows import DictRow
from psycopg.sql import SQL

from placet.domain.catalogue import Entry
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.filters import Filter
from placet.domain.problems import suggestion
from placet.sources import sql
from placet.sources.relation import ColumnType, Relation

Reading = AsyncConnection[DictRow]


class WritingRoleError(ConflictError):
    """The role that should only read could write."""

    code = "writing-role"


class MissingError(InvalidInputError):
    """The catalogue names what the source does not have, or does not show to Placet's role."""

    code = "missing-in-source"


async def relation_of(connection: Reading, entry: Entry) -> Relation:
    """Look up the table of a data set with all its columns.

    Raises:
        MissingError: It, or a column that the catalogue names, does not exist or is not readable.
    """
    schema, table = entry.dataset.schema_and_table
    found = await _rows(connection, sql.RELATION, {"schema": schema, "table": table})
    if not found:
        raise MissingError(
            f"the data set '{entry.name}' is in {entry.dataset.table}, which its source does not "
            "have; correct table in datasets.yaml"
        )
    oid = found[0]["oid"]
    types = {
        row["name"]: ColumnType(row["type"], row["bare"], _letter(row["category"]))
        for row in await _rows(connection, sql.COLUMNS, {"oid": oid})
    }
    missing = [name for name in entry.dataset.all_columns if name not in types]
    if missing:
        near = suggestion(missing[0], types)
        raise MissingError(
            f"{entry.dataset.table} has no column {', '.join(missing)}{near}; correct the data set "
            f"'{entry.name}' in datasets.yaml"
        )
    return Relation(oid, entry.dataset, types, found[0]["definition"])


async def refuse_writers(connection: Reading, entry: Entry, relation: Relation) -> None:
    """Make sure that the role in use cannot change the data set, not even as another role.

    Raises:
        WritingRoleError: It can; the message says by which role.
    """
    found = await _rows(connection, sql.WRITERS, {"oid": relation.oid})
    if found:
        raise WritingRoleError(
            f"the role of {entry.source.read_env} may change {entry.dataset.table} (by the role "
            f"{found[0]['role']}); connect with a role that may only select, and is no superuser"
        )


async def refuse_unreadable(
    connection: Reading, relation: Relation, columns: Iterable[str], variable: str
) -> None:
    """Make sure that the role in use, that of ``variable``, may read these columns.

    Raises:
        MissingError: It may not; the message names them.
    """
    asked = {"oid": relation.oid, "columns": list(columns)}
    found = sorted(row["name"] for row in await _rows(connection, sql.UNREADABLE, asked))
    if found:
        raise MissingError(
            f"the role of {variable} may not read {', '.join(found)} of "
            f"{relation.dataset.table}; grant select on them to it"
        )


async def refuse_incomparable(
    connection: Reading, relation: Relation, filters: Sequence[Filter], where: str = "filters"
) -> None:
    """Make sure that Postgres can compare columns with the values of filters.

    Args:
        connection: In a transaction.
        relation: What is filtered.
        filters: Of which each names a column of it.
        where: How a message calls the list that they stand in.

    Raises:
        InvalidInputError: It does not; the message names the filter.
    """
    for place, each in enumerate(filters):
        kind, only = relation.types[each.column].name, relation.only(each)
        # No row is looked at, but Postgres reads the values, and finds out how to compare.
        statement = SQL("select from {} where {} limit 0").format(relation.name, only.condition)
        try:
            # A savepoint: the transaction goes on after what was refused.
            async with connection.transaction():
                await connection.execute(statement, only.values)
        except (DataError, IntegrityError):
            raise InvalidInputError(
                f"{where}[{place}].value: {each.words()}, but '{each.column}' is {kind}; "
                "write a value of that type as Postgres does"
            ) from None
        except UndefinedFunction:
            raise InvalidInputError(
                f"{where}[{place}].op: '{each.column}' is {kind}, which Postgres does not compare "
                f"by '{each.op}'; take another op, or a view with a column that it compares"
            ) from None


async def _rows(connection: Reading, query: Any, values: dict[str, Any]) -> list[DictRow]:
    return await (await connection.execute(query, values)).fetchall()


def _letter(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
