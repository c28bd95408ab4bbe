import asyncio
import os
import stat
from pathlib import Path

import pytest

from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError
from placet.publishing.directory import DirectoryTarget
from placet.publishing.target import ForeignPageError, Version
from tests.publishing.press import SLUG, Edition, Shelf, change, shown
from tests.support.disk import small_disk

ONE, TWO = Edition(1), Edition(2)
SHELF = Shelf(ONE, TWO)


async def put(root: Path, before: Edition | None, after: Edition | None) -> None:
    target = DirectoryTarget(root)
    await target.stage(change(before, after), SHELF)
    await target.switch(change(before, after), SHELF)


async def test_a_version_is_seen_when_it_is_switched_to_and_not_before(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path)
    await target.stage(change(None, ONE), SHELF)
    assert shown(tmp_path) == {}
    await target.switch(change(None, ONE), SHELF)
    assert shown(tmp_path) == ONE.names
    page = tmp_path / "live" / SLUG / "index.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o444
    assert list((tmp_path / "staging").iterdir()) == []


async def test_a_web_server_can_read_what_a_worker_with_a_strict_umask_writes(
    tmp_path: Path,
) -> None:
    root, kept = tmp_path / "www", os.umask(0o077)
    try:
        await put(root, None, ONE)
    finally:
        os.umask(kept)
    page = root / "live" / SLUG
    for directory in (root, root / "live", root / "history", page.resolve(), page / "files"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o755, directory


async def test_every_step_may_be_done_twice(tmp_path: Path) -> None:
    for before, after in ((None, ONE), (ONE, TWO), (TWO, None), (None, TWO)):
        await put(tmp_path, before, after)
        await put(tmp_path, before, after)
        assert shown(tmp_path) == (after.names if after else {})


async def test_history_keeps_every_version_and_needs_no_content_to_go_back(tmp_path: Path) -> None:
    await put(tmp_path, None, ONE)
    await put(tmp_path, ONE, TWO)
    target = DirectoryTarget(tmp_path)
    await target.stage(change(TWO, ONE), Shelf())
    await target.switch(change(TWO, ONE), Shelf())
    assert shown(tmp_path) == ONE.names
    kept = {path.name for path in (tmp_path / "history" / SLUG).iterdir()}
    assert kept == {ONE.digest, TWO.digest}
    assert not (tmp_path / "live" / SLUG).readlink().is_absolute()


async def test_a_reader_always_sees_one_whole_version(tmp_path: Path) -> None:
    await put(tmp_path, None, ONE)
    page = tmp_path / "live" / SLUG
    over = asyncio.Event()

    def look() -> dict[str, bytes]:
        assert (page / "index.html").read_bytes() in {ONE.page, TWO.page}
        # A reader that holds on to the directory it has opened gets all of one version.
        held = os.open(page, os.O_RDONLY | os.O_DIRECTORY)
        try:
            names = ONE.names if _at(held, "index.html") == ONE.page else TWO.names
            return {name: _at(held, name) for name in names}
        finally:
            os.close(held)

    async def read() -> list[dict[str, bytes]]:
        found = []
        while not over.is_set():
            found.append(await asyncio.to_thread(look))
        return found

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for _ in range(40):
        await put(tmp_path, ONE, TWO)
        await put(tmp_path, TWO, ONE)
    over.set()
    seen = [each for reader in readers for each in await reader]
    assert all(each in (ONE.names, TWO.names) for each in seen)
    assert ONE.names in seen
    assert TWO.names in seen


def _at(directory: int, name: str) -> bytes:
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=directory), "rb") as file:
        return file.read()


@pytest.mark.parametrize("there", ["file", "directory", "link"])
async def test_what_somebody_else_put_there_is_not_overwritten(tmp_path: Path, there: str) -> None:
    page = tmp_path / "live" / SLUG
    page.parent.mkdir()
    if there == "file":
        page.write_text("mine")
    elif there == "directory":
        page.mkdir()
    else:
        page.symlink_to("/somewhere/else")
    before = page.lstat()
    with pytest.raises(ForeignPageError, match="nothing is overwritten"):
        await put(tmp_path, None, ONE)
    assert page.lstat() == before


async def test_a_switch_that_comes_late_does_not_undo_what_came_after_it(tmp_path: Path) -> None:
    three = Edition(3)
    target = DirectoryTarget(tmp_path)
    await put(tmp_path, None, ONE)
    await put(tmp_path, ONE, TWO)
    await target.stage(change(TWO, three), Shelf(three))
    await target.switch(change(TWO, three), Shelf(three))

    with pytest.raises(ForeignPageError, match=ONE.digest):
        await target.switch(change(ONE, TWO), SHELF)
    assert shown(tmp_path) == three.names
    await target.switch(change(ONE, TWO, sure=False), SHELF)
    assert shown(tmp_path) == TWO.names


async def test_a_version_that_was_changed_on_the_disk_is_not_published_again(
    tmp_path: Path,
) -> None:
    await put(tmp_path, None, ONE)
    await put(tmp_path, ONE, TWO)
    page = tmp_path / "history" / SLUG / ONE.digest / "index.html"
    page.chmod(0o644)
    page.write_bytes(b"tampered")
    with pytest.raises(ConflictError, match=f"(?s)index.html has the digest .*{ONE.manifest.page}"):
        await put(tmp_path, TWO, ONE)
    assert shown(tmp_path) == TWO.names


async def test_what_a_crash_has_left_half_written_is_written_anew(tmp_path: Path) -> None:
    room = tmp_path / "staging" / f"{SLUG}-{ONE.digest}" / "files"
    room.mkdir(parents=True)
    (room.parent / "index.html").write_bytes(ONE.page[:100])
    (room / "stranger").write_bytes(b"?")
    await put(tmp_path, None, ONE)
    assert shown(tmp_path) == ONE.names


async def test_a_full_disk_is_waited_for_and_nothing_half_is_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 128) as disk:
        root, filler = disk / "site", disk / "filler"
        await put(root, None, ONE)
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(1_000_000))
        with pytest.raises(UnavailableError, match="No space left on device; free some space"):
            await put(root, ONE, TWO)
        assert shown(root) == ONE.names
        assert list((root / "staging").iterdir()) == []
        filler.unlink()
        await put(root, ONE, TWO)
        assert shown(root) == TWO.names


async def test_a_place_that_cannot_be_a_directory_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file")
    with pytest.raises(UnavailableError, match="make it a directory that the worker may write to"):
        await put(tmp_path / "site", None, ONE)


@pytest.mark.parametrize("slug", ["../../etc", "a/b", "..", "", "a\n", "A", "a\x00b", "é", "-a"])
async def test_a_slug_that_leads_elsewhere_never_becomes_a_path(tmp_path: Path, slug: str) -> None:
    root = tmp_path / "site"
    manifest = ONE.manifest.model_copy(update={"slug": slug})
    forged = change(None, ONE)
    version = ONE.version.model_copy(update={"manifest": manifest})
    bad = type(forged)(forged.key, forged.at, slug, None, version)
    for attempt in (DirectoryTarget(root).stage, DirectoryTarget(root).switch):
        with pytest.raises(InvalidInputError, match="cannot be published"):
            await attempt(bad, SHELF)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../x", "files/../../x", "files/0123456789abcdef-../x", "/x"])
async def test_a_file_name_that_leads_elsewhere_never_becomes_a_path(
    tmp_path: Path, name: str
) -> None:
    file = ONE.manifest.files[0].model_copy(update={"name": name})
    manifest = ONE.manifest.model_copy(update={"files": (file,)})
    forged = change(None, ONE)
    version = Version.model_construct(digest=ONE.digest, manifest=manifest)
    bad = type(forged)(forged.key, forged.at, SLUG, None, version)
    with pytest.raises(InvalidInputError, match="cannot be published"):
        await DirectoryTarget(tmp_path / "site").stage(bad, SHELF)
    assert list(tmp_path.iterdir()) == []


async def test_a_version_of_another_page_is_refused(tmp_path: Path) -> None:
    other = Edition(1, slug="about")
    forged = change(None, other)
    bad = type(forged)(forged.key, forged.at, SLUG, None, other.version)
    with pytest.raises(InvalidInputError, match=f"about, not of {SLUG}"):
        await DirectoryTarget(tmp_path).stage(bad, Shelf(other))
