"""A service in which nothing was changed has no findings, whatever it is doing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.testing import WorkflowEnvironment

from placet.ledger import PostgresLedger
from tests.conftest import Database, Sample
from tests.reconciling.auditor import Auditor
from tests.reconciling.scenes import ALICE, BOB, CAROL, paid, waiting
from tests.record_histories import SCENES
from tests.support.mailserver import mail_server
from tests.workflows.hasty import hasty
from tests.workflows.office import Office, eventually, expense
from tests.workflows.trouble import NoMail, Outage

OF_ALL_KINDS = (
    "expense-changed-and-paid",
    "expense-edited-with-author",
    "expense-cancelled",
    "expense-effect-failed",
    "expense-ledger-away",
    "expense-unplannable",
    "publish-approved-and-published",
    "publish-failed",
    "send-approved-and-sent",
    "send-reached-nobody",
    "export-approved-and-expired",
    "export-drifted",
    "delete-hard-after-grace",
    "delete-undone",
    "delete-asked-again",
)


@pytest.fixture
async def busy_office(
    closed_office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """Give an office that can send mails, and export and delete data."""
    for name, value in sample.environment.items():
        monkeypatch.setenv(name, value)
    async with mail_server() as mails:
        mails.will_answer("RCPT", "nobody@example.net", "550 no such user")
        closed_office.settings = closed_office.settings.model_copy(
            update={"smtp": mails.settings()}
        )
        yield closed_office


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("name", OF_ALL_KINDS)
async def test_a_case_of_any_kind_agrees_with_its_histories(
    busy_office: Office, auditor: Auditor, name: str
) -> None:
    office, scene = busy_office, SCENES[name]
    scene.prepare(office)
    for content, media_type in scene.files:
        await office.ledger.put_content(content, media_type)
    async with office.worker():
        handle = await office.start([scene.request], name=name, pipeline=scene.pipeline)
        await scene.play(office, handle)
        await eventually(lambda: _closed(office, name), f"{name} to be closed")
        assert await auditor.findings() == []
    assert auditor.counts.leaves > 1
    assert auditor.counts.events >= auditor.counts.leaves


async def _closed(office: Office, name: str) -> bool:
    described = await office.client.get_workflow_handle(name).describe()
    return described.close_time is not None


async def test_open_and_closed_requests_side_by_side_agree(
    office: Office, auditor: Auditor
) -> None:
    handles = [await paid(office), await waiting(office), await waiting(office)]
    await office.decide(handles[1], "request_changes", BOB, reason="Split it.")
    assert await auditor.findings() == []
    story = [event for handle in handles for event in await office.timeline(handle)]
    assert auditor.counts.requests == len(handles)
    assert auditor.counts.events == len(story)
    # All but the event by which the permit was consumed: only the last of a transaction has its
    # receipt in a history.
    assert auditor.counts.leaves == len(story) - 1
    assert (auditor.counts.in_flight, auditor.counts.beyond_retention) == (0, 0)
    assert auditor.counts.files == 1


async def test_messages_that_no_worker_has_taken_yet_are_no_finding(
    closed_office: Office, auditor: Auditor
) -> None:
    office = closed_office
    async with office.worker():
        handle = await waiting(office)
    await office.signal(handle, "comment", CAROL, reason="Nobody is there.")
    await office.signal(handle, "approve", BOB)
    untouched = await office.submit()
    assert await auditor.findings() == []
    assert auditor.counts.messages == 3
    async with office.worker():
        await office.result(handle)
        await office.settled(untouched)
        assert await auditor.findings() == []


async def test_messages_of_any_sort_leave_something(office: Office, auditor: Auditor) -> None:
    handle = await waiting(office)
    await handle.signal("approve", args=["nonsense", {"actor": 7}])
    await handle.signal("no_such_thing", {"actor": BOB})
    await handle.signal("approve", "\N{PILE OF POO}" * 30_000)
    forged = {"event": "ab" * 32, "leaf": "cd" * 32}
    await handle.signal("comment", {"actor": CAROL, "decision_id": "c-1", "reason": str(forged)})
    await handle.signal("comment", {"actor": CAROL, "decision_id": "c-1", "reason": str(forged)})
    await handle.signal("withdraw", {"actor": CAROL, "decision_id": "c-1"})
    await handle.signal("resubmit", {"actor": ALICE, "request": {"event_id": 1, **forged}})
    await office.refusal(handle, "approve", ALICE, decision_id="a-1")
    await office.decide(handle, "approve", BOB)
    await office.result(handle)
    assert await auditor.findings() == []
    assert auditor.counts.messages == 10


async def test_what_the_patient_way_has_written_is_known(
    closed_office: Office, auditor: Auditor
) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, append_step=3)
    office.notifier = NoMail(3)
    async with office.worker():
        handle = await office.submit()
        await office.decide(handle, "approve", BOB)
        await office.result(handle)
    assert await auditor.findings() == []


@pytest.fixture(scope="module")
async def hasty_server() -> AsyncIterator[WorkflowEnvironment]:
    """Run a server that soon suggests a new run."""
    async with hasty() as server:
        yield server


async def test_a_case_in_several_runs_agrees_with_all_of_them(
    hasty_server: WorkflowEnvironment, ledger: PostgresLedger, database: Database, tmp_path: Path
) -> None:
    office = Office(hasty_server.client, ledger, tmp_path)
    auditor = Auditor(office, database)
    async with office.worker():
        handle = await office.submit(expense())
        for number in range(40):
            await office.signal(handle, "comment", CAROL, reason=f"comment {number}")
            await office.decide(handle, "comment", ALICE, reason=f"so? {number}")
        assert await auditor.findings(handle.id) == []
        assert auditor.counts.runs > 2
        await office.decide(handle, "approve", BOB)
        await office.result(handle)
    assert await auditor.findings(handle.id) == []
    assert auditor.counts.workflows == 1
    assert auditor.counts.messages == 81


async def test_a_case_that_was_reset_agrees_with_both_lines(
    office: Office, auditor: Auditor
) -> None:
    handle = await paid(office)
    first_run = (await handle.describe()).run_id
    task = next(
        event.event_id
        for event in (await office.history(handle)).events
        if event.HasField("workflow_task_completed_event_attributes")
    )
    await office.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=office.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=first_run),
            reason="to see what happens",
            workflow_task_finish_event_id=task,
            request_id="reset-1",
        )
    )
    newest = office.client.get_workflow_handle(handle.id)
    await office.result(newest)
    assert (await newest.describe()).run_id != first_run
    assert await auditor.findings() == []
    assert (auditor.counts.workflows, auditor.counts.runs) == (1, 2)
