"""Delivers notices beside the case: a mail server that is down never holds up a decision.

The first attempt is a local activity with a second's time, because that costs one history event
instead of six; whatever does not succeed at a glance goes on as a regular activity.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from activities.notices import NoticeActivities
    from placet.domain.case import Case
    from placet.domain.ledger import Receipt
    from placet.domain.orders import NoticeOrder
    from placet.domain.plan import PersonRef
    from placet.domain.record import Notice, Record, Undelivered
    from placet.domain.vocabulary import Kind

from workflows.durable import ALIVE, refusal
from workflows.journal import Journal

GLANCE = timedelta(seconds=1)
ONCE = RetryPolicy(maximum_attempts=1)
ATTEMPT = timedelta(seconds=30)
PATIENCE = timedelta(hours=1)
RETRY = RetryPolicy(maximum_interval=timedelta(minutes=5))


class Courier:
    """Sends a case's notices, each in a task of its own."""

    def __init__(self, journal: Journal, report: Callable[[Undelivered], None]) -> None:
        """Seal in ``journal`` what says that they were sent; ``report`` those that were not."""
        self._journal = journal
        self._report = report
        self._under_way: dict[int, asyncio.Task[None]] = {}

    @property
    def idle(self) -> bool:
        """Say whether every notice has been delivered or given up."""
        return not self._under_way

    def send(self, case: Case, notice: Notice) -> None:
        """Begin to deliver ``notice``."""
        order = NoticeOrder(notice=notice, event=self._journal.seal(case, _record(case, notice)))
        self._under_way[notice.number] = asyncio.create_task(self._deliver(order))

    async def _deliver(self, order: NoticeOrder) -> None:
        notice = order.notice
        try:
            self._journal.saw(await _attempt(order))
        except (ActivityError, ApplicationError) as error:
            said = refusal(error) or error.cause or error
            self._report(
                Undelivered(
                    number=notice.number,
                    kind=notice.kind,
                    to=notice.to,
                    stage=notice.stage,
                    problem=str(said)[:500],
                )
            )
        finally:
            del self._under_way[notice.number]


async def _attempt(order: NoticeOrder) -> Receipt:
    """Try once at a glance, which costs one event; then patiently, beside the case.

    Raises:
        ApplicationError: It can never be delivered.
        ActivityError: It could not be delivered in time.
    """
    try:
        return await workflow.execute_local_activity_method(
            NoticeActivities.deliver,
            order,
            schedule_to_close_timeout=GLANCE,
            retry_policy=ONCE,
        )
    except FailureError as error:
        if is_cancelled_exception(error) or refusal(error) is not None:
            raise
        return await workflow.execute_activity_method(
            NoticeActivities.deliver,
            order,
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=ALIVE,
            schedule_to_close_timeout=PATIENCE,
            retry_policy=RETRY,
            summary=f"{order.notice.kind.value} to {_names(order.notice.to)}",
        )


def _record(case: Case, notice: Notice) -> Record:
    return Record(
        kind=Kind.NOTIFIED,
        at=notice.at,
        stage=notice.stage,
        data={
            "notice": notice.kind.value,
            "number": notice.number,
            "to": [person.id for person in notice.to],
        },
        revision=case.revision,
        digest=case.digest,
    )


def _names(people: tuple[PersonRef, ...]) -> str:
    return ", ".join(person.name for person in people[:3]) + (" …" if len(people) > 3 else "")  # noqa: PLR2004
