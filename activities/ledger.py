"""Append events to the ledger: idempotent, because each event carries its own key."""

from temporalio import activity

from activities.errors import permanent
from placet.domain.ledger import LedgerEvent
from placet.domain.orders import Receipts
from placet.ports import Recorder


class LedgerActivities:
    """Writes what the gate decided."""

    def __init__(self, recorder: Recorder) -> None:
        """Write to ``recorder``."""
        self._recorder = recorder

    @activity.defn(name="ledger.append")
    async def append(self, events: list[LedgerEvent]) -> Receipts:
        """Append events in one transaction; an event that is there already keeps its receipt.

        Raises:
            ApplicationError: The ledger holds another event under the same id, or another story
                under the same request id.
        """
        with permanent():
            return Receipts(receipts=tuple(await self._recorder.append(events)))
