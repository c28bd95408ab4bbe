"""Access check: compare who has which role with whom it was granted to, and say what differs.

No case: nobody is asked. ``placet grants --check`` runs it, or a schedule of Temporal's. It runs in
a worker, because only workers hold what opens the targets.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from activities.access_check import AccessCheckActivities
    from placet.domain.reconciling import CheckOrder, CheckReport
    from workflows.gate import NO_REQUEST

ATTEMPT = timedelta(minutes=5)
RETRY = RetryPolicy(maximum_attempts=5)


@workflow.defn(name="access-check")
class AccessCheck:
    """One comparison of everything that was granted with what is there."""

    @workflow.run
    async def run(self, order: RawValue = NO_REQUEST) -> CheckReport:
        """Compare, and return what differs.

        Raises:
            ApplicationError: It was started with what is no order, or the ledger does not answer.
        """
        return await workflow.execute_activity_method(
            AccessCheckActivities.check,
            _read(order),
            start_to_close_timeout=ATTEMPT,
            retry_policy=RETRY,
            summary="compare access with what was granted",
        )


def _read(order: RawValue) -> CheckOrder:
    """Read what the workflow was started with; nothing is an order too.

    Raises:
        ApplicationError: It is none.
    """
    data = order.payload.data
    if not data or data == b"null":
        return CheckOrder()
    try:
        return CheckOrder.model_validate_json(data)
    except ValidationError:
        text = 'start access-check with nothing or with {"notify": true}'
        raise ApplicationError(text, type="invalid-input", non_retryable=True) from None
