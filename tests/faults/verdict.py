"""What must hold of a case, whatever died while it ran: nothing lost, nothing twice."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from placet.domain.ledger import RecordedEvent
from tests.faults.world import Handle, World

INBOX = """
select jsonb_build_object(
    'request', (select to_jsonb(r) from inbox.request r where r.request = %s),
    'assignment', (select jsonb_agg(to_jsonb(a) order by place)
                     from inbox.assignment a where a.request = %s),
    'review', (select jsonb_agg(to_jsonb(v) order by event_id)
                 from inbox.review v where v.request = %s)
) as lists
"""

_NOTICES = {"system:notice:sent", "system:notice:failed"}


class Story(NamedTuple):
    """A case as its ledger tells it.

    Attributes:
        kinds: The kinds of its events in order, without notices, which run beside the case.
        notices: How often each kind of notice was sent.
        outcome: The outcome, what it came from, and the effect's state.
    """

    kinds: tuple[str, ...]
    notices: Counter[str]
    outcome: tuple[str, str, str | None]


async def tell(world: World, handle: Handle, spool: Path | None = None) -> Story:
    """Tell an ended case's story, after making sure that it is whole and consistent.

    ``spool`` is where the worker has its payment files, if not where the world has them.
    """
    result = await world.result(handle)
    events = await world.ledger.timeline(handle.id)
    assert [event.stream_seq for event in events] == list(range(1, len(events) + 1))
    assert len({event.event_id for event in events}) == len(events)
    history = await handle.fetch_history()
    check_history(history)
    _check_receipts(history, events)
    payments = spool or world.home / "payments"
    await _check_payment(world, handle, payments, paid=result.effect == "done")
    return Story(
        tuple(event.kind for event in events if event.kind not in _NOTICES),
        Counter(_notice(event) for event in events if event.kind in _NOTICES),
        (result.outcome, result.by, result.effect),
    )


async def check_rebuild(world: World, handles: list[Handle]) -> None:
    """Make sure that the lists are the same as when they are made anew from the ledger."""
    before = [await world.rows(INBOX, *[handle.id] * 3) for handle in handles]
    await world.rows("select inbox.rebuild()")
    assert [await world.rows(INBOX, *[handle.id] * 3) for handle in handles] == before


_ASKED_AGAIN = {
    # A message came in while the case was about to end.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    # More messages came in while a slow worker had the task than Temporal keeps beside one.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
}
"""Why Temporal itself ends a task and asks again; nothing is wrong with what the worker said."""


def check_history(history: WorkflowHistory) -> None:
    """Make sure that no workflow task failed, as one does whose replay takes another way."""
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            assert failed.cause in _ASKED_AGAIN, failed


def _notice(event: RecordedEvent) -> str:
    data = event.body["data"]
    assert isinstance(data, dict)
    return f"{event.kind} {data['notice']}"


def _check_receipts(history: WorkflowHistory, events: list[RecordedEvent]) -> None:
    """Make sure that each receipt that Temporal keeps is that of an event in the ledger."""
    leaves = {event.event_id: event.leaf for event in events}
    found = dict(receipt for event in history.events for receipt in _receipts(event))
    assert len(found) > 1
    assert found.items() <= leaves.items()


def _receipts(event: HistoryEvent) -> Iterator[tuple[str, str]]:
    def walk(value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            key = value.get("event_id") or value.get("event")
            if isinstance(key, str) and value.get("leaf"):
                yield key, value["leaf"]
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    for payload in _payloads(event):
        if payload.metadata.get("encoding") == b"json/plain":
            yield from walk(json.loads(payload.data))


def _payloads(message: Message) -> Iterator[Payload]:
    """Return every payload in a protobuf message."""
    if isinstance(message, Payload):
        yield message
        return
    for _, value in message.ListFields():
        parts = value.values() if isinstance(value, Mapping) else [value]
        for part in parts:
            for inner in part if isinstance(part, Sequence) else [part]:
                if isinstance(inner, Message):
                    yield from _payloads(inner)


async def _check_payment(world: World, handle: Handle, spool: Path, *, paid: bool) -> None:
    """Make sure that exactly one payment left the house, or none."""
    permits = await world.rows(
        "select consumed_at is not null as consumed from effect.permit where request = %s",
        handle.id,
    )
    payments = await world.ledger.payments(request=handle.id)
    assert [permit["consumed"] for permit in permits] == [True] * paid
    assert len(payments) == paid
    for payment in payments:
        sent = (spool / "outbox" / payment.file_name).read_bytes()
        assert hashlib.sha256(sent).hexdigest() == payment.file_sha256
        (kept,) = _files(spool / "archive", payment.permit_id)
        assert kept.read_bytes() == sent
        assert not _files(spool / "staging", payment.permit_id)
        assert handle.id.encode() in sent


def _files(directory: Path, permit: str) -> list[Path]:
    return list(directory.glob(f"{permit}*"))
