"""Start child processes that never outlive this one.

On Linux the kernel sends each child a signal when its parent dies, however it dies
(`PR_SET_PDEATHSIG`, prctl(2)). The kernel forgets that wish when a process changes its user, so it
is made after the change, just before exec; and it means the *thread* that forked, so only the main
thread makes it. Elsewhere, and in another thread, `placet.local.orphans` ends what was left over
when the stack starts next.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from placet.local.errors import LocalStackError

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02
_LOG_BYTES_KEPT = 10_000_000
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged user that a child runs as when this process is root."""

    name: str
    uid: int
    gid: int


class Child:
    """One running program, its log and where in the log its own lines begin."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, log_start: int) -> None:
        self._process = process
        self._log = log
        self._log_start = log_start

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, or None while the program runs."""
        return self._process.poll()

    def log_tail(self, lines: int = 12) -> str:
        """Return the last lines that this child wrote, not those of the one before it."""
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - 64_000))
            text = file.read().decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    async def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds and tell whether the program has ended."""
        deadline = time.monotonic() + seconds
        while self.exit_code is None:
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    async def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send each signal in turn, wait its seconds, and end with SIGKILL."""
        for number, seconds in [*steps, (signal.SIGKILL, 10.0)]:
            if self.exit_code is not None:
                return
            self._process.send_signal(number)
            if await self.wait(seconds):
                return


def spawn(  # noqa: PLR0913 - what a process is given, all but one by name
    command: Sequence[str | Path],
    *,
    log: Path,
    directory: Path,
    environment: Mapping[str, str],
    dies_by: signal.Signals,
    account: Account | None = None,
) -> Child:
    """Start a program in its own session, its output appended to a log file.

    Args:
        command: The program's absolute path and its arguments.
        log: The file that takes stdout and stderr.
        directory: The working directory.
        environment: The whole environment; nothing is inherited.
        dies_by: The signal the kernel sends when this process dies (Linux).
        account: The user to become; only root may.

    Raises:
        LocalStackError: The program cannot be started.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size > _LOG_BYTES_KEPT:
            os.ftruncate(descriptor, 0)
        log_start = os.fstat(descriptor).st_size
        process = subprocess.Popen(  # noqa: S603 - the program is one we looked up ourselves
            [os.fspath(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=_dying_with_parent(dies_by),  # noqa: PLW1509 - one system call, no locks
        )
    except (OSError, subprocess.SubprocessError) as error:
        who = f" as {account.name}" if account else ""
        message = f"{command[0]} cannot be started{who}: {error}. Check that it may be run."
        raise LocalStackError(message) from error
    finally:
        os.close(descriptor)
    return Child(process, log, log_start)


def _dying_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return what the child does between fork and exec, or None where it cannot work."""
    if _prctl is None or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent, wish = _prctl, os.getpid(), int(number)

    def before_exec() -> None:
        # Whoever was started in the background of a script ignores it, and so would the child.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, wish, 0, 0, 0)
        if os.getppid() != parent:  # The parent died before the wish was made.
            os._exit(1)

    return before_exec
