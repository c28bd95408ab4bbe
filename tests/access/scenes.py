"""What people and time do in the recorded cases of access: see `tests/record_histories.py`."""

from tests.access.listed import VARIABLE
from tests.workflows.office import Handle, Office, eventually

ALICE, CAROL = "alice@example.com", "carol@example.com"
ERIN, FRANK = "erin@example.com", "frank@example.com"
HEIDI, GRACE = "heidi@example.com", "grace@example.com"

REQUEST = {"requester": ALICE, "role": "reporting", "hours": 8, "reason": "The figures of March"}
REVIEW = {
    "requester": HEIDI,
    "case": "access-1",
    "person": "alice",
    "asked_by": "alice@example.com",
    "role": "reporting",
    "minutes": 240,
    "why": "Heidi Tanaka broke the glass: the shop is down",
}


async def grant(office: Office, handle: Handle) -> None:
    """Have the owner approve it, after somebody who may not, and see that it is in force."""
    await office.recorded(handle, "system:stage:opened")
    await office.refusal(handle, "approve", ALICE)
    await office.decide(handle, "approve", ERIN)
    await office.recorded(handle, "effect:run:done")
    await office.settled(handle)
    await office.idle(handle)


async def over(office: Office, handle: Handle) -> None:
    """Let its time come to its end."""
    await grant(office, handle)
    await office.skip(handle, hours=9)


async def end_early(office: Office, handle: Handle) -> None:
    """Take it back while it is in force."""
    await grant(office, handle)
    await office.decide(handle, "withdraw", ALICE, reason="done with it")


async def cancel_in_force(office: Office, handle: Handle) -> None:
    """Cancel the workflow while it is in force."""
    await grant(office, handle)
    await handle.cancel(reason="an incident")


async def extend(office: Office, handle: Handle) -> None:
    """Have it granted once more before it is over; the first one then leaves it there."""
    await grant(office, handle)
    second = await office.start([REQUEST], name=f"{handle.id}-2", pipeline="access")
    await grant(office, second)
    await office.skip(handle, hours=9)


async def break_glass(office: Office, handle: Handle) -> None:
    """Have it carried out at once, and the review say no."""
    await office.recorded(handle, "system:stage:opened")
    await office.decide(handle, "break_glass", HEIDI, reason="the shop is down")
    await office.recorded(handle, "effect:run:done")
    review: Handle = office.client.get_workflow_handle(f"{handle.id}-review")
    await office.recorded(review, "system:stage:opened")
    await office.decide(review, "reject", FRANK, reason="there was no need")


async def withdraw_in_vain(office: Office, handle: Handle) -> None:
    """Approve what cannot be granted now, and take it back."""
    await office.recorded(handle, "system:stage:opened")
    await office.decide(handle, "approve", ERIN)

    async def held_up() -> bool:
        told = (await handle.describe()).raw_description.pending_activities
        return any(VARIABLE in each.last_failure.message for each in told)

    await eventually(held_up, "the grant to be held up")
    await office.decide(handle, "withdraw", ALICE, reason="not needed any more")


async def refuse(office: Office, handle: Handle) -> None:
    """Have the owner reject it."""
    await office.signal(handle, "reject", FRANK, reason="not now")


async def approve(office: Office, handle: Handle) -> None:
    """Have the owner approve it."""
    await office.signal(handle, "approve", ERIN)


async def approve_review(office: Office, handle: Handle) -> None:
    """Have the owner and somebody else say that it was right."""
    await office.signal(handle, "approve", ERIN)
    await office.signal(handle, "approve", GRACE)


def without_target(office: Office) -> None:
    """Let nobody know where the target is."""
    path = office.settings.policies / "access-roles.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(VARIABLE, f"{VARIABLE}_OF_NOBODY"), encoding="utf-8")
