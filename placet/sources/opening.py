"""Opens a source for one transaction, and says in Placet's own errors what went wrong with it."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, conninfo
from psycopg.rows import DictRow, dict_row

from placet.db.connections import VANISHED
from placet.domain.errors import ConflictError, InvalidInputError, PlacetError, UnavailableError
from placet.sources import sql


class NotNamedError(UnavailableError):
    """No environment variable says where the source is."""

    code = "source-not-named"


CONNECT_SECONDS = 5
STATEMENT_SECONDS = 300
LOCK_SECONDS = 10

_CANCELED = "57014"
_TOO_LONG = {_CANCELED, "55P03"}
_GONE = {"42P01", "42703", "3F000"}
_NOT_ALLOWED = {"42501", "25006"}
_NEVER = {"0A", "42", "54", "P0"}
"""Families of what will not be otherwise the next time, such as a view whose function raises."""


def source_url(variable: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the connection that an environment variable holds.

    Raises:
        NotNamedError: It is not set.
        UnavailableError: It holds none; what it holds is never repeated.
    """
    url = (os.environ if environment is None else environment).get(variable)
    if not url:
        raise NotNamedError(
            f"no connection to the source is known: set {variable} for the workers, and here for "
            "what this command is to ask by itself; placet up prints that of its sample"
        )
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise UnavailableError(
            f"{variable} is not a Postgres connection string: write it like "
            "postgresql://reader@db.example.com/shop, with special characters percent-encoded"
        ) from None
    return url


def connection_options(url: str, **more: Any) -> dict[str, Any]:
    """Return what ``psycopg`` connects to a source with; what the URL says wins.

    But for the encoding: what is copied is bytes, and is read as UTF-8.
    """
    told = conninfo.conninfo_to_dict(url)
    ours = {
        **VANISHED,
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "placet",
        # PGPASSWORD is the ledger's: another server must not be told it.
        "password": "",
        **more,
    }
    # Filters are written into the statement that copies, and are to mean there what they meant when
    # rows were counted.
    return {**ours, **told, "client_encoding": "UTF8"}


@asynccontextmanager
async def reading(
    variable: str,
    environment: Mapping[str, str] | None = None,
    *,
    seconds: int = STATEMENT_SECONDS,
) -> AsyncIterator[AsyncConnection[DictRow]]:
    """Give a connection in one read-only transaction that sees one instant of the source.

    Args:
        variable: The environment variable that holds its URL.
        environment: Where to look for it; the process's own when None.
        seconds: How long one statement may take.

    Raises:
        UnavailableError: It does not answer, or took too long.
        InvalidInputError: It does not know something that it was asked for, or may not show it.
    """
    url = source_url(variable, environment)
    with source_errors(variable):
        connection = await AsyncConnection.connect(**connection_options(url), row_factory=dict_row)
        async with connection:
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            await connection.execute(sql.BOUNDS, bounds(seconds))
            yield connection


def bounds(seconds: int) -> dict[str, str]:
    """Return the values of ``sql.BOUNDS``."""
    return {"statement": f"{seconds}s", "lock": f"{LOCK_SECONDS}s"}


@contextmanager
def source_errors(variable: str) -> Iterator[None]:
    """Turn what psycopg raises inside the block into Placet's errors.

    No message of the source is passed on where it may hold a row or a secret.

    Raises:
        UnavailableError: The source does not answer, or not now.
        InvalidInputError: It lacks something, or its role may not do it.
        ConflictError: It refuses a value.
    """
    try:
        yield
    except psycopg.Error as error:
        raise _translated(variable, error) from None


def _translated(variable: str, error: psycopg.Error) -> PlacetError:
    state = error.sqlstate or ""
    if state in _GONE:
        return InvalidInputError(
            f"the source of {variable} lacks a table or a column that the catalogue names; see "
            "which with: placet datasets --check"
        )
    if state in _NOT_ALLOWED:
        return InvalidInputError(
            f"the role of {variable} may not do this in its database; see what it needs with: "
            "placet datasets --check"
        )
    if state in _TOO_LONG:
        return UnavailableError(
            f"the source of {variable} took too long ({state}); it is tried again: narrow the "
            "filters, add an index, or end what locks the table"
        )
    if state[:2] in _NEVER:
        return InvalidInputError(
            f"the source of {variable} cannot do what it is asked for ({state}); correct the data "
            "set's table or view, or what is asked of it"
        )
    if state[:2] in {"22", "23"}:
        return ConflictError(
            f"the source of {variable} refused a value ({state}); correct the filters or the "
            "catalogue"
        )
    return UnavailableError(
        f"the source of {variable} does not answer ({state or 'no connection'}); check that it "
        "runs and that the variable names it"
    )
