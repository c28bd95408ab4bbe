"""How a message reaches a case from outside, whatever the channel: answered when a worker is up.

The update ``decide`` answers with the receipt. When no worker takes it within a few seconds, the
signal of the same name carries the same message, under the same decision id: it waits in the
workflow's history, and counts once, however many of the two arrive (rule 3).
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from placet.domain.errors import ConflictError, NotFoundError, PlacetError, UnavailableError
from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import RequestRow
from placet.domain.message import UPDATE, Message
from placet.domain.plan import PersonRef
from placet.domain.review import Answer
from placet.domain.vocabulary import Action, Kind, Refusal, Status
from placet.late import late_event
from placet.ports import Ledger

TAKEN_WITHIN = timedelta(seconds=5)
"""How long a worker may take to accept an update before the signal is sent instead."""

ANSWERED_WITHIN = timedelta(seconds=20)
"""How long an accepted update may take: as long as the ledger does not answer."""

_POLLED_WITHIN_SECONDS = 90.0
"""A worker asks for work at least once a minute."""

_COUNTED: dict[str, Action] = {
    Kind.APPROVED: Action.APPROVE,
    Kind.REJECTED: Action.REJECT,
    Kind.CHANGES_REQUESTED: Action.REQUEST_CHANGES,
    Kind.WITHDRAWN: Action.WITHDRAW,
    Kind.REVOKED: Action.WITHDRAW,
    Kind.STOP_REQUESTED: Action.WITHDRAW,
    Kind.COMMENTED: Action.COMMENT,
    Kind.REASSIGNED: Action.REASSIGN,
    Kind.GLASS_BROKEN: Action.BREAK_GLASS,
    Kind.RESUBMITTED: Action.RESUBMIT,
    Kind.EDITED: Action.EDIT,
    Kind.EDIT_PROPOSED: Action.EDIT,
}
_TURNED_AWAY = {Kind.REFUSED, Kind.LATE}


class RefusedError(PlacetError):
    """The case refused the message; nothing has changed.

    Attributes:
        refusal: Why, in one word.
        answer: What the case answered; None when the message could not be understood.
    """

    code = "refused"

    def __init__(self, message: str, refusal: Refusal, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.answer = answer


class EndedError(PlacetError):
    """The case has ended, so Temporal takes no message for it any more."""

    code = "ended"


class Sent(StrEnum):
    """How far a message has come."""

    ANSWERED = "answered"
    """The case has taken it, and the ledger has it."""
    ACCEPTED = "accepted"
    """A worker has it; the ledger did not answer in time."""
    SIGNALLED = "signalled"
    """It stands in the workflow's history; it will count when a worker is up."""


@dataclass(frozen=True)
class Delivery:
    """What became of a message: the answer is there when it was answered."""

    sent: Sent
    answer: Answer | None = None


async def has_worker(client: Client, task_queue: str) -> bool:
    """Say whether a worker has asked for workflow tasks lately."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    since = time.time() - _POLLED_WITHIN_SECONDS
    return any(poller.last_access_time.seconds >= since for poller in answer.pollers)


async def send(
    client: Client, request_id: str, message: Message, task_queue: str, *, wait: bool = True
) -> Delivery:
    """Bring a message to a case.

    Args:
        client: Connected to Temporal.
        request_id: The case.
        message: With a decision id.
        task_queue: The workers'.
        wait: Whether to ask for an answer; else only the signal is sent.

    Raises:
        RefusedError: The case refuses it.
        EndedError: The case has ended, or there is none; see :func:`answer_from_ledger`.
        UnavailableError: Temporal does not answer.
    """
    handle = client.get_workflow_handle(request_id)
    try:
        if wait and await has_worker(client, task_queue):
            asked = await _ask(handle, message)
            if asked is not None:
                return await _answered(asked)
        await handle.signal(message.action.value, _wire(message))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise EndedError(f"no case {request_id} is under way; look: placet list") from error
        raise UnavailableError(
            f"Temporal did not take the message ({error.message}); send it again with "
            f"--decision-id {message.decision_id}"
        ) from error
    return Delivery(Sent.SIGNALLED)


async def _ask(
    handle: WorkflowHandle[object, object], message: Message
) -> WorkflowUpdateHandle[Answer] | None:
    """Send the update; None when no worker took it in time."""
    try:
        return await handle.start_update(
            UPDATE,
            _wire(message),
            # Not the decision id alone: Temporal would answer another message under a used id
            # with the first one's answer, and the case could not refuse it.
            id=f"{message.decision_id}:{message.fingerprint}",
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            result_type=Answer,
            rpc_timeout=TAKEN_WITHIN,
        )
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return None


async def _answered(asked: WorkflowUpdateHandle[Answer]) -> Delivery:
    try:
        return Delivery(Sent.ANSWERED, await asked.result(rpc_timeout=ANSWERED_WITHIN))
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return Delivery(Sent.ACCEPTED)
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        kind = cause.type if isinstance(cause, ApplicationError) else None
        if not isinstance(cause, ApplicationError) or kind not in set(Refusal):
            raise EndedError("the case ended before it could answer") from error
        answer = Answer.model_validate(cause.details[0]) if cause.details else None
        raise RefusedError(cause.message, Refusal(kind), answer) from error


def _wire(message: Message) -> dict[str, object]:
    return message.model_dump(mode="json", exclude_none=True)


async def answer_from_ledger(
    ledger: Ledger, request_id: str, message: Message, caller: PersonRef | None = None
) -> Answer:
    """Answer a message to a case that has ended: by the first answer to the same decision id.

    One that the ledger does not know is recorded as late first (rule 7).

    Args:
        ledger: Has the case.
        request_id: The case.
        message: With a decision id.
        caller: Whom the directory knows under the address in the message; None for nobody.

    Raises:
        NotFoundError: There is no such case.
        RefusedError: The message comes too late, was refused, or its id was used for another.
        ConflictError: Temporal has ended a case that the ledger has not.
    """
    row = await ledger.request(request_id)
    if row is None:
        raise NotFoundError(f"there is no case {request_id}; see those there are: placet list")
    known = await _first(ledger, request_id, message)
    if known is None:
        if row.outcome_kind is None:
            raise ConflictError(
                f"Temporal no longer runs {request_id}, yet the ledger says that it is "
                f"{row.status}; look at its history in Temporal's pages"
            )
        reason = f"{how_it_ended(row)}; {message.action.value} came too late and changes nothing"
        # A conflict: another process has just recorded the same decision. Its words stand.
        with suppress(ConflictError):
            event = late_event(row, message, reason, datetime.now(UTC), caller)
            await ledger.append([event])
        known = await _first(ledger, request_id, message)
        assert known is not None  # noqa: S101 - it was appended, by this process or another
    return _repeated(known, row, message)


async def _first(ledger: Ledger, request_id: str, message: Message) -> RecordedEvent | None:
    """Return the first event that a decision id led to."""
    story = await ledger.timeline(request_id)
    return next((e for e in story if e.body.get("decision_id") == message.decision_id), None)


def _repeated(event: RecordedEvent, row: RequestRow, message: Message) -> Answer:
    actor, data = event.body.get("actor"), event.body.get("data")
    told = data if isinstance(data, dict) else {}
    by = str(actor.get("address", "")) if isinstance(actor, dict) else ""
    action = _COUNTED.get(event.kind) or told.get("verdict") or told.get("action")
    if by.casefold() != message.actor.casefold() or action != message.action.value:
        raise RefusedError(
            f"decision id {message.decision_id} was used for something else; send a new one",
            Refusal.DECISION_ID_REUSED,
        )
    answer = Answer(
        accepted=True,
        message=f"counted before; {how_it_ended(row)}",
        status=Status(row.status),
        decision_id=str(message.decision_id),
        event=event.event_id,
        leaf=event.leaf,
        seq=event.seq,
    )
    if event.kind not in _TURNED_AWAY:
        return answer
    kind = told.get("refusal")
    refusal = Refusal(kind) if kind in set(Refusal) else Refusal.LATE
    reason = str(event.body.get("reason") or "it was refused")
    refused = {"accepted": False, "message": reason, "refusal": refusal}
    raise RefusedError(reason, refusal, answer.model_copy(update=refused))


def how_it_ended(row: RequestRow) -> str:
    """Say in one clause how a case ended, or that it has not."""
    if row.outcome_kind is None:
        return f"the case is {row.status}"
    why = f": {row.outcome_reason}" if row.outcome_reason else ""
    return f"the case was {row.outcome_kind} by {row.outcome_by}{why}"
