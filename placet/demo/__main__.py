"""Run the demonstration: `make demo`, or `python -m placet.demo [SCENE …]`."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from obstore.store import S3Store
from psycopg import conninfo
from rich.console import Console
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from placet.connections import app_url, event_encoder
from placet.db import SEALER_ROLE, migrate, open_pool
from placet.demo.company import ROOT, Company
from placet.demo.mailbox import Mailbox, mailbox
from placet.demo.neighbour import neighbour
from placet.demo.scenes import SCENES
from placet.demo.storage import BUCKET, Storage, storage
from placet.demo.theatre import Theatre
from placet.domain.errors import PlacetError
from placet.ledger.postgres import PostgresLedger
from placet.local.address import default_home
from placet.local.binaries import find_temporal
from placet.local.places import remove_everything
from placet.local.stack import LocalStack
from placet.sample import prepare
from placet.sample.preparing import DATABASE
from placet.settings import LEDGER_NAME, Settings
from placet.signing import LOG_FILE, open_signer


def main() -> int:
    """Play every scene, or those whose numbers are given; return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 110)
    wanted = {int(word) for word in sys.argv[1:]} or set(range(1, len(SCENES) + 1))
    began = time.monotonic()
    try:
        home = asyncio.run(_play(console, wanted))
    except PlacetError as error:
        console.print(f"The demonstration failed: {error}", markup=False, style="bold red")
        return 1
    except KeyboardInterrupt:
        return 130
    _report(console, home, time.monotonic() - began)
    return 0


async def _play(console: Console, wanted: set[int]) -> Path:
    home = default_home() / "demo"
    remove_everything(home)
    with mailbox() as box:
        await _staged(console, wanted, home, box)
    return home


async def _staged(console: Console, wanted: set[int], home: Path, box: Mailbox) -> None:
    async with (
        LocalStack(home, time_skipping=True) as address,
        storage(home / "storage") as there,
        AsyncExitStack() as stack,
    ):
        url = app_url(address.database_url)
        await asyncio.to_thread(migrate, address.database_url)
        sample = await asyncio.to_thread(prepare, address.database_url)
        company = Company(home)
        log = open_signer(home / "keys" / LOG_FILE, LEDGER_NAME)
        witness = await stack.enter_async_context(neighbour(home / "neighbour", log.key))
        witness.witnesses(company.policies)
        company.publish_to(there.endpoint, BUCKET)
        environment = {
            **sample,
            "DEMO_STORAGE_KEY_ID": there.key_id,
            "DEMO_STORAGE_KEY": there.key,
            "PLACET_SMTP_URL": box.url,
            "PLACET_HOME": str(home),
            "PLACET_POLICIES": str(company.policies),
            "PLACET_DATABASE_URL": url,
            "PLACET_SEALER_URL": app_url(address.database_url, SEALER_ROLE),
            "TEMPORAL_ADDRESS": address.temporal_address,
        }
        client = await Client.connect(
            address.temporal_address, data_converter=pydantic_data_converter
        )
        async with _worker(home, environment), open_pool(url) as pool:
            ledger = PostgresLedger(pool, event_encoder(Settings.from_environment(environment)))
            theatre = Theatre(
                console,
                company,
                client=client,
                ledger=ledger,
                temporal=find_temporal(),
                environment=environment,
                mailbox=box,
                witness=witness.key,
                bucket=_bucket(there),
                superuser=address.database_url,
                shop=conninfo.make_conninfo(address.database_url, dbname=DATABASE),
            )
            for number, (title, scene) in enumerate(SCENES, start=1):
                if number in wanted:
                    theatre.scene(number, title)
                    await scene(theatre)


def _bucket(there: Storage) -> S3Store:
    return S3Store(
        BUCKET,
        endpoint=there.endpoint,
        region="us-east-1",
        access_key_id=there.key_id,
        secret_access_key=there.key,
        client_options={"allow_http": True},
    )


@asynccontextmanager
async def _worker(home: Path, environment: dict[str, str]) -> AsyncIterator[None]:
    """Run the worker process, its log in the demonstration's directory."""
    with (home / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "worker.py"),
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _report(console: Console, home: Path, seconds: float) -> None:
    outbox = sorted((home / "payments" / "outbox").glob("*.xml"))
    notices = sorted((home / "notices").glob("*.txt"))
    here = Path.cwd()
    console.print()
    console.print(f"{len(outbox)} payment files for the bank (ISO 20022 pain.001):")
    for path in outbox:
        console.print(f"  {os.path.relpath(path, here)}", highlight=False)
    console.print(
        f"{len(notices)} messages to people in {os.path.relpath(home / 'notices', here)}",
        highlight=False,
    )
    console.print(f"Done in {seconds:.0f} s. Try it yourself: make up")


if __name__ == "__main__":
    sys.exit(main())
