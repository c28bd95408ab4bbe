"""Roles of Postgres: an account gets one by becoming a member of it.

Placet connects as a role that has ADMIN OPTION on the roles it may grant and is otherwise as poor
as can be: it cannot create roles, and so can give nobody more than these.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection, conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed, Identifier

from placet.access import sql
from placet.access.target import Change, NoRoleError
from placet.db.connections import VANISHED
from placet.domain.access_roles import PREDEFINED
from placet.domain.errors import InvalidInputError, UnavailableError

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 15

_NOT_ALLOWED = {"42501", "0LP01"}
"""Insufficient privilege, and a grant that Postgres never allows (such as a circle of roles)."""
_UNKNOWN = "42704"


class PostgresAccess:
    """One cluster of Postgres; its roles belong to all its databases."""

    def __init__(self, url: str, variable: str) -> None:
        """Connect with ``url``, which messages call by the ``variable`` that holds it."""
        self._url = url
        self._variable = variable

    async def check(self, role: str) -> None:
        """Make sure that this role may be granted.

        Raises:
            InvalidInputError: There is none, it gives too much, or Placet may not grant it.
            UnavailableError: The server does not answer.
        """
        async with self._connection() as connection:
            await self._require_harmless(connection, role)

    async def members(self, role: str) -> frozenset[str] | None:
        """Return who is a member of a role by itself, without the role that Placet connects as.

        Raises:
            NoRoleError: There is no such role.
            UnavailableError: The server does not answer.
        """
        async with self._connection() as connection:
            if not await _rows(connection, sql.ROLE, role=role):
                raise self._no_role(role)
            return frozenset(
                row["member"] for row in await _rows(connection, sql.MEMBERS, role=role)
            )

    async def grant(self, change: Change) -> str:
        """Make an account a member of a role; one that is stays one.

        Returns:
            The numbers by which the server knows both.

        Raises:
            InvalidInputError: Role or account do not exist, the role gives too much, or Placet may
                not grant it.
            UnavailableError: The server does not answer.
        """
        async with self._connection() as connection, connection.transaction():
            await self._require_harmless(connection, change.role)
            await self._require_account(connection, change.account)
            # Another attempt may make the account a member in this very moment, which is as good.
            with suppress(psycopg.errors.UniqueViolation):
                async with connection.transaction():
                    await connection.execute(_statement("grant {} to {}", change))
            rows = await _rows(connection, sql.IDENTITY, role=change.role, account=change.account)
        return str(rows[0]["identity"])

    async def revoke(self, change: Change) -> bool:
        """End the membership of an account; nothing when it, the account or the role is gone.

        One of them may have been renamed since it was given.

        Returns:
            Whether it was a member.

        Raises:
            InvalidInputError: Placet may not take it away, or somebody else has given it.
            UnavailableError: The server does not answer.
        """
        async with self._connection() as connection:
            async with connection.transaction():
                if not await _grantors(connection, change):
                    renamed = await _called_now(connection, change)
                    if renamed is None:
                        return False
                    change = renamed
                await connection.execute(_statement("revoke {} from {}", change))
            left = await _grantors(connection, change)
        if left:
            raise InvalidInputError(
                f"{change.account} has {change.role} still, because {', '.join(left)} granted it "
                f"too; as that role: REVOKE {change.role} FROM {change.account}"
            )
        return True

    async def _require_harmless(self, connection: AsyncConnection[DictRow], role: str) -> None:
        reached = await _rows(connection, sql.REACHED, role=role)
        if not reached:
            raise self._no_role(role)
        for each in reached:
            what = _too_much(each)
            if what is not None:
                by = "" if each["name"] == role else f" as a member of {each['name']}"
                raise InvalidInputError(
                    f"the role {role} {what}{by}: it is never granted by Placet; make a role that "
                    "gives only what is meant"
                )
        granter = reached[0]["granter"]
        if not (reached[0]["granter_super"] or await _rows(connection, sql.MAY_GRANT, role=role)):
            raise InvalidInputError(
                f"{granter}, as whom {self._variable} connects, may not grant {role}; as a "
                f"superuser: GRANT {role} TO {granter} WITH ADMIN OPTION"
            )

    async def _require_account(self, connection: AsyncConnection[DictRow], account: str) -> None:
        found = await _rows(connection, sql.ROLE, role=account)
        if not found:
            raise InvalidInputError(
                f"there is no account {account}; create it, or correct accounts in "
                "access-roles.yaml"
            )
        if found[0]["granter"] == account:
            raise InvalidInputError(
                f"{account} is what Placet connects as, and gets nothing; correct accounts in "
                "access-roles.yaml"
            )

    def _no_role(self, role: str) -> NoRoleError:
        return NoRoleError(
            f"there is no role {role} where {self._variable} leads; create it, or correct role in "
            "access-roles.yaml"
        )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Give a connection; what goes wrong on it are Placet's own errors."""
        try:
            async with await AsyncConnection[DictRow].connect(
                conninfo.make_conninfo(**_options(self._url)), autocommit=True, row_factory=dict_row
            ) as connection:
                yield connection
        except psycopg.Error as error:
            raise self._translated(error) from None

    def _translated(self, error: psycopg.Error) -> InvalidInputError | UnavailableError:
        """Say what went wrong; what libpq says of a connection is left out, with all its names."""
        said = error.diag.message_primary
        if error.sqlstate in _NOT_ALLOWED:
            return InvalidInputError(
                f"Postgres does not let {self._variable} do this: {said}; grant its role the ADMIN "
                "OPTION on the role"
            )
        if error.sqlstate == _UNKNOWN:
            return InvalidInputError(f"{said}; create it, or correct access-roles.yaml")
        return UnavailableError(
            f"the database of {self._variable} does not answer ({error.sqlstate or 'no connection'}"
            "); check that it runs and that the variable is right"
        )


def _options(url: str) -> dict[str, Any]:
    """Return what to connect with; what the URL says wins."""
    told = conninfo.conninfo_to_dict(url)
    ours = {
        **VANISHED,
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "placet",
        "options": f"-c statement_timeout={STATEMENT_SECONDS}s",
    }
    return {**ours, **told}


def _statement(text: LiteralString, change: Change) -> Composed:
    return SQL(text).format(Identifier(change.role), Identifier(change.account))


def _too_much(role: DictRow) -> str | None:
    """Say why a role gives more than anybody should get by asking; None when it does not."""
    powers = {
        "superuser": "is a superuser",
        "createrole": "can create roles",
        "bypassrls": "passes by row security",
        "replication": "can replicate",
        "createdb": "can create databases",
    }
    for flag, said in powers.items():
        if role[flag]:
            return said
    if role["name"].startswith(PREDEFINED):
        return "has one of Postgres's own roles"
    if role["name"] == role["granter"]:
        return "may grant roles for Placet"
    # Whoever has it could give that role to their own account, and keep it.
    return f"can grant {role['passes_on']} to anybody, for ever" if role["passes_on"] else None


async def _grantors(connection: AsyncConnection[DictRow], change: Change) -> list[str]:
    rows = await _rows(connection, sql.GRANTORS, role=change.role, account=change.account)
    return [row["grantor"] for row in rows]


async def _called_now(connection: AsyncConnection[DictRow], change: Change) -> Change | None:
    """Return the change with what role and account are called now; None when it is over."""
    if change.identity is None:
        return None
    rows = await _rows(connection, sql.CALLED_NOW, identity=change.identity)
    return replace(change, **rows[0]) if rows else None


async def _rows(
    connection: AsyncConnection[DictRow], query: LiteralString, **values: str
) -> list[DictRow]:
    return await (await connection.execute(query, values)).fetchall()
