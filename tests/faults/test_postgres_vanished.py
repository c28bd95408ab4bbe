"""A database whose machine is gone without a word: no packet comes back, not even a refusal."""

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from placet.domain.errors import UnavailableError
from placet.ledger import PostgresLedger, open_pool
from tests.conftest import Database
from tests.ledger.stories import opened, submitted
from tests.support.waiting import eventually

NOTICED_WITHIN = 45.0
"""Seconds; by the system's own habits it would take a quarter of an hour, or two hours."""

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_DROP_EVERYTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
"""One instruction of the kernel's packet filter: keep no byte."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can drop packets so")


class Wire:
    """A TCP port in front of Postgres, on which packets can vanish."""

    def __init__(self, url: str) -> None:
        told = conninfo.conninfo_to_dict(url)
        self._postgres = f"{told['host']}/.s.PGSQL.5432"
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)  # noqa: FBT003 - the socket's own way to say it
        self._ends: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._carrying: list[asyncio.Task[None]] = []
        host, port = self._server.getsockname()
        self.url = conninfo.make_conninfo(url, host=host, port=port)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Carry bytes inside the block."""
        self._do(self._accept())
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for end in (self._server, *self._ends):
                end.close()

    def cut(self) -> None:
        """Let every packet vanish: the kernel drops it before it can be acknowledged."""
        for carrying in self._carrying:
            carrying.cancel()
        program = struct.pack("HL", 1, ctypes.addressof(_DROP_EVERYTHING))
        for end in (self._server, *self._ends):
            try:
                end.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
            except PermissionError:
                pytest.skip("this account may not drop packets; root may")

    def mend(self) -> None:
        """Be back like a machine that was started again, which knows no connection of before."""
        for end in (self._server, *self._ends):
            end.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        for end in self._ends:
            end.close()
        self._ends.clear()

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(self._server)
            near.setblocking(False)  # noqa: FBT003
            far = socket.socket(socket.AF_UNIX)
            far.setblocking(False)  # noqa: FBT003
            await loop.sock_connect(far, self._postgres)
            self._ends += (near, far)
            self._carrying += (self._do(self._carry(*ends)) for ends in ((near, far), (far, near)))

    async def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await loop.sock_recv(source, 65536):
                await loop.sock_sendall(sink, data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
async def wire(database: Database) -> AsyncIterator[Wire]:
    """Give a wire to the database."""
    made = Wire(database.app_url)
    async with made.open():
        yield made


async def is_back(ledger: PostgresLedger) -> None:
    """Wait until the ledger takes an event, and make sure that it is there once."""

    async def taken() -> bool:
        with suppress(UnavailableError):
            await ledger.append([opened()])
            return True
        return False

    await eventually(taken, "the database to be back")
    kinds = [event.kind for event in await ledger.timeline("expense-1")]
    assert kinds == [submitted().kind, opened().kind]


@pytest.mark.rule(number=1)
async def test_a_database_that_vanishes_is_noticed_before_it_is_asked(wire: Wire) -> None:
    async with open_pool(wire.url) as pool:
        ledger = PostgresLedger(pool)
        await ledger.append([submitted()])
        wire.cut()
        async with asyncio.timeout(NOTICED_WITHIN):
            with pytest.raises(UnavailableError):
                await ledger.append([opened()])
        wire.mend()
        await is_back(ledger)


@pytest.mark.rule(number=1)
async def test_a_database_that_vanishes_while_it_is_asked_leaves_nobody_waiting(
    wire: Wire, database: Database
) -> None:
    async with open_pool(wire.url) as pool:
        ledger = PostgresLedger(pool)
        await ledger.append([submitted()])
        async with await psycopg.AsyncConnection.connect(database.admin_url) as holder:
            await holder.execute("lock table audit.event in access exclusive mode")
            asking = asyncio.create_task(ledger.append([opened()]))

            async def asked() -> bool:
                cursor = await holder.execute("select from pg_locks where not granted")
                return cursor.rowcount > 0

            await eventually(asked, "the append to wait for the lock")
            wire.cut()
            async with asyncio.timeout(NOTICED_WITHIN):
                with pytest.raises(UnavailableError):
                    await asking
        wire.mend()
        await is_back(ledger)
