"""Dumps a database and restores it in another cluster, as an operator would."""

import subprocess

import psycopg
from psycopg import sql

from placet.db import migrate
from placet.local.binaries import PostgresPrograms
from tests.support.postgres import Cluster


def dumped(admin_url: str, programs: PostgresPrograms) -> bytes:
    """Return a dump of a database."""
    return subprocess.run(  # noqa: S603 - our own Postgres
        [programs.directory / "pg_dump", admin_url], check=True, capture_output=True
    ).stdout


def restored(dump: bytes, name: str, cluster: Cluster, programs: PostgresPrograms) -> str:
    """Restore a dump into a new database of a cluster; return its administrator's connection.

    The roles are there before, and nothing is migrated after.
    """
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate(cluster.url("postgres"), passwords={}, migrations=[])
    subprocess.run(  # noqa: S603 - the same
        [programs.directory / "psql", "-v", "ON_ERROR_STOP=1", "-q", cluster.url(name)],
        input=dump,
        check=True,
        capture_output=True,
    )
    return cluster.url(name)
