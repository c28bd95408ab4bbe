"""Each test has a namespace and a database of its own, so that everything can be reconciled."""

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from placet.ledger import PostgresLedger
from tests.cli.conftest import nowhere
from tests.cli.conftest import office as service
from tests.conftest import Database
from tests.reconciling.auditor import Auditor
from tests.support.waiting import eventually
from tests.workflows.conftest import office, temporal_address
from tests.workflows.office import Office

__all__ = ["nowhere", "office", "service", "temporal_address"]

RETENTION = timedelta(days=1)


@pytest.fixture
async def client(temporal_address: str) -> Client:
    """Connect to a namespace in which nothing has happened."""
    return await fresh_namespace(temporal_address)


@pytest.fixture
def closed_office(client: Client, ledger: PostgresLedger, tmp_path: Path) -> Office:
    """Give an office whose stories nobody judges by the rules: many are forged here."""
    return Office(client, ledger, tmp_path)


async def fresh_namespace(address: str) -> Client:
    """Make a namespace, and connect to it once it can be used."""
    client = await Client.connect(
        address,
        namespace=f"test-{secrets.token_hex(6)}",
        data_converter=pydantic_data_converter,
    )
    keeps = Duration()
    keeps.FromTimedelta(RETENTION)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=client.namespace, workflow_execution_retention_period=keeps
        )
    )

    async def usable() -> bool:
        try:
            return [each async for each in client.list_workflows()] == []
        except Exception:  # noqa: BLE001 - whatever it says while it does not know the namespace
            return False

    await eventually(usable, "a new namespace")
    return client


@pytest.fixture
def auditor(closed_office: Office, database: Database) -> Auditor:
    """Give somebody who reconciles what this office does."""
    return Auditor(closed_office, database)
