"""One local stack with its worker for all tests of the command line, started by `placet up`."""

import shlex
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.office import PATIENCE_SECONDS, Office, prepare_policies, start


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give a running service."""
    base = tmp_path_factory.mktemp("office")
    policies, key = prepare_policies(base)
    office = Office(home=base / "home", policies=policies, key=key)
    process = start("starter.py", "up", env=office.environment())
    assert process.stdout is not None
    exports: dict[str, str] = {}
    try:
        while len(exports) < 3:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            (_, assignment) = shlex.split(line)
            name, _, value = assignment.partition("=")
            exports[name] = value
        yield replace(
            office,
            address=exports["TEMPORAL_ADDRESS"],
            database_url=exports["PLACET_DATABASE_URL"],
        )
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which no service can be found."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PLACET_HOME": str(tmp_path / "home")}
