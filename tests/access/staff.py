"""Roles of a real Postgres: a group that may be granted, who grants it, and accounts of people."""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import conninfo
from psycopg.sql import SQL, Identifier

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Staff:
    """Roles of a cluster that are nobody else's; roles belong to all of its databases.

    Attributes:
        admin_url: As a superuser.
        granter: May grant ``role``, and can do nothing else.
        role: Can be granted.
        orders: Can be granted too.
        alice: Somebody's account.
        dan: Another one's.
    """

    admin_url: str
    prefix: str

    def url(self, user: str) -> str:
        """Return where somebody connects."""
        return conninfo.make_conninfo(self.admin_url, user=user, dbname="postgres")

    @property
    def granter_url(self) -> str:
        """Return where the granter connects."""
        return self.url(self.granter)

    @property
    def granter(self) -> str:
        """Return the name of who grants."""
        return f"{self.prefix}_granter"

    @property
    def role(self) -> str:
        """Return the name of what is granted; quotes in it must do no harm."""
        return f'{self.prefix} "role"'

    @property
    def orders(self) -> str:
        """Return the name of something else that is granted."""
        return f"{self.prefix}_orders"

    @property
    def alice(self) -> str:
        """Return the name of an account."""
        return f"{self.prefix}_alice; drop table x"

    @property
    def dan(self) -> str:
        """Return the name of another account."""
        return f"{self.prefix}_dan"

    def run(self, statement: str, *names: str) -> None:
        """Do something as a superuser; each ``{}`` is a name."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(SQL(statement).format(*map(Identifier, names)))

    def take_away(self, account: str) -> None:
        """Take the role away, as somebody who does not ask Placet."""
        self.run("revoke {} from {} granted by {}", self.role, account, self.granter)

    def has(self, account: str, role: str | None = None) -> bool:
        """Ask Postgres itself whether an account can do what a role can."""
        with psycopg.connect(self.admin_url) as connection:
            row = connection.execute(
                "select pg_has_role(%s, %s, 'member')", (account, role or self.role)
            ).fetchone()
        return bool(row and row[0])


@contextmanager
def staff_of(admin_url: str, prefix: str | None = None) -> Iterator[Staff]:
    """Make the roles, and take them away at the end; without a prefix nobody else has theirs."""
    staff = Staff(admin_url, prefix or f"t{secrets.token_hex(4)}{next(_numbers)}")
    names = (staff.role, staff.orders, staff.granter, staff.alice, staff.dan)
    for group in (staff.role, staff.orders):
        staff.run("create role {}", group)
    for login in (staff.granter, staff.alice, staff.dan):
        staff.run("create role {} login", login)
    for group in (staff.role, staff.orders):
        staff.run("grant {} to {} with admin option", group, staff.granter)
    try:
        yield staff
    finally:
        for name in names:
            staff.run("drop role if exists {}", name)
