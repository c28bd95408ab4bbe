"""Grants in Postgres: who has which role until when; migration 0012 holds the rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.domain.access import EFFECT
from placet.domain.grants import GrantEntry, GrantResult, GrantRow, Membership, Release
from placet.domain.ledger import LedgerEvent
from placet.ledger import sql_effects as sql
from placet.ledger.session import Session, append_once, consume, only_row

_ANY_GRANT: dict[str, str | None] = dict.fromkeys(
    ("permit_id", "request", "person", "target", "role", "account")
)


class PostgresGrants(Session):
    """The port's real adapter; see :mod:`placet.ports`."""

    async def begin(self, entry: GrantEntry, events: Sequence[LedgerEvent]) -> GrantResult:
        """Consume a permit and begin its grant in one transaction; nothing is granted before.

        Args:
            entry: The grant.
            events: ``effect:permit:consumed``.

        Raises:
            NotFoundError: There is no such permit for this request.
            ConflictError: The permit was issued for another digest or effect, has expired, or has
                begun another grant.
            UnavailableError: Another grant of the same role for the same account is on its way, or
                one that kept it there has just ended; try again.
        """
        batch = await self._batch(events)
        async with self._transaction() as connection:
            consumed = await consume(connection, entry.permit_id, entry.digest, EFFECT)
            values = entry.model_dump(exclude={"digest"})
            first = (await only_row(connection, sql.BEGIN_GRANT, values))["first"]
            receipts = await append_once(connection, batch, first=consumed)
            grant = await _grant(connection, entry.permit_id)
        return GrantResult(first=first, grant=grant, receipts=receipts)

    async def hold(
        self,
        permit_id: str,
        granted_at: datetime,
        until: datetime,
        events: Sequence[LedgerEvent],
        identity: str | None = None,
    ) -> GrantResult:
        """Say that a grant is in force, with its event; again it keeps its first times.

        Args:
            permit_id: Whose grant.
            granted_at: From when on (aware).
            until: When its time is over (aware).
            events: Of the grant's own request.
            identity: How the target knows role and account, where it does not by their names alone.

        Raises:
            NotFoundError: The permit has begun no grant.
            ConflictError: The grant has failed.
        """
        values = {
            "permit_id": permit_id,
            "granted_at": granted_at,
            "until": until,
            "identity": identity,
        }
        return await self._moved(sql.HOLD_GRANT, values, events)

    async def fail(
        self, permit_id: str, why: str, events: Sequence[LedgerEvent] = ()
    ) -> GrantResult:
        """Say that nothing is granted by this permit, and never will be.

        Raises:
            NotFoundError: The permit has begun no grant.
            ConflictError: The grant has come into force.
        """
        return await self._moved(sql.FAIL_GRANT, {"permit_id": permit_id, "why": why}, events)

    async def release(self, permit_id: str) -> Release:
        """Begin to end a grant, and say what is to be done for it.

        Raises:
            NotFoundError: The permit has begun no grant.
            ConflictError: The grant never came into force.
            UnavailableError: The same role is being granted to the same account; try again.
        """
        async with self._statement() as connection:
            row = await only_row(connection, sql.RELEASE_GRANT, {"permit_id": permit_id})
        return Release(row["release"])

    async def end(self, permit_id: str, why: str, events: Sequence[LedgerEvent]) -> GrantResult:
        """End a grant and append the event that says so, in one transaction; once.

        Raises:
            NotFoundError: The permit has begun no grant.
            ConflictError: The grant never came into force.
            UnavailableError: It was covered by another grant, and is not any more; look again.
        """
        return await self._moved(sql.END_GRANT, {"permit_id": permit_id, "why": why}, events)

    async def find(self, permit_id: str) -> GrantRow | None:
        """Return the grant that a permit has begun, or None."""
        rows = await self._all(sql.GRANTS, _ANY_GRANT | {"permit_id": permit_id, "open": False})
        return GrantRow(**rows[0]) if rows else None

    async def rows(
        self,
        *,
        request: str | None = None,
        person: str | None = None,
        of: Membership | None = None,
        still_open: bool = False,
    ) -> list[GrantRow]:
        """Return the grants that fit every filter given, the oldest first.

        Args:
            request: Of this case.
            person: For this person, by their id.
            of: Of this role for this account.
            still_open: Only those that are neither ended nor failed.
        """
        values: dict[str, Any] = _ANY_GRANT | {"request": request, "person": person}
        if of is not None:
            values |= {"target": of.target, "role": of.role, "account": of.account}
        rows = await self._all(sql.GRANTS, values | {"open": still_open})
        return [GrantRow(**row) for row in rows]

    async def _moved(
        self, query: LiteralString, values: dict[str, Any], events: Sequence[LedgerEvent]
    ) -> GrantResult:
        async with self._change(query, values, events) as change:
            grant = await _grant(change.connection, values["permit_id"])
        return GrantResult(first=change.first, grant=grant, receipts=change.receipts)


async def _grant(connection: AsyncConnection[DictRow], permit_id: str) -> GrantRow:
    values = _ANY_GRANT | {"permit_id": permit_id, "open": False}
    return GrantRow(**await only_row(connection, sql.GRANTS, values))
