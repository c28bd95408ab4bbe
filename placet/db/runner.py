"""Applies migrations to a database: once each, in order, one runner at a time."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import LiteralString

import psycopg

from placet.db.connections import checked_url
from placet.db.migrations import Migration, packaged_migrations
from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError

APP_ROLE = "placet_app"
"""The login of the worker and the command line: it may append and read, and nothing else."""

SEALER_ROLE = "placet_app_sealer"
"""The login of the sealer: it may read leaves and write checkpoints."""

ERASER_ROLE = "placet_app_eraser"
"""The login of whoever erases personal data."""

PASSWORDS = {
    APP_ROLE: "PLACET_APP_PASSWORD",
    SEALER_ROLE: "PLACET_SEALER_PASSWORD",
    ERASER_ROLE: "PLACET_ERASER_PASSWORD",
}
"""The environment variable of each login's password."""

_RUNNER_LOCK = 1347174477
"""Any number, as long as every runner uses the same one."""

_KNOWS_CLUSTERS = "select to_regprocedure('audit.note_cluster()') is not null"

_CONNECT_SECONDS = 10
_LOCK_TIMEOUT = "120s"
"""Long enough for another runner's migrations, short enough for a deployment to notice."""


def migrate(
    admin_url: str,
    *,
    passwords: Mapping[str, str] | None = None,
    migrations: Sequence[Migration] | None = None,
) -> list[str]:
    """Bring a database to the newest schema; safe to run at every start and by many at once.

    Creates the roles that are missing, repeats the database's own privileges, and applies the
    migrations that the database does not have, each in its own transaction as ``placet_owner``.
    A database that was restored into another cluster is told so.

    Args:
        admin_url: A connection for a superuser, or for the database's owner with CREATEROLE.
        passwords: The passwords that logins get, by their names. By default those of the variables
            in :data:`PASSWORDS`; without one a login keeps what it has, and a new one can log in
            only where the server trusts it, for instance by peer authentication on a local socket.
        migrations: Only for tests; by default those that ship with this program.

    Returns:
        The names of the migrations applied now; empty when there was nothing to do.

    Raises:
        InvalidInputError: The URL is not a connection string, or its role has too few rights.
        ConflictError: An applied migration was edited, or the database is newer than the program.
        UnavailableError: The server does not answer, or another runner holds the lock too long.
        psycopg.Error: A migration does not fit this database; nothing of it was applied.
    """
    steps = packaged_migrations() if migrations is None else migrations
    given = _passwords_of(os.environ) if passwords is None else passwords
    with (
        _translated(),
        psycopg.connect(
            checked_url(admin_url), autocommit=True, connect_timeout=_CONNECT_SECONDS
        ) as connection,
    ):
        connection.execute("select set_config('lock_timeout', %s, false)", [_LOCK_TIMEOUT])
        connection.execute("select pg_advisory_lock(%s)", [_RUNNER_LOCK])
        _assert_roles(connection, given)
        applied = _applied(connection)
        _refuse_edits(applied, steps)
        pending = [step for step in steps if step.version not in applied]
        for step in pending:
            _apply(connection, step)
        _note_cluster(connection)
        return [step.name for step in pending]


def _passwords_of(environment: Mapping[str, str]) -> dict[str, str]:
    return {role: environment.get(variable) or "" for role, variable in PASSWORDS.items()}


def _assert_roles(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    with connection.transaction():
        for role in PASSWORDS:
            password = passwords.get(role)
            verifier = b""
            if password:
                verifier = connection.pgconn.encrypt_password(
                    password.encode(), role.encode(), b"scram-sha-256"
                )
            connection.execute(
                "select set_config(%s, %s, true)",
                [f"placet.verifier_of_{role}", verifier.decode()],
            )
        connection.execute(_packaged_sql("roles.sql"))


def _applied(connection: psycopg.Connection) -> dict[int, tuple[str, str]]:
    with connection.transaction():
        connection.execute("set local role placet_owner")
        connection.execute("set local client_min_messages = warning")
        connection.execute(_packaged_sql("bookkeeping.sql"))
        rows = connection.execute("select version, name, checksum from migration.applied")
        return {version: (name, checksum) for version, name, checksum in rows}


def _refuse_edits(applied: dict[int, tuple[str, str]], steps: Sequence[Migration]) -> None:
    known = {step.version: step for step in steps}
    for version, (name, checksum) in sorted(applied.items()):
        step = known.get(version)
        if step is None:
            raise ConflictError(
                f"The database has the migration {name}, which this program does not know: "
                "it is newer than the program. Deploy the version that brought it, or a later one."
            )
        if step.checksum != checksum:
            raise ConflictError(
                f"The migration {step.name} was changed after it had been applied. Restore the "
                "file as it was released, and put the change into a new migration."
            )


def _apply(connection: psycopg.Connection, step: Migration) -> None:
    with connection.transaction():
        connection.execute("set local role placet_owner")
        # A migration is a file of this program or a test's text, never something typed in.
        connection.execute(step.sql)
        connection.execute(
            "insert into migration.applied (version, name, checksum) values (%s, %s, %s)",
            [step.version, step.name, step.checksum],
        )


def _note_cluster(connection: psycopg.Connection) -> None:
    """Let the ledger know when it was restored into another cluster; the sealer has to know it."""
    with connection.transaction():
        connection.execute("set local role placet_owner")
        if connection.execute(_KNOWS_CLUSTERS).fetchone() == (True,):
            connection.execute("select audit.note_cluster()")


def _packaged_sql(name: str) -> LiteralString:
    return resources.files("placet.db").joinpath(name).read_text(encoding="utf-8")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        raise UnavailableError(
            "The database to migrate does not answer, or another migration holds it. Check that "
            "Postgres runs and that the administrator's URL is right, then repeat. "
            f"({error.sqlstate or 'no connection'})"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise InvalidInputError(
            "This role may not migrate the database. Use a superuser, or the database's owner with "
            f"CREATEROLE. ({error.diag.message_primary})"
        ) from error
