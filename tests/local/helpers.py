"""What the tests of the local stack share: rows, and a parent to kill."""

import subprocess
import sys
from pathlib import Path

import psycopg

from placet.local import LocalStack, StackAddress, find_running
from placet.local.orphans import start_mark
from tests.support.places import temporary
from tests.support.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]


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
        env={"PLACET_HOME": str(home), "PATH": "/usr/bin:/bin", **temporary()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await eventually(lambda: parent.poll() is not None or find_running(home), "the stack to run")
    address = find_running(home)
    assert address is not None
    return parent, address
