"""Erase: what is personal about somebody is to go; people agree; it is gone, and the ledger holds.

A privacy officer and a second person see how much there is, what is still open, and what has to
stay. Once they agree the person's key is destroyed, and nobody can undo that.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.erasing import ErasureActivities
    from placet.domain.erasure import EFFECT, PIPELINE
    from placet.domain.orders import CaseResult
    from placet.domain.vocabulary import Status
    from workflows.gate import NO_REQUEST, Doors, Gate

ATTEMPT = timedelta(hours=6)
"""Whether others have the same files is looked up in all of the ledger."""


@workflow.defn(name="erase")
class Erase(Doors):
    """One erasure, from its request to the events that say what is gone."""

    @workflow.init
    def __init__(self, request: RawValue = NO_REQUEST) -> None:
        """Open the doors: a message may come before ``run`` does."""
        self.gate = Gate(PIPELINE, request, effect=EFFECT)

    @workflow.run
    async def run(self, request: RawValue = NO_REQUEST) -> CaseResult:  # noqa: ARG002 - the gate has it
        """Wait for people, then erase."""
        outcome = await self.gate.approval()
        if outcome.kind is Status.APPROVED:
            await self.gate.effect(ErasureActivities.erase, attempt=ATTEMPT)
        return await self.gate.close()
