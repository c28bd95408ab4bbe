"""A real Temporal server that can skip time, a real Postgres, and a worker per test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from placet.ledger import PostgresLedger, open_pool
from placet.local.stack import LocalStack
from placet.personal.vault import open_vault
from tests.access.listed import VARIABLE, policies_for
from tests.access.staff import Staff, staff_of
from tests.conftest import Database
from tests.support.personal import Declared
from tests.support.postgres import Cluster
from tests.support.stories import judged
from tests.workflows.office import Office


@pytest.fixture(scope="package")
async def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Give the address of a dev server on which workflows can skip time."""
    home = tmp_path_factory.mktemp("temporal")
    async with LocalStack(home, time_skipping=True, postgres=False) as address:
        yield address.temporal_address


@pytest.fixture
async def client(temporal_address: str) -> Client:
    """Connect to Temporal."""
    return await Client.connect(temporal_address, data_converter=pydantic_data_converter)


@pytest.fixture
async def ledger(database: Database, tmp_path: Path) -> AsyncIterator[PostgresLedger]:
    """Give a ledger that seals what is personal: no workflow may see any of that."""
    encoder = Declared(vault=open_vault(tmp_path / "keys"))
    async with open_pool(database.app_url) as pool:
        yield PostgresLedger(pool, encoder)
    assert encoder.undeclared == set()


@pytest.fixture
async def closed_office(
    client: Client, ledger: PostgresLedger, tmp_path: Path
) -> AsyncIterator[Office]:
    """Give an office whose worker the test starts; its stories keep the rules."""
    office = Office(client, ledger, tmp_path)
    yield office
    found = [
        finding
        for row in await ledger.requests(limit=1000)
        for finding in judged(await ledger.timeline(row.request))
    ]
    assert {each.code for each in found} == office.breaches, "\n".join(map(str, found))


@pytest.fixture
async def office(closed_office: Office) -> AsyncIterator[Office]:
    """Give an office with a worker."""
    async with closed_office.worker():
        yield closed_office


@pytest.fixture
def staff(postgres: Cluster) -> Iterator[Staff]:
    """Give roles of Postgres that are nobody else's."""
    with staff_of(postgres.url()) as made:
        yield made


@pytest.fixture
def closed_granting_office(
    closed_office: Office, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> Office:
    """Give an office that can grant them once the test starts its worker."""
    monkeypatch.setenv(VARIABLE, staff.granter_url)
    folder = policies_for(staff, closed_office.settings.home / "policies")
    closed_office.settings = closed_office.settings.model_copy(update={"policies": folder})
    return closed_office


@pytest.fixture
async def granting_office(closed_granting_office: Office) -> AsyncIterator[Office]:
    """Give an office with a worker that can grant them."""
    async with closed_granting_office.worker():
        yield closed_granting_office
