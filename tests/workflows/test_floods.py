"""Many large messages in one workflow task: reading them takes longer than a task has (rule 8)."""

import json

import pytest

from placet.domain.message import MAX_CHANGE_BYTES
from tests.workflows.office import Office

SLOW = json.dumps({"actor": "dan@example.com", "request": {"r": [[]] * 120_000}})


@pytest.mark.rule(number=8)
async def test_a_dozen_large_messages_in_one_task_do_not_stop_the_case(
    closed_office: Office,
) -> None:
    office = closed_office
    assert len(SLOW) < MAX_CHANGE_BYTES
    handle = await office.submit()
    for _ in range(12):
        await handle.signal("resubmit", json.loads(SLOW))
        await handle.signal("approve", {f"{n:064}": n for n in range(100)})
    async with office.worker():
        answer = await office.decide(handle, "approve", "bob@example.com")
        result = await office.result(handle)
    assert answer["accepted"]
    assert result.outcome == "approved"
    kinds = await office.kinds(handle)
    assert kinds.count("caller:message:refused") == 24
    history = await handle.fetch_history()
    assert not [e for e in history.events if e.HasField("workflow_task_failed_event_attributes")]
