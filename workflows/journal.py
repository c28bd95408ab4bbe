"""The gate's pen: gives every record its exactly-once key and appends it, ledger first (rule 1)."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue, ValidationError

    from activities.ledger import LedgerActivities
    from placet.domain.case import Case
    from placet.domain.envelope import Origin, event
    from placet.domain.ledger import LedgerEvent, LedgerStep, Receipt, WrittenStep
    from placet.domain.orders import StepOutcome
    from placet.domain.record import Record

from workflows.durable import durably


class Journal:
    """Writes one case's events.

    Attributes:
        events: How many events have been given a key; a continued run goes on counting.
        steps: How many steps have been written, likewise.
        last: The receipt of the last of the case's events, whoever wrote it.
    """

    def __init__(self, events: int = 0, steps: int = 0) -> None:
        """Go on after so many events and steps."""
        info = workflow.info()
        self.origin = Origin(
            namespace=info.namespace,
            workflow_id=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            task_queue=info.task_queue,
        )
        self.events = events
        self.steps = steps
        self.last: Receipt | None = None
        # A continued run does not know what the inbox was last told, so it tells it again.
        self._waiting: list[JsonValue] | None = None

    def seal(
        self, case: Case, record: Record, waiting: list[JsonValue] | None = None
    ) -> LedgerEvent:
        """Give a record its key and its envelope; ``waiting`` when that has changed."""
        self.events += 1
        return event(case, record, self.origin, str(self.events), waiting)

    def seal_once(self, case: Case, record: Record) -> LedgerEvent:
        """Seal what happens at most once in a case: its kind is its key.

        It may be sealed while a step is being written. A count that both used would give one key
        to two events once a step is taken over from a worker that died.
        """
        return event(case, record, self.origin, record.kind.value)

    def _seal_all(self, case: Case, records: Sequence[Record]) -> tuple[LedgerEvent, ...]:
        """Seal a step's records; its last state says whom the case waits for now."""
        waiting = case.waiting_for()
        last = max((i for i, record in enumerate(records) if record.settles), default=None)
        if last is None or waiting == self._waiting:
            return tuple(self.seal(case, record) for record in records)
        self._waiting = waiting
        return tuple(
            self.seal(case, record, waiting if index == last else None)
            for index, record in enumerate(records)
        )

    def saw(self, receipt: Receipt | None) -> None:
        """Take note of an event of this case that stands in the ledger."""
        if receipt is not None and (self.last is None or receipt.seq > self.last.seq):
            self.last = receipt

    async def write(
        self, records: Sequence[Record], outcome: StepOutcome
    ) -> tuple[StepOutcome, tuple[Receipt, ...]]:
        """Write a step's records in one transaction; returns when they are committed.

        Returns:
            What the step came to, and its receipts: what was asked for, unless a worker that died
            has written the step before. Then that is what happened.
        """
        if not records:
            return outcome, ()
        events = self._seal_all(outcome.case, records)
        self.steps += 1
        step = LedgerStep(
            stream=outcome.case.request_id,
            chain=self.origin.first_run_id,
            number=self.steps,
            outcome=outcome.model_copy(update={"events": self.events}).model_dump_json(),
            events=events,
        )
        written = await durably(
            LedgerActivities.append, step, WrittenStep, f"write step {self.steps} to the ledger"
        )
        self.saw(written.receipts[-1])
        if written.known is not None:
            outcome = _understood(written.known)
            self.events = outcome.events
            self._waiting = None
        return outcome, written.receipts


def _understood(outcome: str) -> StepOutcome:
    """Read what a step came to; what no gate has written ends the workflow, and is seen."""
    try:
        return StepOutcome.model_validate_json(outcome)
    except ValidationError as error:
        message = f"the ledger's step is no gate's: {error.error_count()} problems"
        raise ApplicationError(message, type="conflict", non_retryable=True) from None
