"""A pipeline whose code was changed carelessly: for the test that replay notices it."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import Status
    from workflows.gate import NO_REQUEST, Doors, Gate


@workflow.defn(name="expense")
class Hesitant(Doors):
    """An expense that sleeps for a moment before it is paid."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors."""
        self.gate = Gate("expense", request, effect="payment")

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, hesitate, then pay."""
        outcome = await self.gate.approval()
        await workflow.sleep(timedelta(seconds=1))
        if outcome.kind is Status.APPROVED:
            await self.gate.effect(PaymentActivities.pay)
        return await self.gate.close()


@workflow.defn(name="expense")
class Unpaid(Doors):
    """An expense that is approved and forgotten."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors."""
        self.gate = Gate("expense", request, effect="payment")

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people."""
        await self.gate.approval()
        return await self.gate.close()
