"""Data sets in Postgres: read by a role that can do nothing else, in one instant."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg.sql import SQL, Composable, Identifier

from placet.deleting.selection import Frozen
from placet.domain.catalogue import Entry
from placet.domain.deletion import deletable
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.export import Format
from placet.domain.filters import Filter
from placet.domain.masking import masked, shortened
from placet.domain.selection import SAMPLE_ROWS, Survey
from placet.sources import freezing
from placet.sources.copying import Copying, copying_of
from placet.sources.deletable import deletable_table
from placet.sources.deleting import deleting
from placet.sources.looking import (
    Reading,
    refuse_incomparable,
    refuse_unreadable,
    refuse_writers,
    relation_of,
)
from placet.sources.opening import reading
from placet.sources.relation import Relation

_LONG = 200
"""So many characters of a value leave the source for a sample."""


class PostgresSources:
    """The port's real adapter; see :mod:`placet.ports`."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Find the connections in ``environment``; in the process's own when None."""
        self._environment = os.environ if environment is None else environment

    async def survey(
        self, entry: Entry, columns: Sequence[str], filters: Sequence[Filter]
    ) -> Survey:
        """Count a selection and look at a few of its rows, in one instant.

        Args:
            entry: The data set.
            columns: Of it, in the order in which they are shown.
            filters: Beside the catalogue's own conditions.

        Raises:
            UnavailableError: The source does not answer, or takes longer than five minutes.
            InvalidInputError: It lacks what the catalogue names, or does not take a filter.
            ConflictError: The role that should only read could write.
        """
        async with reading(entry.source.read_env, self._environment) as connection:
            relation = await self._looked_up(connection, entry, filters)
            return await _surveyed(connection, relation, columns, filters)

    async def freeze(
        self, entry: Entry, columns: Sequence[str], filters: Sequence[Filter], most_rows: int
    ) -> Frozen:
        """Keep the keys of a selection that is to be deleted, with a survey of the same instant.

        Rows that are marked as deleted already belong to none.

        Raises:
            UnavailableError: See :meth:`survey`.
            InvalidInputError: Likewise; or it selects more than ``most_rows``, or the key is none.
            ConflictError: The role that should only read could write.
            ForbiddenError: The role that deletes may do too little, or everything.
        """
        told = deletable(entry)
        async with deleting(entry, self._environment) as connection:
            await deletable_table(connection, told, filters)
        async with reading(entry.source.read_env, self._environment) as connection:
            relation = await self._looked_up(connection, told, filters)
            survey = await _surveyed(connection, relation, columns, filters)
            keys = await freezing.keys(connection, relation, filters, most_rows)
            references = await freezing.references(connection, relation)
        return Frozen(survey, keys, references)

    @asynccontextmanager
    async def selected(
        self, entry: Entry, columns: Sequence[str], filters: Sequence[Filter], form: Format
    ) -> AsyncIterator[Copying]:
        """Count a selection and hold the instant, to copy exactly what was counted.

        Raises:
            UnavailableError: The source does not answer.
            InvalidInputError: It lacks what the catalogue names, or does not take a filter.
            ConflictError: The role that should only read could write.
        """
        async with reading(entry.source.read_env, self._environment) as connection:
            relation = await self._looked_up(connection, entry, filters)
            copying = await copying_of(connection, entry, relation, columns, filters, form)
            try:
                yield copying
            finally:
                copying.close()

    async def check(self, entry: Entry) -> list[str]:
        """Hold a data set against its source; return what is wrong, empty when nothing is.

        Raises:
            UnavailableError: The source does not answer.
        """
        try:
            async with reading(entry.source.read_env, self._environment) as connection:
                await self._looked_up(connection, entry, ())
        except (InvalidInputError, ConflictError) as error:
            return [str(error)]
        return []

    @staticmethod
    async def _looked_up(connection: Reading, entry: Entry, filters: Sequence[Filter]) -> Relation:
        relation = await relation_of(connection, entry)
        await refuse_writers(connection, entry, relation)
        await refuse_unreadable(
            connection, relation, entry.dataset.all_columns, entry.source.read_env
        )
        await refuse_incomparable(connection, relation, entry.dataset.rows, f"{entry.name}.rows")
        await refuse_incomparable(connection, relation, filters)
        return relation


async def _surveyed(
    connection: Reading, relation: Relation, columns: Sequence[str], filters: Sequence[Filter]
) -> Survey:
    rows, total = await _counts(connection, relation, filters)
    sample = await _sample(connection, relation, columns, filters)
    return Survey(
        rows=rows,
        total=total,
        columns=tuple(columns),
        types=relation.typed(columns),
        sample=sample,
        shape=relation.shape(columns),
    )


async def _counts(
    connection: Reading, relation: Relation, filters: Sequence[Filter]
) -> tuple[int, int]:
    """Return how many rows are selected, and how many there are."""
    fixed, asked = relation.fixed(), relation.asked(filters)
    statement = SQL(
        "select count(*) filter (where {asked}) as rows, count(*) as total from {table} "
        "where {fixed}"
    ).format(asked=asked.condition, table=relation.name, fixed=fixed.condition)
    values = fixed.values | asked.values
    row = await (await connection.execute(statement, values)).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row.
    return row["rows"], row["total"]


async def _sample(
    connection: Reading, relation: Relation, columns: Sequence[str], filters: Sequence[Filter]
) -> tuple[tuple[str | None, ...], ...]:
    where = relation.where(filters)
    # Numbered names: a column may be called anything, also twice the same in other letters.
    shown: list[Composable] = [
        SQL("pg_catalog.left({}::text, {}) as {}").format(
            Identifier(name), _LONG, Identifier(f"c{place}")
        )
        for place, name in enumerate(columns)
    ]
    order = SQL("order by {}").format(relation.key) if relation.dataset.key else SQL("")
    statement = SQL("select {shown} from {table} where {where} {order} limit {limit}").format(
        shown=SQL(", ").join(shown),
        table=relation.name,
        where=where.condition,
        order=order,
        limit=SAMPLE_ROWS,
    )
    rows = await (await connection.execute(statement, where.values)).fetchall()
    personal = set(relation.dataset.personal)
    return tuple(
        tuple(_shown(row[f"c{place}"], name in personal) for place, name in enumerate(columns))
        for row in rows
    )


def _shown(value: Any, personal: bool) -> str | None:  # noqa: FBT001 - a fact of the column.
    if value is None:
        return None
    return masked(value) if personal else shortened(value)
