"""Run Temporal's dev server on a SQLite file, on ports that are remembered."""

import asyncio
import errno
import os
import signal
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from placet.local import orphans
from placet.local.address import read_state, write_state
from placet.local.binaries import find_temporal
from placet.local.errors import LocalStackError
from placet.local.process import Child, spawn

HOST = "127.0.0.1"
NAMESPACE = "default"
SEARCH_ATTRIBUTES = ("PlacetPipeline", "PlacetRequester")
USUAL_PORT = 7233
USUAL_UI_PORT = 8233
_FOR_TESTS = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    # A workflow that was deleted is gone when what closed it has been noted, every 30 s by default.
    'history.transferProcessorUpdateAckInterval="1s"',
)
_READY_SECONDS = 60.0
_STOP_STEPS = ((signal.SIGTERM, 15.0),)
_TRIES = 3
_SECOND = timedelta(seconds=1)


class TemporalServer:
    """The dev server of one data directory.

    Args:
        home: The stack's data directory.
        report: Takes progress lines for a person.
        time_skipping: Whether tests may skip a workflow's time.
    """

    name = "Temporal"

    def __init__(
        self, home: Path, report: Callable[[str], None], *, time_skipping: bool = False
    ) -> None:
        self._home = home
        self._report = report
        self._time_skipping = time_skipping
        self._port = 0
        self._ui_port = 0
        self._callers_know = False
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """Host and port of the frontend."""
        return f"{HOST}:{self._port}"

    @property
    def ui(self) -> str:
        """The URL of the web pages."""
        return f"http://{HOST}:{self._ui_port}"

    async def start(self) -> None:
        """Start the server and return when the namespace and search attributes are there.

        The ports are chosen at the first start and kept by later ones: callers hold them.

        Raises:
            LocalStackError: It does not start; the message ends with its log.
        """
        began = time.monotonic()
        for last in (False,) * (_TRIES - 1) + (True,):
            if not self._port:
                self._choose_ports()
            self.child = child = self._spawn()
            orphans.remember(self._home, "temporal", child.pid)
            if await self._answers(child):
                break
            await self.stop()
            tail = child.log_tail()
            # Another program may have taken a port between our look and the server's.
            if last or self._callers_know or "address already in use" not in tail:
                message = (
                    f"Temporal's dev server did not start (exit code {child.exit_code}). Correct "
                    f"what the end of its log says and start again:\n{tail}"
                )
                raise LocalStackError(message)
            self._port = 0
        self._callers_know = True
        self._report(f"Temporal is ready on {self.address} ({time.monotonic() - began:.1f} s)")

    async def stop(self, *, kill: bool = False) -> None:
        """End the server: SIGTERM, or SIGKILL."""
        if self.child is not None:
            await self.child.stop(() if kill else _STOP_STEPS)
            self.child = None

    def _choose_ports(self) -> None:
        """Take the remembered ports, else the usual ones, else free ones, and remember them."""
        state = read_state(self._home)
        self._port = _first_free(state.temporal_port, USUAL_PORT)
        self._ui_port = _first_free(state.ui_port, USUAL_UI_PORT, other_than=self._port)
        if (state.temporal_port, state.ui_port) not in {
            (None, None),
            (self._port, self._ui_port),
        }:
            self._report("a remembered port is taken by another program; using others")
        update = {"temporal_port": self._port, "ui_port": self._ui_port}
        write_state(self._home, state.model_copy(update=update))

    def _spawn(self) -> Child:
        command: list[str | Path] = [find_temporal(), "server", "start-dev"]
        command += ["--ip", HOST, "--port", str(self._port), "--ui-port", str(self._ui_port)]
        # A plain name in the working directory: SQLite reads a path as a URI, where some
        # characters mean something.
        command += ["--db-filename", "temporal.db", "--log-level", "warn"]
        command += ["--ui-disable-news-fetch"]
        for name in SEARCH_ATTRIBUTES:
            command += ["--search-attribute", f"{name}=Keyword"]
        if self._time_skipping:
            for setting in _FOR_TESTS:
                command += ["--dynamic-config-value", setting]
        # Not the caller's environment: TEMPORAL_ADDRESS and the profile files of the person who
        # starts the stack are for clients.
        return spawn(
            command,
            log=self._home / "logs" / "temporal.log",
            directory=self._home,
            environment={"PATH": os.defpath, "HOME": str(self._home)},
            dies_by=signal.SIGKILL,
        )

    async def _answers(self, child: Child) -> bool:
        """Wait until the server serves; False when it ended or took far too long."""
        deadline = time.monotonic() + _READY_SECONDS
        client = await Client.connect(self.address, lazy=True)
        while child.exit_code is None and time.monotonic() < deadline:
            if await _serves(client):
                return child.exit_code is None
            await asyncio.sleep(0.05)
        return False


async def _serves(client: Client) -> bool:
    """Tell whether the frontend is healthy and knows the namespace and the search attributes."""
    try:
        if not await client.service_client.check_health(timeout=_SECOND):
            return False
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=NAMESPACE), timeout=_SECOND
        )
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=NAMESPACE), timeout=_SECOND
        )
    except (RPCError, RuntimeError):
        return False
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    return all(known.custom_attributes.get(name) == keyword for name in SEARCH_ATTRIBUTES)


def _first_free(*wanted: int | None, other_than: int | None = None) -> int:
    """Return the first of these ports that nobody listens on, else any free one."""
    for port in (*wanted, 0):
        if port is None or port == other_than:
            continue
        with socket.socket() as probe:
            # Without this a port that just served would count as taken for a minute.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                continue
            free = int(probe.getsockname()[1])
            if free != other_than:
                return free
    raise LocalStackError("no free port on 127.0.0.1. Close programs that listen, and try again.")
