"""Witnesses and a time-stamp authority as places of checkpoints."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from placet.db import open_pool
from placet.domain.errors import UnavailableError
from placet.proof.note import cosigned_at, parse_note
from placet.sealing import archive as archive_module
from placet.sealing import asking
from placet.sealing.archive import Archive
from placet.sealing.config import SealList, WitnessSpec
from placet.sealing.directory import DirectoryPlace
from placet.sealing.errors import SealingRefusedError
from placet.sealing.places import Publisher
from placet.sealing.status import Status, status
from placet.sealing.witnesses import Witness
from placet.sealing.witnessing import StampPlace, WitnessPlace
from tests.sealing.sealed import ORIGIN, SealedLedger
from tests.sealing.test_refused import tampering
from tests.support.waiting import PATIENCE_SECONDS
from tests.witness.mortal import Orders, Running, running


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a machine that is busy with other tests answer late."""
    for name in ("_SECONDS", "_SECONDS_IN_ALL"):
        monkeypatch.setattr(asking, name, PATIENCE_SECONDS)


@pytest.fixture
def witness(sealed_ledger: SealedLedger, tmp_path: Path) -> Iterator[Running]:
    with running(Orders(tmp_path / "witness", (sealed_ledger.keys.signer.key,))) as found:
        yield found


@pytest.fixture
async def archive(sealed_ledger: SealedLedger) -> AsyncIterator[Archive]:
    async with open_pool(sealed_ledger.url) as pool:
        yield Archive(pool)


@pytest.fixture
def place(witness: Running, archive: Archive) -> WitnessPlace:
    return WitnessPlace("neighbour", Witness(witness.key, witness.url), ORIGIN, archive)


async def look(ledger: SealedLedger, witness: Running) -> Status:
    """Return what the status says of a witness, as whoever may only read sees it."""
    spec = WitnessSpec(kind="witness", url=witness.url, key=str(witness.key))
    listed = SealList(ledger.folder, {"neighbour": spec}, None, ledger.folder, ORIGIN)
    async with open_pool(ledger.url) as pool:
        return await status(pool, listed, {}, None)


def cosigned(ledger: SealedLedger, witness: Running) -> list[int]:
    """Return the sizes of the checkpoints that a witness has truly cosigned."""
    with psycopg.connect(ledger.admin_url) as connection:
        rows = connection.execute(
            "select tree_size, note || line from audit.checkpoint join audit.cosignature"
            " using (tree_size) order by tree_size"
        ).fetchall()
    assert all(cosigned_at(parse_note(text), witness.key) for _, text in rows)
    return [size for size, _ in rows]


@pytest.mark.rule(number=11)
async def test_each_checkpoint_is_cosigned_and_the_cosignature_is_kept(
    sealed_ledger: SealedLedger, witness: Running, place: WitnessPlace
) -> None:
    for _ in range(3):
        sealed_ledger.append(60)
        await sealed_ledger.sealer(place).once()
    assert cosigned(sealed_ledger, witness) == [60, 120, 180]
    newest = await place.newest()
    assert newest is not None
    assert f"{ORIGIN}\n180\n" in newest.text


async def test_a_witness_that_was_away_for_long_is_shown_everything_in_parts(
    sealed_ledger: SealedLedger,
    witness: Running,
    place: WitnessPlace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archive_module, "_AT_ONCE", 7)
    sealed_ledger.append(3)
    await sealed_ledger.sealer(place).once()
    sealed_ledger.append(60)
    await sealed_ledger.sealer(place).once()
    assert cosigned(sealed_ledger, witness) == [3, 63]


async def test_a_cosignature_that_was_lost_on_the_way_is_asked_for_again(
    sealed_ledger: SealedLedger, witness: Running, place: WitnessPlace
) -> None:
    sealed_ledger.append(1)
    await sealed_ledger.sealer(place).once()
    with psycopg.connect(sealed_ledger.admin_url) as connection:
        connection.execute("alter table audit.cosignature disable trigger all")
        connection.execute("delete from audit.cosignature")
    await sealed_ledger.sealer(place).once()
    assert cosigned(sealed_ledger, witness) == [1]


@pytest.mark.rule(number=11)
async def test_a_ledger_that_a_witness_has_seen_further_is_refused(
    sealed_ledger: SealedLedger, place: WitnessPlace
) -> None:
    sealed_ledger.append(2)
    await sealed_ledger.sealer(place).once()
    with tampering(sealed_ledger) as connection:
        connection.execute("alter table audit.cosignature disable trigger all")
        connection.execute("delete from audit.cosignature")
        connection.execute("delete from audit.checkpoint")
        connection.execute("delete from audit.sealed")
    with pytest.raises(SealingRefusedError, match="neighbour holds a checkpoint of 2 events"):
        await sealed_ledger.sealer(place).once()


@pytest.mark.rule(number=11)
async def test_a_witness_that_has_forgotten_the_ledger_is_told_nothing_until_it_is_meant(
    sealed_ledger: SealedLedger,
    witness: Running,
    archive: Archive,
    place: WitnessPlace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("placet.sealing.status.LATE_SECONDS", -60.0)
    sealed_ledger.append(2)
    await sealed_ledger.sealer(place).once()
    witness.kill()
    # Its key is there, and its state is that of its first day.
    state = sealed_ledger.folder / "witness"
    (record,) = state.glob("*.checkpoint")
    record.unlink()
    shelf = DirectoryPlace("shelf", sealed_ledger.published)
    with running(Orders(state, (sealed_ledger.keys.signer.key,))) as fresh:
        again = WitnessPlace("neighbour", Witness(fresh.key, fresh.url), ORIGIN, archive)
        sealed_ledger.append(1)
        with pytest.raises(UnavailableError, match="neighbour held checkpoints of up to 2 events"):
            await sealed_ledger.sealer(shelf, again).once()
        assert cosigned(sealed_ledger, fresh) == [2]
        (told,) = (await look(sealed_ledger, fresh)).places
        assert "does not tell that it had one of 2 events" in f"{told.problem}"
        sealed_ledger.accept_loss("neighbour")
        assert await sealed_ledger.sealer(shelf, again).once() == 1
        assert cosigned(sealed_ledger, fresh) == [2, 3, 4]


async def test_a_witness_that_signs_and_does_not_tell_what_is_not_late(
    sealed_ledger: SealedLedger,
    witness: Running,
    place: WitnessPlace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """C2SP has a witness cosign, and not that anybody can read what it has cosigned."""
    monkeypatch.setattr("placet.sealing.status.LATE_SECONDS", -60.0)
    sealed_ledger.append(2)
    await sealed_ledger.sealer(place).once()
    (record,) = (sealed_ledger.folder / "witness").glob("*.checkpoint")
    record.unlink()
    (told,) = (await look(sealed_ledger, witness)).places
    assert (told.size, told.problem) == (2, None)


async def test_a_witness_that_is_down_is_no_reason_not_to_seal(
    sealed_ledger: SealedLedger, witness: Running, place: WitnessPlace
) -> None:
    witness.kill()
    sealed_ledger.append(1)
    shelf = DirectoryPlace("shelf", sealed_ledger.published)
    with pytest.raises(UnavailableError, match="1 event is sealed, and a place did not take"):
        await sealed_ledger.sealer(shelf, place).once()
    assert len(sealed_ledger.notes()) == 1


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the texts that an authority has stamped."""
    found: list[bytes] = []

    async def stamped(text: bytes, *_: object) -> bytes:
        found.append(text)
        return b"a token"

    monkeypatch.setattr("placet.sealing.witnessing.request_stamp", stamped)
    return found


async def test_the_newest_checkpoint_is_stamped_in_time_however_quiet_the_ledger_is(
    sealed_ledger: SealedLedger,
    archive: Archive,
    asked: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = StampPlace("https://stamps.example", [], timedelta(hours=1), archive)
    publisher = Publisher(place, archive, sealed_ledger.keys, remembers=False)
    for _ in range(2):
        sealed_ledger.append(1)
        await sealed_ledger.sealer().once()
        await publisher.catch_up()
    assert [text.split(b"\n")[1] for text in asked] == [b"1"]
    monkeypatch.setattr(place, "_every", timedelta(0))
    await publisher.catch_up()
    await publisher.catch_up()
    assert [text.split(b"\n")[1] for text in asked] == [b"1", b"2"]


async def test_a_stamp_is_asked_for_once_in_a_while_and_kept(
    sealed_ledger: SealedLedger,
    archive: Archive,
    asked: list[bytes],
    tmp_path: Path,
) -> None:
    (tmp_path / "root.pem").write_text("a certificate")
    url, certificates = "https://stamps.example", [tmp_path / "root.pem"]
    often = StampPlace(url, certificates, timedelta(0), archive)
    for place in (often, often, StampPlace(url, certificates, timedelta(hours=1), archive)):
        sealed_ledger.append(1)
        await sealed_ledger.sealer(place).once()
    assert [text.split(b"\n")[1] for text in asked] == [b"1", b"2"]
    with psycopg.connect(sealed_ledger.admin_url) as connection:
        rows = connection.execute("select tree_size, token from audit.stamp order by 1").fetchall()
    assert rows == [(1, b"a token"), (2, b"a token")]
