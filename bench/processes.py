"""Starts a worker process and reads what it has used, from /proc."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12


@dataclass(frozen=True)
class Usage:
    """CPU seconds and resident bytes of a process so far."""

    cpu: float
    memory: int


def usage(pid: int) -> Usage:
    """Read a process's usage (Linux)."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return Usage(
        cpu=(int(stat[_USER]) + int(stat[_SYSTEM])) / _TICK,
        memory=pages * os.sysconf("SC_PAGE_SIZE"),
    )


@asynccontextmanager
async def worker(words: list[str], environment: Mapping[str, str], log: Path) -> AsyncIterator[int]:
    """Run a Python process, its output in ``log``; yields its pid."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
        try:
            yield process.pid
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
