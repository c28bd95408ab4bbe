"""Makes events for the tests, in the layout that the gate writes."""

import hashlib
import itertools
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from placet.domain.ledger import LedgerEvent

DIGEST = hashlib.sha256(b"revision 1").hexdigest()
OTHER_DIGEST = hashlib.sha256(b"revision 2").hexdigest()
BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

_unique = itertools.count()


def event_id(*parts: object) -> str:
    """Return the id of a logical step: the same for the same parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def event(  # noqa: PLR0913 - each is one side of an event
    kind: str = "person:case:commented",
    *,
    request: str = "expense-1",
    step: object = None,
    minute: int = 0,
    state: dict[str, JsonValue] | None = None,
    waiting_for: list[JsonValue] | None = None,
    actor: dict[str, JsonValue] | None = None,
    data: dict[str, JsonValue] | None = None,
    **more: JsonValue,
) -> LedgerEvent:
    """Return an event; without a step of its own it is a new one each time."""
    occurred = BEGIN + timedelta(minutes=minute)
    body: dict[str, JsonValue] = {
        "schema": "placet.event/1",
        "kind": kind,
        "request": request,
        "pipeline": "expense",
        "revision": 1,
        "digest": DIGEST,
        "occurred": occurred.isoformat().replace("+00:00", "Z"),
        "data": data or {},
        "service": {"workflow_id": request, "run_id": "run-1", "task_queue": "placet"},
        **more,
    }
    if state is not None:
        body["state"] = state
    if waiting_for is not None:
        body["waiting_for"] = waiting_for
    if actor is not None:
        body["actor"] = actor
    return LedgerEvent(
        event_id=event_id(request, kind, next(_unique) if step is None else step),
        stream=request,
        kind=kind,
        occurred=occurred,
        body=body,
    )


def state(status: str = "pending", **changes: JsonValue) -> dict[str, JsonValue]:
    """Return a case's state as the ledger records it."""
    return {
        "title": "Team dinner",
        "requester": {"id": "alice", "name": "Alice Ash"},
        "status": status,
        "stage": "manager",
        "due": "2026-03-04T08:00:00Z",
        "outcome": None,
        "amount": "120.00 EUR",
        "route": "manager",
        "effect": None,
        **changes,
    }


def person(name: str, **changes: JsonValue) -> dict[str, JsonValue]:
    """Return somebody a request waits for."""
    entry = {"person": name, "name": name.title(), "group": "managers", "on_behalf_of": None}
    return {**entry, **changes}


def submitted(request: str = "expense-1", step: object = "submitted") -> LedgerEvent:
    """Return the first event of a request."""
    return event(
        "requester:request:submitted",
        request=request,
        step=step,
        state=state("planning", title=None, requester=None, stage=None, due=None),
    )


def opened(request: str = "expense-1", *people: str) -> LedgerEvent:
    """Return the event that opens a stage and says whom it waits for."""
    return event(
        "system:stage:opened",
        request=request,
        step="opened",
        minute=1,
        state=state(),
        waiting_for=[person(name) for name in people or ("bob", "carol")],
    )


def approved(request: str = "expense-1", actor: str = "bob") -> LedgerEvent:
    """Return a reviewer's approval."""
    return event(
        "reviewer:review:approved",
        request=request,
        step=actor,
        minute=2,
        state=state("approved", outcome={"kind": "approved", "by": "people", "reason": None}),
        waiting_for=[],
        actor={
            "id": actor,
            "name": actor.title(),
            "address": f"{actor}@example.com",
            "on_behalf_of": "dora",
            "role": "manager",
            "assurance": "verified",
            "channel": "signal",
        },
        stage="manager",
        reason="within budget",
        decision_id="decision-1",
    )


def permit_issued(
    permit: str = "permit-1",
    request: str = "expense-1",
    expires: str | None = None,
    effect: str = "payment",
) -> LedgerEvent:
    """Return the event that issues a permit, to pay unless told otherwise."""
    return event(
        "system:permit:issued",
        request=request,
        step=permit,
        minute=3,
        data={"permit": permit, "effect": effect, "digest": DIGEST, "expires": expires},
    )


def permit_consumed(permit: str = "permit-1", request: str = "expense-1") -> LedgerEvent:
    """Return the event that says a permit was consumed."""
    return event(
        "effect:permit:consumed",
        request=request,
        step=permit,
        minute=4,
        data={"permit": permit, "effect": "payment"},
    )


def payment_done(permit: str = "permit-1", request: str = "expense-1") -> LedgerEvent:
    """Return the event that says a payment was written."""
    return event(
        "effect:run:done",
        request=request,
        step=permit,
        minute=4,
        data={"permit": permit, "effect": "done"},
    )
