"""What people do in the recorded cases of deletions, and what time does."""

import os
from typing import Any

from psycopg import AsyncConnection

from tests.workflows.office import Handle, Office

ALICE, CAROL, ERIN = "alice@example.com", "carol@example.com", "erin@example.com"
CUSTOMERS: dict[str, Any] = {
    "dataset": "customers",
    "filters": [{"column": "country", "op": "eq", "value": "PT"}],
}


async def agree_to_delete(office: Office, handle: Handle) -> None:
    """Approve a deletion, as the owner of the data and as a second person."""
    await office.decide(handle, "approve", CAROL)
    await office.decide(handle, "approve", ERIN)


async def delete_after_the_grace(office: Office, handle: Handle) -> None:
    """Approve a deletion for good, and let its grace pass."""
    await agree_to_delete(office, handle)
    await office.idle(handle)
    await office.skip(handle, days=3)


async def revoke_a_deletion(office: Office, handle: Handle) -> None:
    """Take the approval of a deletion back within its grace."""
    await agree_to_delete(office, handle)
    await office.idle(handle)
    await office.signal(handle, "withdraw", CAROL, reason="the auditors called")


async def delete_others_meanwhile(office: Office, handle: Handle) -> None:
    """Let most of what is to be deleted be deleted by somebody else within the grace."""
    await agree_to_delete(office, handle)
    await office.idle(handle)
    url = os.environ["PLACET_SAMPLE_DELETE_URL"]
    async with await AsyncConnection.connect(url) as connection:
        await connection.execute("delete from shop.visit where id > 1000")
    await office.skip(handle, days=3)


async def mark(office: Office, handle: Handle) -> None:
    """Approve a deletion that only marks rows, and leave it in force."""
    await agree_to_delete(office, handle)
    await office.recorded(handle, "effect:run:done")
    await office.idle(handle)


async def undo(office: Office, handle: Handle) -> None:
    """Have the marks of a deletion taken away again."""
    await mark(office, handle)
    await office.signal(handle, "withdraw", ALICE, reason="wrong country")


async def purge(office: Office, handle: Handle) -> None:
    """Let the time pass in which a deletion can be undone."""
    await mark(office, handle)
    await office.skip(handle, days=8)


async def reject_a_deletion(office: Office, handle: Handle) -> None:
    """Have the owner for a deletion, and the second person against it."""
    await office.decide(handle, "approve", CAROL)
    await office.signal(handle, "reject", ERIN, reason="we are audited")
