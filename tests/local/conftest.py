import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.local.places import remove_everything


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A temporary directory that everybody may pass through, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="placet-test-"))
    directory.chmod(0o755)
    yield directory
    remove_everything(directory)


@pytest.fixture
def home(open_directory: Path) -> Iterator[Path]:
    """A data directory's path; whatever a stack put there or elsewhere is removed."""
    directory = open_directory / ".placet"
    yield directory
    remove_everything(directory)


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives up its rights; run the tests as root too")
