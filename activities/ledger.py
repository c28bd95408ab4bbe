"""Write a step to the ledger: idempotent, because each step carries its number."""

from temporalio import activity

from activities.errors import permanent
from placet.domain.ledger import LedgerStep, WrittenStep
from placet.ports import Recorder


class LedgerActivities:
    """Writes what the gate decided."""

    def __init__(self, recorder: Recorder) -> None:
        """Write to ``recorder``."""
        self._recorder = recorder

    @activity.defn(name="ledger.append")
    async def append(self, step: LedgerStep) -> WrittenStep:
        """Append a step's events in one transaction; a step that is there already comes back.

        Raises:
            ApplicationError: The ledger holds another story under the same request id.
        """
        with permanent():
            return await self._recorder.append_step(step)
