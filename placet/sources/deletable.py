"""Refuses to delete from a table without a real key, or by a role with the wrong rights."""

from collections.abc import Sequence

from placet.deleting.rows import ForbiddenError
from placet.domain.catalogue import Entry
from placet.domain.errors import InvalidInputError
from placet.domain.filters import Filter
from placet.sources import sql
from placet.sources.looking import Reading, refuse_unreadable, relation_of
from placet.sources.relation import Relation

_TIMES = {"timestamp with time zone", "timestamp without time zone"}


async def deletable_table(connection: Reading, entry: Entry, filters: Sequence[Filter]) -> Relation:
    """Look up the table of a data set, as a deletion sees that, and make sure that it can go on.

    Args:
        connection: As the role that deletes.
        entry: The data set.
        filters: Which rows are to be deleted.

    Raises:
        ForbiddenError: The role may do too little, or everything.
        InvalidInputError: The table lacks what the entry names, or its key is none.
    """
    relation = await relation_of(connection, entry)
    await _refuse_key(connection, relation)
    await _refuse_role(connection, entry, relation, [each.column for each in filters])
    return relation


async def _refuse_key(connection: Reading, relation: Relation) -> None:
    """Make sure that no two rows can have the same key, now or when they are deleted.

    Raises:
        InvalidInputError: They can, or nobody knows, as with a view.
    """
    dataset = relation.dataset
    values = {"oid": relation.oid, "key": list(dataset.key)}
    found = await (await connection.execute(sql.TELLING_APART, values)).fetchone()
    if found is None or not found["plain"]:
        raise InvalidInputError(
            f"{dataset.table} is no table of its own: in a view, a foreign table or one that "
            "others inherit from two rows may have the same key; name another table in "
            "datasets.yaml, and say in rows which of its rows are meant"
        )
    if not found["told_apart"]:
        raise InvalidInputError(
            f"the key {', '.join(dataset.key)} does not tell the rows of {dataset.table} apart: no "
            "unique index is on these columns; create one, or correct key in datasets.yaml"
        )


async def _refuse_role(
    connection: Reading, entry: Entry, relation: Relation, columns: Sequence[str]
) -> None:
    """Make sure that the role in use may do what the entry says, and little else.

    Raises:
        ForbiddenError: It may not, or it may do everything.
        InvalidInputError: The column that marks rows is not one of time.
    """
    rule, table, variable = entry.dataset.delete, entry.dataset.table, delete_variable(entry)
    assert rule is not None  # noqa: S101 - nothing is deleted without one.
    asked = {"oid": relation.oid}
    above = await (await connection.execute(sql.SUPERUSERS)).fetchone()
    if above is not None:
        raise ForbiddenError(
            f"the role of {variable} is, or can become, the superuser {above['role']}; connect "
            f"with a role that may only do this to {table}"
        )
    named = [*entry.dataset.key, *(each.column for each in entry.dataset.rows), *columns]
    await refuse_unreadable(connection, relation, named, variable)
    found = await (await connection.execute(sql.UPDATABLE, asked)).fetchall()
    updatable = [row["name"] for row in found]
    if others := [name for name in updatable if name != rule.soft]:
        raise ForbiddenError(
            f"the role of {variable} may change {', '.join(others[:5])} of {table}; it has to be "
            "one that may not"
        )
    if rule.soft is not None:
        if relation.types[rule.soft].name not in _TIMES:
            raise InvalidInputError(
                f"{rule.soft} of {table} is {relation.types[rule.soft].name}, and rows are marked "
                "with an instant; name a column of the type timestamptz in datasets.yaml"
            )
        if rule.soft not in updatable:
            raise ForbiddenError(
                f"the role of {variable} may not mark rows; run: grant update ({rule.soft}) on "
                f"{table} to it"
            )
    if rule.hard or rule.purge:
        may = await (await connection.execute(sql.MAY_DELETE, asked)).fetchone()
        if may is None or not may["may"]:
            raise ForbiddenError(
                f"the role of {variable} may not delete rows; run: grant delete on {table} to it"
            )


def delete_variable(entry: Entry) -> str:
    """Return the variable that holds the connection of the role that deletes."""
    variable = entry.source.delete_env
    assert variable is not None  # noqa: S101 - the catalogue is refused without it.
    return variable
