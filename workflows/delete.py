"""Delete: somebody wants rows gone; people see how many and which; exactly those go, if still true.

The requester names a data set and filters. Reviewers are shown the selection as it was in that
moment, and that is what they approve. What is deleted for good waits for a while in which the
approval can be withdrawn; what is only marked can be undone for a while afterwards. When too much
has changed meanwhile, nothing is touched and people are asked again.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.deletion import DeletionActivities
    from placet.domain.deletion import EFFECT
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import Status
    from workflows.gate import NO_REQUEST, Doors, Gate

ATTEMPT = timedelta(days=1)
"""Millions of rows take their time; a worker that is dead is noticed by its heartbeat."""


@workflow.defn(name="delete")
class Delete(Doors):
    """One deletion, from its request to when nothing of it can be undone any more."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate("delete", request, effect=EFFECT, stoppable=True)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, then delete, then let it be undone for a while."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            await self.gate.effect(DeletionActivities.delete, attempt=ATTEMPT)
        await self.gate.expiry(DeletionActivities.end, attempt=ATTEMPT)
        return await self.gate.close()
