"""The worker process: waits for Temporal and Postgres, works, and stops cleanly when asked."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog

from placet.bootstrap import build_worker
from placet.cli.codes import Code, code_of
from placet.cli.console import say
from placet.connections import connect_temporal, make_keys, open_ledger
from placet.domain.errors import PlacetError, UnavailableError
from placet.logging import configure
from placet.metrics import SealerGauges, metrics_runtime
from placet.ports import Ledger
from placet.sealing.beside import sealing
from placet.settings import Settings

PATIENCE = 60.0
"""Seconds to wait for Temporal and Postgres when nothing else is said."""

_AGAIN_SECONDS = 1.0
_ROOM_SECONDS = 3600.0
_NOTHING = "0" * 64

T = TypeVar("T")
log = structlog.get_logger(__name__)


def run_worker(*, patience: float, level: str) -> int:
    """Run the worker until SIGTERM or SIGINT and return the exit code."""
    configure(level=level)
    try:
        return asyncio.run(_until_asked_to_stop(patience))
    except PlacetError as error:
        say(f"placet worker: {error}")
        return code_of(error)
    except KeyboardInterrupt:
        return Code.INTERRUPTED


def main() -> None:
    """Run the worker as a process of its own, and end the process."""
    code = run_worker(patience=_patience(), level=os.environ.get("PLACET_LOG_LEVEL") or "INFO")
    # The SDK's threads may still hold the interpreter while it ends; everything is flushed.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _patience() -> float:
    with suppress(ValueError):
        return float(os.environ.get("PLACET_WAIT_SECONDS") or PATIENCE)
    return PATIENCE


async def _until_asked_to_stop(patience: float) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    working = asyncio.create_task(_work(patience, asked))
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return await working


async def _work(patience: float, asked: asyncio.Event) -> int:
    settings = Settings.from_environment()
    give_up = time.monotonic() + patience
    runtime = metrics_runtime(settings)
    watch = SealerGauges(runtime.metric_meter) if runtime else None
    client = await _once_up("Temporal", lambda: connect_temporal(settings, runtime), give_up, asked)
    if client is None:
        return Code.OK
    if not await _once_up("Postgres", lambda: _look(settings), give_up, asked):
        return Code.OK
    async with open_ledger(settings) as ledger, sealing(settings, watch):
        worker = build_worker(client, settings, ledger)
        log.info("worker_started", task_queue=settings.task_queue, namespace=client.namespace)
        running = asyncio.create_task(worker.run())
        stop = asyncio.create_task(asked.wait())
        room = asyncio.create_task(keep_room(ledger, _ROOM_SECONDS))
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        room.cancel()
        if not running.done():
            log.info("worker_stopping")
            await worker.shutdown()
        await running
        log.info("worker_stopped")
    return Code.OK


async def keep_room(ledger: Ledger, every: float) -> None:
    """Make the ledger's next partition before the last one is full, for as long as this runs.

    Nothing depends on it: without room of their own, events go into the default partition.
    """
    while True:
        try:
            made = await ledger.retention.keep_room()
        except PlacetError as error:
            log.warning("no_partition_made", problem=str(error))
        else:
            if made:
                log.info("partition_made", partition=made)
        await asyncio.sleep(every)


async def _look(settings: Settings) -> bool:
    """Ask the ledger something: it must be there, migrated, and let us in; and have our keys."""
    await asyncio.to_thread(make_keys, settings)
    async with open_ledger(settings) as ledger:
        await ledger.has_content(_NOTHING)
    return True


async def _once_up(
    what: str, attempt: Callable[[], Awaitable[T]], give_up: float, asked: asyncio.Event
) -> T | None:
    """Try until it succeeds; None when the process is asked to stop first.

    Raises:
        UnavailableError: It does not come up in time.
    """
    told = ""
    while not asked.is_set():
        try:
            return await attempt()
        except UnavailableError as error:
            if time.monotonic() >= give_up:
                raise
            if str(error) != told:
                told = str(error)
                log.warning("waiting", for_what=what, problem=told)
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), _AGAIN_SECONDS)
    return None


if __name__ == "__main__":
    main()
