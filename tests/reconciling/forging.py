"""Events that somebody writes who has the application's password."""

import secrets
from datetime import UTC, datetime
from typing import Any

from placet.domain.ledger import LedgerEvent
from placet.domain.plan import utc
from tests.workflows.office import Handle, Office

APPROVED = "reviewer:review:approved"


def made_up(
    office: Office, request: str, kind: str = APPROVED, *, run: str = "", **more: Any
) -> LedgerEvent:
    """Return an event that no workflow has written, though it says so."""
    now = datetime.now(UTC)
    body = {
        "schema": "placet.event/1",
        "kind": kind,
        "request": request,
        "pipeline": "expense",
        "revision": 1,
        "digest": "ab" * 32,
        "occurred": utc(now),
        "actor": {"id": "bob", "name": "Bob Okafor", "address": "bob@example.com"},
        "data": {},
        "service": {
            "namespace": office.client.namespace,
            "workflow_id": request,
            "first_run_id": run,
            "task_queue": office.settings.task_queue,
        },
        **more,
    }
    return LedgerEvent(
        event_id=secrets.token_hex(32), stream=request, kind=kind, occurred=now, body=body
    )


async def forged_approval(office: Office, handle: Handle) -> None:
    """Append an approval to a case that has a workflow."""
    run = (await handle.describe()).run_id
    await office.ledger.append([made_up(office, handle.id, run=run)])
