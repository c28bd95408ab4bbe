"""Start the parts of the local stack together, watch over them, and stop them."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from placet.local import orphans, places
from placet.local.address import (
    HomeLock,
    StackAddress,
    StackState,
    prepare_home,
    read_state,
    write_state,
)
from placet.local.binaries import PostgresPrograms
from placet.local.errors import LocalStackError
from placet.local.postgres import PostgresServer
from placet.local.process import Child
from placet.local.temporal import TemporalServer

_WATCH_SECONDS = 0.2
_RESTARTS_AT_MOST = 5
_RESTARTS_WITHIN_SECONDS = 60.0


class _Server(Protocol):
    name: str
    child: Child | None

    async def start(self) -> None: ...

    async def stop(self, *, kill: bool = False) -> None: ...


class _Part:
    """One server under supervision: whether it should run, and how often it was restarted."""

    def __init__(self, server: _Server, report: Callable[[str], None]) -> None:
        self.server = server
        self._report = report
        self._wanted = False
        self._restarts: list[float] = []
        self._trouble = ""
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        async with self._changing:
            if self.server.child is None:
                await self.server.start()
            self._wanted = True

    async def stop(self, *, kill: bool = False) -> None:
        self._wanted = False
        async with self._changing:
            await self.server.stop(kill=kill)

    async def mend(self) -> None:
        """Start the server again when it died by itself, or did not come back the last time.

        Raises:
            LocalStackError: It was started again too often within a minute.
        """
        async with self._changing:
            child = self.server.child
            if not self._wanted or (child is not None and child.exit_code is None):
                return
            if child is not None:
                self._trouble = (
                    f"{self.server.name} died with exit code {child.exit_code}; "
                    f"the end of its log:\n{child.log_tail()}"
                )
            now = time.monotonic()
            since = now - _RESTARTS_WITHIN_SECONDS
            self._restarts = [then for then in self._restarts if then > since]
            if len(self._restarts) == _RESTARTS_AT_MOST:
                message = (
                    f"{self.server.name} was started again {_RESTARTS_AT_MOST} times within a "
                    f"minute. Correct the cause and start the stack again. {self._trouble}"
                )
                raise LocalStackError(message)
            self._report(self._trouble)
            self._restarts.append(now)
            self.server.child = None
            try:
                await self.server.start()
            except LocalStackError as error:
                self._trouble = str(error)


def _report_on_stderr(line: str) -> None:
    sys.stderr.write(f"placet: {line}\n")
    sys.stderr.flush()


class LocalStack:
    """Temporal's dev server and PostgreSQL on one data directory.

    Start it from the main thread: on Linux the kernel then ends the parts when this process dies.

    Args:
        home: The data directory, made when it is missing.
        time_skipping: Whether tests may skip a workflow's time (Temporal's experimental API).
        temporal: Whether to run Temporal.
        postgres: Whether to run PostgreSQL.
        postgres_programs: The PostgreSQL to use; by default the first that is found.
        throwaway: Whether to remove the data directory at the end; for tests.
        report: Takes progress lines; by default they go to stderr.
    """

    def __init__(  # noqa: PLR0913 - independent switches, all but one by name
        self,
        home: Path,
        *,
        time_skipping: bool = False,
        temporal: bool = True,
        postgres: bool = True,
        postgres_programs: PostgresPrograms | None = None,
        throwaway: bool = False,
        report: Callable[[str], None] = _report_on_stderr,
    ) -> None:
        self._home = home.absolute()
        self._report = report
        self._throwaway = throwaway
        self._lock = HomeLock(self._home)
        self._watcher: asyncio.Task[None] | None = None
        self._temporal = (
            TemporalServer(self._home, report, time_skipping=time_skipping) if temporal else None
        )
        self._postgres = PostgresServer(self._home, report, postgres_programs) if postgres else None
        servers: list[_Server | None] = [self._temporal, self._postgres]
        self._parts = {
            server.name: _Part(server, report) for server in servers if server is not None
        }

    async def __aenter__(self) -> StackAddress:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> StackAddress:
        """Start every part and return where they answer, once all do.

        Raises:
            AlreadyRunningError: Another process runs the stack of this directory.
            LocalStackError: A part does not start; nothing is left running.
        """
        prepare_home(self._home)
        await self._lock.acquire()
        try:
            self._remember(None)
            for name in await orphans.sweep(self._home):
                self._report(f"ended the {name} of a stack that was killed")
            await self._start_parts()
            address = StackAddress(
                temporal_address=self._temporal.address if self._temporal else "",
                temporal_ui=self._temporal.ui if self._temporal else "",
                database_url=self._postgres.url() if self._postgres else "",
            )
            self._remember(address)
        except BaseException:
            await self.stop()
            raise
        self._watcher = asyncio.create_task(self._watch())
        return address

    async def stop(self) -> None:
        """Stop every part and release the directory; nothing happens when it is not running."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        await asyncio.gather(*(part.stop() for part in self._parts.values()))
        if self._lock.held:
            self._remember(None)
            if self._throwaway:
                places.remove_everything(self._home)
            self._lock.release()

    async def failed(self) -> None:
        """Wait for as long as the stack runs or can be mended.

        Raises:
            LocalStackError: A part died too often or does not start again.
        """
        if self._watcher is not None:
            await asyncio.shield(self._watcher)

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the parts that run, by the name of the part."""
        children = {name: part.server.child for name, part in self._parts.items()}
        return {name: child.pid for name, child in children.items() if child is not None}

    async def start_postgres(self) -> None:
        """Start PostgreSQL again after `stop_postgres`."""
        await self._part(PostgresServer.name).start()

    async def stop_postgres(self, *, kill: bool = False) -> None:
        """Stop PostgreSQL until `start_postgres`: a fast shutdown, or SIGKILL."""
        await self._part(PostgresServer.name).stop(kill=kill)

    async def start_temporal(self) -> None:
        """Start Temporal again, on the same ports, after `stop_temporal`."""
        await self._part(TemporalServer.name).start()

    async def stop_temporal(self, *, kill: bool = False) -> None:
        """Stop Temporal until `start_temporal`: SIGTERM, or SIGKILL."""
        await self._part(TemporalServer.name).stop(kill=kill)

    def _part(self, name: str) -> _Part:
        if name not in self._parts:
            message = f"this stack was made without {name}. Ask for it when you make the stack."
            raise LocalStackError(message)
        return self._parts[name]

    async def _start_parts(self) -> None:
        """Start the parts at the same time; the first failure is the one to tell."""
        starts = [asyncio.ensure_future(part.start()) for part in self._parts.values()]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)

    def _remember(self, address: StackAddress | None) -> None:
        state: StackState = read_state(self._home)
        write_state(self._home, state.model_copy(update={"address": address}))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for part in self._parts.values():
                try:
                    await part.mend()
                except LocalStackError as error:
                    self._report(f"gave up: {error}")
                    raise


async def serve(home: Path, *, time_skipping: bool = False) -> None:
    """Run the stack until SIGINT or SIGTERM; print lines to paste on stdout once it is ready.

    Raises:
        AlreadyRunningError: Another process runs the stack of this directory.
        LocalStackError: A part does not start, or died too often.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    asked_to_stop = False

    def stop() -> None:
        nonlocal asked_to_stop
        if task is not None and not asked_to_stop:
            asked_to_stop = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    stack = LocalStack(home, time_skipping=time_skipping)
    try:
        async with stack as address:
            sys.stdout.write(f"{address.exports()}\n")
            sys.stdout.flush()
            await stack.failed()
    except asyncio.CancelledError:
        if not asked_to_stop:
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
