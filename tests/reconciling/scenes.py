"""What happens in the offices that are reconciled."""

from typing import Any

from tests.workflows.office import Handle, Office, expense

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


async def paid(office: Office, name: str | None = None, **changes: Any) -> Handle:
    """Have an expense approved and paid."""
    handle = await office.submit(expense(**changes), name=name)
    await office.decide(handle, "approve", BOB, decision_id="bob-1")
    await office.result(handle)
    return handle


async def waiting(office: Office) -> Handle:
    """Submit an expense that waits for its manager."""
    handle = await office.submit()
    await office.settled(handle)
    await office.recorded(handle, "system:notice:sent")
    await office.idle(handle)
    return handle


async def permit_of(office: Office, handle: Handle) -> str:
    """Return the permit of a paid expense."""
    (payment,) = await office.ledger.payments(request=handle.id)
    return payment.permit_id
