"""The scripts of the compose file, run against a real Postgres and a real Temporal."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from placet.db import APP_ROLE, migrate
from placet.local import LocalStack
from tests.deploy.compose import DEPLOY, PROGRAMS
from tests.support.postgres import Cluster, installed_programs

DATABASES = DEPLOY / "postgres" / "databases.sh"
SCHEMA = DEPLOY / "temporal" / "schema.sh"
NAMESPACE = DEPLOY / "temporal" / "namespace.sh"

# What an operator may well choose; it must not be read as shell or SQL.
AWKWARD = 'it\'s "$HOME" \\ `x`; drop role temporal --'


def _run(script: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [str(script)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Give a cluster of its own: roles belong to a whole cluster."""
    found = installed_programs()
    if not found:
        pytest.skip("no Postgres is installed: run make setup")
    cluster = Cluster(found[0])
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def prepared(cluster: Cluster) -> Cluster:
    """Run the script once, as the image does on an empty volume."""
    directory = cluster.url().partition("host=")[2]
    done = _run(
        DATABASES,
        {
            "PATH": f"{cluster.programs.directory}:{os.environ['PATH']}",
            "PGHOST": directory,
            "TEMPORAL_DB_PASSWORD": AWKWARD,
            "PLACET_ADMIN_PASSWORD": "admin",
        },
    )
    assert done.returncode == 0, done.stderr
    return cluster


def test_the_databases_belong_to_those_who_need_them(prepared: Cluster) -> None:
    with psycopg.connect(prepared.url()) as connection:
        rows = connection.execute(
            "select datname, pg_get_userbyid(datdba) from pg_database "
            "where datname in ('temporal', 'temporal_visibility', 'placet') order by 1"
        ).fetchall()
        superusers = connection.execute(
            "select rolname from pg_roles where rolsuper order by 1"
        ).fetchall()
        verifiers = connection.execute(
            "select rolpassword like 'SCRAM-SHA-256$%' from pg_authid "
            "where rolname in ('temporal', 'placet_admin')"
        ).fetchall()
    assert rows == [
        ("placet", "placet_admin"),
        ("temporal", "temporal"),
        ("temporal_visibility", "temporal"),
    ]
    assert superusers == [("postgres",)]
    assert verifiers == [(True,), (True,)]


def test_the_owner_it_makes_can_migrate_and_the_worker_can_log_in(prepared: Cluster) -> None:
    assert migrate(prepared.url("placet", "placet_admin"), passwords={"placet_app": AWKWARD})
    with psycopg.connect(prepared.url("placet", APP_ROLE)) as connection:
        assert connection.execute("select count(*) from inbox.request").fetchone() == (0,)
    for user, database in (
        (APP_ROLE, "temporal"),
        ("temporal", "placet"),
        ("placet_admin", "temporal_visibility"),
    ):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(prepared.url(database, user))


def test_temporal_can_make_its_tables(prepared: Cluster) -> None:
    for database in ("temporal", "temporal_visibility"):
        with psycopg.connect(prepared.url(database, "temporal")) as connection:
            connection.execute("create table schema_version (version integer)")


@pytest.mark.parametrize("missing", ["TEMPORAL_DB_PASSWORD", "PLACET_ADMIN_PASSWORD"])
def test_no_role_is_made_without_its_password(missing: str) -> None:
    told = {"TEMPORAL_DB_PASSWORD": "a", "PLACET_ADMIN_PASSWORD": "b"}
    done = _run(DATABASES, {name: value for name, value in told.items() if name != missing})
    assert done.returncode != 0
    assert f"{missing}: set it in deploy/.env" in done.stderr


async def test_the_namespace_is_made_once(tmp_path: Path) -> None:
    async with LocalStack(tmp_path / "t", postgres=False, throwaway=True) as address:
        environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "TEMPORAL_ADDRESS": address.temporal_address,
            "TEMPORAL_NAMESPACE": "approvals",
            "TEMPORAL_RETENTION": "40d",
        }
        first, second = _run(NAMESPACE, environment), _run(NAMESPACE, environment)
        described = subprocess.run(  # noqa: ASYNC221, S603 - nothing else runs in this test
            [
                str(PROGRAMS / "temporal"),
                *("operator", "namespace", "describe", "-n", "approvals", "--output", "json"),
            ],
            env=environment,
            capture_output=True,
            check=True,
            timeout=30,
        )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "is there" in second.stdout
    config = json.loads(described.stdout)["config"]
    assert config["workflowExecutionRetentionTtl"] == f"{40 * 24 * 3600}s"


def test_a_temporal_that_never_answers_ends_the_wait(tmp_path: Path) -> None:
    done = _run(
        NAMESPACE,
        {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "TEMPORAL_ADDRESS": "127.0.0.1:1",
            "TEMPORAL_NAMESPACE": "approvals",
            "PLACET_TRIES": "1",
        },
    )
    assert done.returncode == 1
    assert "Temporal does not answer at 127.0.0.1:1" in done.stderr


def test_both_of_temporals_databases_get_their_schema(tmp_path: Path) -> None:
    """The tool is only in Temporal's image, so another program writes down how it is called."""
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    calls = tmp_path / "calls"
    done = _run(
        SCHEMA,
        {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "POSTGRES_SEEDS": "postgres",
            "SQL_PASSWORD": "secret",
            "CALLS": str(calls),
        },
    )
    assert done.returncode == 0, done.stderr
    folder = "/etc/temporal/schema/postgresql/v12"
    on = "--plugin postgres12 --ep postgres -p 5432 -u temporal --db"
    assert calls.read_text().splitlines() == [
        f"{on} temporal setup-schema -v 0.0",
        f"{on} temporal update-schema -d {folder}/temporal/versioned",
        f"{on} temporal_visibility setup-schema -v 0.0",
        f"{on} temporal_visibility update-schema -d {folder}/visibility/versioned",
    ]
