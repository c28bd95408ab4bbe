"""Deletes and marks rows in Postgres, by a role that may do that and nothing else."""

import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from placet.deleting.keys import Key, columns_of
from placet.deleting.rows import (
    Act,
    BlockedError,
    BusyError,
    Census,
    TooSlowError,
)
from placet.domain.catalogue import Entry
from placet.domain.deletion import deletable
from placet.domain.errors import InvalidInputError, UnavailableError
from placet.domain.filters import Filter
from placet.sources import sql
from placet.sources.deletable import deletable_table, delete_variable
from placet.sources.looking import Reading
from placet.sources.opening import connection_options, source_errors, source_url
from placet.sources.relation import Relation

_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
# A trigger that forbids it raises an exception of its own, or stumbles over a value of the row.
_REFUSED = (psycopg.IntegrityError, psycopg.DataError, errors.RaiseException)


class PostgresDeleter:
    """The port's real adapter; see :mod:`placet.deleting.rows`."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Find the connections in ``environment``; in the process's own when None."""
        self._environment = os.environ if environment is None else environment

    @asynccontextmanager
    async def open(
        self, entry: Entry, filters: Sequence[Filter], permit: str, mark: datetime
    ) -> AsyncIterator["PostgresRows"]:
        """Open the rows of a deletion; see the port."""
        async with deleting(entry, self._environment) as connection:
            number = int.from_bytes(hashlib.sha256(permit.encode()).digest()[:8], signed=True)
            row = await (await connection.execute(sql.LOCK, {"number": number})).fetchone()
            if row is None or not row["held"]:
                raise UnavailableError(
                    "another worker is still connected for this deletion; it goes on when that "
                    "connection has ended"
                )
            relation = await deletable_table(connection, deletable(entry), filters)
            yield PostgresRows(connection, delete_variable(entry), relation, filters, mark)


@asynccontextmanager
async def deleting(entry: Entry, environment: Mapping[str, str]) -> AsyncIterator[Reading]:
    """Connect to a source as the role that deletes.

    Raises:
        UnavailableError: It does not answer, or nothing says where it is.
    """
    variable = delete_variable(entry)
    url = source_url(variable, environment)
    with source_errors(variable):
        connection = await AsyncConnection.connect(
            **connection_options(url, autocommit=True), row_factory=dict_row
        )
        async with connection:
            await connection.execute(sql.DELETING)
            yield connection


class PostgresRows:
    """The rows of one deletion, for as long as its session lasts."""

    def __init__(
        self,
        connection: Reading,
        variable: str,
        relation: Relation,
        filters: Sequence[Filter],
        mark: datetime,
    ) -> None:
        self._connection = connection
        self._variable = variable
        self._relation = relation
        fits = relation.where(filters)
        self._fits = fits.condition
        self._values: dict[str, Any] = {**fits.values, "mark": mark}
        rule = relation.dataset.delete
        self._column = Identifier(rule.soft) if rule and rule.soft else None

    async def selected(self) -> int:
        """Return how many rows of the whole table fit the filters; see the port."""
        statement = SQL("select count(*) as rows from {} where {}").format(
            self._relation.name, self._fits
        )
        with self._errors(patient=True):
            async with self._connection.transaction():
                await self._connection.execute(sql.COUNTING)
                row = await (
                    await self._connection.execute(statement, self._values, prepare=False)
                ).fetchone()
        assert row is not None  # noqa: S101 - an aggregate has one row.
        return int(row["rows"])

    async def census(self, keys: Sequence[Key], *, patient: bool = False) -> Census:
        """Return what is there of these rows; see the port."""
        statement = SQL(
            "select count(*) as existing, count(*) filter (where {fits}) as fitting, "
            "count(*) filter (where {marked}) as marked from {table} as target, {keys} "
            "where {same}"
        ).format(
            fits=self._fits,
            marked=self._marked(),
            table=self._relation.name,
            keys=self._keys(),
            same=self._same(),
        )
        (row,) = await self._run(statement, keys, patient=patient)
        return Census(row["existing"], row["fitting"], row["marked"])

    async def standing(self, act: Act, keys: Sequence[Key]) -> list[Key]:
        """Return those of these rows that an act would touch; see the port."""
        statement = SQL(
            'select key."key place" as place from {table} as target, {keys} '
            'where {same} and {touched} order by key."key place"'
        ).format(
            table=self._relation.name,
            keys=self._keys(),
            same=self._same(),
            touched=self._touched(act),
        )
        return [keys[row["place"] - 1] for row in await self._run(statement, keys, patient=True)]

    async def touch(self, act: Act, keys: Sequence[Key], *, patient: bool = False) -> None:
        """Do an act to these rows, in one transaction; see the port."""
        if act in {Act.DELETE, Act.PURGE}:
            form = SQL("delete from {table} as target using {keys} where {same} and {touched}")
        else:
            form = SQL(
                "update {table} as target set {column} = {value} from {keys} "
                "where {same} and {touched}"
            )
        statement = form.format(
            table=self._relation.name,
            column=self._column or SQL(""),
            value=Placeholder("mark") if act is Act.MARK else SQL("null"),
            keys=self._keys(),
            same=self._same(),
            touched=self._touched(act),
        )
        await self._run(statement, keys, patient=patient, touching=True)

    async def _run(
        self, statement: Composed, keys: Sequence[Key], *, patient: bool, touching: bool = False
    ) -> list[dict[str, Any]]:
        values = self._values | {
            f"key_{place}": column for place, column in enumerate(columns_of(keys))
        }
        connection = self._connection
        with self._errors(patient=patient, touching=touching):
            if not patient:
                return await _answer(connection, statement, values)
            async with connection.transaction():
                await connection.execute(sql.PATIENT)
                return await _answer(connection, statement, values)

    def _keys(self) -> Composed:
        """Write the keys as a table of their own; its columns have names that no other has."""
        key = self._relation.dataset.key
        arrays = [
            SQL("{}::text[]::{}[]").format(
                Placeholder(f"key_{place}"), self._relation.types[name].sql
            )
            for place, name in enumerate(key)
        ]
        names = [Identifier(f"key {place}") for place in range(len(key))]
        return SQL('unnest({}) with ordinality as key ({}, "key place")').format(
            SQL(", ").join(arrays), SQL(", ").join(names)
        )

    def _same(self) -> Composable:
        return SQL(" and ").join(
            SQL("target.{} = key.{}").format(Identifier(name), Identifier(f"key {place}"))
            for place, name in enumerate(self._relation.dataset.key)
        )

    def _touched(self, act: Act) -> Composable:
        condition = self._fits if act in {Act.DELETE, Act.MARK} else self._marked()
        # Only looked at for rows that were found by their key: no index can serve a case.
        return SQL("case when {} then true end").format(condition)

    def _marked(self) -> Composable:
        if self._column is None:
            return SQL("false")
        return SQL("target.{} = {}").format(self._column, Placeholder("mark"))

    @contextmanager
    def _errors(self, *, patient: bool, touching: bool = False) -> Iterator[None]:
        """Tell apart what a smaller batch, some patience or somebody's grant would help."""
        try:
            yield
        except errors.QueryCanceled:
            if not patient:
                raise TooSlowError("it took longer than a second") from None
            raise UnavailableError(
                "a single row takes longer than 30 seconds, or counting longer than five minutes; "
                "add an index to what the filters name, and to the columns of other tables that "
                "refer to this one"
            ) from None
        except _BUSY as error:
            raise BusyError(
                f"somebody else holds a lock ({error.sqlstate}); it goes on when that is free"
            ) from None
        except _REFUSED as error:
            if touching:
                raise BlockedError(error.sqlstate or "") from None
            raise InvalidInputError(
                f"{self._relation.dataset.table} does not take a filter or a key any more "
                f"({error.sqlstate}); see what has changed with: placet datasets --check"
            ) from None
        except errors.InsufficientPrivilege:
            raise UnavailableError(
                f"the role of {self._variable} may not do this any more; grant it again what it "
                "had, or have the deletion stopped"
            ) from None


async def _answer(
    connection: Reading, statement: Composed, values: dict[str, Any]
) -> list[dict[str, Any]]:
    # Not prepared: a plan made for these very keys knows how many they are.
    cursor = await connection.execute(statement, values, prepare=False)
    return await cursor.fetchall() if cursor.description else []
