"""Files that are there whole or not at all, and directories that stay."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from placet import durable
from placet.durable import create_file, created_directory, make_directory, replace_file
from placet.keyfiles import make_secret
from placet.payments.spool import Spool
from tests.payments.orders import DEBTOR


@pytest.fixture(params=[create_file, replace_file])
def write(request: pytest.FixtureRequest) -> Callable[..., object]:
    found: Callable[..., object] = request.param
    return found


@pytest.fixture
def narrow() -> Iterator[None]:
    """Let the process take every right from others, as careful administrators do."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_has_the_mode_that_is_asked_for(
    tmp_path: Path, write: Callable[..., object], mode: int
) -> None:
    path = tmp_path / "file"
    write(path, b"content", mode)
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert list(tmp_path.iterdir()) == [path]


def test_nobody_else_reads_what_nothing_is_said_of(
    tmp_path: Path, write: Callable[..., object]
) -> None:
    path = tmp_path / "file"
    write(path, b"content")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_there_is_never_created_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert create_file(path, b"first")
    assert not create_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_who_create_at_once_one_does(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([number]) * 100_000 for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda content: create_file(path, content), contents))
    assert sum(made) == 1
    assert path.read_bytes() == contents[made.index(True)]


def test_replacing_changes_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"what was there before, and longer")
    replace_file(path, b"after")
    assert path.read_bytes() == b"after"


def test_what_cannot_be_written_whole_leaves_what_was_there(
    tmp_path: Path, write: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"before")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    for path in (other, tmp_path / "file"):
        with pytest.raises(OSError, match="No space"):
            write(path, b"after")
    assert list(tmp_path.iterdir()) == [other]
    assert other.read_bytes() == b"before"


def test_a_name_may_be_as_long_as_the_disk_takes(
    tmp_path: Path, write: Callable[..., object]
) -> None:
    path = tmp_path / ("n" * 255)
    write(path, b"content")
    assert path.read_bytes() == b"content"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Give the directories that have been waited for, in order."""
    found: list[Path] = []
    monkeypatch.setattr(durable, "sync_directory", found.append)
    return found


def test_a_directory_is_on_the_disk_with_all_above_it(tmp_path: Path, synced: list[Path]) -> None:
    path = tmp_path / "a" / "b" / "c"
    make_directory(path, 0o700)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    make_directory(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert len(synced) == 3


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_directory(path)


def test_a_key_outlives_a_loss_of_power_with_its_directory(
    tmp_path: Path, synced: list[Path]
) -> None:
    make_secret(tmp_path / "keys" / "subjects" / "one.key", b"secret")
    assert synced == [tmp_path, tmp_path / "keys", tmp_path / "keys" / "subjects"]


def test_what_payment_files_are_kept_in_outlives_a_loss_of_power(
    tmp_path: Path, synced: list[Path]
) -> None:
    Spool(tmp_path / "spool", DEBTOR)
    assert synced == [tmp_path, *[tmp_path / "spool"] * 3]


BUSY = """
import sys, time
from pathlib import Path
from placet.durable import created_directory
with created_directory(Path(sys.argv[1])) as new:
    (new / "keys").write_text("secret")
    print(new.name, flush=True)
    sys.stdin.read()
"""


def _busy(path: Path) -> "subprocess.Popen[str]":
    """Start a process that makes a directory and does not come to its end."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", BUSY, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_somebody_was_killed_over_is_not_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    with _busy(path) as killed:
        assert killed.stdout
        left = killed.stdout.readline().strip()
        killed.kill()
        killed.wait()
    assert (tmp_path / left / "keys").read_text() == "secret"
    with _busy(path) as working:
        assert working.stdout
        kept = working.stdout.readline().strip()
        with created_directory(path) as new:
            assert {each.name for each in tmp_path.iterdir()} == {kept, new.name}
            (new / "whole").touch()
        working.kill()
    assert [each.name for each in path.iterdir()] == ["whole"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_nothing_but_what_was_unfinished_is_cleared_away(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "bundle", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (tmp_path / ".bundle.0123abcd").symlink_to(elsewhere)
    (tmp_path / ".bundle.0123abc").mkdir()
    (tmp_path / ".bundles.0123abcd").mkdir()
    (tmp_path / ".bundle.0123abce").touch()
    (tmp_path / ".bundle.0123abcf").mkdir()
    (tmp_path / ".bundle.0123abcf" / "link").symlink_to(elsewhere)
    before = {*tmp_path.iterdir()}
    with created_directory(path):
        pass
    assert {*tmp_path.iterdir()} == before - {tmp_path / ".bundle.0123abcf"} | {path}
    assert (elsewhere / "kept").exists()
