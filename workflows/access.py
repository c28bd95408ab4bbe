"""Access: somebody wants a role for somebody, for a time; people agree; it is given and taken away.

The owner of the role is always asked, and nobody approves what they get themselves. The role is
given when that is approved, and taken away when its time is over or somebody takes the approval
back. Whoever the policy permits can have it given at once; everybody concerned is told, and people
review it afterwards: unless they approve, it is taken away.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.access import AccessActivities
    from placet.domain.access import EFFECT, PIPELINE, REVIEW_PIPELINE, review_of
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import DecidedBy, Status
    from workflows.gate import NO_REQUEST, Doors, Gate

ATTEMPT = timedelta(minutes=10)
"""A server that is told may take its time."""


@workflow.defn(name="access")
class Access(Doors):
    """One role for one person, from the request to the end of its time."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate(PIPELINE, request, effect=EFFECT, stoppable=True)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, give the role, and take it away when its time is over."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            if outcome.by is DecidedBy.BREAK_GLASS:
                self.gate.afterwards(REVIEW_PIPELINE, review_of)
            await self.gate.effect(AccessActivities.grant, attempt=ATTEMPT)
        await self.gate.expiry(AccessActivities.revoke, attempt=ATTEMPT)
        return await self.gate.close()
