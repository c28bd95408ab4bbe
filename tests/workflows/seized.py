"""A pipeline for tests: what is lent by breaking the glass is reviewed afterwards."""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from placet.domain.case import Case
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import DecidedBy, Status
    from tests.workflows.lending import LendingActivities
    from tests.workflows.office import expense
    from workflows.gate import NO_REQUEST, Doors, Gate


def review_of(_: Case) -> dict[str, JsonValue]:
    """Return what is to be reviewed afterwards."""
    return expense(title="What Alice took")


@workflow.defn(name="expense")
class Seized(Doors):
    """An expense that is paid for a time, or the review of one: that has no effect."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors."""
        effect = None if workflow.info().parent else "payment"
        self.gate = Gate("expense", request, effect=effect, stoppable=True)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, lend, have it reviewed, and take back."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            if outcome.by is DecidedBy.BREAK_GLASS:
                self.gate.afterwards("expense", review_of)
            await self.gate.effect(LendingActivities.lend)
        await self.gate.expiry(LendingActivities.take_back)
        return await self.gate.close()
