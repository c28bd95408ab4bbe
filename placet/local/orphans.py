"""Know which children a stack started, and end those that outlived it.

A process id alone proves nothing: the number is used again. A child is known by its id together
with the moment it started, so that a stale note can never end somebody else's process.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_NOTE = "children.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PATIENCE_SECONDS = 30.0


def start_mark(pid: int) -> str | None:
    """Return a text that names this process and no other, or None when it is dead or a zombie.

    On Linux it is the boot and the start in clock ticks since then (proc(5), field 22); elsewhere
    what `ps` says.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        # The name in field 2 may hold spaces and brackets: count from the last bracket.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{_BOOT_ID.read_text().strip()} {fields[19]}"
    state, _, started = _ps(pid, "state=,lstart=").partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def command_line(pid: int) -> str:
    """Return the process's command line, or an empty text when there is none to see."""
    if sys.platform == "linux":
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return _ps(pid, "command=")


def _ps(pid: int, columns: str) -> str:
    answer = subprocess.run(  # noqa: S603 - fixed arguments
        ["/bin/ps", "-o", columns, "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()


def remember(home: Path, name: str, pid: int) -> None:
    """Note that this stack's child of that name is this process."""
    children = _read(home)
    children[name] = {"pid": pid, "mark": start_mark(pid)}
    temporary = home / f"{_NOTE}.new"
    temporary.write_text(json.dumps(children), encoding="utf-8")
    temporary.replace(home / _NOTE)


async def sweep(home: Path) -> list[str]:
    """End the children that an earlier stack of this directory left alive.

    Call it only while holding the directory's lock: whoever is still alive then is an orphan.

    Returns:
        The names of the children that were still alive.
    """
    alive = []
    for name, child in _read(home).items():
        pid, mark = child.get("pid"), child.get("mark")
        if not isinstance(pid, int) or not isinstance(mark, str) or start_mark(pid) != mark:
            continue
        alive.append(name)
        # SIGINT is PostgreSQL's fast shutdown and an ordinary end for Temporal's dev server.
        for number, seconds in ((signal.SIGINT, _PATIENCE_SECONDS), (signal.SIGKILL, 5.0)):
            os.kill(pid, number)
            if await _ended(pid, mark, seconds):
                break
    (home / _NOTE).unlink(missing_ok=True)
    return alive


async def _ended(pid: int, mark: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while start_mark(pid) == mark:
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def _read(home: Path) -> dict[str, dict[str, object]]:
    """Return the note; one that cannot be read names nobody."""
    try:
        children = json.loads((home / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(children, dict):
        return {}
    return {str(name): child for name, child in children.items() if isinstance(child, dict)}
