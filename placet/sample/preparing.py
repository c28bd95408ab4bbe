"""Makes the sample database beside the ledger's, in a cluster that trusts its own socket."""

from importlib import resources
from typing import LiteralString

import psycopg
from psycopg import conninfo
from psycopg.sql import SQL, Identifier

from placet.db.connections import checked_url

DATABASE = "sample"

LOGINS = {
    "PLACET_SAMPLE_READ_URL": "sample_reader",
    "PLACET_SAMPLE_DELETE_URL": "sample_deleter",
    "PLACET_SAMPLE_GRANT_URL": "sample_granter",
}
"""The variables that the shipped catalogue names, and whom each connects as."""

_LOCK = 1347174478
"""Any number, as long as everybody who prepares a sample uses the same one."""


def prepare(admin_url: str, *, database: str = DATABASE) -> dict[str, str]:
    """Make the sample database, if it is not there; safe to repeat and to run twice at once.

    Args:
        admin_url: A superuser's connection to any database of the cluster.
        database: What it is called.

    Returns:
        The variables that a worker finds it by, each with a connection.
    """
    with psycopg.connect(checked_url(admin_url), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        there = connection.execute(
            "select from pg_catalog.pg_database where datname = %s", [database]
        ).fetchone()
        if there is None:
            # The plain template: whatever somebody added to the usual one is not copied.
            connection.execute(
                SQL("create database {} template template0").format(Identifier(database))
            )
        with psycopg.connect(conninfo.make_conninfo(admin_url, dbname=database)) as sample:
            _fill(sample)
    return urls(admin_url, database=database)


def urls(admin_url: str, *, database: str = DATABASE) -> dict[str, str]:
    """Return the variables of a sample database, each with a connection."""
    return {
        name: conninfo.make_conninfo(admin_url, dbname=database, user=role)
        for name, role in LOGINS.items()
    }


def _fill(sample: psycopg.Connection) -> None:
    sample.execute(_packaged("roles.sql"))
    found = sample.execute("select pg_catalog.to_regnamespace('shop') is not null").fetchone()
    if found is None or not found[0]:
        sample.execute(_packaged("company.sql"))
    sample.execute(_packaged("rights.sql"))


def _packaged(name: str) -> LiteralString:
    return resources.files("placet.sample").joinpath(name).read_text(encoding="utf-8")
