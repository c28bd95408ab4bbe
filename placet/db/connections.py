"""Opens connections and says in Placet's own errors what went wrong with them.

Whatever may be cured by waiting (a server that restarts, a fail-over, a full disk, a missing
migration) becomes UnavailableError, so that a workflow tries again instead of failing a case. Only
what would fail again in the same way is permanent.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, IsolationLevel, conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from placet.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PlacetError,
    UnavailableError,
)

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
"""Connections whose rows are dicts, and whose statements are transactions of their own unless one
is opened."""

_OWN_ERRORS: dict[str, type[PlacetError]] = {
    "PLC": ConflictError,
    "PLN": NotFoundError,
    "PLI": InvalidInputError,
    "PLT": PlacetError,
    "PLU": UnavailableError,
}
"""Our functions raise SQLSTATEs of these families, with messages that are written for people."""

_NOT_MIGRATED = {"3F000", "42P01", "42883", "42501"}
_HELD_UP = {"57014", "55P03"}
_UNIQUE_VIOLATION = "23505"

_CONNECT_SECONDS = 3
VANISHED: dict[str, str | int] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
"""A machine that is gone without a word (a lost power line, a firewall that forgets) is noticed in
seconds, 20 while an answer is awaited and 15 while something is sent; by the system's own habits it
would be hours. What the connection string says about any of these wins."""

_TESTED_SECONDS = 0.1
"""How long a connection that was used or tested is taken for good; a restart takes longer."""

_SESSION_SETTINGS = """
select set_config('default_transaction_isolation', 'read committed', false),
       set_config('statement_timeout', '30s', false),
       set_config('idle_in_transaction_session_timeout', '60s', false)
"""
"""A session that hangs in a transaction holds its streams' locks; the server ends it."""


def checked_url(url: str, variable: str = "PLACET_DATABASE_URL") -> str:
    """Return ``url``, which ``variable`` holds, if it is a Postgres connection string.

    Raises:
        InvalidInputError: It is none. libpq's own message would repeat it with its password.
    """
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise InvalidInputError(
            f"{variable} is not a Postgres connection string: write it like "
            "postgresql://placet_app@localhost/placet, with special characters percent-encoded."
        ) from None
    return url


class _CancellablePool(AsyncConnectionPool[AsyncConnection[DictRow]]):
    """A pool whose waiters can always be cancelled.

    It waits by ``asyncio.wait_for``, which until Python 3.12 forgets that it was cancelled when
    what it waits for comes at the same moment; who is cancelled only once would then go on for ever
    (https://github.com/python/cpython/issues/86296).
    """

    async def getconn(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the parameter is the pool's
    ) -> AsyncConnection[DictRow]:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            connection = await super().getconn(timeout)
        except PoolTimeout:
            if task and task.cancelling() > before:
                raise asyncio.CancelledError from None
            raise
        if task and task.cancelling() > before:
            # It goes back even if we are cancelled once more.
            await asyncio.shield(self.putconn(connection))
            raise asyncio.CancelledError
        return connection


@asynccontextmanager
async def open_pool(
    url: str, *, min_size: int = 1, max_size: int = 8, patience: float = 5.0
) -> AsyncIterator[Pool]:
    """Open a pool that survives a restart of Postgres, and close it at the end.

    It opens even while the server is down: the first use then raises UnavailableError. Each
    connection is tested when it is taken, unless it was a moment ago, so a restart costs no failed
    statement but those under way.

    Args:
        url: A connection string for ``placet_app``.
        min_size: Connections kept open.
        max_size: Connections at most.
        patience: Seconds to wait for a connection.

    Raises:
        InvalidInputError: The URL is not a connection string.
    """
    told = conninfo.conninfo_to_dict(checked_url(url))

    tested: WeakKeyDictionary[AsyncConnection[DictRow], float] = WeakKeyDictionary()

    async def check(connection: AsyncConnection[DictRow]) -> None:
        # Under load a connection is taken again at once; a test would cost as much as a statement.
        if time.monotonic() - tested.get(connection, -_TESTED_SECONDS) < _TESTED_SECONDS:
            return
        try:
            await AsyncConnectionPool.check_connection(connection)
            tested[connection] = time.monotonic()
        except psycopg.Error:
            # Where one is dead the others may be: the pool would find out about one at a time, and
            # wait longer after each.
            await pool.check()
            raise

    async def used(connection: AsyncConnection[DictRow]) -> None:
        tested[connection] = time.monotonic()

    async with _CancellablePool(
        conninfo.make_conninfo("", **(VANISHED | told)),
        connection_class=AsyncConnection[DictRow],
        kwargs={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "placet",
            "row_factory": dict_row,
            "autocommit": True,
        },
        min_size=min_size,
        max_size=max_size,
        timeout=patience,
        # The pool waits twice as long after each failure. When it has given up, the next caller
        # makes it try at once, so a long outage is not followed by another one of the same length.
        reconnect_timeout=patience,
        configure=_configure,
        check=check,
        reset=used,
        open=False,
    ) as pool:
        yield pool


async def _configure(connection: AsyncConnection[DictRow]) -> None:
    # A role or a server may default to another level, and the ledger accepts only this one.
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    await connection.execute(_SESSION_SETTINGS)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what psycopg raises inside the block into Placet's errors.

    Raises:
        ConflictError: It contradicts something recorded.
        NotFoundError: What it refers to does not exist.
        InvalidInputError: A value cannot be stored.
        UnavailableError: The database does not answer, or not now.
    """
    try:
        yield
    except psycopg.Error as error:
        raise _translated(error) from error
    except UnicodeError as error:
        raise InvalidInputError(
            "The text holds characters that cannot be stored (lone surrogates): remove them."
        ) from error


def _translated(error: psycopg.Error) -> PlacetError:
    state = error.sqlstate or ""
    message = error.diag.message_primary or ""
    if own := _OWN_ERRORS.get(state[:3]):
        return own(message)
    if state == _UNIQUE_VIOLATION:
        return ConflictError(f"Something with the same key is recorded already ({message}).")
    if state[:2] in {"22", "23", "54"} or (not state and isinstance(error, psycopg.DataError)):
        return InvalidInputError(
            f"The database cannot store this; correct the value ({message or 'it holds NUL'})."
        )
    if state in _NOT_MIGRATED:
        return UnavailableError(
            f"The database lacks what Placet needs ({message}): run the migrations, and connect as "
            "a role that they granted access, such as placet_app."
        )
    if state in _HELD_UP:
        return UnavailableError(
            f"The ledger's database holds this up for too long ({message}): try again when what "
            "runs there is over, such as a dump or a long report."
        )
    reason = "no free connection" if isinstance(error, PoolTimeout) else state or "no connection"
    return UnavailableError(
        f"The ledger's database does not answer ({reason}). Check that Postgres runs and that "
        "PLACET_DATABASE_URL names it; then try again."
    )
