"""What every place does alike, and what is special of each."""

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import obstore
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.demo.storage import Storage, storage
from placet.domain.errors import UnavailableError
from placet.proof.note import Note
from placet.publishing.s3 import Bucket
from placet.sealing.bucket import BucketPlace
from placet.sealing.directory import DirectoryPlace
from placet.sealing.errors import SealingRefusedError
from placet.sealing.keys import LogKeys
from placet.sealing.places import Place
from placet.signing import FileSigner
from tests.sealing.bucket import REGION, delete_version, make_bucket, make_locked_bucket, versions
from tests.sealing.sealed import ORIGIN, SealedLedger
from tests.support.waiting import PATIENCE_SECONDS

LOCKED, OPEN = "locked", "checkpoints"
KEYS = LogKeys(FileSigner(ORIGIN, Ed25519PrivateKey.generate()))


def note(size: int, root: bytes = b"r" * 32) -> Note:
    return KEYS.signed(size, root)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storage]:
    async with storage(tmp_path_factory.mktemp("storage")) as started:
        make_bucket(started, OPEN)
        make_locked_bucket(started, LOCKED)
        yield started


@pytest.fixture(params=["directory", OPEN, LOCKED])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "directory":
        return DirectoryPlace("shelf", tmp_path / "shelf")
    server: Storage = request.getfixturevalue("server")
    return bucket_place(server, request.param, tmp_path.name.replace("[", "-").replace("]", ""))


def bucket_place(server: Storage, bucket: str, prefix: str) -> BucketPlace:
    at = Bucket(server.endpoint, REGION, bucket, prefix, server.key_id, server.key)
    return BucketPlace("vault", at)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    """Give a directory in which whoever reads waits, as for a machine that is gone."""
    latest = tmp_path / "latest"
    os.mkfifo(latest)
    yield tmp_path
    # Those who wait go on, and find nothing.
    os.close(os.open(latest, os.O_RDWR))


async def test_a_directory_that_hangs_holds_up_nothing_else(hanging: Path) -> None:
    for _ in range(50):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await DirectoryPlace("shelf", hanging).newest()
    other = hanging / "other"
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), PATIENCE_SECONDS) == "free"
    assert await DirectoryPlace("another", other).newest() is None


@pytest.mark.rule(number=11)
async def test_a_place_holds_the_newest_and_never_goes_back(place: Place) -> None:
    assert await place.newest() is None
    for size in (3, 12, 7, 12):
        await place.publish(note(size))
    assert await place.newest() == note(12)


@pytest.mark.rule(number=11)
async def test_a_place_never_takes_another_checkpoint_of_the_same_size(place: Place) -> None:
    await place.publish(note(3))
    with pytest.raises(SealingRefusedError, match="another checkpoint"):
        await place.publish(note(3, b"x" * 32))
    assert await place.newest() == note(3)


async def test_what_a_process_left_that_died_before_it_replaced_the_latest_counts(
    tmp_path: Path, server: Storage
) -> None:
    shelf = DirectoryPlace("shelf", tmp_path)
    await shelf.publish(note(3))
    (tmp_path / f"{9:020}.note").write_text(str(note(9)))
    assert await shelf.newest() == note(9)

    vault = bucket_place(server, OPEN, "left")
    await vault.publish(note(3))
    key = f"left/{9:020}.note"
    await obstore.put_async(vault._store, key, str(note(9)).encode())  # noqa: SLF001 - as it would
    assert await vault.newest() == note(9)


@pytest.mark.rule(number=11)
async def test_no_name_that_was_added_hides_what_a_place_holds(
    tmp_path: Path, server: Storage
) -> None:
    # Where nothing can be deleted, an object can be added, and `latest` be put over.
    shelf, vault = DirectoryPlace("shelf", tmp_path), bucket_place(server, LOCKED, "hidden")
    old = str(note(3))
    for size in (3, 9):
        await shelf.publish(note(size))
        await vault.publish(note(size))
    for name in ("9" * 20 + ".note", "latest"):
        (tmp_path / name).write_text(old)
        await obstore.put_async(
            vault._store,  # noqa: SLF001 - as whoever has its keys
            f"hidden/{name}",
            old.encode(),
            use_multipart=False,
        )
    for place in (shelf, vault):
        with pytest.raises(SealingRefusedError, match="it is of 3 events"):
            await place.newest()


@pytest.mark.parametrize("name", ["latest", f"{7:020}.note"])
async def test_a_file_without_end_in_a_place_is_not_read_to_its_end(
    name: str, tmp_path: Path, server: Storage
) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SealingRefusedError, match="more than 65536 bytes"):
        await DirectoryPlace("shelf", tmp_path).newest()
    vault = bucket_place(server, OPEN, f"long-{name}")
    await obstore.put_async(vault._store, f"long-{name}/{name}", b"x" * (8 << 20))  # noqa: SLF001
    with pytest.raises(SealingRefusedError, match="more than 65536 bytes"):
        await vault.newest()


@pytest.mark.rule(number=11)
async def test_a_locked_bucket_keeps_every_checkpoint(server: Storage) -> None:
    vault = bucket_place(server, LOCKED, "kept")
    await vault.publish(note(3))
    told = versions(server, LOCKED)
    name = f"kept/{3:020}.note"
    found = re.search(rf"<Key>{name}</Key>.*?<VersionId>([^<]+)</VersionId>", told, re.DOTALL)
    assert found is not None, told
    assert delete_version(server, LOCKED, name, found[1]) == 403
    assert await vault.newest() == note(3)


async def test_a_bucket_that_is_away_is_said_so() -> None:
    away = BucketPlace("vault", Bucket("http://127.0.0.1:9", REGION, OPEN, "", "id", "key"))
    with pytest.raises(UnavailableError, match="vault: the storage checkpoints at"):
        await away.newest()


async def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"shelf: .* cannot be used"):
        await DirectoryPlace("shelf", tmp_path / "file" / "shelf").publish(note(1))


async def test_what_is_published_may_be_read_by_everybody(tmp_path: Path) -> None:
    await DirectoryPlace("shelf", tmp_path).publish(note(1))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("[!.]*")}
    assert modes == {0o644}
    assert {path.name for path in tmp_path.iterdir()} == {f"{1:020}.note", "latest", ".lock"}


@pytest.mark.rule(number=11)
async def test_a_ledger_is_sealed_into_a_bucket(
    sealed_ledger: SealedLedger, server: Storage
) -> None:
    vault = bucket_place(server, LOCKED, "ledger")
    for _ in range(2):
        sealed_ledger.append(2)
        await sealed_ledger.sealer(vault).once()
    newest = await vault.newest()
    assert newest is not None
    assert f"{ORIGIN}\n4\n" in newest.text
