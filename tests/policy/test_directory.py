"""The directory's file: mistakes with their lines, and changes while the worker runs."""

import os
from pathlib import Path

import pytest
import structlog

from placet.directory import YamlDirectory, load_directory
from placet.policy.files import FileError
from placet.policy.loader import PolicyFolder
from tests.policy.example import SHIPPED, TEXT, bent

ONE = """\
people:
  - id: alice
    name: Alice
    addresses: [alice@example.com]
  - id: bob
    name: Bob
    addresses: [bob@example.com]
    manager: alice
"""


def put(path: Path, text: str) -> None:
    """Replace the file the way careful programs do: whole, by a rename."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "directory.yaml"
    put(path, ONE)
    return path


def test_mistakes_are_told_with_their_lines(file: Path) -> None:
    put(file, ONE.replace("manager: alice", "manager: alcie").replace("id: bob", "id: Bob!"))
    with pytest.raises(
        FileError, match=r"directory\.yaml:5:5: people\[1\]\.id: 'Bob!' has the wrong"
    ):
        load_directory(file)
    put(file, ONE.replace("manager: alice", "manager: alcie"))
    with pytest.raises(FileError, match=r":8:5: people\[1\]\.manager: .*did you mean 'alice'"):
        load_directory(file)
    put(file, ONE.replace("bob@", "ALICE@"))
    with pytest.raises(
        FileError, match=r":7:17: people\[1\]\.addresses\[0\]: .*belongs to 'alice'"
    ):
        load_directory(file)


def test_a_private_key_in_the_file_is_refused_without_repeating_it(file: Path) -> None:
    secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"  # noqa: S105 - RFC 8037's example.
    key = f"{{kty: OKP, crv: Ed25519, x: abc, d: {secret}}}"
    put(file, ONE.replace("    manager: alice\n", f"    keys: [{key}]\n"))
    with pytest.raises(FileError, match="private key") as refused:
        load_directory(file)
    assert secret not in str(refused.value)


def test_a_changed_file_is_read_again(file: Path) -> None:
    people = YamlDirectory(file)
    before = people.snapshot()
    assert people.snapshot() is before
    put(file, ONE.replace("name: Bob", "name: Rob"))
    assert people.snapshot().require("bob").name == "Rob"
    assert before.require("bob").name == "Bob"


def test_a_change_of_the_same_size_in_place_is_seen(file: Path) -> None:
    people = YamlDirectory(file)
    stat = file.stat()
    file.write_text(ONE.replace("name: Bob", "name: Rob"), encoding="utf-8")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert people.snapshot().require("bob").name == "Rob"


def test_a_broken_change_keeps_the_last_good_one_and_is_logged_once(file: Path) -> None:
    people = YamlDirectory(file)
    good = people.snapshot()
    put(file, ONE.replace("name: Bob", "nmae: Bob"))
    with structlog.testing.capture_logs() as logs:
        assert people.snapshot() is good
        assert people.snapshot() is good
    assert [entry["event"] for entry in logs] == ["files_broken"]
    assert "did you mean 'name'" in str(logs[0]["problems"])
    file.unlink()
    assert people.snapshot() is good
    put(file, ONE.replace("name: Bob", "name: Rob"))
    assert people.snapshot().require("bob").name == "Rob"


def test_a_broken_file_stops_the_start(file: Path) -> None:
    put(file, "people: []\n")
    with pytest.raises(FileError, match=r"people: needs at least 1"):
        YamlDirectory(file)


def test_policies_are_read_again_too_and_survive_a_broken_change(tmp_path: Path) -> None:
    put(tmp_path / "rates.yaml", (SHIPPED / "rates.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "expense.yaml"
    put(path, TEXT)
    policies = PolicyFolder(tmp_path)
    assert policies.book().for_pipeline("expense").ref.version == 3
    put(path, bent(("version: 3", "version: x")))
    assert policies.book().for_pipeline("expense").ref.version == 3
    put(path, bent(("version: 3", "version: 4")))
    assert policies.book().for_pipeline("expense").ref.version == 4


def test_the_directory_that_ships_is_sound() -> None:
    people = load_directory(SHIPPED / "directory.yaml")
    alice = people.require("Alice+dinner@Example.com")
    manager = people.manager_of(alice)
    assert manager is not None
    assert manager.addresses[0] == "bob@example.com"
    assert len([p for p in people.members_of("finance") if p.active]) == 3
    assert people.with_role("executive")
