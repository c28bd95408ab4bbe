"""Roles of a real Postgres of every version that is installed, and a server that takes webhooks."""

from collections.abc import Iterator

import pytest

from placet.local.binaries import PostgresPrograms
from tests.access.staff import Staff, staff_of
from tests.publishing.hook import Hook, serve_hook
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


@pytest.fixture
def staff(postgres: Cluster) -> Iterator[Staff]:
    """Give roles that are nobody else's."""
    with staff_of(postgres.url()) as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Give a server that takes webhooks."""
    with serve_hook() as started:
        yield started
