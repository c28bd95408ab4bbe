"""Fixtures for everyone: a real Postgres, a fresh database, and a ledger in it."""

import contextlib
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

import pytest

from placet.ledger import PostgresLedger, open_pool
from placet.local.binaries import PostgresPrograms
from placet.local.temporal import HOST, USUAL_PORT, USUAL_UI_PORT
from placet.sample import preparing
from tests.cli.loaded import Program, loaded_program
from tests.support.places import use_memory
from tests.support.postgres import Cluster, installed_programs

FEWEST_PROCESSES, MOST_PROCESSES = 2, 4
"""Many tests wait for a timer or for a process, so there is one more than cores.

Each has servers of its own.
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Say how many processes share the tests in ``make test``."""
    return max(FEWEST_PROCESSES, min((os.cpu_count() or 0) + 1, MOST_PROCESSES))


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary files where they are quickest, and settle who has which port.

    The ports that every stack would take first are held while processes share the tests: of
    two stacks that find a port free at the same moment one takes the other's server for its own.
    """
    use_memory()
    if config.getoption("numprocesses", default=None) and not hasattr(config, "workerinput"):
        held = contextlib.ExitStack()
        config.add_cleanup(held.close)
        for port in (USUAL_PORT, USUAL_UI_PORT):
            # When it cannot be had, another program holds it, which is as good.
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server((HOST, port)))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from what is loaded by now; a worker of its own has far less.

    Looking through all of it takes so long that a workflow's task could be found to be stuck.
    """
    gc.collect()
    gc.freeze()


class Database(NamedTuple):
    """A fresh, migrated database: as its administrator and as the application."""

    admin_url: str
    app_url: str


@pytest.fixture(scope="session")
def start_cluster() -> Iterator[Callable[[PostgresPrograms], Cluster]]:
    """Start a cluster for each Postgres asked for, once, and remove them all at the end."""
    started: dict[PostgresPrograms, Cluster] = {}

    def start(programs: PostgresPrograms) -> Cluster:
        if programs not in started:
            started[programs] = cluster = Cluster(programs)
            stack.callback(cluster.remove)
            cluster.prepare_template()
        return started[programs]

    with contextlib.ExitStack() as stack:
        yield start


@pytest.fixture(scope="session")
def postgres_programs() -> PostgresPrograms:
    """Say which Postgres to use; tests/ledger runs on all that are installed."""
    found = installed_programs()
    if not found:
        pytest.skip("no Postgres is installed: run make setup, or set PLACET_TEST_POSTGRES_BIN")
    return found[0]


@pytest.fixture(scope="session")
def postgres(
    start_cluster: Callable[[PostgresPrograms], Cluster], postgres_programs: PostgresPrograms
) -> Cluster:
    """Give a running cluster."""
    return start_cluster(postgres_programs)


@pytest.fixture
def database(postgres: Cluster) -> Iterator[Database]:
    """Give a fresh, migrated database."""
    with postgres.database() as name:
        yield Database(postgres.url(name), postgres.url(name, "placet_app"))


class Sample(NamedTuple):
    """A fresh sample database: as its administrator, and the variables of a worker."""

    admin_url: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def sample_template(postgres: Cluster) -> str:
    """Make the sample database that each test's own is copied from."""
    preparing.prepare(postgres.url())
    return preparing.DATABASE


@pytest.fixture
def sample(postgres: Cluster, sample_template: str) -> Iterator[Sample]:
    """Give a fresh sample database."""
    with postgres.database(template=sample_template) as name:
        yield Sample(postgres.url(name), preparing.urls(postgres.url(), database=name))


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    """Give the command line, loaded once for all that call it."""
    with loaded_program() as loaded:
        yield loaded


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[PostgresLedger]:
    """Give a ledger in a fresh database, as the application uses it."""
    async with open_pool(database.app_url) as pool:
        yield PostgresLedger(pool)
