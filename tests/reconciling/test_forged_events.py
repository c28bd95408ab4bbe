"""Events that were taken away, changed or forged are found."""

import secrets
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError

from placet.domain.message import Message
from placet.domain.vocabulary import Action
from placet.late import late_event
from tests.reconciling.auditor import Auditor
from tests.reconciling.forging import forged_approval, made_up
from tests.reconciling.scenes import BOB, CAROL, paid, waiting
from tests.support.waiting import eventually
from tests.workflows.office import Handle, Office
from tests.workflows.trouble import Outage

pytestmark = pytest.mark.rule(number=11)

FIX_THE_LEAF = """
update audit.leaf l set leaf = audit.leaf_hash(e) from audit.event e
 where e.seq = l.seq and e.stream = %s
"""


async def test_an_event_that_was_deleted_is_missing(office: Office, auditor: Auditor) -> None:
    handle = await paid(office)
    number = (await office.timeline(handle))[3].stream_seq
    for table in ("audit.leaf", "audit.event", "audit.event_key"):
        await auditor.forge(
            f"delete from {table} t using audit.event_key k"  # noqa: S608 - a list of tables
            " where k.seq = t.seq and k.stream = %s and k.stream_seq = %s",
            handle.id,
            number,
        )
    codes = await auditor.codes()
    assert "missing-in-ledger" in codes
    assert "gap-in-story" in codes


async def test_the_last_event_that_was_deleted_is_missing(office: Office, auditor: Auditor) -> None:
    handle = await waiting(office)
    await office.settled(handle)  # By a comment, which now is the last event.
    last = (await office.timeline(handle))[-1].seq
    for table in ("audit.leaf", "audit.event", "audit.event_key"):
        await auditor.forge(f"delete from {table} where seq = %s", last)  # noqa: S608 - the same
    # The message and the lists tell of it, too.
    codes = ["list-differs", "missing-in-ledger", "unrecorded-message"]
    assert sorted(await auditor.codes()) == codes


async def test_a_body_that_was_deleted_is_missing(office: Office, auditor: Auditor) -> None:
    handle = await paid(office)
    await auditor.forge("delete from audit.event where stream = %s and stream_seq = 2", handle.id)
    (found,) = await auditor.findings()
    assert (found.code.value, found.place) == ("body-missing", "event 2")


async def test_a_body_that_was_pruned_is_counted(office: Office, auditor: Auditor) -> None:
    handle = await paid(office)
    first = (await office.timeline(handle))[0].seq
    told = {"from_seq": first, "to_seq": first}
    service = {"program": "placet"}
    event = made_up(office, "ledger", "system:partition:pruned", service=service, data=told)
    await office.ledger.append([event])
    await auditor.forge("delete from audit.event where seq = %s", first)
    assert await auditor.findings() == []
    assert auditor.counts.pruned == 1


async def test_a_leaf_that_was_changed_differs(office: Office, auditor: Auditor) -> None:
    handle = await paid(office)
    await auditor.forge(
        "update audit.leaf set leaf = sha256('x') where seq ="
        " (select seq from audit.event_key where stream = %s and stream_seq = 2)",
        handle.id,
    )
    assert sorted(await auditor.codes()) == ["leaf-differs", "leaf-does-not-fit"]


@pytest.mark.parametrize("then", ["leaf-differs", "leaf-does-not-fit"])
async def test_a_body_that_was_changed_is_found(
    office: Office, auditor: Auditor, then: str
) -> None:
    handle = await paid(office)
    await auditor.forge(
        "update audit.event set body = convert_to(replace(convert_from(body, 'UTF8'),"
        " 'Team dinner', 'Team supper'), 'UTF8')"
        " where stream = %s and kind = 'requester:request:submitted'",
        handle.id,
    )
    if then == "leaf-differs":
        await auditor.forge(FIX_THE_LEAF, handle.id)
    (found,) = await auditor.findings()
    assert (found.code.value, found.place) == (then, "event 1")


async def test_a_changed_event_of_which_temporal_has_only_the_order_is_found(
    office: Office, auditor: Auditor
) -> None:
    handle = await paid(office)
    await auditor.forge(
        "update audit.event set body = convert_to(replace(convert_from(body, 'UTF8'),"
        " '\"revision\":1', '\"revision\":2'), 'UTF8')"
        " where stream = %s and kind = 'effect:permit:consumed'",
        handle.id,
    )
    await auditor.forge(FIX_THE_LEAF, handle.id)
    assert await auditor.codes() == ["event-differs"]


async def test_an_approval_forged_into_a_closed_case_is_found(
    office: Office, auditor: Auditor
) -> None:
    handle = await paid(office)
    await forged_approval(office, handle)
    (found,) = await auditor.findings()
    assert found.code.value == "unknown-to-temporal"
    assert "reviewer:review:approved" in found.text
    assert found.line.startswith(f"unknown-to-temporal {handle.id} event ")


async def test_an_approval_forged_into_an_open_case_is_found_when_the_grace_is_over(
    office: Office, auditor: Auditor
) -> None:
    handle = await waiting(office)
    await forged_approval(office, handle)
    assert await auditor.codes() == ["unknown-to-temporal"]
    auditor.grace = timedelta(hours=1)
    assert await auditor.codes() == []
    assert auditor.counts.in_flight == 1


async def test_an_approval_forged_while_the_effect_is_tried_again_is_found(
    closed_office: Office, auditor: Auditor
) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, pay=1000)
    async with office.worker():
        handle = await office.submit()
        await office.decide(handle, "approve", BOB)
        await office.recorded(handle, "system:permit:issued")
        assert await auditor.codes() == []
        await forged_approval(office, handle)
        assert await auditor.codes() == ["unknown-to-temporal"]


async def test_a_case_that_was_made_up_has_no_workflow(office: Office, auditor: Auditor) -> None:
    run = secrets.token_hex(16)
    state = {"title": "x", "status": "pending", "outcome": None, "effect": None}
    event = made_up(office, "expense-made-up", "requester:request:submitted", run=run, state=state)
    await office.ledger.append([event])
    (found,) = await auditor.findings()
    assert (found.code.value, found.request) == ("no-such-workflow", "expense-made-up")
    assert run in found.place


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ({"program": "placet"}, "wrong-origin"),
        ({"workflow_id": "expense-other", "first_run_id": "x"}, "wrong-origin"),
        ({}, "wrong-origin"),
        ({"namespace": "elsewhere"}, "other-namespace"),
    ],
)
async def test_an_approval_that_names_somebody_else_is_found(
    office: Office, auditor: Auditor, service: dict[str, str], code: str
) -> None:
    handle = await waiting(office)
    own = {"workflow_id": handle.id, "first_run_id": (await handle.describe()).run_id}
    told = own | service if "namespace" in service else service
    await office.ledger.append([made_up(office, handle.id, service=told)])
    assert await auditor.codes() == [code]


async def test_a_late_decision_stands_only_after_the_outcome(
    office: Office, auditor: Auditor
) -> None:
    decided, pending = await paid(office), await waiting(office)
    for number, handle in enumerate((decided, pending)):
        row = await office.ledger.request(handle.id)
        assert row is not None
        message = Message(actor=CAROL, action=Action.REJECT, decision_id=f"late-{number}")
        event = (await office.timeline(handle))[-1]
        await office.ledger.append([late_event(row, message, "too late", event.occurred)])
    (found,) = await auditor.findings()
    assert (found.code.value, found.request) == ("late-too-early", pending.id)
    assert auditor.counts.by_program == 2


async def test_a_word_of_the_bank_about_nothing_is_found(office: Office, auditor: Auditor) -> None:
    kind = "system:notice:sent"
    event = made_up(office, "expense-unheard-of", kind, service={"program": "placet"})
    await office.ledger.append([event])
    assert await auditor.codes() == ["unknown-request"]


async def _forget(office: Office, handle: Handle) -> None:
    """Have Temporal delete a workflow."""
    await office.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=office.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
        )
    )

    async def gone() -> bool:
        try:
            await handle.describe()
        except RPCError:
            return True
        return False

    await eventually(gone, f"{handle.id} to be gone")


async def test_a_workflow_that_was_deleted_is_missed_until_its_time_is_over(
    office: Office, auditor: Auditor
) -> None:
    handle = await paid(office)
    await _forget(office, handle)
    (found,) = await auditor.findings()
    assert (found.code.value, found.request) == ("no-such-workflow", handle.id)
    auditor.retention = timedelta()
    assert await auditor.findings() == []
    assert auditor.counts.beyond_retention == len(await office.timeline(handle))
