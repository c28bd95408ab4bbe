import multiprocessing
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from placet.domain.errors import UnavailableError
from placet.personal.keys import FileKeys, SubjectKey, steps_key


def current(keys: Path) -> SubjectKey:
    return FileKeys(keys).current("alice")


def the_file(keys: Path) -> Path:
    (path,) = (keys / "subjects").iterdir()
    return path


def test_a_person_has_one_key_however_many_processes_make_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        made = {*pool.map(current, [tmp_path] * 16)}
    assert made == {current(tmp_path)}
    assert stat.S_IMODE(the_file(tmp_path).stat().st_mode) == 0o600


def test_each_person_has_a_key_of_their_own(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path)
    assert keys.current("alice").secret != keys.current("bob").secret


def test_who_destroys_again_what_is_gone_waits_for_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before may have died between the two."""
    synced: list[Path] = []
    keys = FileKeys(tmp_path)
    assert not keys.destroy("alice")
    keys.current("alice")
    monkeypatch.setattr("placet.personal.keys.sync_directory", synced.append)
    assert keys.destroy("alice")
    assert not keys.destroy("alice")
    assert synced == [tmp_path / "subjects"] * 2


def test_nothing_is_sealed_with_a_key_that_another_process_has_destroyed(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path)
    before = keys.current("alice")
    assert FileKeys(tmp_path).destroy("alice")
    assert keys.find("alice", before.key_id) is None
    assert keys.current("alice") != before
    assert keys.find("alice", before.key_id) is None


def test_a_destroyed_key_leaves_nothing_in_its_file(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path)
    secret = keys.current("alice").secret
    held = the_file(tmp_path)
    other = tmp_path / "held"
    other.hardlink_to(held)
    assert keys.destroy("alice")
    assert not held.exists()
    assert secret not in other.read_bytes()
    assert not keys.destroy("alice")


@pytest.mark.parametrize("content", [b"", b"short", bytes(32), bytes(33)])
def test_a_damaged_key_is_told_and_waited_for(tmp_path: Path, content: bytes) -> None:
    keys = FileKeys(tmp_path)
    known = keys.current("alice")
    the_file(tmp_path).write_bytes(content)
    with pytest.raises(UnavailableError, match=r"put it back from a copy, or remove it$"):
        FileKeys(tmp_path).current("alice")
    assert FileKeys(tmp_path).find("alice", known.key_id) is None


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    FileKeys(tmp_path).current("alice")
    the_file(tmp_path).chmod(0o644)
    with pytest.raises(UnavailableError, match=r"chmod 600 [^;]*$"):
        FileKeys(tmp_path).current("alice")


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "subjects").write_text("no directory")
    with pytest.raises(UnavailableError, match="PLACET_KEYS"):
        FileKeys(tmp_path).current("alice")


def test_only_so_many_keys_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.personal.keys._CACHED", 3)
    keys = FileKeys(tmp_path)
    made = {name: keys.current(name) for name in "abcdef"}
    assert {name: keys.current(name) for name in "abcdef"} == made
    assert len(keys._cache) <= 3  # noqa: SLF001 - nothing else shows it


def test_the_key_of_steps_is_made_once(tmp_path: Path) -> None:
    assert steps_key(tmp_path) == steps_key(tmp_path)
    (tmp_path / "steps.key").write_bytes(os.urandom(10))
    with pytest.raises(UnavailableError, match="64 bytes"):
        steps_key(tmp_path)
