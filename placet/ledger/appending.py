"""Appends what many callers bring at the same time, together."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg.rows import tuple_row

from placet.db import Pool, translated_errors
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.ledger import LedgerStep, Receipt, WrittenStep
from placet.ledger import sql
from placet.ledger.arrays import byte_strings, instants, numbers, texts
from placet.ledger.encoding import Encoded, Encoder
from placet.ledger.grouping import Grouping
from placet.ledger.session import append

_COLUMNS: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "event_ids": byte_strings,
    "streams": texts,
    "kinds": texts,
    "occurred": instants,
    "bodies": byte_strings,
    "signing_keys": texts,
    "anchors": byte_strings,
    "retention_classes": texts,
    "personal_digests": byte_strings,
    "personal_subjects": texts,
    "personal_keys": texts,
    "personal_ciphertexts": byte_strings,
}
"""How the columns of :class:`placet.ledger.encoding.Encoded` are sent."""

_PERSONAL = ("personal_digests", "personal_subjects", "personal_keys", "personal_ciphertexts")


_FAST = 1
"""An outcome is kept for a short time, and compressed for each step."""


class Batch(NamedTuple):
    """The events of one caller."""

    events: Encoded

    @property
    def streams(self) -> frozenset[str]:
        """Return the streams of its events."""
        return frozenset(self.events.columns["streams"])

    @property
    def size(self) -> int:
        """Return how many events it holds."""
        return len(self.events.messages)


class Step(NamedTuple):
    """One step of a workflow, and its events."""

    step: LedgerStep
    outcome: bytes
    events: Encoded

    @property
    def streams(self) -> frozenset[str]:
        """Return the step's only stream."""
        return frozenset((self.step.stream,))

    @property
    def size(self) -> int:
        """Return how many events it holds."""
        return len(self.events.messages)


class Appending:
    """Writes batches and steps of different requests together, each as if it were alone.

    See :class:`placet.ledger.grouping.Grouping` for what the callers of one statement have to do
    with each other: nothing, but that their events are signed together.
    """

    def __init__(self, pool: Pool, encoder: Encoder) -> None:
        """Take connections from ``pool``, sign with the encoder, and seal outcomes in its vault.

        Without a vault, outcomes of steps are kept in plain.
        """
        self._pool = pool
        self._encoder = encoder
        self._batches = Grouping[Batch, list[Receipt]](self._append_together, self._append)
        self._steps = Grouping[Step, WrittenStep](self._append_steps, self._append_step)

    async def append(self, events: Encoded) -> list[Receipt]:
        """Append one caller's batch; raises what :meth:`PostgresLedger.append` does."""
        return await self._batches.write(Batch(events))

    async def append_step(self, step: LedgerStep, events: Encoded) -> WrittenStep:
        """Append one step; raises what :meth:`PostgresLedger.append_step` does."""
        outcome = zlib.compress(step.outcome.encode(), _FAST)
        if self._encoder.vault is not None:
            outcome = self._encoder.vault.seal_step(step, outcome)
        return await self._steps.write(Step(step, outcome, events))

    async def _append_together(self, batches: Sequence[Batch]) -> list[list[Receipt]]:
        with translated_errors():
            receipts = await self._receipts(sql.APPEND_TOGETHER, self._merged(batches))
        return [[next(receipts) for _ in range(batch.size)] for batch in batches]

    async def _append_steps(self, steps: Sequence[Step]) -> list[WrittenStep]:
        with translated_errors():
            told = {
                "step_streams": texts([each.step.stream for each in steps]),
                "chains": texts([each.step.chain for each in steps]),
                "numbers": numbers([each.step.number for each in steps]),
                "outcomes": byte_strings([each.outcome for each in steps]),
            }
            receipts = await self._receipts(sql.APPEND_STEPS, told | self._merged(steps))
        return [
            WrittenStep(receipts=tuple(next(receipts) for _ in range(each.size))) for each in steps
        ]

    async def _receipts(self, query: LiteralString, values: Mapping[str, Any]) -> Iterator[Receipt]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            rows = await (await cursor.execute(query, values)).fetchall()
        return (
            Receipt(event_id=event_id, seq=seq, stream_seq=number, leaf=leaf, recorded=recorded)
            for event_id, seq, number, leaf, recorded in rows
        )

    async def _append(self, batch: Batch) -> list[Receipt]:
        with translated_errors():
            async with self._pool.connection() as connection:
                return await append(connection, self._encoder.signed(batch.events))

    async def _append_step(self, each: Step) -> WrittenStep:
        told = {
            "stream": each.step.stream,
            "chain": each.step.chain,
            "number": each.step.number,
            "outcome": each.outcome,
        }
        with translated_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(
                    sql.APPEND_STEP, told | self._encoder.signed(each.events)
                )
                rows = await cursor.fetchall()
        known = rows[0]["known"]
        return WrittenStep(
            receipts=tuple(Receipt(**row) for row in rows),
            known=None if known is None else self._outcome(each.step, known),
        )

    def _outcome(self, step: LedgerStep, stored: bytes) -> str:
        vault = self._encoder.vault
        opened = vault.open_step(step, stored) if vault is not None else stored
        try:
            return zlib.decompress(opened or b"").decode()
        except (zlib.error, UnicodeDecodeError):
            raise ConflictError(
                f"What step {step.number} of {step.stream} came to cannot be read: somebody else "
                "wrote it, or the key that keeps such steps was exchanged. Compare the ledger with "
                "Temporal's history before you go on."
            ) from None

    def _merged(self, items: Sequence[Batch] | Sequence[Step]) -> dict[str, Any]:
        """Put the columns of several callers one behind the other, and sign all together.

        Raises:
            InvalidInputError: One caller's personal data is incomplete, so that it would take the
                next one's.
        """
        for item in items:
            if len({len(item.events.columns[name]) for name in _PERSONAL}) > 1:
                raise InvalidInputError(
                    "Personal data needs a digest, a subject, a key and a ciphertext each."
                )
        messages = [message for item in items for message in item.events.messages]
        columns = {
            name: write([value for item in items for value in item.events.columns[name]])
            for name, write in _COLUMNS.items()
        }
        return {**columns, "signatures": byte_strings(self._encoder.sign(messages))}
