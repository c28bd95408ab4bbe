"""Call an activity the fast way while its backend answers, and the patient way when it does not.

A local activity costs one history event, but retried for long it keeps the workflow task alive and
the history growing. So it gets two short attempts; then a regular activity retries without end,
which costs nothing while it waits.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)

QUICK = timedelta(seconds=3)
QUICK_RETRY = RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=100))
PATIENT = timedelta(seconds=30)
THOROUGH = timedelta(minutes=10)
"""For what may have to count a large table."""

PATIENT_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=1.5,
    maximum_interval=timedelta(seconds=20),
)

ALIVE = timedelta(seconds=10)
"""An activity's worker that is silent for so long is dead; another one takes over."""

Result = TypeVar("Result")


async def durably(
    activity: Callable[[Any, Any], Any],
    order: Any,
    answer: type[Result],
    summary: str,
    patience: timedelta = PATIENT,
) -> Result:
    """Run a method of an activity class until it succeeds or says that it never will.

    Args:
        activity: The method, as ``Class.method``.
        order: Its one argument.
        answer: The type it returns.
        summary: One line for Temporal's UI, should the patient way be needed.
        patience: How long each attempt of the patient way may take.

    Raises:
        ApplicationError: The activity said that it will never succeed.
    """
    try:
        result = await workflow.execute_local_activity_method(
            activity,
            order,
            schedule_to_close_timeout=QUICK,
            retry_policy=QUICK_RETRY,
        )
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        # A local activity's failure comes bare, a regular one's inside an ActivityError.
        if (refused := refusal(error)) is not None:
            raise refused from error
        result = await _patiently(activity, order, summary, patience)
    if not isinstance(result, answer):
        message = f"{activity} answered {type(result)}, not {answer}"
        raise TypeError(message)
    return result


async def _patiently(
    activity: Callable[[Any, Any], Any], order: Any, summary: str, patience: timedelta
) -> Any:
    try:
        return await workflow.execute_activity_method(
            activity,
            order,
            start_to_close_timeout=patience,
            heartbeat_timeout=ALIVE,
            retry_policy=PATIENT_RETRY,
            summary=summary,
        )
    except ActivityError as error:
        if (refused := refusal(error)) is not None:
            raise refused from error
        raise


def refusal(error: BaseException | None) -> ApplicationError | None:
    """Return what the activity said, if it said that trying again is no use."""
    said = error.cause if isinstance(error, ActivityError) else error
    return said if isinstance(said, ApplicationError) and said.non_retryable else None
