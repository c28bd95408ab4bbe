import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from placet.db import Pool, open_pool
from placet.domain.errors import InvalidInputError
from placet.domain.ledger import LedgerEvent, LedgerStep, RecordedEvent
from placet.ledger import PostgresLedger
from placet.ledger.encoding import Encoded, Encoder, anchor_of
from placet.proof import signatures
from placet.proof.leaf import leaf_hash, signed_message
from placet.proof.note import VerifierKey
from placet.signing import FileSigner, open_signer
from tests.conftest import Database
from tests.ledger.stories import opened, submitted
from tests.support.leaves import leaf_event

pytestmark = pytest.mark.rule(number=11)


@pytest.fixture
def signer(tmp_path: Path) -> FileSigner:
    return open_signer(tmp_path / "keys" / "writer.pem", "example.com/ledger/writer")


def is_signed(event: RecordedEvent, signer: FileSigner) -> bool:
    told = leaf_event(event)
    message = signed_message(
        event_id=told.event_id,
        stream=told.stream,
        kind=told.kind,
        occurred=told.occurred,
        signing_key=told.signing_key,
        anchor=told.anchor,
        retention_class=told.retention_class,
        body=told.body,
    )
    return signatures.is_signed(message, told.signature, signer.key)


async def test_each_event_carries_its_writers_signature(
    database: Database, signer: FileSigner
) -> None:
    async with open_pool(database.app_url) as pool:
        ledger = PostgresLedger(pool, Encoder(signer))
        await ledger.append([submitted()])
        step = LedgerStep(
            stream=submitted().stream, chain="c", number=1, outcome="{}", events=(opened(),)
        )
        await ledger.append_step(step)
        events = await ledger.timeline(submitted().stream)
    assert len(events) == 2
    for event in events:
        assert event.signing_key == signer.key.short
        assert is_signed(event, signer)
        assert leaf_hash(leaf_event(event)).hex() == event.leaf
        assert not is_signed(event.model_copy(update={"kind": "a:b:c"}), signer)


async def test_what_goes_out_together_is_signed_together(
    database: Database, signer: FileSigner
) -> None:
    made = Counting(signer)
    requests = [f"expense-{number}" for number in range(40)]
    async with open_pool(database.app_url) as pool:
        ledger = PostgresLedger(pool, Encoder(made))
        await asyncio.gather(
            *(ledger.append([submitted(request), opened(request)]) for request in requests)
        )
        stories = [await ledger.timeline(request) for request in requests]
    events = [event for story in stories for event in story]
    assert len(events) == 80
    assert made.signatures < 10
    for event in events:
        assert is_signed(event, signer)
        assert leaf_hash(leaf_event(event)).hex() == event.leaf
    one, other = stories[0][0], stories[1][0]
    assert not is_signed(one.model_copy(update={"signature": other.signature}), signer)


class Counting:
    """Signs, and counts."""

    def __init__(self, signer: FileSigner) -> None:
        self._signer = signer
        self.signatures = 0

    @property
    def key(self) -> VerifierKey:
        """Return the public half."""
        return self._signer.key

    def sign(self, message: bytes) -> bytes:
        """Sign, and count it."""
        self.signatures += 1
        return self._signer.sign(message)


async def test_an_event_shows_its_signature_as_hex_in_json(
    database: Database, signer: FileSigner
) -> None:
    async with open_pool(database.app_url) as pool:
        await _new(pool, signer).append([submitted()])
        (event,) = await _new(pool, signer).timeline(submitted().stream)
    shown = event.model_dump(mode="json")
    assert bytes.fromhex(shown["signature"]) == event.signature
    assert shown["anchor"] == ""


async def test_an_event_names_the_newest_checkpoint_its_writer_knew(
    database: Database, signer: FileSigner
) -> None:
    async with open_pool(database.app_url) as pool:
        await _new(pool, signer).append([submitted()])
        _checkpoint(database, 1, b"\x01" * 32)
        await _new(pool, signer).append([opened()])
        first, second = await _new(pool, signer).timeline(submitted().stream)
    assert first.anchor == b""
    assert second.anchor == anchor_of(1, b"\x01" * 32)


async def test_a_repeated_append_keeps_the_first_signature(
    database: Database, signer: FileSigner, tmp_path: Path
) -> None:
    other = open_signer(tmp_path / "other.pem", "example.com/ledger/writer")
    async with open_pool(database.app_url) as pool:
        receipts = await _new(pool, signer).append([submitted()])
        _checkpoint(database, 1, b"\x01" * 32)
        assert await _new(pool, other).append([submitted()]) == receipts
        (event,) = await _new(pool, signer).timeline(submitted().stream)
    assert is_signed(event, signer)


async def test_without_a_key_an_event_is_not_signed(ledger: PostgresLedger) -> None:
    await ledger.append([submitted()])
    (event,) = await ledger.timeline(submitted().stream)
    assert (event.signing_key, event.signature, event.anchor) == ("", b"", b"")


@pytest.mark.parametrize(
    ("digest", "subjects"),
    [
        pytest.param(b"\x00" * 32, ["alice"], id="another digest"),
        pytest.param(b"\x00" * 32, [], id="no subject"),
        pytest.param(b"\x00" * 32, [None], id="no subject named"),
    ],
)
async def test_personal_data_is_only_taken_with_its_own_digest(
    database: Database, digest: bytes, subjects: list[str | None]
) -> None:
    async with open_pool(database.app_url) as pool:
        ledger = PostgresLedger(pool, _Personal(digest, subjects))
        with pytest.raises(InvalidInputError):
            await ledger.append([submitted()])
        assert not await ledger.timeline(submitted().stream)


class _Personal(Encoder):
    def __init__(self, digest: bytes, subjects: list[Any]) -> None:
        super().__init__()
        self._more: dict[str, list[Any]] = {
            "personal_digests": [digest],
            "personal_subjects": subjects,
            "personal_keys": ["k"],
            "personal_ciphertexts": [b"c"],
        }

    def encode(self, events: Sequence[LedgerEvent], *, at_once: bool = False) -> Encoded:
        told = super().encode(events, at_once=at_once)
        return told._replace(columns={**told.columns, **self._more})


def _new(pool: Pool, signer: FileSigner) -> PostgresLedger:
    return PostgresLedger(pool, Encoder(signer))


def _checkpoint(database: Database, size: int, root: bytes) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "insert into audit.checkpoint"
            " (tree_size, root, note, frontier, cluster, after_xid, after_seq)"
            " values (%s, %s, 'a note', %s, 1, '1', 1)",
            [size, root, bytes(32 * size.bit_count())],
        )
