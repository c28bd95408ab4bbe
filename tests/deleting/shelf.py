"""Tables to delete from: each test makes its own in the sample database, with its roles."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from placet.deleting.selection import Keys
from placet.domain.catalogue import Dataset, Entry, Source
from placet.domain.filters import Filter
from placet.sources.postgres import PostgresSources

APPROVED = datetime(2026, 3, 2, 8, 30, 0, 123456, tzinfo=UTC)
PERMIT = "cd" * 32
SOURCE = Source(read_env="PLACET_SAMPLE_READ_URL", delete_env="PLACET_SAMPLE_DELETE_URL")

SOFT = {"soft": "deleted_at", "undo": "7d", "purge": True}
HARD = {"hard": True, "grace": "2d"}


def by(column: str, op: str, value: Any = None) -> Filter:
    """Return a filter."""
    return Filter.model_validate({"column": column, "op": op, "value": value})


class Shelf:
    """One table as its administrator sees it, and as the catalogue does."""

    def __init__(
        self, admin: psycopg.Connection, admin_url: str, environment: Mapping[str, str]
    ) -> None:
        """Keep ``admin``, which commits by itself: a connection for each statement is slow."""
        self._admin = admin
        self.admin_url = admin_url
        self.environment = environment

    def put(
        self,
        columns: str,
        fill: str,
        *,
        key: Sequence[str] = ("id",),
        delete: Mapping[str, Any] = HARD,
        rows: Sequence[Mapping[str, Any]] = (),
    ) -> Entry:
        """Make the table ``shop.thing`` and fill it; return its entry in the catalogue.

        Args:
            columns: Its definition, as SQL.
            fill: What selects its rows, as SQL.
            key: The columns of its key.
            delete: How rows are deleted.
            rows: The catalogue's own conditions.
        """
        self.run(f"create table shop.thing ({columns})")
        self.run(f"insert into shop.thing {fill}")
        self.run("grant select on shop.thing to sample_reader")
        self.run("grant select, delete on shop.thing to sample_deleter")
        if "soft" in delete:
            marking = SQL("grant update ({}) on shop.thing to sample_deleter")
            self._admin.execute(marking.format(Identifier(delete["soft"])))
        found = self.run(
            "select attname from pg_attribute where attrelid = 'shop.thing'::regclass "
            "and attnum > 0"
        )
        names = [row[0] for row in found if row[0] != delete.get("soft")]
        dataset = Dataset.model_validate(
            {
                "about": "Things",
                "source": "sample",
                "table": "shop.thing",
                "key": list(key),
                "owner": [{"role": "data-owner"}],
                "columns": {name: {} for name in names},
                "rows": list(rows),
                "delete": dict(delete),
            }
        )
        return Entry(name="things", dataset=dataset, source=SOURCE)

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Do something as the administrator; return the rows that come of it."""
        cursor = self._admin.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def left(self) -> list[Any]:
        """Return the ids of the rows that are there."""
        return [row[0] for row in self.run("select id from shop.thing order by id")]

    async def keys(self, entry: Entry, *filters: Filter, most: int = 5_000_000) -> Keys:
        """Freeze a selection."""
        sources = PostgresSources(self.environment)
        return (await sources.freeze(entry, ["id"], filters, most)).keys
