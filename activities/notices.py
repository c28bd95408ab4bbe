"""Deliver one notice and say so in the ledger: idempotent, because both have a key."""

from temporalio import activity

from activities.errors import permanent
from placet.domain.ledger import Receipt
from placet.domain.orders import NoticeOrder
from placet.ports import Notifier, Recorder


class NoticeActivities:
    """Writes to people."""

    def __init__(self, notifier: Notifier, recorder: Recorder) -> None:
        """Deliver through ``notifier`` and record in ``recorder``."""
        self._notifier = notifier
        self._recorder = recorder

    @activity.defn(name="notice.deliver")
    async def deliver(self, order: NoticeOrder) -> Receipt:
        """Deliver a notice; delivering it again under the same key changes nothing.

        Returns:
            The receipt of the event that says so.

        Raises:
            ApplicationError: It can never be delivered.
        """
        with permanent():
            await self._notifier.deliver(order.event.event_id, order.notice)
            (receipt,) = await self._recorder.append([order.event])
            return receipt
