"""Legal holds: who placed one, on whom or what, and who released it, as events of the ledger.

A hold has to be quick, so nobody is asked: it is recorded with who says so and why, as ``claimed``.
It only ever keeps something. Releasing one gives nothing away by itself, for an erasure is approved
by two people; but whoever placed a hold does not release it alone.
"""

import hashlib
import os
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import JsonValue

from placet.domain.envelope import SCHEMA
from placet.domain.erasure import HoldRow
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError
from placet.domain.ledger import LedgerEvent
from placet.domain.people import Person
from placet.domain.plan import Assurance, utc
from placet.domain.vocabulary import Kind
from placet.ports import Ledger

PROGRAM = "placet audit"
CHANNEL = "cli"


class Told(NamedTuple):
    """What somebody says of a hold: who, why, and when."""

    person: Person
    reason: str
    now: datetime


async def place(ledger: Ledger, target: str, on_what: str, told: Told) -> HoldRow:
    """Place a hold on a person or a request and return it.

    Raises:
        InvalidInputError: No reason is given.
        UnavailableError: The ledger does not answer.
    """
    name = os.urandom(6).hex()
    held = HoldRow.model_validate(
        {"hold": name, "on_what": on_what, "target": target, "placed_at": told.now}
    )
    await ledger.append([_event(Kind.HOLD_PLACED, held, told)])
    return held


async def release(ledger: Ledger, hold: str, told: Told) -> HoldRow:
    """Release a hold and return what it was on.

    Raises:
        NotFoundError: There is no such hold.
        ConflictError: The same person has placed it.
        InvalidInputError: No reason is given.
    """
    held = next((row for row in await ledger.erasures.holds() if row.hold == hold), None)
    if held is None:
        raise NotFoundError(f"there is no hold {hold}; see those that stand: placet audit holds")
    placed = (await ledger.timeline(_stream(hold)))[0]
    actor: Any = placed.body.get("actor") or {}
    if actor.get("id") == told.person.id:
        raise ConflictError(
            f"{told.person.name} has placed the hold {hold}; let somebody else release it"
        )
    await ledger.append([_event(Kind.HOLD_RELEASED, held, told)])
    return held


def program_event(
    kind: Kind, stream: str, data: dict[str, JsonValue], told: Told, key: str
) -> LedgerEvent:
    """Return an event that no workflow writes; the same ``key`` is the same event."""
    if not told.reason.strip():
        raise InvalidInputError("say why: --reason TEXT; people will read it")
    person = told.person
    body: dict[str, JsonValue] = {
        "schema": SCHEMA,
        "kind": kind.value,
        "request": stream,
        "occurred": utc(told.now),
        "actor": {
            "id": person.id,
            "name": person.name,
            "address": person.addresses[0],
            "on_behalf_of": None,
            "role": None,
            "roles": [],
            "assurance": Assurance.CLAIMED.value,
            "channel": CHANNEL,
        },
        "channel": CHANNEL,
        "reason": told.reason,
        "data": data,
        "service": {"program": PROGRAM},
    }
    parts = (kind.value, stream, key)
    framed = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return LedgerEvent(
        event_id=hashlib.sha256(f"placet-audit/1 {framed}".encode()).hexdigest(),
        stream=stream,
        kind=kind.value,
        occurred=told.now,
        body=body,
    )


def _event(kind: Kind, held: HoldRow, told: Told) -> LedgerEvent:
    data: dict[str, JsonValue] = {"hold": held.hold, "on": held.on_what, "target": held.target}
    return program_event(kind, _stream(held.hold), data, told, held.hold)


def _stream(hold: str) -> str:
    return f"hold:{hold}"
