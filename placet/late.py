"""The record of a decision on a case that Temporal has closed: no workflow can take it any more.

It changes nothing. Idempotent by the decision's id: the same decision sent again is one event.
"""

import hashlib
from datetime import datetime

from pydantic import JsonValue

from placet.domain.case import UNKNOWN
from placet.domain.envelope import SCHEMA
from placet.domain.ledger import LedgerEvent
from placet.domain.ledger_rows import RequestRow
from placet.domain.message import Message
from placet.domain.plan import Assurance, PersonRef, utc
from placet.domain.vocabulary import Kind, Refusal

PROGRAM = "placet"


def late_event(
    row: RequestRow,
    message: Message,
    reason: str,
    now: datetime,
    caller: PersonRef | None = None,
) -> LedgerEvent:
    """Return the event of a late decision.

    Nobody checks a signature any more: who it was is claimed.

    Args:
        row: The case, which has its outcome.
        message: With a decision id.
        reason: What the caller is told.
        now: When it came, an aware instant.
        caller: Whom the directory knows under the address in the message; None for nobody.
    """
    kind = Kind.LATE.value
    body: dict[str, JsonValue] = {
        "schema": SCHEMA,
        "kind": kind,
        "request": row.request,
        "pipeline": row.pipeline,
        "requester": None if row.requester_id == UNKNOWN else row.requester_id,
        "revision": row.revision,
        "digest": row.digest,
        "occurred": utc(now),
        "actor": {
            "id": caller.id if caller else None,
            "name": caller.name if caller else None,
            "address": message.actor,
            "on_behalf_of": None,
            "role": None,
            "roles": [],
            "assurance": Assurance.CLAIMED.value,
            "channel": message.channel,
        },
        "channel": message.channel,
        "decision_id": message.decision_id,
        "reason": reason,
        "data": {
            "refusal": Refusal.LATE.value,
            "action": message.action.value,
            "said": message.reason,
        },
        "service": {"program": PROGRAM},
    }
    if message.digest is not None:
        body["digest_shown"] = message.digest
    told = (row.request, str(message.decision_id))
    framed = "".join(f"{len(part.encode())}:{part}" for part in told)
    return LedgerEvent(
        event_id=hashlib.sha256(f"placet-late/1 {framed}".encode()).hexdigest(),
        stream=row.request,
        kind=kind,
        occurred=now,
        body=body,
    )
