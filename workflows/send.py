"""Send: somebody wants a mail out; people agree; exactly that goes to exactly those, once each.

The requester submits a mail, as JSON or as a mail program wrote it, to a few people or to everybody
on a list. Reviewers see what it says, what the checks found and how many get it. What is approved
goes out recipient by recipient, and can be stopped in the middle by whoever asked for it.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.sending import SendingActivities
    from placet.domain.orders import CaseResult
    from placet.domain.sending import EFFECT
    from placet.domain.vocabulary import Status
    from workflows.gate import NO_REQUEST, Doors, Gate

ATTEMPT = timedelta(days=1)
"""A server may take its time for thousands; one that is dead is noticed by its heartbeat."""


@workflow.defn(name="send")
class Send(Doors):
    """One mail, from its request to its last recipient."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate("send", request, effect=EFFECT, stoppable=True)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, then send."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            await self.gate.effect(SendingActivities.send, attempt=ATTEMPT)
        return await self.gate.close()
