"""Real Postgres servers for tests: one cluster per version, and a fresh database for each test."""

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from placet.db import migrate
from placet.local.binaries import PostgresPrograms, installed_postgres
from placet.local.places import reachable_programs, unprivileged_account
from tests.support.places import short

START_SECONDS = 30
TEMPLATE = "placet_template"
_COPY = "create database {} template {} strategy file_copy"
_PRIVILEGES_OF_THE_TEMPLATE = """
update pg_database copy set datacl = original.datacl from pg_database original
 where copy.datname = %s and original.datname = %s
"""
"""A copy lacks the database's own privileges; to migrate it for them takes far longer."""

_PR_SET_PDEATHSIG = 1


def installed_programs() -> list[PostgresPrograms]:
    """Return every Postgres to test with: the one asked for, or the wheel's and the system's."""
    environment = dict(os.environ)
    if chosen := environment.get("PLACET_TEST_POSTGRES_BIN"):
        environment["PLACET_POSTGRES_BIN"] = chosen
    found: dict[Path, PostgresPrograms] = {}
    for programs in installed_postgres(environment):
        found.setdefault(programs.directory.resolve(), programs)
    return list(found.values())


class Cluster:
    """A Postgres server on a Unix socket, for as long as its tests run."""

    def __init__(self, programs: PostgresPrograms, backup_of: "Cluster | None" = None) -> None:
        """Start a new one, or a base backup of another."""
        self.programs = programs
        # Postgres refuses to run as root; a socket's path must be short.
        account = unprivileged_account()
        self._uid = account.uid if account else None
        self._gid = account.gid if account else None
        self._home = Path(tempfile.mkdtemp(prefix="placet-pg-", dir=short()))
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        if account:
            os.chown(self._home, account.uid, account.gid)
        self._binaries = reachable_programs(programs, self._home, account).directory
        if backup_of is None:
            self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                      "--locale=C", "--no-sync", f"--pgdata={self._home / 'data'}")  # fmt: skip
        else:
            self._run("pg_basebackup", "--username=postgres", f"--host={backup_of.socket}",
                      "--no-sync", "--checkpoint=fast",
                      f"--pgdata={self._home / 'data'}")  # fmt: skip
        self.start()

    @property
    def socket(self) -> Path:
        """Return the directory of its Unix socket."""
        return self._home

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return a connection string."""
        return f"postgresql://{user}@/{database}?host={self._home}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._home),
            "fsync": "off",
            "max_connections": "80",
            "shared_buffers": "32MB",
        }
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [
                    str(self._binaries / "postgres"),
                    *("-D", str(self._home / "data")),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - No thread runs yet in this process.
                user=self._uid,
                group=self._gid,
                extra_groups=[] if self._uid else None,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self._home / "log").read_text()[-2000:]) from None
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop the server at once; what was committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)
            self._process = None

    def restart(self) -> None:
        """Stop the server and start it again on the same data."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self._home)

    def prepare_template(self) -> None:
        """Create the migrated database that each test's own is copied from."""
        self._execute("create database {}", TEMPLATE)
        migrate(self.url(TEMPLATE), passwords={})

    @contextlib.contextmanager
    def database(self, *, template: str = TEMPLATE) -> Iterator[str]:
        """Create a database, yield its name and drop it."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            words = map(sql.Identifier, (name, template))
            connection.execute(sql.SQL(_COPY).format(*words))
            connection.execute(_PRIVILEGES_OF_THE_TEMPLATE, [name, template])
        try:
            yield name
        finally:
            self._execute("drop database {} with (force)", name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603
            [str(self._binaries / program), *arguments],
            check=True,
            capture_output=True,
            cwd="/",
            user=self._uid,
            group=self._gid,
            extra_groups=[] if self._uid else None,
        )


def _die_with_parent() -> None:
    # A test run that is killed must not leave a server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
