"""Erasures in Postgres: what is found about somebody, and what is gone.

See migrations 0017, 0021 and 0024.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from placet.domain.erasure import (
    EFFECT,
    Concern,
    Erased,
    ErasureEntry,
    ErasureResult,
    ErasureRow,
    HoldRow,
)
from placet.domain.ledger import LedgerEvent
from placet.domain.publication import MANIFEST_TYPE
from placet.ledger import sql_erasing as sql
from placet.ledger.revealing import revealed_events
from placet.ledger.session import Session, append_once, consume, only_row
from placet.ledger.sql import GET_CONTENT, TIMELINE
from placet.personal.sealing import Ciphertext

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_CONTENT = {"policy", "service", "attestation"}
"""Parts of a body whose digests are of no file of the request."""

_NOT_OURS = {"service", "attestation"}
"""The same of requests of others: their policies are needed, whoever else has named them."""

_PAGE = 500
_NAMES_OTHERS = {"application/json", MANIFEST_TYPE}
"""What says of other files that they belong to it, as migration 0024 has it."""
_MAX_ADDRESS_BYTES = 1_000
"""What the database takes; a longer one is nobody's."""


class PostgresErasures(Session):
    """The port's real adapter; see :mod:`placet.ports`."""

    async def concern(self, subject: str) -> Concern:
        """Return what is recorded about somebody; reads all of their requests."""
        (row,) = await self._all(sql.CONCERN, {"subject": subject})
        made = await self._all(sql.REQUESTS_OF, {"subject": subject})
        requests = [each["request"] for each in made]
        kept_requests = {*row["open"], *row["paid"]}
        contents: set[str] = set()
        kept: set[str] = set()
        for request in requests:
            found = await self._contents_of(request)
            (kept if request in kept_requests else contents).update(found)
        # What is named only in a text that somebody typed is nobody's for that.
        own = {each["digest"] for each in await self._all(sql.CONTENTS_OF, {"subject": subject})}
        return Concern(
            subject=subject,
            events=row["events"],
            requests=tuple(requests),
            open=tuple(row["open"]),
            paid=tuple(row["paid"]),
            reviews=row["reviews"],
            plain=row["plain"],
            holds=tuple(row["holds"]),
            contents=tuple(sorted(contents & own - kept)),
            kept=tuple(sorted(kept)),
        )

    async def shared(self, subject: str, contents: Iterable[str]) -> set[str]:
        """Return those of somebody's contents that events of other requests name."""
        wanted, found = {*contents}, set[str]()
        made = await self._all(sql.REQUESTS_OF, {"subject": subject})
        async for request in self._others([each["request"] for each in made]):
            events = await revealed_events(
                await self._all(TIMELINE, {"stream": request}), self._opened
            )
            found |= _digests((event.body for event in events), _NOT_OURS) & wanted
            if found == wanted:
                break
        return found

    async def subjects(self, subject: str) -> list[str]:
        """Return a person's id, and the subjects of their requests: whose keys are destroyed."""
        return [row["subject"] for row in await self._all(sql.SUBJECTS, {"subject": subject})]

    async def addresses(self, subject: str) -> list[str]:
        """Return the addresses that events name somebody by; none once their key is gone."""
        found, after = set[str](), b""
        while vault := self._encoder.vault:
            values = {"subject": subject, "after": after, "limit": _PAGE}
            rows = await self._all(sql.PERSONAL_OF, values)
            for told in vault.open(Ciphertext(**row) for row in rows).values():
                address = None if isinstance(told, str) else told.get("actor.address")
                if isinstance(address, str) and 0 < len(address.encode()) <= _MAX_ADDRESS_BYTES:
                    found.add(address)
            if len(rows) < _PAGE:
                break
            after = rows[-1]["digest"]
        return sorted(found)

    async def begin(self, entry: ErasureEntry, events: Sequence[LedgerEvent]) -> ErasureResult:
        """Consume a permit and record its erasure, in one transaction; repeated, return it.

        Raises:
            NotFoundError: There is no such permit for this request.
            ConflictError: The permit was issued for another digest or effect or has expired, the
                plan is not one of what was approved, or a legal hold forbids it.
        """
        batch = await self._batch(events)
        async with self._transaction() as connection:
            await consume(connection, entry.permit_id, entry.digest, EFFECT)
            first = (await only_row(connection, sql.BEGIN_ERASURE, entry.model_dump()))["first"]
            receipts = await append_once(connection, batch, first=first)
            erasure = await _erasure(connection, entry.permit_id)
        return ErasureResult(first=first, erasure=erasure, receipts=tuple(receipts))

    async def end(self, permit_id: str, events: Sequence[LedgerEvent]) -> ErasureResult:
        """End an erasure and append the events that say what is gone, in one transaction.

        Raises:
            NotFoundError: The permit erases nothing.
            ConflictError: The eraser has not finished.
        """
        async with self._change(sql.END_ERASURE, {"permit_id": permit_id}, events) as change:
            erasure = await _erasure(change.connection, permit_id)
        return ErasureResult(first=change.first, erasure=erasure, receipts=tuple(change.receipts))

    async def plan_addresses(self, permit_id: str, addresses: Sequence[str]) -> None:
        """Say which addresses are the person's.

        Raises:
            NotFoundError: The permit has no erasure under way.
        """
        await self._all(sql.PLAN_ADDRESSES, {"permit_id": permit_id, "addresses": [*addresses]})

    async def plan_contents(self, permit_id: str, digests: Sequence[str]) -> None:
        """Add to a plan what else is the person's.

        Raises:
            NotFoundError: The permit has no erasure under way.
            ConflictError: Some of it is none of theirs; then nothing is added.
        """
        await self._all(sql.PLAN_CONTENTS, {"permit_id": permit_id, "digests": [*digests]})

    async def confirm(self, permit_id: str) -> None:
        """Say that the keys are destroyed, and that all that was planned is gone.

        Raises:
            NotFoundError: The permit has no erasure under way.
        """
        await self._all(sql.CONFIRM_ERASING, {"permit_id": permit_id})

    async def erased(self, permit_id: str) -> Erased:
        """Return what an erasure has taken away so far."""
        rows = await self._all(sql.ERASED, {"permit_id": permit_id})
        named: dict[str, list[str]] = {}
        for row in rows:
            named.setdefault(row["what"], []).append(row["name"])
        return Erased(
            ciphertexts=tuple(named.get("ciphertext", ())),
            contents=tuple(named.get("content", ())),
            steps=len(named.get("step", ())),
            addresses=len(named.get("address", ())),
        )

    async def find(self, permit_id: str) -> ErasureRow | None:
        """Return the erasure that a permit has begun, or None."""
        rows = await self.rows(permit_id=permit_id)
        return rows[0] if rows else None

    async def rows(
        self, *, permit_id: str | None = None, subject: str | None = None
    ) -> list[ErasureRow]:
        """Return the erasures that fit every filter given, the newest first, 1000 at most."""
        values = {"permit_id": permit_id, "subject": subject}
        return [ErasureRow(**row) for row in await self._all(sql.ERASURES, values)]

    async def holds(self, subject: str | None = None) -> list[HoldRow]:
        """Return the legal holds that stand; of somebody those that forbid to erase them."""
        query = sql.HOLDS if subject is None else sql.HOLDS_ON
        return [HoldRow(**row) for row in await self._all(query, {"subject": subject})]

    async def _contents_of(self, request: str) -> set[str]:
        """Return the digests of what is stored that a request's events name, or what these name."""
        events = await revealed_events(await self._all(TIMELINE, {"stream": request}), self._opened)
        bodies = [event.body for event in events]
        # A policy's digest is no secret: whoever types it does not make the policy theirs.
        named = _digests(bodies, _NO_CONTENT) - _policies(bodies)
        found = await self._stored(named)
        nested = set[str]()
        for digest, media_type in found.items():
            if media_type in _NAMES_OTHERS:
                (row,) = await self._all(GET_CONTENT, {"digest": digest})
                nested |= {*_DIGEST.findall(bytes(row["data"] or b"").decode(errors="replace"))}
        return {*found, *await self._stored(nested - {*found} - _policies(bodies))}

    async def _stored(self, digests: Iterable[str]) -> dict[str, str]:
        """Return those digests under which something is stored, with its media type."""
        values = {"digests": [bytes.fromhex(each) for each in digests]}
        rows = await self._all(sql.STORED, values) if values["digests"] else []
        return {row["digest"].hex(): row["media_type"] for row in rows}

    async def _others(self, requests: Sequence[str]) -> AsyncIterator[str]:
        """Yield every request but these."""
        own, after = {*requests}, ""
        while True:
            values = {"after": after, "limit": _PAGE}
            rows = await self._all(sql.ALL_REQUESTS, values)
            for row in rows:
                if row["request"] not in own:
                    yield row["request"]
            if len(rows) < _PAGE:
                return
            after = rows[-1]["request"]


class PostgresEraser(Session):
    """Deletes for erasures that are under way; needs the login of the eraser."""

    async def personal(self, permit_id: str, most: int) -> int:
        """Delete ciphertexts about the person, so many at once; return how many there were.

        Raises:
            NotFoundError: The permit has no erasure under way.
        """
        return await self._count(sql.ERASE_PERSONAL, {"permit_id": permit_id, "most": most})

    async def steps(self, permit_id: str) -> int:
        """Delete what steps of the person's closed requests came to."""
        return await self._count(sql.ERASE_STEPS, {"permit_id": permit_id})

    async def contents(self, permit_id: str, digests: Sequence[str]) -> int:
        """Delete stored content.

        Raises:
            NotFoundError: The permit has no erasure under way.
            ConflictError: The plan does not name some of it; then nothing is deleted.
        """
        told = [bytes.fromhex(each) for each in digests]
        return await self._count(sql.ERASE_CONTENTS, {"permit_id": permit_id, "digests": told})

    async def addresses(self, permit_id: str) -> int:
        """Take the addresses that are planned out of what is recorded of mails."""
        return await self._count(sql.ERASE_ADDRESSES, {"permit_id": permit_id})

    async def finish(self, permit_id: str) -> None:
        """Say that all of it is gone.

        Raises:
            NotFoundError: The permit has no erasure under way.
            UnavailableError: A text was recorded just before it began, and is still there, or who
                records has not confirmed that keys and files are gone.
        """
        await self._all(sql.FINISH_ERASING, {"permit_id": permit_id})

    async def named_elsewhere(self, candidates: Sequence[str], own: Sequence[str]) -> set[str]:
        """Return those digests that other stored JSON names; ``own`` does not count."""
        values = {
            "candidates": [bytes.fromhex(each) for each in candidates],
            "own": [bytes.fromhex(each) for each in own],
        }
        rows = await self._all_patiently(sql.NAMED_ELSEWHERE, values)
        return {row["digest"].hex() for row in rows}

    async def _count(self, query: LiteralString, values: Mapping[str, Any]) -> int:
        (row,) = await self._all(query, values)
        return int(row["gone"])


def _digests(bodies: Iterable[Mapping[str, Any]], without: set[str]) -> set[str]:
    told = [{name: value for name, value in body.items() if name not in without} for body in bodies]
    return {*_DIGEST.findall(json.dumps(told))}


def _policies(bodies: Iterable[Mapping[str, Any]]) -> set[str]:
    return {*_DIGEST.findall(json.dumps([body.get("policy") for body in bodies]))}


async def _erasure(connection: AsyncConnection[DictRow], permit_id: str) -> ErasureRow:
    values = {"permit_id": permit_id, "subject": None}
    return ErasureRow(**await only_row(connection, sql.ERASURES, values))
