"""The body of a ledger event: everything an auditor needs, in one flat JSON object.

Its layout is ``placet.event/1``; ``design/ledger.md`` explains the fields.
"""

import hashlib

from pydantic import JsonValue

from placet.domain.base import Stored
from placet.domain.case import Case
from placet.domain.ledger import LedgerEvent
from placet.domain.plan import utc
from placet.domain.record import Record
from placet.domain.review import Actor

SCHEMA = "placet.event/1"


class Origin(Stored):
    """Which workflow writes: what makes an event's id unique, and leads back to Temporal."""

    namespace: str
    workflow_id: str
    first_run_id: str
    task_queue: str


def event_id(origin: Origin, step: str) -> str:
    """Return the exactly-once key (64 hex) of a logical step of a workflow.

    The same step of the same execution chain has the same id in every replay and every
    continued run, and in no other execution.
    """
    told = (origin.namespace, origin.workflow_id, origin.first_run_id, step)
    framed = "".join(f"{len(part.encode())}:{part}" for part in told)
    return hashlib.sha256(f"placet-event/1 {framed}".encode()).hexdigest()


def event(
    case: Case, record: Record, origin: Origin, step: str, waiting: list[JsonValue] | None = None
) -> LedgerEvent:
    """Put a record into its envelope.

    Args:
        case: The case after the step that is written; its plan names the policy.
        record: What happened.
        origin: Which workflow writes.
        step: The logical step's name, unique in the execution chain.
        waiting: Whom the case waits for, when that changed; only written beside a state.
    """
    body: dict[str, JsonValue] = {
        "schema": SCHEMA,
        "kind": record.kind.value,
        "request": case.request_id,
        "pipeline": case.pipeline,
        "requester": case.requester.id if case.requester else None,
        "revision": record.revision,
        "digest": record.digest,
        "occurred": utc(record.at),
        "data": record.data,
        "service": origin.model_dump(mode="json"),
    }
    if record.actor is not None:
        body["actor"] = _actor(record.actor, record)
    if case.plan is not None:
        body["policy"] = case.plan.policy.model_dump(mode="json")
    optional = {
        "stage": record.stage,
        "reason": record.reason,
        "decision_id": record.decision_id,
        "channel": record.channel,
        "digest_shown": record.digest_shown,
        "attestation": record.attestation,
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    if record.state is not None:
        body["state"] = record.state
        if waiting is not None:
            body["waiting_for"] = waiting
    return LedgerEvent(
        event_id=event_id(origin, step),
        stream=case.request_id,
        kind=record.kind.value,
        occurred=record.at,
        body=body,
    )


def _actor(actor: Actor, record: Record) -> dict[str, JsonValue]:
    person = actor.person
    roles: list[JsonValue] = list(actor.roles)
    return {
        "id": person.id if person else None,
        "name": person.name if person else None,
        "address": actor.claimed,
        "on_behalf_of": record.on_behalf_of.id if record.on_behalf_of else None,
        "role": record.data.get("group"),
        "roles": roles,
        "assurance": actor.assurance.value,
        "channel": record.channel,
    }
