"""Reads the ledger for a bundle: one snapshot of the database, never all of it in memory."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import Connection, IsolationLevel, conninfo
from psycopg.rows import DictRow, dict_row

from placet.db.connections import VANISHED, checked_url, translated_errors
from placet.domain.errors import ConflictError, NotFoundError
from placet.ledger import sql, sql_bundles
from placet.personal.sealing import Ciphertext
from placet.proof.tree import Frontier

_CONNECT_SECONDS = 3
_ROWS_AT_ONCE = 1_000


class Head(NamedTuple):
    """How far the ledger is sealed.

    Attributes:
        size: Of the tree to export.
        left_out: How many events are recorded and not in that tree.
    """

    size: int
    left_out: int


class Snapshot:
    """The ledger as it was at one moment."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        """Read on ``connection``, inside one repeatable-read transaction."""
        self._connection = connection

    def head(self, *, unwitnessed: bool) -> Head:
        """Return the newest tree that a witness cosigned; the newest of all where none ever did.

        Args:
            unwitnessed: Take the newest of all in any case.

        Raises:
            NotFoundError: Nothing has been sealed.
        """
        row = self._one(sql_bundles.HEAD, {})
        if row is None or row["newest"] is None:
            raise NotFoundError("nothing is sealed yet; run the sealer: placet audit seal")
        size = row["newest"] if unwitnessed or row["cosigned"] is None else row["cosigned"]
        return Head(size, row["leaves"] - size)

    def notes(self, *, size: int, first: int = 0, sizes: Iterable[int] = ()) -> Iterator[str]:
        """Yield the signed notes up to a tree's size, with their cosignatures, smallest first.

        Args:
            size: Of the largest tree.
            first: Of the smallest tree.
            sizes: Of even smaller trees that are wanted too.
        """
        values = {"size": size, "first": first, "sizes": list(sizes)}
        for row in self._stream(sql_bundles.NOTES, values):
            yield row["note"] + "".join(line.rstrip("\n") + "\n" for line in row["lines"])

    def stamp(self, size: int) -> bytes | None:
        """Return a time stamp of a checkpoint, if there is one."""
        row = self._one(sql_bundles.STAMP, {"size": size})
        return bytes(row["token"]) if row else None

    def events(self, first: int, size: int) -> Iterator[DictRow]:
        """Yield the sealed events from a position up to a tree's size, in the tree's order."""
        return self._stream(sql_bundles.EVENTS, {"first": first, "size": size})

    def events_of(self, request: str, size: int) -> list[DictRow]:
        """Return the sealed events of one request.

        Raises:
            NotFoundError: It has none.
        """
        values = {"request": request, "size": size}
        rows = self._connection.execute(sql_bundles.EVENTS_OF_REQUEST, values).fetchall()
        if not rows:
            raise NotFoundError(f"no sealed event is of request {request[:100]!r}; see placet list")
        return rows

    def erasures_of(self, digests: Iterable[str], size: int) -> list[DictRow]:
        """Return the sealed events that tell of ciphertexts, by their digests, that are gone."""
        values = {"digests": list(digests), "size": size}
        return self._connection.execute(sql_bundles.ERASURES, values).fetchall()

    def tombstones_of(self, seqs: Iterable[int], size: int) -> list[DictRow]:
        """Return the sealed events that tell why the bodies of others, by their seq, are gone."""
        values = {"seqs": list(seqs), "size": size}
        return self._connection.execute(sql_bundles.TOMBSTONES, values).fetchall()

    def pruning(self, size: int) -> bool:
        """Say whether bodies are pruned whose tombstone a tree does not hold yet."""
        row = self._one(sql_bundles.PRUNING, {"size": size})
        return bool(row and row["pruning"])

    def erasing(self, size: int) -> bool:
        """Say whether something is erased whose event a tree does not hold yet."""
        row = self._one(sql_bundles.ERASING, {"size": size})
        return bool(row and row["erasing"])

    def cosigned_after(self, position: int, size: int) -> int | None:
        """Return the size of the first cosigned tree that holds a position."""
        row = self._one(sql_bundles.COSIGNED_AFTER, {"position": position, "size": size})
        found: int | None = row["size"] if row else None
        return found

    def leaves(self, first: int, size: int) -> Iterator[bytes]:
        """Yield the hashes of leaves from a position up to a tree's size."""
        for row in self._stream(sql_bundles.LEAVES, {"first": first, "size": size}):
            yield bytes(row["leaf"])

    def frontier(self, size: int) -> Frontier:
        """Return the tree of the first ``size`` leaves.

        Raises:
            ConflictError: What is stored of it contradicts itself.
        """
        row = self._one(sql_bundles.FRONTIER, {"size": size})
        stored = bytes(row["frontier"]) if row else b""
        try:
            tree = Frontier.read(row["tree_size"] if row else 0, stored)
        except ValueError as error:
            raise ConflictError(
                f"a checkpoint is damaged ({error}); export the whole ledger, and verify it"
            ) from None
        for leaf in self.leaves(tree.size, size):
            tree.add(leaf)
        return tree

    def position_at(self, instant: datetime) -> int | None:
        """Return the first position that was recorded at an instant or later."""
        row = self._one(sql_bundles.POSITION_AT, {"instant": instant})
        found: int | None = row["position"] if row else None
        return found

    def personal(self, digests: Iterable[str]) -> dict[str, Ciphertext]:
        """Return those of some ciphertexts that are still there; digests are in hex."""
        wanted = [bytes.fromhex(digest) for digest in digests]
        if not wanted:
            return {}
        rows = self._connection.execute(sql_bundles.PERSONAL, {"digests": wanted})
        return {
            row["digest"]: Ciphertext(
                bytes.fromhex(row["digest"]),
                row["subject"],
                row["key_id"],
                bytes(row["ciphertext"]),
            )
            for row in rows
        }

    def content(self, digest: str) -> bytes | None:
        """Return what is stored under a SHA-256 in hex."""
        row = self._one(sql.GET_CONTENT, {"digest": digest})
        return bytes(row["data"]) if row and row["data"] is not None else None

    def _one(self, query: LiteralString, values: dict[str, Any]) -> DictRow | None:
        return self._connection.execute(query, values).fetchone()

    def _stream(self, query: LiteralString, values: dict[str, Any]) -> Iterator[DictRow]:
        # Each stream has a name of its own, as several are open at once.
        name = f"bundle_{id(values):x}"
        with self._connection.cursor(name) as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(query, values)


@contextmanager
def open_snapshot(url: str) -> Iterator[Snapshot]:
    """Take a snapshot of the ledger, and let it go at the end.

    Args:
        url: A connection string for ``placet_app``, or whoever may read the ledger.

    Raises:
        UnavailableError: The server does not answer, or the ledger is older than the program.
        InvalidInputError: The URL is no connection string.
    """
    told = conninfo.conninfo_to_dict(checked_url(url))
    with (
        translated_errors(),
        psycopg.connect(
            conninfo.make_conninfo("", **(VANISHED | told)),
            row_factory=dict_row,
            connect_timeout=_CONNECT_SECONDS,
            application_name="placet audit",
        ) as connection,
    ):
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute(sql_bundles.SETTINGS)
        yield Snapshot(connection)
