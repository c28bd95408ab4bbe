"""Export: somebody wants data in a file; who answers for it agrees; the file is there for a while.

The requester names a data set, columns and rows, says what for and for whom. Reviewers see how many
rows it is, which columns are about people, and a few rows, masked. What is approved is copied into
one file, can be stopped meanwhile, and is deleted when its time is over or somebody takes it back.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.export import ExportActivities
    from placet.domain.export import EFFECT
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import Status
    from workflows.gate import NO_REQUEST, Doors, Gate

ATTEMPT = timedelta(days=1)
"""A large table takes its time; a worker that is dead is noticed by its heartbeat."""


@workflow.defn(name="export")
class Export(Doors):
    """One export, from its request to the end of its file."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate("export", request, effect=EFFECT, stoppable=True)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, make the file, and delete it when its time is over."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            await self.gate.effect(ExportActivities.export, attempt=ATTEMPT)
        await self.gate.expiry(ExportActivities.expire)
        return await self.gate.close()
