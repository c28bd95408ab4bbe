"""The ledger's tests run on every Postgres that is installed."""

import pytest

from placet.local.binaries import PostgresPrograms
from tests.support.postgres import installed_programs


@pytest.fixture(
    scope="session",
    params=installed_programs(),
    ids=lambda programs: f"postgres-{programs.version}",
)
def postgres_programs(request: pytest.FixtureRequest) -> PostgresPrograms:
    """Give each installed Postgres in turn."""
    found: PostgresPrograms = request.param
    return found
