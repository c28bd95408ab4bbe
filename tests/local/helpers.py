"""What the tests of the local stack share: bounded waits, rows, and a parent to kill."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from placet.local import LocalStack, StackAddress, find_running
from placet.local.orphans import start_mark

PATIENCE_SECONDS = 30.0
REPOSITORY = Path(__file__).resolve().parents[2]


async def until(condition: Callable[[], object]) -> None:
    """Wait for the condition, and fail when it does not come true in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def quiet(_: str) -> None:
    """Take a progress line and show it to nobody."""


def postgres_only(home: Path) -> LocalStack:
    """Return the quickest useful stack."""
    return LocalStack(home, temporal=False, report=quiet)


async def query(address: StackAddress, text: str) -> list[tuple[object, ...]]:
    """Run one statement, committed, and return its rows."""
    async with await psycopg.AsyncConnection.connect(
        address.database_url, autocommit=True
    ) as connection:
        cursor = await connection.execute(text.encode())
        return await cursor.fetchall() if cursor.description else []


async def add_row(address: StackAddress) -> None:
    """Commit a row that later starts must find."""
    await query(address, "CREATE TABLE kept AS SELECT 'still here' AS word")


async def kept_rows(address: StackAddress) -> list[tuple[object, ...]]:
    """Return what `add_row` committed."""
    return await query(address, "SELECT word FROM kept")


def alive(pid: int) -> bool:
    """Tell whether the process runs; a zombie does not."""
    return start_mark(pid) is not None


async def start_parent(home: Path) -> tuple[subprocess.Popen[bytes], StackAddress]:
    """Start the whole stack in a process of its own and wait until it answers."""
    parent = subprocess.Popen(
        [sys.executable, "-m", "placet.local"],
        cwd=REPOSITORY,
        env={"PLACET_HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await until(lambda: parent.poll() is not None or find_running(home))
    address = find_running(home)
    assert address is not None
    return parent, address
