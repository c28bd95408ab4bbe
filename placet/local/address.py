"""Where a local stack answers, and the file that remembers it between starts."""

import asyncio
import fcntl
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from placet.local.errors import AlreadyRunningError, LocalStackError

_STATE = "stack.json"
_LOCK = "lock"


class StackAddress(BaseModel):
    """Where the parts of a local stack answer; empty for a part that was not asked for.

    Attributes:
        temporal_address: Host and port of Temporal's frontend, such as `127.0.0.1:7233`.
        temporal_ui: The URL of Temporal's web pages.
        database_url: The administrator's connection to the database `placet`: the superuser of
            this private PostgreSQL, over its unix socket.
    """

    model_config = ConfigDict(frozen=True)

    temporal_address: str = ""
    temporal_ui: str = ""
    database_url: str = ""

    def exports(self) -> str:
        """Return lines to paste into a shell, one for each part that runs."""
        variables = {
            "TEMPORAL_ADDRESS": self.temporal_address,
            "PLACET_DATABASE_URL": self.database_url,
        }
        return "\n".join(
            f"export {name}={shlex.quote(value)}" for name, value in variables.items() if value
        )


class StackState(BaseModel):
    """What a data directory remembers: the ports it uses, and who runs it now.

    Attributes:
        temporal_port: The port of Temporal's frontend, once one was chosen.
        ui_port: The port of Temporal's web pages, once one was chosen.
        address: Where the stack answers; None from its start until everything is ready.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    temporal_port: int | None = None
    ui_port: int | None = None
    address: StackAddress | None = None


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the data directory: PLACET_HOME, or `.placet` in the current directory."""
    return Path(environment.get("PLACET_HOME") or ".placet").expanduser().absolute()


def find_running(home: Path) -> StackAddress | None:
    """Return where the stack of this directory answers, or None when none is ready.

    The lock is the proof, not the file: the kernel drops it with the process that held it, so what
    a killed stack left behind is never taken for a running one.
    """
    try:
        with (home / _LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_state(home).address
    except OSError:
        return None
    return None


def read_state(home: Path) -> StackState:
    """Return what the directory remembers; a missing or broken file remembers nothing."""
    try:
        return StackState.model_validate_json((home / _STATE).read_bytes())
    except (OSError, ValidationError):
        return StackState()


def write_state(home: Path, state: StackState) -> None:
    """Replace what the directory remembers, in one step."""
    temporary = home / f"{_STATE}.new"
    temporary.write_text(state.model_dump_json(indent=2) + "\n", encoding="utf-8")
    temporary.replace(home / _STATE)


def prepare_home(home: Path) -> None:
    """Make the data directory, private to its owner; root's can be passed through, not listed.

    Raises:
        LocalStackError: The directory belongs to somebody else or cannot be made.
    """
    user = os.geteuid()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o711 if user == 0 else 0o700)
        owner = home.stat().st_uid
    except OSError as error:
        message = f"{home} cannot be used: {error}. Set PLACET_HOME to another directory."
        raise LocalStackError(message) from error
    if owner != user:
        message = (
            f"{home} belongs to user {owner} and you are user {user}. "
            "Run as its owner, or set PLACET_HOME to another directory."
        )
        raise LocalStackError(message)
    (home / "logs").mkdir(exist_ok=True, mode=0o700)


class HomeLock:
    """The right to run the stack of one directory; the kernel ends it with the process."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._descriptor: int | None = None

    async def acquire(self) -> None:
        """Take the lock and write this process's id into it for people to read.

        It tries for half a second, since `find_running` holds the lock for a moment to look.

        Raises:
            AlreadyRunningError: Another process has it.
        """
        descriptor = os.open(self._home / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if not await _locked(descriptor):
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            message = (
                f"process {holder or '(unknown)'} already runs the stack in {self._home}. "
                f"Stop it with Ctrl-C or `kill {holder}`, or set PLACET_HOME to another directory."
            )
            raise AlreadyRunningError(message)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._descriptor is not None

    def release(self) -> None:
        """Give the lock back; without it nothing happens."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = None


async def _locked(descriptor: int) -> bool:
    """Try to lock the file for half a second."""
    for _ in range(25):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.02)
        else:
            return True
    return False
