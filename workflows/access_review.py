"""Access review: people look, after the fact, at access that somebody took by breaking the glass.

The case of the access starts it and waits for how it ends: unless it is approved, the role is taken
away. Whoever broke the glass, and whoever has the role, cannot review it.
"""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from placet.domain.access import REVIEW_PIPELINE
    from placet.domain.orders import CaseResult
    from workflows.gate import NO_REQUEST, Doors, Gate


@workflow.defn(name="access-review")
class AccessReview(Doors):
    """One review, whose outcome is all that comes of it."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate(REVIEW_PIPELINE, request)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people."""
        await self.gate.approval()
        return await self.gate.close()
