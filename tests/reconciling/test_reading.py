"""Histories are read event by event, and nothing in one can stop that or be taken for another."""

import contextlib
import functools
import json
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from placet.reconciling.reading import RunReader, read_run
from placet.reconciling.remembered import Kept

HISTORIES = Path(__file__).parents[1] / "histories"
CASES = sorted(path.stem for path in HISTORIES.glob("*.json") if path.stem != "access-check")


def history(name: str) -> WorkflowHistory:
    """Return a recorded history."""
    return WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_every_recorded_history_is_understood(name: str) -> None:
    run = read_run(name, history(name).events)
    assert run.unreadable is None
    assert run.first_run_id
    numbers = {kept.stream_seq for kept in run.kept} - {None}
    # An event of which there is no receipt is one that an activity was told to write.
    orders = sum(order.exact for order in run.ordered)
    last = max(number for number in numbers if number is not None)
    first = min(number for number in numbers if number is not None)
    assert len(numbers) >= last - first + 1 - max(orders, len(run.ordered))
    waits = "waiting" in name
    assert (run.closed is None) == waits
    assert not run.busy


def test_a_continued_run_names_the_one_before_and_the_one_after() -> None:
    before = read_run("x", history("expense-continued-run-1").events)
    after = read_run("x", history("expense-continued-run-2").events)
    assert (before.closed, before.after) == ("continued", after.run_id)
    assert after.before == before.run_id == before.first_run_id == after.first_run_id


def test_a_history_that_stops_in_mid_task_says_so() -> None:
    events = history("expense-approved-and-paid").events
    cut = next(
        index
        for index, event in enumerate(events)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
    )
    assert read_run("x", events[: cut + 1]).deciding
    scheduled = next(
        index
        for index, event in enumerate(events)
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    )
    assert read_run("x", events[: scheduled + 1]).working


def _signal(name: str, *payloads: Payload) -> HistoryEvent:
    event = HistoryEvent(event_id=2, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    event.workflow_execution_signaled_event_attributes.signal_name = name
    event.workflow_execution_signaled_event_attributes.input.CopyFrom(Payloads(payloads=payloads))
    return event


def _payload(value: object) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def test_what_people_send_is_never_taken_for_a_receipt() -> None:
    receipt = {"event_id": "ab" * 32, "leaf": "cd" * 32, "seq": 1, "stream_seq": 1}
    told = {"receipts": [receipt], "receipt": receipt, "event": "ab" * 32, **receipt}
    reader = RunReader("x")
    reader.take(_signal("ledger.append", _payload(told)))
    reader.take(_signal("comment", _payload({"actor": "bob@example.com", **told})))
    reader.take(_signal("comment", _payload({"actor": "bob@example.com", "decision_id": "d"})))
    reader.take(_signal("__temporal_workflow_start", _payload(told)))
    run = reader.run()
    assert run.kept == ()
    assert run.ordered == ()
    assert [(came.decision_id, came.sha256 is None) for came in run.came] == [
        (None, False),
        (None, False),
        ("d", True),
    ]


def test_a_continued_run_brings_answers_and_the_number_of_signals() -> None:
    answer = {"event": "ab" * 32, "leaf": "cd" * 32, "seq": 3}
    state = {"signals": 4, "case": {"answers": {"d": {"answer": answer}}}}
    event = HistoryEvent(event_id=1, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
    started = event.workflow_execution_started_event_attributes
    started.continued_execution_run_id = "before"
    started.input.CopyFrom(Payloads(payloads=[_payload(state)]))
    reader = RunReader("x")
    reader.take(event)
    reader.take(_signal("approve", _payload({"actor": "bob@example.com"})))
    run = reader.run()
    assert run.kept == (Kept("ab" * 32, "cd" * 32, 3),)
    assert [came.decision_id for came in run.came] == ["unnamed-signal-5"]


def test_what_a_reset_brings_along_is_read_where_it_was_admitted() -> None:
    admitted = HistoryEvent(
        event_id=5, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED
    )
    request = admitted.workflow_execution_update_admitted_event_attributes.request
    request.meta.update_id = "u"
    request.input.name = "decide"
    told = _payload({"action": "approve", "actor": "bob@example.com", "decision_id": "d"})
    request.input.args.CopyFrom(Payloads(payloads=[told]))
    accepted = HistoryEvent(
        event_id=9, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    )
    accepted.workflow_execution_update_accepted_event_attributes.protocol_instance_id = "u"
    reader = RunReader("x")
    reader.take(admitted)
    assert reader.run().came == ()
    reader.take(accepted)
    assert [(came.name, came.decision_id) for came in reader.run().came] == [("update decide", "d")]


def test_a_message_without_an_id_is_known_by_its_number() -> None:
    reader = RunReader("x")
    for _ in range(2):
        reader.take(_signal("approve", _payload({"actor": "bob@example.com"})))
    keys = [came.decision_id for came in reader.run().came]
    assert keys == ["unnamed-signal-1", "unnamed-signal-2"]


@pytest.mark.parametrize(
    "result",
    [
        Payload(metadata={"encoding": b"binary/encrypted"}, data=b"???"),
        Payload(metadata={"encoding": b"json/plain"}, data=b"{torn"),
        _payload({"receipts": [{"event_id": "ab" * 32}]}),
        _payload([]),
        _payload({"receipts": 7}),
    ],
)
def test_a_result_that_no_worker_of_placet_wrote_makes_a_history_unreadable(
    result: Payload,
) -> None:
    event = HistoryEvent(event_id=7, event_type=EventType.EVENT_TYPE_MARKER_RECORDED)
    marker = event.marker_recorded_event_attributes
    marker.marker_name = "core_local_activity"
    marker.details["data"].CopyFrom(
        Payloads(payloads=[_payload({"activity_type": "ledger.append"})])
    )
    marker.details["result"].CopyFrom(Payloads(payloads=[result]))
    reader = RunReader("x")
    reader.take(event)
    unreadable = reader.run().unreadable
    assert unreadable is not None
    assert "event 7 (marker_recorded)" in unreadable


@functools.cache
def _events(name: str) -> list[bytes]:
    return [event.SerializeToString() for event in history(name).events]


@settings(deadline=None)
@given(
    st.sampled_from(["expense-approved-by-update", "expense-continued-run-2"]),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9_000), st.integers(0, 255)), max_size=9),
)
def test_no_history_stops_the_reading(name: str, flips: list[tuple[int, int, int]]) -> None:
    events = [bytearray(raw) for raw in _events(name)]
    for which, place, value in flips:
        raw = events[which % len(events)]
        raw[place % len(raw)] = value
    reader = RunReader("x")
    for raw in events:
        broken = HistoryEvent()
        # What is no protobuf any more never arrives.
        with contextlib.suppress(DecodeError):
            broken.ParseFromString(bytes(raw))
            reader.take(broken)
    assert reader.run().workflow_id == "x"
