"""Finds and opens what a process talks to: Temporal and Postgres.

Settings win; without them the local stack that ``placet up`` started is found.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import conninfo
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfigProfile
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from placet.db.connections import checked_url, open_pool
from placet.db.runner import APP_ROLE, ERASER_ROLE, SEALER_ROLE
from placet.domain.errors import UnavailableError
from placet.ledger.encoding import Encoder
from placet.ledger.postgres import PostgresLedger
from placet.local.address import find_running
from placet.personal.keys import steps_key
from placet.personal.vault import open_vault
from placet.settings import Settings
from placet.signing import WRITER_FILE, LateSigner, open_signer

_START = "start the local stack with `make up`"


def app_url(admin_url: str, role: str = APP_ROLE) -> str:
    """Return a login's connection to a local database, from its administrator's."""
    return conninfo.make_conninfo(admin_url, user=role)


def database_url(settings: Settings) -> str:
    """Return where Postgres is, for the application.

    Raises:
        UnavailableError: Nothing says, and no local stack runs.
    """
    return settings.database_url or _local_url(settings, APP_ROLE, "PLACET_DATABASE_URL")


def sealer_url(settings: Settings) -> str:
    """Return where Postgres is, for the sealer.

    Raises:
        UnavailableError: Nothing says, and no local stack runs.
    """
    if settings.sealer_url is None:
        return _local_url(settings, SEALER_ROLE, "PLACET_SEALER_URL")
    return _with_password("PLACET_SEALER_URL", settings.sealer_url, settings.sealer_password)


def eraser_url(settings: Settings) -> str:
    """Return where Postgres is, for whoever erases personal data.

    Raises:
        UnavailableError: Nothing says, and no local stack runs.
    """
    if settings.eraser_url is None:
        return _local_url(settings, ERASER_ROLE, "PLACET_ERASER_URL")
    return _with_password("PLACET_ERASER_URL", settings.eraser_url, settings.eraser_password)


def event_encoder(settings: Settings) -> Encoder:
    """Return what signs this process's events, and seals what is personal in them.

    Keys that are missing are made when the first event is written, not by who only reads.
    """
    signer = LateSigner(settings.keys / WRITER_FILE, f"{settings.ledger_name}/writer")
    return Encoder(signer, open_vault(settings.keys))


def make_keys(settings: Settings) -> None:
    """Make the keys that a writer needs, where they are missing.

    Raises:
        SigningKeyError: The writer's key cannot be used.
        UnavailableError: The key of what steps came to can be neither read nor made now.
    """
    open_signer(settings.keys / WRITER_FILE, f"{settings.ledger_name}/writer")
    steps_key(settings.keys)


def _with_password(variable: str, url: str, password: str | None) -> str:
    """Return ``url`` with a password, unless it has one.

    libpq's PGPASSWORD is one for all logins; a process that uses two needs one beside it.
    """
    told = conninfo.conninfo_to_dict(checked_url(url, variable))
    if password is None or told.get("password"):
        return url
    return conninfo.make_conninfo(url, password=password)


def _local_url(settings: Settings, role: str, variable: str) -> str:
    address = find_running(settings.home)
    if address is None or not address.database_url:
        raise UnavailableError(f"no Postgres: {_START}, or set {variable}")
    return app_url(address.database_url, role)


@asynccontextmanager
async def open_ledger(settings: Settings) -> AsyncIterator[PostgresLedger]:
    """Open the ledger, and close its connections at the end.

    Raises:
        UnavailableError: Nothing says where Postgres is.
    """
    async with open_pool(database_url(settings)) as pool:
        yield PostgresLedger(pool, event_encoder(settings))


async def connect_temporal(settings: Settings, runtime: Runtime | None = None) -> Client:
    """Connect to Temporal: by profile and ``TEMPORAL_*`` as its own CLI does, else the local stack.

    Args:
        settings: Where the local stack may be.
        runtime: What measures; by default nothing is measured.

    Raises:
        UnavailableError: It does not answer.
    """
    config = ClientConfigProfile.load().to_client_connect_config()
    target = config.get("target_host")
    if not target:
        address = find_running(settings.home)
        if address is None or not address.temporal_address:
            raise UnavailableError(f"no Temporal: {_START}, or set TEMPORAL_ADDRESS")
        config["target_host"] = target = address.temporal_address
    try:
        return await Client.connect(
            **config, data_converter=pydantic_data_converter, runtime=runtime
        )
    except (RPCError, RuntimeError, OSError) as error:
        raise UnavailableError(
            f"Temporal does not answer at {target}: {_START}, or correct TEMPORAL_ADDRESS"
        ) from error
