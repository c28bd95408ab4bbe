"""Run the local stack with a worker beside it, and look after both."""

import asyncio
import fcntl
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from placet.cli.codes import Code, StopError
from placet.cli.console import as_json, out, pairs, say
from placet.connections import app_url, connect_temporal, open_ledger
from placet.db import migrate
from placet.db.runner import SEALER_ROLE
from placet.decisions import has_worker
from placet.domain.errors import PlacetError
from placet.local import LocalStack, StackAddress, find_running
from placet.local.process import Child, spawn
from placet.mail.server import SmtpServer
from placet.sample import prepare
from placet.settings import Settings

_LOOK_SECONDS = 0.2
_READY_SECONDS = 60.0
_STOPPED_SECONDS = 60.0
_STOP_STEPS = ((signal.SIGTERM, 35.0),)
_RESTARTS_AT_MOST = 5
_RESTARTS_WITHIN_SECONDS = 60.0
_EXIT_LINES = 8


class _LocalWorker:
    """The worker of the local stack: a child process that is started again when it dies."""

    def __init__(
        self, settings: Settings, address: StackAddress, sample: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self.log = settings.home / "logs" / "worker.log"
        # Nothing of the person's own Temporal profile: this worker is for the local server.
        kept = {name: value for name, value in os.environ.items() if "TEMPORAL_" not in name}
        self._environment = {
            **sample,
            **kept,
            "PLACET_HOME": str(settings.home),
            "PLACET_DATABASE_URL": app_url(address.database_url),
            "PLACET_SEALER_URL": app_url(address.database_url, SEALER_ROLE),
            "TEMPORAL_ADDRESS": address.temporal_address,
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }
        self._starts: list[float] = []
        self.child: Child | None = None

    def start(self) -> Child:
        """Start the process."""
        self._starts.append(time.monotonic())
        self.child = spawn(
            [sys.executable, "-m", "placet.cli.working"],
            log=self.log,
            directory=Path.cwd(),
            environment=self._environment,
            dies_by=signal.SIGTERM,
        )
        return self.child

    async def watch(self) -> None:
        """Start the process again whenever it ends.

        Raises:
            StopError: It ended too often within a minute.
        """
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            child = self.child
            if child is None or child.exit_code is None:
                continue
            tail = child.log_tail(_EXIT_LINES)
            since = time.monotonic() - _RESTARTS_WITHIN_SECONDS
            self._starts = [start for start in self._starts if start > since]
            if len(self._starts) > _RESTARTS_AT_MOST:
                raise StopError(
                    f"the worker ended {len(self._starts)} times within a minute; correct the "
                    f"cause and type: placet up. The end of {self.log}:\n{tail}",
                    Code.UNEXPECTED,
                )
            say(f"placet: the worker ended with {child.exit_code}; starting it again.\n{tail}")
            self.start()

    async def stop(self) -> None:
        """Let the process finish what it is doing, and end it."""
        if self.child is not None:
            await self.child.stop(_STOP_STEPS)


async def bring_up(home: Path | None, *, json: bool) -> int:
    """Run Temporal, Postgres and a worker until SIGINT or SIGTERM, and return the exit code."""
    settings = _settings(home)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asked = False

    def stop() -> None:
        nonlocal asked
        if not asked and task is not None:
            asked = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    stack = LocalStack(settings.home)
    try:
        async with stack as address:
            applied = await asyncio.to_thread(migrate, address.database_url, passwords={})
            if applied:
                say(f"placet: the database has {', '.join(applied)} now")
            sample = await asyncio.to_thread(prepare, address.database_url)
            await _run(settings, stack, address, sample, json=json)
    except asyncio.CancelledError:
        if not asked:
            raise
    say("placet: stopped")
    return Code.OK


async def _run(
    settings: Settings,
    stack: LocalStack,
    address: StackAddress,
    sample: Mapping[str, str],
    *,
    json: bool,
) -> None:
    worker = _LocalWorker(settings, address, sample)
    child = worker.start()
    client = await Client.connect(address.temporal_address)
    watching = [
        asyncio.create_task(worker.watch()),
        asyncio.create_task(stack.failed()),
        asyncio.create_task(_announce(settings, address, client, worker, sample, json=json)),
    ]
    say(f"placet: starting the worker (process {child.pid})")
    try:
        await asyncio.gather(*watching)
    finally:
        for each in watching:
            each.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        say("placet: stopping the worker")
        await worker.stop()


async def _announce(  # noqa: PLR0913 - each is one part of what runs
    settings: Settings,
    address: StackAddress,
    client: Client,
    worker: _LocalWorker,
    sample: Mapping[str, str],
    *,
    json: bool,
) -> None:
    """Say where everything is, once the worker works."""
    give_up = time.monotonic() + _READY_SECONDS
    while not await _polls(client, settings):
        if time.monotonic() > give_up:
            raise StopError(
                f"the worker does not begin to work; look at {worker.log}", Code.UNREACHABLE
            )
        await asyncio.sleep(_LOOK_SECONDS)
    exports = [*_exports(settings, address), *sample.items()]
    if json:
        as_json({**dict(exports), "pages": address.temporal_ui})
    else:
        for name, value in exports:
            out(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()
    say("placet: ready; Ctrl-C stops it")
    say(f"  Temporal's pages   {address.temporal_ui}")
    say(f"  notices            {settings.notices}")
    say(f"  payment files      {settings.spool}/outbox")
    say(f"  exported data      {settings.exports}")
    say(f"  mails              {_mails(settings.smtp)}")
    say(f"  logs               {worker.log.parent}")
    say("  try                placet expense examples/expense-team-dinner.json")


def _mails(server: SmtpServer | None) -> str:
    if server is None:
        return "wait, once approved: set PLACET_SMTP_URL and start this again"
    return f"go out by {server.host}, port {server.port}"


def _exports(settings: Settings, address: StackAddress) -> list[tuple[str, str]]:
    found = [
        ("TEMPORAL_ADDRESS", address.temporal_address),
        ("PLACET_DATABASE_URL", app_url(address.database_url)),
    ]
    usual = Path(".placet").absolute()
    return found if settings.home == usual else [("PLACET_HOME", str(settings.home)), *found]


async def _polls(client: Client, settings: Settings) -> bool:
    with suppress(RPCError):
        return await has_worker(client, settings.task_queue)
    return False


def _settings(home: Path | None) -> Settings:
    if home is not None:
        os.environ["PLACET_HOME"] = str(home.expanduser().absolute())
    return Settings.from_environment()


def take_down(home: Path | None, *, json: bool) -> int:
    """Stop the stack of a directory, wherever it was started, and wait until it has stopped."""
    place = _settings(home).home
    holder = _holder(place)
    if holder is not None:
        with suppress(ProcessLookupError):
            os.kill(holder, signal.SIGTERM)
        give_up = time.monotonic() + _STOPPED_SECONDS
        while _holder(place) is not None:
            if time.monotonic() > give_up:
                raise StopError(
                    f"process {holder} does not stop; end it with: kill -9 {holder}",
                    Code.UNREACHABLE,
                )
            time.sleep(_LOOK_SECONDS)
    if json:
        as_json({"stopped": holder is not None})
    else:
        say("stopped" if holder is not None else f"nothing runs in {place}")
    return Code.OK


def _holder(home: Path) -> int | None:
    """Return the process that runs the stack: the lock, and not the file, is the proof."""
    try:
        with (home / "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read().strip() or 0) or None
    except (OSError, ValueError):
        return None
    return None


async def tell_status(home: Path | None, *, json: bool) -> int:
    """Say what answers; the exit code is that of success when everything does."""
    settings = _settings(home)
    local = find_running(settings.home)
    client, temporal = None, "answers"
    try:
        client = await connect_temporal(settings)
    except PlacetError as error:
        temporal = str(error)
    postgres = "answers"
    try:
        async with open_ledger(settings) as ledger:
            await ledger.has_content("0" * 64)
    except PlacetError as error:
        postgres = str(error)
    worker = client is not None and await _polls(client, settings)
    address = client.service_client.config.target_host if client else None
    told = {
        "temporal": temporal,
        "address": address,
        "pages": local.temporal_ui if local else None,
        "postgres": postgres,
        "worker": "works" if worker else "none is up; start one: placet up, or placet worker",
        "home": str(settings.home),
    }
    if json:
        as_json(told)
    else:
        pairs(told.items())
    good = temporal == postgres == "answers" and worker
    return Code.OK if good else Code.UNREACHABLE
