"""Legal holds: who placed one, on whom or what, and who released it, as events of the ledger.

A hold has to be quick, so nobody is asked: it is recorded with who says so and why, as ``claimed``.
It only ever keeps something. Releasing one gives nothing away by itself, for an erasure is approved
by two people; but whoever placed a hold does not release it alone.
"""

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import JsonValue

from placet.domain.envelope import SCHEMA
from placet.domain.erasure import HoldRow, StandingHold
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError
from placet.domain.ledger import LedgerEvent
from placet.domain.people import Person
from placet.domain.plan import Assurance, utc
from placet.domain.text import TEXT_LIMIT, TextError, clean_text
from placet.domain.vocabulary import Kind
from placet.ports import Ledger

PROGRAM = "placet audit"
CHANNEL = "cli"


class Told(NamedTuple):
    """What somebody says of a hold: who, why, and when."""

    person: Person
    reason: str
    now: datetime


async def place(ledger: Ledger, target: str, on_what: str, told: Told) -> StandingHold:
    """Place a hold on a person or a request and return it.

    Raises:
        InvalidInputError: No reason is given.
        UnavailableError: The ledger does not answer.
    """
    name = os.urandom(6).hex()
    held = HoldRow.model_validate(
        {"hold": name, "on_what": on_what, "target": target, "placed_at": told.now}
    )
    event = _event(Kind.HOLD_PLACED, held, told)
    await ledger.append([event])
    return _with_words(held, event.body)


async def standing(ledger: Ledger) -> list[StandingHold]:
    """Return the holds that stand, the oldest first, with who placed each, and why."""
    return [await _told(ledger, row) for row in await ledger.erasures.holds()]


async def release(ledger: Ledger, hold: str, told: Told) -> HoldRow:
    """Release a hold and return what it was on.

    Raises:
        NotFoundError: There is no such hold.
        ConflictError: The same person has placed it.
        InvalidInputError: No reason is given.
    """
    held = next((row for row in await ledger.erasures.holds() if row.hold == hold), None)
    if held is None:
        raise NotFoundError(
            f"there is no hold {hold[:100]!r}; see those that stand: placet audit holds"
        )
    if (await _told(ledger, held)).placed_by == told.person.id:
        raise ConflictError(
            f"{told.person.name} has placed the hold {hold}; let somebody else release it"
        )
    await ledger.append([_event(Kind.HOLD_RELEASED, held, told)])
    return held


async def _told(ledger: Ledger, held: HoldRow) -> StandingHold:
    """Return a hold with what the event says that placed it."""
    events = await ledger.timeline(_stream(held.hold))
    return _with_words(
        held, next((each.body for each in events if each.kind == Kind.HOLD_PLACED), {})
    )


def _with_words(held: HoldRow, body: Mapping[str, Any]) -> StandingHold:
    actor: Any = body.get("actor") or {}
    return StandingHold.model_validate(
        {
            **held.model_dump(),
            "placed_by": actor.get("id"),
            "placed_by_name": actor.get("name"),
            "reason": body.get("reason"),
        }
    )


def program_event(
    kind: Kind, stream: str, data: dict[str, JsonValue], told: Told, key: str
) -> LedgerEvent:
    """Return an event that no workflow writes; the same ``key`` is the same event."""
    try:
        reason = clean_text(told.reason, TEXT_LIMIT)
    except TextError as error:
        raise InvalidInputError(f"the reason cannot be recorded: {error}") from None
    if not reason:
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
        "reason": reason,
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
