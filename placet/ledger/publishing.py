"""Publications in Postgres: one change of a slug at a time; migration 0007 holds the rules."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.domain.ledger import LedgerEvent, Receipt
from placet.domain.ledger_rows import (
    Publication,
    PublicationEntry,
    PublicationState,
    TargetState,
)
from placet.domain.publication import EFFECT
from placet.ledger import sql_effects as sql
from placet.ledger.session import Session, append, consume, only_row


class PostgresPublishing(Session):
    """The port's real adapter; see :mod:`placet.ports`."""

    async def find(self, permit_id: str) -> Publication | None:
        """Return the publication that a permit has begun, or None."""
        async with self._transaction() as connection:
            return next(iter(await _publications(connection, permit_id)), None)

    async def begin(self, entry: PublicationEntry, events: Sequence[LedgerEvent]) -> Publication:
        """Consume a permit and begin its publication in one transaction.

        A permit begins one publication: repeated, this returns it and changes nothing.

        Args:
            entry: What is to change, and where.
            events: ``effect:permit:consumed``.

        Raises:
            NotFoundError: There is no such permit for this request.
            ConflictError: The permit was issued for another digest or effect, has expired or has
                begun another publication; or what is published now is not what this one replaces.
            UnavailableError: Another publication of the slug is on its way.
        """
        batch = await self._batch(events)
        values = entry.model_dump(exclude={"targets", "digest"}) | {
            "targets": list(entry.targets),
            "locations": list(entry.targets.values()),
        }
        async with self._transaction() as connection:
            consumed = await consume(connection, entry.permit_id, entry.digest, EFFECT)
            await only_row(connection, sql.BEGIN_PUBLICATION, values)
            if consumed:
                await append(connection, batch)
            (begun,) = await _publications(connection, entry.permit_id)
        return begun

    async def mark(
        self, permit_id: str, target: str, state: TargetState, why: str | None = None
    ) -> None:
        """Move a target of a publication on; the same again changes nothing.

        Raises:
            UnavailableError: It cannot come there from where it is: another worker has gone on, and
                what is to do now has to be looked at again.
        """
        values = {"permit_id": permit_id, "target": target, "state": state, "why": why}
        async with self._statement() as connection:
            await connection.execute(sql.MARK_TARGET, values)

    async def away(self, permit_id: str, target: str, why: str) -> timedelta:
        """Note that a target does not answer; return for how long it has not."""
        values = {"permit_id": permit_id, "target": target, "why": why}
        async with self._statement() as connection:
            found: timedelta = (await only_row(connection, sql.TARGET_AWAY, values))["away"]
        return found

    async def give_up(self, permit_id: str, reason: str) -> None:
        """Say that what was switched is to be put back; nothing if that is said, or all is over."""
        values = {"permit_id": permit_id, "reason": reason}
        async with self._statement() as connection:
            await connection.execute(sql.GIVE_UP_PUBLICATION, values)

    async def end(
        self, permit_id: str, state: PublicationState, events: Sequence[LedgerEvent] = ()
    ) -> list[Receipt]:
        """End a publication and append its events in one transaction; once.

        Args:
            permit_id: Whose publication.
            state: ``done`` or ``failed``.
            events: Of the publication's own request.

        Raises:
            ConflictError: A target is not where it has to be for that.
        """
        values = {"permit_id": permit_id, "state": state}
        async with self._change(sql.END_PUBLICATION, values, events) as change:
            return change.receipts


async def _publications(connection: AsyncConnection[DictRow], permit_id: str) -> list[Publication]:
    """Return the publication that a permit has begun: one, or none."""
    values = {"permit_id": permit_id}
    rows = await (await connection.execute(sql.PUBLICATION, values)).fetchall()
    targets = await (await connection.execute(sql.PUBLICATION_TARGETS, values)).fetchall()
    return [Publication.model_validate(row | {"targets": targets}) for row in rows]
