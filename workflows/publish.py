"""Publish: somebody wants a page out, changed or away; people agree; exactly that stands there.

The requester submits a document with its pictures. What the checks find and how the page will look
is shown to reviewers before anybody decides. What is approved are these bytes, on these targets,
in place of what was published when people looked.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.publication import PublicationActivities
    from placet.domain.orders import CaseResult
    from placet.domain.publication import EFFECT
    from placet.domain.vocabulary import Status
    from workflows.gate import NO_REQUEST, Doors, Gate

ATTEMPT = timedelta(minutes=15)
"""A page may have 64 MiB of files, and the way to a storage may be narrow."""


@workflow.defn(name="publish")
class Publish(Doors):
    """One change of what stands under a slug, from its request to every target."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate("publish", request, effect=EFFECT)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, then for its time, then publish."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED and await self.gate.embargo():
            await self.gate.effect(PublicationActivities.publish, attempt=ATTEMPT)
        return await self.gate.close()
