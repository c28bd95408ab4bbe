"""Expense: somebody wants money back; people agree; exactly that amount is paid, once.

The requester submits line items with receipts. A policy decides who has to agree, in which stages
and until when. What is approved becomes one payment order for the bank.
"""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import Status
    from workflows.gate import NO_REQUEST, Doors, Gate


@workflow.defn(name="expense")
class Expense(Doors):
    """One expense, from its request to its payment."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate("expense", request, effect="payment")

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, then pay."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED:
            await self.gate.effect(PaymentActivities.pay)
        return await self.gate.close()
