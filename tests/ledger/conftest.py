"""The ledger's tests run on every Postgres that is installed."""

from collections.abc import Iterator

import pytest

from placet.local.binaries import PostgresPrograms
from tests.conftest import Database
from tests.support.postgres import Cluster, installed_programs


@pytest.fixture(
    scope="session",
    params=installed_programs(),
    ids=lambda programs: f"postgres-{programs.version}",
)
def postgres_programs(request: pytest.FixtureRequest) -> PostgresPrograms:
    """Give each installed Postgres in turn."""
    found: PostgresPrograms = request.param
    return found


@pytest.fixture(scope="module")
def refusing_database(postgres: Cluster) -> Iterator[Database]:
    """Give a migrated database to all tests of a module that try what is refused.

    They leave it as it is, also where it should not be refused: nothing of it is committed.
    """
    with postgres.database() as name:
        yield Database(postgres.url(name), postgres.url(name, "placet_app"))
