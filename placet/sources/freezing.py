"""Freezes a selection: the keys of its rows in their order, copied out of one instant."""

from collections.abc import Sequence

from psycopg.sql import SQL, Identifier

from placet.deleting.selection import Freezing, Keys
from placet.domain.deletion import Reference, ReferenceAction
from placet.domain.filters import Filter
from placet.sources import sql
from placet.sources.looking import Reading
from placet.sources.relation import Relation


async def keys(
    connection: Reading, relation: Relation, filters: Sequence[Filter], most_rows: int
) -> Keys:
    """Copy the keys of the rows that are selected, in the order of the key.

    Raises:
        InvalidInputError: They are too many, or the key does not tell the rows apart.
    """
    where, key = relation.where(filters), relation.dataset.key
    statement = SQL(
        "copy (select {keys} from {table} where {where} order by {key}) to stdout"
    ).format(
        # Named otherwise than the columns: "order by id" would sort by the text of the id.
        keys=SQL(", ").join(
            SQL("{}::text as {}").format(Identifier(name), Identifier(f"key {place}"))
            for place, name in enumerate(key)
        ),
        table=relation.name,
        where=where.condition,
        key=relation.key,
    )
    freezing = Freezing(most_rows)
    async with connection.cursor() as cursor, cursor.copy(statement, where.values) as copy:
        async for line in copy:
            freezing.add(bytes(line))
    return freezing.finish()


async def references(connection: Reading, relation: Relation) -> tuple[Reference, ...]:
    """Return the tables that refer to this one, and what deleting a row does to theirs."""
    rows = await (await connection.execute(sql.REFERENCES, {"oid": relation.oid})).fetchall()
    return tuple(
        Reference(table=row["table_name"], action=ReferenceAction(row["action"])) for row in rows
    )
