"""A pipeline for tests: what is approved waits for its time, and can be stopped half-way."""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import Status
    from tests.workflows.slow import SlowActivities
    from workflows.gate import NO_REQUEST, Doors, Gate


@workflow.defn(name="expense")
class Patient(Doors):
    """An expense that is in no hurry."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors."""
        self.gate = Gate("expense", request, effect="payment", stoppable=True)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, then for the time, then run."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            await self.gate.effect(SlowActivities.run)
        return await self.gate.close()
