"""Delivers notices beside the case: a slow mail server never holds up a decision."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.notices import NoticeActivities
    from placet.domain.case import Case
    from placet.domain.orders import NoticeOrder
    from placet.domain.plan import PersonRef
    from placet.domain.record import Notice, Record
    from placet.domain.vocabulary import Kind

from workflows.journal import Journal

ATTEMPT = timedelta(seconds=30)
PATIENCE = timedelta(hours=1)
RETRY = RetryPolicy(maximum_interval=timedelta(minutes=5))


class Courier:
    """Sends a case's notices, each in a task of its own."""

    def __init__(self, journal: Journal) -> None:
        """Write to ``journal`` what became of them."""
        self._journal = journal
        self._under_way: dict[int, asyncio.Task[None]] = {}

    @property
    def idle(self) -> bool:
        """Say whether every notice has been delivered or given up."""
        return not self._under_way

    def send(self, case: Case, notice: Notice) -> None:
        """Begin to deliver ``notice``."""
        order = NoticeOrder(
            notice=notice, event=self._journal.seal(case, _record(case, notice, Kind.NOTIFIED))
        )
        self._under_way[notice.number] = asyncio.create_task(self._deliver(case, order))

    async def _deliver(self, case: Case, order: NoticeOrder) -> None:
        notice = order.notice
        try:
            await workflow.execute_activity_method(
                NoticeActivities.deliver,
                order,
                start_to_close_timeout=ATTEMPT,
                schedule_to_close_timeout=PATIENCE,
                retry_policy=RETRY,
                summary=f"{notice.kind.value} to {_names(notice.to)}",
            )
        except ActivityError as error:
            problem = str(error.cause or error)
            record = _record(case, notice, Kind.NOTICE_FAILED).model_copy(
                update={"reason": problem[:500], "at": workflow.now()}
            )
            await self._journal.append([self._journal.seal(case, record)])
        finally:
            del self._under_way[notice.number]


def _record(case: Case, notice: Notice, kind: Kind) -> Record:
    return Record(
        kind=kind,
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
