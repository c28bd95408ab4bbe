"""Copies a selection out of a source, as fast as one process can take it.

``COPY`` gives a message for each row. psycopg's own ``Copy`` costs a generator and a call for each
of them; here libpq's buffer is emptied in a loop, and rows are handed on a MiB at a time. That
takes a quarter of the time, and leaves the interpreter free while nothing comes.
"""

import re
import select
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from psycopg import AsyncClientCursor
from psycopg.errors import OperationalError, error_from_result
from psycopg.pq import ExecStatus
from psycopg.sql import SQL, Composable, Composed, Identifier

from placet.domain.catalogue import Entry
from placet.domain.export import Chunk, Format
from placet.domain.filters import Filter
from placet.sources import sql
from placet.sources.looking import Reading
from placet.sources.opening import source_errors
from placet.sources.relation import ColumnType, Relation, names

CHUNK_BYTES = 1 << 20
_LOOK_MS = 500

_NO_TEXT = "NBDTIVGR"
"""Categories of types whose values no spreadsheet takes for a formula: numbers, truths, times,
addresses and the like. A negative number begins with a sign and is a number all the same."""


class Copying:
    """A selection as it is in one instant; see :class:`placet.ports.Selected`.

    Attributes:
        rows: How many rows it has.
        at: The instant, by the source's clock.
        types: Each column's type, in order.
        shape: SHA-256 of what the columns are; see :class:`placet.domain.selection.Survey`.
    """

    def __init__(  # noqa: PLR0913 - each says another thing of one selection
        self,
        connection: Reading,
        variable: str,
        statement: bytes,
        *,
        form: Format,
        rows: int,
        at: datetime,
        types: Mapping[str, str],
        shape: str,
    ) -> None:
        """Copy by ``statement`` on ``connection``, which belongs to nobody else until then."""
        self._connection = connection
        # The first line is no row.
        self._heads = 0 if form is Format.JSONL else 1
        self._joined = _guarded if form is Format.CSV else b"".join
        self._variable = variable
        self._statement = statement
        self.rows = rows
        self.at = at
        self.types = types
        self.shape = shape

    def chunks(self) -> Iterator[Chunk]:
        """Copy it, once; for a thread, as this waits.

        Raises:
            UnavailableError: The source has gone away.
        """
        with source_errors(self._variable):
            yield from self._chunks()

    def close(self) -> None:
        """Let go of the source, whether all was copied or not."""
        self._connection.pgconn.finish()

    def _chunks(self) -> Iterator[Chunk]:
        connection = self._connection.pgconn
        readable = select.poll()
        readable.register(connection.socket, select.POLLIN)
        connection.send_query(self._statement)
        while connection.flush() or connection.is_busy():
            yield Chunk(0, b"")
            readable.poll(_LOOK_MS)
            connection.consume_input()
        self._expect(ExecStatus.COPY_OUT)
        take = connection.get_copy_data
        parts: list[bytes] = []
        size, count = 0, -self._heads
        while True:
            # As many as libpq has read at once, a few hundred; each is copied out of its memory,
            # as joining views takes twice as long.
            rows: list[bytes] = []
            length, row = take(1)
            while length > 0:
                rows.append(row.tobytes())
                length, row = take(1)
            if rows:
                parts.append(self._joined(rows))
                size += len(parts[-1])
                count += len(rows)
            if length < 0:
                break
            if size >= CHUNK_BYTES:
                yield Chunk(count, b"".join(parts))
                parts, size, count = [], 0, 0
            came = readable.poll(_LOOK_MS)
            # Also when nothing came: TLS may hold back the end of what was read long ago.
            connection.consume_input()
            if not came:
                yield Chunk(0, b"")
        self._expect(ExecStatus.COMMAND_OK)
        yield Chunk(count, b"".join(parts))

    def _expect(self, status: ExecStatus) -> None:
        result = self._connection.pgconn.get_result()
        if result is None:
            raise OperationalError("the server said nothing")
        if result.status != status:
            raise error_from_result(result)


_INNER = re.compile(rb"(?<=[;\r\n])(?=[-+=@]|\xef\xbc[\x8b\x8d\x9d\xa0])")
"""Where a text goes on as a cell that may be a formula, for a program that parts cells at
semicolons: many do where the comma is the decimal sign, and to those a line break ends a row."""


def _guarded(rows: list[bytes]) -> bytes:
    """Join rows of CSV, with an apostrophe before what would begin a formula inside a text."""
    joined = b"".join(rows)
    # Almost always there is none; all rows at once are looked through in no time.
    if b";" not in joined and b"\r" not in joined and joined.count(b"\n") == len(rows):
        return joined
    return b"".join(_INNER.sub(b"'", row) for row in rows)


async def copying_of(  # noqa: PLR0913, PLR0917 - each says another thing of one selection
    connection: Reading,
    entry: Entry,
    relation: Relation,
    columns: Sequence[str],
    filters: Sequence[Filter],
    form: Format,
) -> Copying:
    """Count a selection, and make ready to copy it in the same instant."""
    where = relation.where(filters)
    counting = SQL("select count(*) as rows, now() as at from {} where {}").format(
        relation.name, where.condition
    )
    counted = await (await connection.execute(counting, where.values)).fetchone()
    assert counted is not None  # noqa: S101 - an aggregate has one row.
    # However long it takes: it goes on as long as rows come.
    await connection.execute(sql.UNBOUND)
    cursor = AsyncClientCursor(connection)
    # COPY takes no parameters; psycopg writes the values as literals, as libpq quotes them.
    statement = cursor.mogrify(_statement(relation, columns, where.condition, form), where.values)
    return Copying(
        connection,
        entry.source.read_env,
        statement.encode(),
        form=form,
        rows=counted["rows"],
        at=counted["at"],
        types=relation.typed(columns),
        shape=relation.shape(columns),
    )


def _statement(
    relation: Relation, columns: Sequence[str], condition: Composable, form: Format
) -> Composed:
    parts = {"table": relation.name, "condition": condition}
    if form is Format.JSONL:
        return _JSON_LINES.format(columns=names(columns), **parts)
    guarded = form is Format.CSV
    shown = [_column(name, relation.types[name], guarded=guarded) for name in columns]
    return _CSV.format(columns=SQL(", ").join(shown), **parts)


def _column(name: str, kind: ColumnType, *, guarded: bool) -> Composable:
    if not guarded or kind.category in _NO_TEXT:
        return Identifier(name)
    return _GUARDED.format(column=Identifier(name), characters=_RISKY)


_CSV = SQL(
    "copy (select {columns} from {table} where {condition}) "
    "to stdout (format csv, header, encoding 'UTF8')"
)

_JSON_LINES = SQL(
    # CSV without anything to quote: JSON holds no control character, but line breaks between its
    # parts where a column of type json was stored with them.
    "copy (select translate(row_to_json(line)::text, e'\\n\\r', '  ') "
    "from (select {columns} from {table} where {condition}) as line) "
    "to stdout (format csv, delimiter e'\\x01', quote e'\\x02', encoding 'UTF8')"
)

_RISKY = SQL("9, 10, 13, 43, 45, 61, 64, 65291, 65293, 65309, 65312")
"""Tab, line breaks, + - = @, and the wide forms of the last four: a cell that begins with one of
them may be a formula (OWASP, CSV Injection)."""

_GUARDED = SQL(
    "case when pg_catalog.ascii({column}::text) in ({characters}) then '''' || {column}::text "
    "else {column}::text end as {column}"
)
