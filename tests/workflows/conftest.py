"""A real Temporal server that can skip time, a real Postgres, and a worker per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from placet.ledger import PostgresLedger
from placet.local.stack import LocalStack
from tests.workflows.office import Office


@pytest.fixture(scope="session")
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
def closed_office(client: Client, ledger: PostgresLedger, tmp_path: Path) -> Office:
    """Give an office whose worker the test starts."""
    return Office(client, ledger, tmp_path)


@pytest.fixture
async def office(closed_office: Office) -> AsyncIterator[Office]:
    """Give an office with a worker."""
    async with closed_office.worker():
        yield closed_office
