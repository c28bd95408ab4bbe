"""Read one run's history: the leaves it holds, what it ordered, what came, and how it stands.

It goes event by event, so that a history need never be in memory, and trusts only what workers have
written. What people typed can hold anything, also what looks like a receipt, and is never searched.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.update.v1 import Request
from temporalio.common import RawValue

from placet.domain.message import UNNAMED, Message, parse
from placet.reconciling.remembered import Came, Kept, Ordered, Run
from workflows.raw import plain

_LEDGER, _NOTICE = "ledger.append", "notice.deliver"
_EFFECT_EVENTS = ("consumed", "done", "stopped", "ended")
_OWN_SIGNALS = "__temporal_"

_CLOSINGS: dict[int, str] = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "completed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "timed out",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "terminated",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "canceled",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continued",
}
_TASK_WAITS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    # Another attempt of it follows, and stands in no history before it is done.
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
}
_ACTIVITY_ENDED = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: "activity_task_failed_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: "activity_task_timed_out_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: "activity_task_canceled_event_attributes",
}


class UnreadableError(Exception):
    """Something that a worker wrote is not what a worker of Placet writes."""


_TORN = (UnreadableError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError)
"""What reading something of another form comes to."""


def read_run(workflow_id: str, events: Iterable[HistoryEvent]) -> Run:
    """Read a whole history, which has at least its first event."""
    reader = RunReader(workflow_id)
    for event in events:
        reader.take(event)
    return reader.run()


class RunReader:
    """Takes a history event by event."""

    def __init__(self, workflow_id: str) -> None:
        """Read the history of one run."""
        self._told: dict[str, Any] = {"workflow_id": workflow_id, "run_id": ""}
        self._kept: list[Kept] = []
        self._came: list[Came] = []
        self._steps: list[int] = []
        self._ordered: dict[str, Ordered] = {}
        self._pending: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._admitted: dict[str, Request] = {}
        self._signals = 0
        self._task_waits = False
        self._unreadable: str | None = None

    def take(self, event: HistoryEvent) -> None:
        """Take the next event; what cannot be understood is noted and does not stop it."""
        try:
            self._take(event)
        except _TORN as error:
            if self._unreadable is None:
                what = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
                why = f"{type(error).__name__}: {error}"[:200]
                self._unreadable = f"event {event.event_id} ({what}) cannot be understood: {why}"

    def run(self) -> Run:
        """Return what the history tells so far."""
        told = {"first_run_id": "", "started": datetime.fromtimestamp(0, UTC), **self._told}
        return Run(
            **told,
            deciding=told.get("closed") is None and self._task_waits,
            working=told.get("closed") is None and bool(self._pending),
            kept=tuple(self._kept),
            ordered=tuple(self._ordered.values()),
            came=tuple(self._came),
            steps=tuple(self._steps),
            unreadable=self._unreadable,
        )

    def broken(self, why: str) -> Run:
        """Return what the history tells so far, when the rest of it cannot be read."""
        self._unreadable = self._unreadable or why
        return self.run()

    def _take(self, event: HistoryEvent) -> None:  # noqa: PLR0912, C901 - one for each kind
        kind = event.event_type
        if kind in _TASK_WAITS:
            self._task_waits = True
            self._reset(event)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            self._task_waits = False
        elif kind == EventType.EVENT_TYPE_MARKER_RECORDED:
            self._marker(event)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            self._scheduled(event)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            done = event.activity_task_completed_event_attributes
            name, orders = self._pending.pop(done.scheduled_event_id)
            for event_id in orders:
                before = self._ordered[event_id]
                self._ordered[event_id] = Ordered(
                    before.event_id, before.event, exact=True, done=True
                )
            self._result(name, done.result.payloads)
        elif kind in _ACTIVITY_ENDED:
            ended = getattr(event, _ACTIVITY_ENDED[kind])
            self._pending.pop(ended.scheduled_event_id, None)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            self._signalled(event)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
            admitted = event.workflow_execution_update_admitted_event_attributes.request
            self._admitted[admitted.meta.update_id] = admitted
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            accepted = event.workflow_execution_update_accepted_event_attributes
            # What a reset has brought along stands in the event that admitted it.
            asked = self._admitted.get(accepted.protocol_instance_id, accepted.accepted_request)
            key = f"update-{asked.meta.update_id}"
            self._message(event, "update", asked.input.name, key, asked.input.args.payloads)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            outcome = event.workflow_execution_update_completed_event_attributes.outcome
            failure = outcome.failure.application_failure_info.details
            for payload in (*outcome.success.payloads, *failure.payloads):
                self._answer(_json(payload))
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            self._started(event)
        elif kind in _CLOSINGS:
            self._closed(event, _CLOSINGS[kind])

    def _started(self, event: HistoryEvent) -> None:
        started = event.workflow_execution_started_event_attributes
        self._told["run_id"] = started.original_execution_run_id
        self._told["first_run_id"] = started.first_execution_run_id
        self._told["started"] = event.event_time.ToDatetime(UTC)
        self._told["before"] = started.continued_execution_run_id or None
        if started.continued_execution_run_id and started.input.payloads:
            state = _mapping(_json(started.input.payloads[0]))
            self._signals = int(state.get("signals", 0))
            case = _mapping(state.get("case"))
            for remembered in _mapping(case.get("answers")).values():
                self._answer(_mapping(remembered).get("answer"))

    def _reset(self, event: HistoryEvent) -> None:
        """Take note that this run was made of another one, which it names."""
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
            self._told["run_id"] = failed.new_run_id
            self._told["bases"] = (*self._told.get("bases", ()), failed.base_run_id)

    def _closed(self, event: HistoryEvent, how: str) -> None:
        self._told["closed"] = how
        self._task_waits = False
        completed = event.workflow_execution_completed_event_attributes
        continued = event.workflow_execution_continued_as_new_event_attributes
        self._told["after"] = (
            continued.new_execution_run_id
            or completed.new_execution_run_id
            or event.workflow_execution_failed_event_attributes.new_execution_run_id
            or event.workflow_execution_timed_out_event_attributes.new_execution_run_id
            or None
        )
        if completed.result.payloads:
            result = _mapping(_json(completed.result.payloads[0]))
            self._told["outcome"] = result.get("outcome")
            self._answer(result)

    def _marker(self, event: HistoryEvent) -> None:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name != "core_local_activity" or "result" not in marker.details:
            return
        about = _mapping(_json(marker.details["data"].payloads[0]))
        self._result(str(about["activity_type"]), marker.details["result"].payloads)

    def _scheduled(self, event: HistoryEvent) -> None:
        scheduled = event.activity_task_scheduled_event_attributes
        name, consumed = scheduled.activity_type.name, ()
        self._pending[event.event_id] = (name, consumed)
        if not scheduled.input.payloads:
            return
        told = _json(scheduled.input.payloads[0])
        if name == _LEDGER:
            self._order(*_mapping(told)["events"])
        elif name == _NOTICE:
            self._order(_mapping(told)["event"])
        elif isinstance(told, Mapping):
            ordered = [told[key] for key in _EFFECT_EVENTS if _is_event(told.get(key))]
            self._order(*ordered)
            # The only event of an effect that is always written, and to which nothing is added.
            if _is_event(told.get("consumed")):
                self._pending[event.event_id] = (name, (str(told["consumed"]["event_id"]),))

    def _order(self, *events: Any) -> None:
        for event in events:
            event_id = str(event["event_id"])
            self._ordered.setdefault(event_id, Ordered(event_id, event))

    def _result(self, name: str, payloads: Sequence[Payload]) -> None:
        if name == _LEDGER:
            receipts = [_kept(each) for each in _mapping(_json(payloads[0]))["receipts"]]
            self._kept += receipts
            self._steps += [each.stream_seq for each in receipts if each.stream_seq is not None]
        elif name == _NOTICE:
            self._kept.append(_kept(_json(payloads[0])))
        elif payloads and (receipt := _mapping_or_none(_json(payloads[0]), "receipt")):
            self._kept.append(_kept(receipt))

    def _answer(self, told: Any) -> None:
        """Take the receipt that an answer, or what a workflow returned, names."""
        if isinstance(told, Mapping) and told.get("event") and told.get("leaf"):
            seq = told.get("seq")
            number = None if seq is None else int(seq)
            self._kept.append(Kept(str(told["event"]), str(told["leaf"]), number))

    def _signalled(self, event: HistoryEvent) -> None:
        signal = event.workflow_execution_signaled_event_attributes
        if signal.signal_name.startswith(_OWN_SIGNALS):
            return
        self._signals += 1
        key = f"signal-{self._signals}"
        self._message(event, "signal", signal.signal_name, key, signal.input.payloads)

    def _message(
        self,
        event: HistoryEvent,
        channel: str,
        name: str,
        key: str,
        payloads: Sequence[Payload],
    ) -> None:
        understood = parse(name, [plain(RawValue(each)) for each in payloads], channel)
        decision_id = sha256 = None
        if isinstance(understood, Message):
            decision_id = understood.decision_id or f"{UNNAMED}{key}"[:200]
        else:
            sha256 = understood.sha256
        place = f"run {self._told['run_id']} history event {event.event_id}"
        self._came.append(Came(f"{channel} {name}", decision_id, sha256, place))


def _json(payload: Payload) -> Any:
    encoding, data = plain(RawValue(payload))
    if encoding == "binary/null":
        return None
    if encoding != "json/plain":
        raise UnreadableError(f"its encoding is {encoding or 'none'}, not json/plain")
    return json.loads(data)


def _kept(told: Any) -> Kept:
    receipt = _mapping(told)
    return Kept(
        str(receipt["event_id"]),
        str(receipt["leaf"]),
        int(receipt["seq"]),
        int(receipt["stream_seq"]),
    )


def _is_event(told: Any) -> bool:
    return isinstance(told, Mapping) and "event_id" in told and "kind" in told


def _mapping(told: Any) -> Mapping[str, Any]:
    if not isinstance(told, Mapping):
        raise UnreadableError(f"a {type(told).__name__} stands where an object should")
    return told


def _mapping_or_none(told: Any, key: str) -> Mapping[str, Any] | None:
    found = told.get(key) if isinstance(told, Mapping) else None
    return found if isinstance(found, Mapping) and "leaf" in found else None
