"""Run one private PostgreSQL: made once, recovered after any death, reached by a socket alone.

Who can connect, and why that is safe:

- The server listens on no TCP port (`listen_addresses` is empty), so nothing outside this machine,
  no container beside it and no web page in a browser can reach it.
- Its unix socket is in a directory of mode 700, so only the user who runs the server, and root,
  can connect. That user owns the data files and could read them anyway: a password in a file beside
  them would protect nothing. So `pg_hba.conf` says `trust` for the socket, for every role, which
  lets a program connect as `placet_writer` or `placet_reader` and be held to that role's rights.
- For TCP it says `reject`, should somebody turn a port on by hand.
- Started by root it runs as `nobody` (or PLACET_POSTGRES_USER), never as root. Other programs that
  run as the same account could connect too; where there are such programs, name another account.

This is the embedded default for one person's machine. A deployment uses a PostgreSQL of its own,
with passwords and TLS.
"""

import asyncio
import os
import pwd
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from placet.local import orphans, places
from placet.local.binaries import PostgresPrograms, find_postgres
from placet.local.errors import LocalStackError
from placet.local.process import Account, Child, spawn

DATABASE = "placet"
_SUPERUSER = "postgres"
_FIRST_WITH_BUILTIN_LOCALE = 17
_INITDB_SECONDS = 120.0
_RECOVERY_SECONDS = 300.0
_TELL_EVERY_SECONDS = 5.0
_LEFTOVER_SECONDS = 30.0
_STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))
_STILL_IN_USE = ("pre-existing shared memory block", "lock file")


class PostgresServer:
    """The PostgreSQL of one data directory.

    Args:
        home: The stack's data directory.
        report: Takes progress lines for a person.
        programs: The PostgreSQL to use; found by itself when None.
    """

    name = "PostgreSQL"

    def __init__(
        self, home: Path, report: Callable[[str], None], programs: PostgresPrograms | None = None
    ) -> None:
        self._home = home
        self._report = report
        self._wanted_programs = programs
        self._socket_directory: Path | None = None
        self.child: Child | None = None

    async def start(self) -> None:
        """Start the server and return when it answers and has the database.

        Raises:
            LocalStackError: It does not start; the message ends with its log.
        """
        began = time.monotonic()
        account = places.unprivileged_account()
        area = places.data_area(self._home, account)
        data = area / "postgres"
        if account and data.exists():
            account = _owner_of(data)
        programs = self._programs_for(data, area, account)
        self._socket_directory = places.socket_directory(self._home, area, account)
        if not data.exists():
            await self._initialise(programs, area, account)
        await self._set_stale_pid_file_aside(data)
        await self._start_until_ready(programs, data, account)
        await self._create_database()
        seconds = time.monotonic() - began
        self._report(f"PostgreSQL {programs.version} is ready ({seconds:.1f} s)")

    async def stop(self, *, kill: bool = False) -> None:
        """End the server: a fast shutdown, or SIGKILL."""
        if self.child is not None:
            await self.child.stop(() if kill else _STOP_STEPS)
            self.child = None

    def url(self, database: str = DATABASE) -> str:
        """Return the superuser's connection URL.

        Raises:
            LocalStackError: The server was never started.
        """
        if self._socket_directory is None:
            raise LocalStackError("PostgreSQL was not started yet. Start the stack first.")
        return f"postgresql://{_SUPERUSER}@/{database}?host={quote(str(self._socket_directory))}"

    def _programs_for(self, data: Path, area: Path, account: Account | None) -> PostgresPrograms:
        programs = self._wanted_programs
        if programs is None:
            programs = find_postgres(major=_major_of(data) if data.exists() else None)
        return places.reachable_programs(programs, area, account)

    async def _initialise(
        self, programs: PostgresPrograms, area: Path, account: Account | None
    ) -> None:
        """Make the data in a directory beside its place, and move it there when it is complete."""
        new = places.fresh_directory(area / "postgres.new", account)
        child = self._spawn(
            [
                programs.directory / "initdb",
                f"--pgdata={new}",
                f"--username={_SUPERUSER}",
                "--auth-local=trust",
                "--auth-host=reject",
                "--encoding=UTF8",
                *_locale(programs.major),
                "--data-checksums",
                "--no-instructions",
            ],
            account,
            dies_by=signal.SIGKILL,
        )
        try:
            await child.wait(_INITDB_SECONDS)
        finally:
            await child.stop([])
        if child.exit_code != 0:
            raise _failed("initdb did not make the data directory", child)
        new.rename(area / "postgres")

    async def _start_until_ready(
        self, programs: PostgresPrograms, data: Path, account: Account | None
    ) -> None:
        """Start the server, again while processes of one that was killed are still ending."""
        patience = time.monotonic() + _LEFTOVER_SECONDS
        while True:
            self.child = child = self._spawn(
                [programs.directory / "postgres", "-D", data, *self._settings()],
                account,
                dies_by=signal.SIGINT,
            )
            orphans.remember(self._home, "postgres", child.pid)
            if await self._answers(child):
                return
            leftover = any(sign in child.log_tail() for sign in _STILL_IN_USE)
            if child.exit_code is None or not leftover or time.monotonic() >= patience:
                failure = _failed("PostgreSQL did not start", child)
                await self.stop()
                raise failure
            await asyncio.sleep(0.1)

    def _settings(self) -> list[str]:
        quoted = str(self._socket_directory).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
            "port": "5432",
            # A container's /dev/shm is often too small for the default.
            "dynamic_shared_memory_type": "mmap",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _spawn(
        self, command: Sequence[str | Path], account: Account | None, *, dies_by: signal.Signals
    ) -> Child:
        # Nothing of the caller's environment is passed on: PGDATA and the like would change what
        # is started. The working directory must be one that the account may enter.
        return spawn(
            command,
            log=self._home / "logs" / "postgres.log",
            directory=Path("/"),
            environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            dies_by=dies_by,
            account=account,
        )

    async def _answers(self, child: Child) -> bool:
        """Wait for a real connection; False when the server ended or took far too long."""
        began = time.monotonic()
        told = began
        while child.exit_code is None and time.monotonic() < began + _RECOVERY_SECONDS:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self.url(_SUPERUSER), connect_timeout=5
                )
            except psycopg.OperationalError as error:
                if time.monotonic() > told + _TELL_EVERY_SECONDS:
                    told = time.monotonic()
                    self._report(f"still waiting for PostgreSQL: {error}")
            else:
                await connection.close()
                return True
            await asyncio.sleep(0.02)
        return False

    async def _create_database(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self.url(_SUPERUSER), autocommit=True
        ) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            cursor = await connection.execute(query, [DATABASE])
            if await cursor.fetchone() is None:
                await connection.execute("CREATE DATABASE placet")

    async def _set_stale_pid_file_aside(self, data: Path) -> None:
        """Move away a pid file that names a zombie or a program that is no PostgreSQL.

        PostgreSQL itself sees through a dead pid, but takes any living process of its user for a
        running server, as happens when a container starts anew and its process ids are used again.
        The data is not touched. Should processes of a killed server still hold the shared memory,
        PostgreSQL notices by itself, whatever the pid file says.

        Raises:
            LocalStackError: A PostgreSQL that this stack did not start runs on the data.
        """
        pid_file = data / "postmaster.pid"
        try:
            pid = abs(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
        except (OSError, ValueError, IndexError):
            return
        if orphans.start_mark(pid) is not None and str(data) in orphans.command_line(pid):
            message = (
                f"process {pid}, a PostgreSQL that Placet did not start, runs on {data}. "
                f"Stop it with `kill -INT {pid}` and start again."
            )
            raise LocalStackError(message)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, 0)
            pid_file.replace(data / "postmaster.pid.stale")


def _locale(major: int) -> list[str]:
    """Return initdb's arguments for sorting by code point and knowing the case of every letter."""
    if major >= _FIRST_WITH_BUILTIN_LOCALE:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]


def _major_of(data: Path) -> int:
    """Return the PostgreSQL version that made the data."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        message = f"{data} holds no PostgreSQL data: {error}. Move it away to start empty."
        raise LocalStackError(message) from error


def _owner_of(data: Path) -> Account:
    """Return the account that the data belongs to; it stays that one when the setting changes."""
    status = data.stat()
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        name = f"user {status.st_uid}"
    return Account(name, status.st_uid, status.st_gid)


def _failed(what: str, child: Child) -> LocalStackError:
    end = "in time" if child.exit_code is None else f"(exit code {child.exit_code})"
    return LocalStackError(
        f"{what} {end}. Correct what the end of its log says and start again:\n{child.log_tail()}"
    )
