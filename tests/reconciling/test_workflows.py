"""Workflows that closed while their case goes on, and what reached them, are found."""

import pytest

from tests.reconciling.auditor import Auditor
from tests.reconciling.scenes import BOB, paid, waiting
from tests.workflows.office import Office, eventually
from tests.workflows.trouble import Outage

pytestmark = pytest.mark.rule(number=11)


async def test_a_terminated_case_is_closed_without_outcome(
    office: Office, auditor: Auditor
) -> None:
    handle = await waiting(office)
    await handle.terminate("no reason")
    (found,) = await auditor.findings()
    assert (found.code.value, found.request) == ("closed-without-outcome", handle.id)
    assert "terminated" in found.text


async def test_a_case_that_was_terminated_before_it_began_is_closed_without_outcome(
    closed_office: Office, auditor: Auditor
) -> None:
    handle = await closed_office.submit()
    assert await auditor.findings() == []
    await handle.terminate("no reason")
    (found,) = await auditor.findings()
    assert (found.code.value, found.request) == ("closed-without-outcome", handle.id)


async def test_a_decision_that_reached_a_workflow_that_was_terminated_is_nowhere(
    closed_office: Office, auditor: Auditor
) -> None:
    office = closed_office
    async with office.worker():
        handle = await waiting(office)
    await office.signal(handle, "approve", BOB, decision_id="bob-1")
    await handle.terminate("no reason")
    found = {finding.code.value: finding for finding in await auditor.findings()}
    assert found.keys() == {"closed-without-outcome", "unrecorded-message"}
    assert "bob-1" in found["unrecorded-message"].text


async def test_an_approved_case_that_was_terminated_before_it_paid_is_found(
    closed_office: Office, auditor: Auditor
) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, pay=1000)
    async with office.worker():
        handle = await office.submit()
        await office.decide(handle, "approve", BOB)
        await handle.terminate("no reason")
        (found,) = await auditor.findings()
    assert found.code.value == "closed-before-effect"
    assert "its effect is pending" in found.text


async def test_a_second_story_under_one_id_is_refused_and_is_no_finding(
    office: Office, auditor: Auditor
) -> None:
    handle = await paid(office, "expense-twice")
    again = await office.submit(name="expense-twice")

    async def failed() -> bool:
        return (await again.describe()).close_time is not None

    await eventually(failed, "the second one to be refused")
    assert again.first_execution_run_id != handle.first_execution_run_id
    assert await auditor.findings() == []
    assert auditor.counts.workflows == 2
