"""The gate's pen: gives every record its exactly-once key and appends it, ledger first (rule 1)."""

from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from activities.ledger import LedgerActivities
    from placet.domain.case import Case
    from placet.domain.envelope import Origin, event
    from placet.domain.ledger import LedgerEvent, Receipt
    from placet.domain.orders import Receipts
    from placet.domain.record import Record

from workflows.durable import durably


class Journal:
    """Writes one case's events.

    Attributes:
        steps: How many events have been given a key; a continued run goes on counting.
        last: The receipt of the last append.
    """

    def __init__(self, steps: int = 0) -> None:
        """Go on after ``steps`` events."""
        info = workflow.info()
        self.origin = Origin(
            namespace=info.namespace,
            workflow_id=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            run_id=info.run_id,
            task_queue=info.task_queue,
        )
        self.steps = steps
        self.last: Receipt | None = None
        # A continued run does not know what the inbox was last told, so it tells it again.
        self._waiting: list[JsonValue] | None = None

    def seal(self, case: Case, record: Record) -> LedgerEvent:
        """Give a record its key and its envelope."""
        self.steps += 1
        waiting = None
        if record.settles:
            now = case.waiting_for()
            if now != self._waiting:
                waiting = self._waiting = now
        return event(case, record, self.origin, str(self.steps), waiting)

    async def append(self, events: Sequence[LedgerEvent]) -> list[Receipt]:
        """Append events in one transaction; returns when they are committed."""
        if not events:
            return []
        receipts = await durably(
            LedgerActivities.append, list(events), Receipts, "append to the ledger"
        )
        self.last = receipts.receipts[-1]
        return list(receipts.receipts)
