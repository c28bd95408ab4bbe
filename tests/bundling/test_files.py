"""The files of a bundle: whole or not at all, and as many as there are."""

import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from placet import durable
from placet.bundling import files as files_module
from placet.bundling.files import BundleFiles, whole_directory
from placet.domain.errors import NotFoundError
from placet.proof.bundle import MANIFEST

FEW = 64


@pytest.fixture
def few_open_files() -> Iterator[None]:
    """Let the process open few files more, as many systems do."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + FEW, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_open_files")
def test_a_bundle_may_hold_more_policies_than_a_process_may_open_files(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    names = [f"policies/{number}.json" for number in range(2 * FEW)]
    with whole_directory(bundle) as directory, ExitStack() as stack:
        files = BundleFiles(directory, stack)
        files.append("events", b"one\n")
        for name in names:
            files.put(name, name.encode())
        files.append("events", b"two\n")
        files.finish({"count": 2})
    told = json.loads((bundle / MANIFEST).read_bytes())
    assert told["count"] == 2
    assert told["files"].keys() == {"events", *names}
    for name, digest in told["files"].items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    assert (bundle / "events").read_bytes() == b"one\ntwo\n"


def test_a_bundle_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    bundle = tmp_path / "bundle"

    def note(directory: Path) -> None:
        synced.append((directory.name, bundle.exists()))

    for module in (files_module, durable):
        monkeypatch.setattr(module, "sync_directory", note)
    with whole_directory(bundle) as directory, ExitStack() as stack:
        hidden = directory.name
        files = BundleFiles(directory, stack)
        files.put("policies/a.json", b"{}")
        files.finish({})
    assert synced == [("policies", False), (hidden, False), (tmp_path.name, True)]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with whole_directory(tmp_path / "bundle") as path:
            (path / "half").write_bytes(b"half")
            raise OSError(28, "the disk is full")

    with pytest.raises(NotFoundError, match="the disk is full; name a directory"):
        fail()
    assert list(tmp_path.iterdir()) == []
