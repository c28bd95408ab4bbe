"""A mail that people have approved, up to the moment at which it is sent."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from placet.digest import canonical, digest
from placet.domain.orders import EffectOrder
from placet.domain.plan import PersonRef, Plan, PolicyRef
from placet.domain.sending import Scope, SendRequest
from placet.ledger import PostgresLedger
from placet.pipelines.send import recipients_text, understand
from tests.ledger.stories import event, state, submitted

REQUEST = "send-1"
PERMIT = "cd" * 32
APPROVED = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


async def approved(
    ledger: PostgresLedger, request: SendRequest, *files: bytes, **changes: Any
) -> EffectOrder:
    """Record a mail as approved and return the order to send it.

    Args:
        ledger: Where.
        request: The mail.
        files: Its attachments and lists.
        changes: Of the plan's scope.
    """
    for content in files:
        await ledger.put_content(content, "text/plain")
    found = await ledger.put_content(canonical(request), "application/json")
    assert found == digest(request)
    mail = await understand(request, ledger)
    everybody = hashlib.sha256(recipients_text(mail.recipients)).hexdigest()
    scope = {"recipients": everybody, "count": 1, "domains": {}} | changes
    issued = event(
        "system:permit:issued",
        request=REQUEST,
        step="issued",
        data={"permit": PERMIT, "effect": "send", "digest": found, "expires": None},
    )
    pending = state("approved", effect="pending")
    await ledger.append([submitted(REQUEST), event(request=REQUEST, state=pending), issued])
    return EffectOrder(
        request_id=REQUEST,
        revision=1,
        permit=PERMIT,
        effect="send",
        digest=found,
        plan=Plan(
            policy=PolicyRef(id="send", version=1, digest="b" * 64),
            route="everything",
            why="true",
            requester=PersonRef(id="alice", name="Alice", address="alice@example.com"),
            title=request.subject,
            scope=Scope.model_validate(scope).to_plan(),
        ),
        approved=APPROVED,
        consumed=event(
            "effect:permit:consumed",
            request=REQUEST,
            step="consumed",
            data={"permit": PERMIT, "effect": "pending"},
        ),
        done=event(
            "effect:run:done",
            request=REQUEST,
            step="done",
            data={"permit": PERMIT, "effect": "done"},
        ),
        stopped=event(
            "effect:run:stopped",
            request=REQUEST,
            step="stopped",
            data={"permit": PERMIT, "effect": "stopped"},
        ),
    )
