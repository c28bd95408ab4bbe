import json
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from placet.access.postgres import PostgresAccess
from placet.cli.codes import Code, StopError
from placet.cli.granting import check_grants
from placet.domain.errors import ConflictError, UnavailableError
from placet.domain.reconciling import CheckReport
from tests.access.listed import VARIABLE, catalogue
from tests.access.staff import Staff
from tests.workflows.documented import documented, temporal
from tests.workflows.office import Office, eventually
from tests.workflows.test_access import NOBODY, in_force


@pytest.fixture
def office(granting_office: Office) -> Office:
    """Give an office that can grant."""
    return granting_office


@pytest.fixture(autouse=True)
def _service(closed_office: Office, temporal_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("PLACET_TASK_QUEUE", closed_office.settings.task_queue)


async def check(office: Office, *order: Any) -> CheckReport:
    """Run the check as a schedule does."""
    report: CheckReport = await office.client.execute_workflow(
        "access-check",
        args=order,
        id=f"access-check-{office.settings.task_queue}",
        task_queue=office.settings.task_queue,
        result_type=CheckReport,
    )
    return report


async def test_what_is_as_it_was_granted_is_said_to_be(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    await in_force(office)
    assert await check_grants(20, json=False) == Code.OK
    said = capsys.readouterr()
    assert said.out == ""
    assert "all is as it was granted: 2 roles and 1 grants" in said.err


async def test_what_was_changed_outside_is_found_and_is_no_success(
    office: Office, staff: Staff, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = await in_force(office)
    staff.take_away(staff.alice)
    staff.run("grant {} to {}", staff.role, staff.dan)
    staff.run("alter role {} createdb", staff.orders)
    assert await check_grants(20, json=True) == Code.DIFFERS
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((each["kind"], each["account"], each["case"]) for each in found) == [
        ("missing", staff.alice, handle.id),
        ("unknown_member", staff.dan, None),
        ("unusable", None, None),
    ]
    assert await check_grants(20, json=False) == Code.DIFFERS
    said = capsys.readouterr()
    assert "somebody took it away outside Placet" in said.out
    assert "3 differences in 2 roles" in said.err


async def test_who_is_listed_as_permanent_is_no_finding(office: Office, staff: Staff) -> None:
    staff.run("grant {} to {}", staff.role, staff.dan)
    text = catalogue(staff).replace("longest: 30d,", f"longest: 30d, permanent: ['{staff.dan}'],")
    path = office.settings.policies / "access-roles.yaml"
    path.write_text(text, encoding="utf-8")
    assert (await check(office)).findings == ()


async def test_a_target_that_is_away_is_a_finding_for_each_role_and_asked_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, NOBODY)
    asked: list[str] = []
    ask = PostgresAccess.check

    async def noted(target: PostgresAccess, role: str) -> None:
        asked.append(role)
        await ask(target, role)

    monkeypatch.setattr(PostgresAccess, "check", noted)
    report = await check(office)
    assert [finding.kind.value for finding in report.findings] == ["unreachable"] * 2
    assert report.roles == 2
    assert len(asked) == 1


async def test_the_owners_are_written_to_when_a_schedule_asks_for_it(
    office: Office, staff: Staff
) -> None:
    staff.run("grant {} to {}", staff.role, staff.dan)
    await check(office, {"notify": True, "of a later version": 1})
    (file,) = office.settings.notices.glob("*access_differs*")
    text = file.read_text(encoding="utf-8")
    assert "To: Erin Castillo <erin@example.com>, Frank Dubois <frank@example.com>" in text
    assert f"Placet has looked at {staff.role} at shop" in text
    assert "and Placet never gave it" in text
    assert "asks" not in text


async def test_a_role_that_is_listed_no_more_is_told_to_who_administers_placet(
    office: Office, staff: Staff
) -> None:
    await in_force(office)
    path = office.settings.policies / "access-roles.yaml"
    text = path.read_text(encoding="utf-8").replace(f"role: '{staff.role}'", "role: other_role")
    path.write_text(text, encoding="utf-8")
    people = office.settings.policies / "directory.yaml"
    named = people.read_text(encoding="utf-8").replace("[executive]", "[executive, placet-admin]")
    people.write_text(named, encoding="utf-8")
    staff.take_away(staff.alice)
    await check(office, {"notify": True})

    async def told() -> bool:
        texts = [file.read_text() for file in office.settings.notices.glob("*access_differs*")]
        return any("To: Grace" in text and staff.role in text for text in texts)

    await eventually(told, "the administrator to be written to")


async def test_the_schedule_of_the_documentation_runs_the_check(
    office: Office, staff: Staff, temporal_address: str
) -> None:
    staff.run("grant {} to {}", staff.role, staff.dan)
    queue = office.settings.task_queue
    told = documented("temporal schedule create")
    told = told.replace("--task-queue placet", f"--task-queue {queue}")
    told = told.replace("--schedule-id access-check", f"--schedule-id {queue}")
    await temporal(told, temporal_address)
    await temporal(f"temporal schedule trigger --schedule-id {queue}", temporal_address)

    async def written() -> bool:
        return bool([*office.settings.notices.glob("*access_differs*")])

    await eventually(written, "the owners to be written to")
    await office.client.get_schedule_handle(queue).delete()


@pytest.mark.usefixtures("office")
async def test_a_check_that_cannot_be_made_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ConflictError("the books are closed")

    monkeypatch.setattr("activities.access_check.reconcile", broken)
    with pytest.raises(UnavailableError, match="the check failed: the books are closed"):
        await check_grants(20, json=False)


async def test_nobody_is_written_to_otherwise(office: Office, staff: Staff) -> None:
    staff.run("grant {} to {}", staff.role, staff.dan)
    assert len((await check(office)).findings) == 1
    assert list(office.settings.notices.glob("*access_differs*")) == []


@pytest.mark.rule(number=8)
@pytest.mark.parametrize("order", [["notify"], {"notify": "perhaps"}, 7])
async def test_what_is_no_order_is_refused_and_wedges_nothing(office: Office, order: Any) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await check(office, order)
    assert "start access-check with nothing" in str(caught.value.cause)


async def test_without_a_worker_the_command_says_so_and_leaves_nothing_for_ever(
    closed_office: Office,
) -> None:
    with pytest.raises(StopError, match="no worker has finished the check in 1 seconds") as caught:
        await check_grants(1, json=False)
    assert caught.value.code is Code.UNREACHABLE
    queue = closed_office.settings.task_queue

    async def left() -> list[int]:
        found = closed_office.client.list_workflows(f"TaskQueue = '{queue}'")
        ids = [each.id async for each in found]
        told = [await closed_office.client.get_workflow_handle(each).describe() for each in ids]
        config = [each.raw_description.execution_config for each in told]
        return [each.workflow_execution_timeout.seconds for each in config]

    async def one_is_listed() -> bool:
        return len(await left()) == 1

    await eventually(one_is_listed, "the check to be listed")
    assert await left() == [3600]
