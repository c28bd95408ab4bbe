"""A pipeline for tests: what is approved lasts, and is then ended."""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import Status
    from tests.workflows.lending import LendingActivities
    from workflows.gate import NO_REQUEST, Doors, Gate


@workflow.defn(name="expense")
class Borrowed(Doors):
    """An expense that is paid for a time."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors."""
        self.gate = Gate("expense", request, effect="payment", stoppable=True)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, lend, and take back."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            await self.gate.effect(LendingActivities.lend)
        await self.gate.expiry(LendingActivities.take_back)
        return await self.gate.close()
