"""Cases that began under earlier code go on under this one: no server is needed to know it."""

import json
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from placet.registry import workflows
from placet.runner import CaseRunner
from tests.record_histories import HISTORIES, SCENES
from tests.workflows.changed import Hesitant, Unpaid

FILES = sorted(HISTORIES.glob("*.json"))

# How a recorded run ends, as its last event says; None for one that still waits.
ENDS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "completed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continued",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "canceled",
}


def history(file: Path) -> WorkflowHistory:
    """Read one recorded history."""
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


def replayer(*workflows: type) -> Replayer:
    """Return a replayer of these workflows."""
    return Replayer(
        workflows=workflows,
        data_converter=pydantic_data_converter,
        workflow_runner=CaseRunner(),
    )


@pytest.mark.rule(number=10)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_recorded_case_replays(file: Path) -> None:
    await replayer(*workflows()).replay_workflow(history(file))


@pytest.mark.rule(number=10)
@pytest.mark.parametrize("changed", [Hesitant, Unpaid])
async def test_replay_notices_a_careless_change(changed: type) -> None:
    recorded = history(HISTORIES / "expense-approved-and-paid.json")
    with pytest.raises(NondeterminismError):
        await replayer(changed).replay_workflow(recorded)


def test_every_scene_is_recorded_and_nothing_else() -> None:
    recorded = {file.stem.partition("-run-")[0] for file in FILES}
    assert recorded == set(SCENES)


def test_the_recorded_cases_end_in_all_the_ways_there_are() -> None:
    outcomes = set()
    for file in FILES:
        last = history(file).events[-1]
        if last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
            (told,) = last.workflow_execution_completed_event_attributes.result.payloads
            result = json.loads(told.data)
            if "outcome" in result:  # Not all that is recorded is a case.
                outcomes.add((result["outcome"], result["by"], result["effect"]))
    assert outcomes == {
        ("approved", "break-glass", "ended"),
        ("approved", "people", None),
        ("approved", "people", "done"),
        ("approved", "people", "ended"),
        ("approved", "people", "failed"),
        ("approved", "people", "revoked"),
        ("approved", "people", "stopped"),
        ("approved", "people", "undone"),
        ("approved", "rule", "done"),
        ("approved", "timeout", "done"),
        ("expired", "timeout", None),
        ("failed", "rule", None),
        ("failed", "system", None),
        ("rejected", "people", None),
        ("rejected", "rule", None),
        ("rejected", "timeout", None),
        ("withdrawn", "people", None),
    }


def test_some_recorded_cases_still_wait_and_one_went_on_in_a_new_run() -> None:
    lasts = {file.stem: ENDS.get(history(file).events[-1].event_type) for file in FILES}
    assert lasts["expense-waiting"] is None
    assert lasts["expense-waiting-for-changes"] is None
    assert lasts["expense-continued-run-1"] == "continued"
    assert lasts["expense-cancelled"] == "canceled"
    assert lasts["expense-cancelled-too-late"] == "completed"
    assert {end for name, end in lasts.items() if "waiting" not in name} == set(ENDS.values())
