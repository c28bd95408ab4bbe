"""Appends what many callers bring at the same time, together."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from placet.db import Pool, translated_errors
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.ledger import LedgerStep, Receipt, WrittenStep
from placet.ledger import sql
from placet.ledger.arrays import byte_strings, instants, numbers, texts
from placet.ledger.grouping import AloneError, Grouping
from placet.ledger.session import append
from placet.personal.vault import Vault

_ARRAYS: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "event_ids": byte_strings,
    "streams": texts,
    "kinds": texts,
    "occurred": instants,
    "bodies": byte_strings,
    "signatures": byte_strings,
    "signing_keys": texts,
    "anchors": byte_strings,
    "retention_classes": texts,
    "personal_digests": byte_strings,
    "personal_subjects": texts,
    "personal_keys": texts,
    "personal_ciphertexts": byte_strings,
}
"""How the arguments of ``audit.append()`` are sent."""

_PERSONAL = ("personal_digests", "personal_subjects", "personal_keys", "personal_ciphertexts")


_FAST = 1
"""An outcome is kept for a short time, and compressed for each step."""

_ALONE = "PLT05"
"""The database's word for what has to be written alone."""


class Batch(NamedTuple):
    """The events of one caller, as ``audit.append()`` takes them."""

    events: Mapping[str, Sequence[Any]]

    @property
    def streams(self) -> frozenset[str]:
        """Return the streams of its events."""
        return frozenset(self.events["streams"])

    @property
    def size(self) -> int:
        """Return how many events it holds."""
        return len(self.events["streams"])


class Step(NamedTuple):
    """One step of a workflow, and its events as ``audit.append()`` takes them."""

    step: LedgerStep
    outcome: bytes
    events: Mapping[str, Sequence[Any]]

    @property
    def streams(self) -> frozenset[str]:
        """Return the step's only stream."""
        return frozenset((self.step.stream,))

    @property
    def size(self) -> int:
        """Return how many events it holds."""
        return len(self.events["streams"])


class Appending:
    """Writes batches and steps of different requests together, each as if it were alone.

    See :class:`placet.ledger.grouping.Grouping` for what the callers of one statement have to do
    with each other: nothing.
    """

    def __init__(self, pool: Pool, vault: Vault | None = None) -> None:
        """Take connections from ``pool``; without a vault, outcomes of steps are kept in plain."""
        self._pool = pool
        self._vault = vault
        self._batches = Grouping[Batch, list[Receipt]](self._append_together, self._append)
        self._steps = Grouping[Step, WrittenStep](self._append_steps, self._append_step)

    async def append(self, events: Mapping[str, Sequence[Any]]) -> list[Receipt]:
        """Append one caller's batch; raises what :meth:`PostgresLedger.append` does."""
        return await self._batches.write(Batch(events))

    async def append_step(
        self, step: LedgerStep, events: Mapping[str, Sequence[Any]]
    ) -> WrittenStep:
        """Append one step; raises what :meth:`PostgresLedger.append_step` does."""
        outcome = zlib.compress(step.outcome.encode(), _FAST)
        if self._vault is not None:
            outcome = self._vault.seal_step(step, outcome)
        return await self._steps.write(Step(step, outcome, events))

    async def _append_together(self, batches: Sequence[Batch]) -> list[list[Receipt]]:
        with translated_errors():
            receipts = await self._receipts(sql.APPEND_TOGETHER, _merged(batches))
        return [[next(receipts) for _ in range(batch.size)] for batch in batches]

    async def _append_steps(self, steps: Sequence[Step]) -> list[WrittenStep]:
        with translated_errors():
            told = {
                "step_streams": texts([each.step.stream for each in steps]),
                "chains": texts([each.step.chain for each in steps]),
                "numbers": numbers([each.step.number for each in steps]),
                "outcomes": byte_strings([each.outcome for each in steps]),
            }
            receipts = await self._receipts(sql.APPEND_STEPS, told | _merged(steps))
        return [
            WrittenStep(receipts=tuple(next(receipts) for _ in range(each.size))) for each in steps
        ]

    async def _receipts(self, query: LiteralString, values: Mapping[str, Any]) -> Iterator[Receipt]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            try:
                rows = await (await cursor.execute(query, values)).fetchall()
            except psycopg.Error as error:
                if error.sqlstate == _ALONE:
                    raise AloneError(error.diag.message_primary) from error
                raise
        return (
            Receipt(event_id=event_id, seq=seq, stream_seq=number, leaf=leaf, recorded=recorded)
            for event_id, seq, number, leaf, recorded in rows
        )

    async def _append(self, batch: Batch) -> list[Receipt]:
        with translated_errors():
            async with self._pool.connection() as connection:
                return await append(connection, dict(batch.events))

    async def _append_step(self, each: Step) -> WrittenStep:
        told = {
            "stream": each.step.stream,
            "chain": each.step.chain,
            "number": each.step.number,
            "outcome": each.outcome,
        }
        with translated_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(sql.APPEND_STEP, told | dict(each.events))
                rows = await cursor.fetchall()
        known = rows[0]["known"]
        return WrittenStep(
            receipts=tuple(Receipt(**row) for row in rows),
            known=None if known is None else self._outcome(each.step, known),
        )

    def _outcome(self, step: LedgerStep, stored: bytes) -> str:
        opened = self._vault.open_step(step, stored) if self._vault is not None else stored
        try:
            return zlib.decompress(opened or b"").decode()
        except (zlib.error, UnicodeDecodeError):
            raise ConflictError(
                f"What step {step.number} of {step.stream} came to cannot be read: somebody else "
                "wrote it, or the key that keeps such steps was exchanged. Compare the ledger with "
                "Temporal's history before you go on."
            ) from None


def _merged(items: Sequence[Batch] | Sequence[Step]) -> dict[str, Any]:
    """Put the arrays of several callers one behind the other.

    Raises:
        InvalidInputError: One caller's personal data is incomplete, so that it would take the next
            one's. Alone, it is refused by the database.
    """
    for item in items:
        if len({len(item.events[name]) for name in _PERSONAL}) > 1:
            raise InvalidInputError(
                "Personal data needs a digest, a subject, a key and a ciphertext each."
            )
    return {
        name: write([value for item in items for value in item.events[name]])
        for name, write in _ARRAYS.items()
    }
