"""What people do in the recorded cases of erasures."""

from typing import Any

from pydantic import JsonValue

from tests.ledger.stories import event, state, submitted
from tests.workflows.office import Handle, Office

BOB, GRACE = "bob@example.com", "grace@example.com"
AN_ERASURE: dict[str, Any] = {
    "requester": "alice@example.com",
    "subject": "Frank@example.com",
    "reason": "They left, and asked for it.",
}
_FRANK: dict[str, JsonValue] = {"id": "frank", "name": "Frank Dubois"}
TOLD = (
    submitted("expense-before"),
    event(
        request="expense-before",
        step="done",
        state=state("approved", requester=_FRANK, title="Frank's dinner"),
    ),
)
"""A request of Frank's, long ago."""


async def agree_to_erase(office: Office, handle: Handle) -> None:
    """Approve an erasure as the privacy officer and as a second person."""
    await office.decide(handle, "approve", BOB)
    await office.decide(handle, "approve", GRACE)


async def hold_and_agree(office: Office, handle: Handle) -> None:
    """Approve an erasure, and place a legal hold before the second person does."""
    await office.decide(handle, "approve", BOB)
    data: dict[str, JsonValue] = {"hold": "court", "on": "subject", "target": "frank"}
    held = event("person:hold:placed", request="hold:court", step="held", data=data)
    await office.ledger.append([held])
    await office.decide(handle, "approve", GRACE)


async def reject_an_erasure(office: Office, handle: Handle) -> None:
    """Reject an erasure."""
    await office.decide(handle, "reject", BOB, reason="the contract still runs")
