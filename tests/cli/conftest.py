"""One local stack with its worker for all tests of the command line, started by `placet up`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.loaded import Program
from tests.cli.office import Office, open_office
from tests.support.places import temporary


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Office]:
    """Give a running service."""
    with open_office(tmp_path_factory.mktemp("office"), program) as office:
        yield office


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which no service can be found."""
    here = {"HOME": str(tmp_path), "PLACET_HOME": str(tmp_path / "home")}
    return {"PATH": "/usr/bin:/bin", **here, **temporary()}
