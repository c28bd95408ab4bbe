"""List what was granted, and have a worker compare it with what is there."""

import asyncio
import secrets
from datetime import timedelta

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError

from placet.cli.codes import Code, StopError
from placet.cli.console import as_json, say, table
from placet.cli.times import instant, second
from placet.connections import connect_temporal, open_ledger
from placet.domain.errors import UnavailableError
from placet.domain.grants import GrantRow
from placet.domain.plurals import plural
from placet.domain.reconciling import AccessFinding, CheckOrder, CheckReport
from placet.settings import Settings

WORKFLOW = "access-check"
GIVEN_UP_AFTER = timedelta(hours=1)


async def list_grants(case: str | None, *, json: bool) -> int:
    """Print the grants of a case, or all that are not over.

    Returns:
        The exit code: that of "not found" when the case has granted nothing.
    """
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await ledger.grants.rows(request=case, still_open=case is None)
    if case is not None and not rows:
        say(f"{case} has granted nothing; see how far it is: placet show {case}")
        return Code.NOT_FOUND
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json"))
        return Code.OK
    table(
        ("CASE", "PERSON", "TARGET", "ROLE", "ACCOUNT", "STATE", "SINCE (UTC)", "UNTIL (UTC)"),
        map(_cells, rows),
    )
    if not rows:
        say("nothing is granted now")
    return Code.OK


def _cells(row: GrantRow) -> tuple[str, ...]:
    state = row.state.value if row.ended_why is None else f"{row.state.value}: {row.ended_why}"
    times = (second(each) if each else "" for each in (row.granted_at, row.until))
    return (row.request, row.person, row.target, row.role, row.account, state, *times)


async def check_grants(timeout: float, *, json: bool) -> int:  # noqa: ASYNC109 - a command's option
    """Have a worker compare what was granted with what is there, and print what differs.

    Args:
        timeout: Seconds to wait for it.
        json: Whether to print JSON.

    Returns:
        The exit code: its own when something differs.
    """
    report = await _checked(Settings.from_environment(), timeout)
    if json:
        for finding in report.findings:
            as_json(finding.model_dump(mode="json"))
    elif report.findings:
        table(("FINDING", "TARGET", "ROLE", "ACCOUNT", "CASE", "WHAT"), map(_told, report.findings))
    looked = f"{report.roles} roles and {report.grants} grants, as of {instant(report.at)}"
    if report.findings:
        say(f"{plural(len(report.findings), 'difference')} in {looked}")
        return Code.DIFFERS
    say(f"all is as it was granted: {looked}")
    return Code.OK


def _told(finding: AccessFinding) -> tuple[str, ...]:
    return (
        finding.kind.value,
        finding.target,
        finding.role,
        finding.account or "",
        finding.case or "",
        finding.text,
    )


async def _checked(settings: Settings, patience: float) -> CheckReport:
    """Run the check.

    Raises:
        StopError: No worker has taken it, or finished it, in time.
        UnavailableError: It failed.
    """
    client = await connect_temporal(settings)
    try:
        async with asyncio.timeout(patience):
            report: CheckReport = await client.execute_workflow(
                WORKFLOW,
                CheckOrder(),
                id=f"{WORKFLOW}-{secrets.token_hex(8)}",
                task_queue=settings.task_queue,
                # Without a worker each call would leave one that waits for ever.
                execution_timeout=GIVEN_UP_AFTER,
                result_type=CheckReport,
            )
    except TimeoutError:
        raise StopError(
            f"no worker has finished the check in {patience:.0f} seconds; see that one runs, then "
            "try again",
            Code.UNREACHABLE,
        ) from None
    except WorkflowFailureError as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        why = cause.message if isinstance(cause, FailureError) else cause
        raise UnavailableError(f"the check failed: {why}") from None
    except RPCError as error:
        raise UnavailableError(f"the check cannot be started: {error.message}") from None
    return report
