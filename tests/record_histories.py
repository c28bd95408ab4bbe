"""Record the histories that `tests/workflows/test_replay.py` reads: ``make histories``.

``python -m tests.record_histories NAME …`` records only some.

Each scene plays one case on a real server and a real Postgres. What Temporal then has of the case
is written to ``tests/histories/``, without what names the machine it ran on.
"""

import asyncio
import base64
import json
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import AsyncConnection, conninfo
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger, open_pool
from placet.local.binaries import find_temporal
from placet.mail.server import Security, SmtpServer
from placet.policy.loader import PolicyFolder
from placet.sample import preparing
from tests.access import scenes as access
from tests.access.listed import VARIABLE, policies_for
from tests.access.staff import staff_of
from tests.deleting import scenes as deleting
from tests.exports.approved import an_export
from tests.personal import scenes as erasing
from tests.support.mailserver import mail_server
from tests.support.policies import policies_with
from tests.support.postgres import Cluster, installed_programs
from tests.workflows.office import PATIENCE, Handle, Office, a_deletion, a_mail, a_page, expense
from tests.workflows.trouble import Erased, NoMail, Outage

SOURCE = "PLACET_SAMPLE_READ_URL"
HISTORIES = Path(__file__).parent / "histories"
IDENTITY = "recorder"

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
ERIN, FRANK, HEIDI = "erin@example.com", "frank@example.com", "heidi@example.com"
GRACE = "grace@example.com"

LATER = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="seconds")
NOTICE = (b"We are closed on Friday.\n", "text/markdown")
OUT_OF_PLACE = "The password: Sommer-Regen-2026\n"
TELLTALE = (OUT_OF_PLACE.encode(), "text/markdown")

CORRECTED = (b"We are closed on Thursday and Friday.\n", "text/markdown")

PEOPLE = (b"nina@example.net\nomar@example.net\n", "text/plain")
STRANGERS = (b"nobody@example.net\n", "text/plain")

Play = Callable[[Office, Handle], Awaitable[None]]


class Scene(NamedTuple):
    """One case to record.

    Attributes:
        play: What people do and what time does.
        request: What the case is started with.
        more: What it is started with beside that, and should not be.
        ends: False when the history is of a case that still waits.
        short: Whether the server suggests a new run after a few events.
        prepare: What is wrong with the office before the case begins.
        pipeline: Its kind.
        files: What is kept before it begins: content and kind of each.
        told: What is in the ledger before it begins.
    """

    play: Play
    request: Any
    more: tuple[Any, ...] = ()
    ends: bool = True
    short: bool = False
    prepare: Callable[[Office], None] = lambda _: None
    pipeline: str = "expense"
    files: tuple[tuple[bytes, str], ...] = ()
    told: tuple[LedgerEvent, ...] = ()


async def nothing(office: Office, handle: Handle) -> None:
    """Leave the case to itself."""


async def wait(office: Office, handle: Handle) -> None:
    """Look at the case, and leave it waiting."""
    await office.settled(handle)


async def approve(office: Office, handle: Handle) -> None:
    """Approve by signal, as the manager."""
    await office.signal(handle, "approve", BOB, reason="within budget")


async def approve_by_two_editors(office: Office, handle: Handle) -> None:
    """Have one editor against a page, and two for it."""
    await office.signal(handle, "reject", ERIN, reason="too short")
    await office.signal(handle, "approve", FRANK)
    await office.signal(handle, "approve", HEIDI)


async def wait_for_the_time(office: Office, handle: Handle) -> None:
    """Approve what has a time, talk about it, and let the time come."""
    await wait_and_leave(office, handle)
    await office.skip(handle, days=4)


async def revoke(office: Office, handle: Handle) -> None:
    """Take an approval back while it waits; somebody who may not tries it first."""
    await wait_and_leave(office, handle)
    await office.refusal(handle, "withdraw", CAROL)
    await office.signal(handle, "withdraw", FRANK, reason="the date is wrong")


async def revoke_by_cancelling(office: Office, handle: Handle) -> None:
    """Cancel the workflow of what is approved and waits."""
    await wait_and_leave(office, handle)
    await handle.cancel(reason="the date is wrong")


async def wait_and_leave(office: Office, handle: Handle) -> None:
    """Approve what has a time, and leave it waiting."""
    await office.decide(handle, "approve", FRANK)
    await office.decide(handle, "approve", HEIDI)
    await office.settled(handle)
    await office.idle(handle)


async def reject_by_two_editors(office: Office, handle: Handle) -> None:
    """Have two editors against a page."""
    await office.signal(handle, "reject", ERIN, reason="too short")
    await office.signal(handle, "reject", HEIDI, reason="not true")


async def take_over_an_edit(office: Office, handle: Handle) -> None:
    """Have an editor correct a page and its author take that over; ask for changes before."""
    await office.decide(handle, "request_changes", ERIN, reason="which week?")
    changed = a_page(NOTICE, title="Closed this week")
    await office.decide(handle, "resubmit", ALICE, request=changed)
    digest = (await office.settled(handle))["digest"]
    corrected = a_page(CORRECTED, title="Closed this week")
    await office.decide(handle, "edit", FRANK, request=corrected, digest=digest)
    await office.decide(handle, "resubmit", ALICE, request=corrected)
    await approve_by_two_editors(office, handle)


async def find_another_page(office: Office, handle: Handle) -> None:
    """Let somebody else have put a page where this one is to be, and approve it."""
    await office.settled(handle)
    (office.settings.home / "site" / "live" / "closed").mkdir(parents=True)
    await approve_by_two_editors(office, handle)


async def stop(office: Office, handle: Handle) -> None:
    """Approve a mail, and stop it while its server is away."""
    await approve(office, handle)
    await office.recorded(handle, "effect:permit:consumed")
    await office.signal(handle, "withdraw", ALICE, reason="wrong price")


async def as_the_owner(office: Office, handle: Handle) -> None:
    """Approve what is asked of whoever owns the data, and wait until it is in force."""
    await office.signal(handle, "approve", CAROL, reason="for the yearly report")
    await office.recorded(handle, "effect:run:done")
    await office.idle(handle)


async def wait_until_it_expires(office: Office, handle: Handle) -> None:
    """Approve as the owner of the data, and let the time of the file be over."""
    await as_the_owner(office, handle)
    await office.skip(handle, days=4)


async def take_the_file_back(office: Office, handle: Handle) -> None:
    """Approve as the owner of the data; somebody else may not take it back, the requester may."""
    await as_the_owner(office, handle)
    await office.refusal(handle, "withdraw", FRANK)
    await office.decide(handle, "withdraw", ALICE, reason="the wrong columns")


async def reject_as_the_owner(office: Office, handle: Handle) -> None:
    """Reject as the owner of the data."""
    await office.signal(handle, "reject", CAROL, reason="what for?")


async def stop_the_export(office: Office, handle: Handle) -> None:
    """Approve as the owner of the data, and stop it while its source is away."""
    await office.settled(handle)
    known = os.environ.pop(SOURCE)
    try:
        await office.signal(handle, "approve", CAROL)
        await office.decide(handle, "withdraw", ALICE, reason="not needed any more")
        await office.result(handle)
    finally:
        os.environ[SOURCE] = known


async def change_the_rows(office: Office, handle: Handle) -> None:
    """Let most rows go before the owner of the data approves."""
    await office.settled(handle)
    administrator = conninfo.make_conninfo(os.environ[SOURCE], user="postgres")
    async with await AsyncConnection.connect(administrator) as connection:
        await connection.execute("delete from shop.visit where id > 100")
    await office.signal(handle, "approve", CAROL)


async def wait_and_approve(office: Office, handle: Handle) -> None:
    """Approve what has been waiting."""
    await office.recorded(handle, "system:notice:sent")
    await office.idle(handle)
    await approve(office, handle)


async def approve_by_update(office: Office, handle: Handle) -> None:
    """Approve by update, under a decision id, twice."""
    for _ in range(2):
        await office.decide(handle, "approve", BOB, decision_id="d-1")


async def reject(office: Office, handle: Handle) -> None:
    """Refuse what cannot be understood and who may not, then reject."""
    await handle.signal("approve", "ok")
    await office.refusal(handle, "approve", ALICE)
    await office.signal(handle, "reject", BOB, reason="no receipt")


async def six_days(office: Office, handle: Handle) -> None:
    """Let the deadline pass, with whatever comes before it."""
    await office.settled(handle)
    await office.skip(handle, days=6)


async def extended(office: Office, handle: Handle) -> None:
    """Let both deadlines pass."""
    await office.settled(handle)
    await office.skip(handle, days=5)


async def withdraw(office: Office, handle: Handle) -> None:
    """Take the request back."""
    await office.decide(handle, "withdraw", ALICE, reason="found it")


async def cancel(office: Office, handle: Handle) -> None:
    """Cancel the workflow while its case waits."""
    await office.settled(handle)
    await office.idle(handle)
    await handle.cancel(reason="entered twice")


async def cancel_at_once(office: Office, handle: Handle) -> None:  # noqa: ARG001 - a play's form
    """Cancel the workflow before its case is planned."""
    await handle.cancel()


async def cancel_too_late(office: Office, handle: Handle) -> None:
    """Cancel the workflow while the payment is under way."""
    await office.decide(handle, "approve", BOB)
    await handle.cancel(reason="stop")
    await office.recorded(handle, "caller:message:late")


async def ask_for_changes(office: Office, handle: Handle) -> None:
    """Ask for changes and leave the case waiting for them."""
    await office.decide(handle, "request_changes", BOB, reason="add the tip")


async def change(office: Office, handle: Handle) -> None:
    """Ask for changes, refuse a bad one, take a good one."""
    await ask_for_changes(office, handle)
    await office.refusal(handle, "resubmit", ALICE, request=expense("-1.00 EUR"))
    await office.decide(handle, "resubmit", ALICE, request=expense("125.50 EUR"))
    await approve(office, handle)


async def edit(office: Office, handle: Handle) -> None:
    """Let the reviewer change the request."""
    digest = (await office.settled(handle))["digest"]
    await office.decide(handle, "edit", BOB, request=expense("125.50 EUR"), digest=digest)


async def edit_freely(office: Office, handle: Handle) -> None:
    """Refuse an edit that cannot be planned, take a good one, and approve it."""
    digest = (await office.settled(handle))["digest"]
    bad = expense("-1.00 EUR")
    await office.refusal(handle, "edit", BOB, request=bad, digest=digest)
    await edit(office, handle)
    await approve(office, handle)


async def agree(office: Office, handle: Handle) -> None:
    """Let the reviewer propose a change, and the author take it over."""
    await edit(office, handle)
    await office.decide(handle, "resubmit", ALICE, request=expense("125.50 EUR"))
    await approve(office, handle)


async def two_of_three(office: Office, handle: Handle) -> None:
    """Let two of three agree over the third."""
    await office.decide(handle, "approve", ERIN)
    await office.decide(handle, "reject", FRANK)
    await office.decide(handle, "approve", HEIDI)


async def tie(office: Office, handle: Handle) -> None:
    """Let two people contradict each other, and the executive decide."""
    await office.decide(handle, "approve", FRANK)
    await office.decide(handle, "reject", HEIDI)
    await office.decide(handle, "approve", GRACE)


async def early(office: Office, handle: Handle) -> None:
    """Let everybody decide in the wrong order."""
    for actor in (GRACE, FRANK, ERIN, BOB):
        await office.decide(handle, "approve", actor)


async def hand_over(office: Office, handle: Handle) -> None:
    """Hand the seat over, and let the new holder decide."""
    await office.decide(handle, "reassign", BOB, to=FRANK)
    await office.decide(handle, "approve", FRANK)


async def leave(office: Office, handle: Handle) -> None:
    """Let the reviewer leave while the case waits."""
    await office.settled(handle)
    office.people.remove("bob")
    await office.settled(handle)
    await office.decide(handle, "approve", CAROL)


async def talk(office: Office, handle: Handle) -> None:
    """Say more than fits into one run, then approve."""
    newest: Handle = office.client.get_workflow_handle(handle.id)
    for number in range(9):
        await office.decide(newest, "comment", CAROL, reason=f"comment {number}")
    await approve(office, newest)


def without_effect(office: Office) -> None:
    """Let the bank refuse every payment."""
    office.writes_to = Outage(office.ledger, permanent=True, pay=99)


def without_effect_for_a_while(office: Office) -> None:
    """Let the bank not answer at first."""
    office.writes_to = Outage(office.ledger, pay=2)


def without_contents(office: Office) -> None:
    """Let everything be erased that the ledger keeps beside its events."""
    office.writes_to = Erased(office.ledger)


def without_ledger(office: Office) -> None:
    """Let Postgres be away for a while."""
    office.writes_to = Outage(office.ledger, append_step=3, pay=1)


def without_mail(office: Office) -> None:
    """Let one notice never arrive."""
    office.notifier = NoMail(1, permanent=True)


def without_mail_server(office: Office) -> None:
    """Let nobody answer where the mail server should be."""
    smtp = SmtpServer(host="127.0.0.1", port=9, security=Security.NONE)
    office.settings = office.settings.model_copy(update={"smtp": smtp})


def with_edits(edits: str) -> Callable[[Office], None]:
    """Let reviewers edit."""

    def prepare(office: Office) -> None:
        folder = policies_with(edits, office.settings.home / "policies")
        office.policies = PolicyFolder(folder)

    return prepare


COMMITTEE = expense(cost_centre="CC-COMMITTEE")

SCENES = {
    "expense-approved-by-rule": Scene(nothing, expense("20.00 EUR")),
    "expense-rejected-by-rule": Scene(nothing, expense("950000.00 EUR")),
    "expense-unplannable": Scene(nothing, {"title": "No expense"}),
    "expense-approved-and-paid": Scene(wait_and_approve, expense()),
    "expense-approved-before-the-worker": Scene(approve, expense()),
    "expense-approved-by-update": Scene(approve_by_update, expense()),
    "expense-rejected": Scene(reject, expense()),
    "expense-escalated-and-rejected-by-timeout": Scene(six_days, expense()),
    "expense-expired": Scene(six_days, expense(cost_centre="CC-EXPIRE")),
    "expense-approved-by-timeout": Scene(six_days, expense(cost_centre="CC-ASSENT")),
    "expense-extended": Scene(extended, expense(cost_centre="CC-EXTEND")),
    "expense-withdrawn": Scene(withdraw, expense()),
    "expense-cancelled": Scene(cancel, expense()),
    "expense-cancelled-at-once": Scene(cancel_at_once, expense("20.00 EUR")),
    "expense-cancelled-too-late": Scene(
        cancel_too_late, expense(), prepare=without_effect_for_a_while
    ),
    "expense-two-arguments": Scene(nothing, expense(), more=(expense(),)),
    "expense-policy-erased": Scene(
        approve, expense(cost_centre="CC-FINANCE"), prepare=without_contents
    ),
    "expense-changed-and-paid": Scene(change, expense()),
    "expense-edited": Scene(edit_freely, expense(), prepare=with_edits("freely")),
    "expense-edited-with-author": Scene(agree, expense(), prepare=with_edits("with_author")),
    "expense-waiting-for-agreement": Scene(
        edit, expense(), ends=False, prepare=with_edits("with_author")
    ),
    "expense-two-of-three": Scene(two_of_three, COMMITTEE),
    "expense-tie-taken-over": Scene(tie, {**COMMITTEE, "requester": ERIN}),
    "expense-three-stages-decided-early": Scene(early, expense("20000.00 EUR")),
    "expense-handed-over": Scene(hand_over, expense()),
    "expense-reviewer-left": Scene(leave, expense()),
    "expense-effect-failed": Scene(approve, expense(), prepare=without_effect),
    "expense-ledger-away": Scene(approve, expense(), prepare=without_ledger),
    "expense-notice-failed": Scene(approve, expense(), prepare=without_mail),
    "publish-approved-and-published": Scene(
        approve_by_two_editors, a_page(NOTICE), pipeline="publish", files=(NOTICE,)
    ),
    "publish-waited-and-published": Scene(
        wait_for_the_time, a_page(NOTICE, publish_at=LATER), pipeline="publish", files=(NOTICE,)
    ),
    "publish-revoked": Scene(
        revoke, a_page(NOTICE, publish_at=LATER), pipeline="publish", files=(NOTICE,)
    ),
    "publish-revoked-by-cancelling": Scene(
        revoke_by_cancelling, a_page(NOTICE, publish_at=LATER), pipeline="publish", files=(NOTICE,)
    ),
    "publish-waiting-for-its-time": Scene(
        wait_and_leave,
        a_page(NOTICE, publish_at=LATER),
        ends=False,
        pipeline="publish",
        files=(NOTICE,),
    ),
    "publish-rejected": Scene(
        reject_by_two_editors, a_page(NOTICE), pipeline="publish", files=(NOTICE,)
    ),
    "publish-rejected-by-rule": Scene(
        nothing, a_page(TELLTALE), pipeline="publish", files=(TELLTALE,)
    ),
    "publish-withdrawn": Scene(withdraw, a_page(NOTICE), pipeline="publish", files=(NOTICE,)),
    "publish-expired": Scene(six_days, a_page(NOTICE), pipeline="publish", files=(NOTICE,)),
    "publish-unplannable": Scene(nothing, a_page(NOTICE), pipeline="publish"),
    "publish-edited-with-author": Scene(
        take_over_an_edit, a_page(NOTICE), pipeline="publish", files=(NOTICE, CORRECTED)
    ),
    "publish-failed": Scene(find_another_page, a_page(NOTICE), pipeline="publish", files=(NOTICE,)),
    "send-approved-and-sent": Scene(approve, a_mail(PEOPLE), pipeline="send", files=(PEOPLE,)),
    "send-stopped": Scene(
        stop, a_mail(PEOPLE), prepare=without_mail_server, pipeline="send", files=(PEOPLE,)
    ),
    "send-rejected-by-rule": Scene(
        nothing, a_mail(PEOPLE, text=OUT_OF_PLACE), pipeline="send", files=(PEOPLE,)
    ),
    "send-rejected": Scene(reject, a_mail(PEOPLE), pipeline="send", files=(PEOPLE,)),
    "send-withdrawn": Scene(withdraw, a_mail(PEOPLE), pipeline="send", files=(PEOPLE,)),
    "send-expired": Scene(six_days, a_mail(PEOPLE), pipeline="send", files=(PEOPLE,)),
    "send-unplannable": Scene(nothing, a_mail(PEOPLE), pipeline="send"),
    "send-reached-nobody": Scene(approve, a_mail(STRANGERS), pipeline="send", files=(STRANGERS,)),
    "access-granted-and-over": Scene(access.over, access.REQUEST, pipeline="access"),
    "access-withdrawn": Scene(access.end_early, access.REQUEST, pipeline="access"),
    "access-cancelled": Scene(access.cancel_in_force, access.REQUEST, pipeline="access"),
    "access-extended": Scene(access.extend, access.REQUEST, pipeline="access"),
    "access-break-glass-rejected": Scene(access.break_glass, access.REQUEST, pipeline="access"),
    "access-stopped": Scene(
        access.withdraw_in_vain, access.REQUEST, prepare=access.without_target, pipeline="access"
    ),
    "access-rejected": Scene(access.refuse, access.REQUEST, pipeline="access"),
    "access-expired": Scene(six_days, access.REQUEST, pipeline="access"),
    "access-unplannable": Scene(nothing, {**access.REQUEST, "role": "no"}, pipeline="access"),
    "access-waiting-for-its-end": Scene(
        access.grant, access.REQUEST, ends=False, pipeline="access"
    ),
    "access-review-approved": Scene(access.approve_review, access.REVIEW, pipeline="access-review"),
    "access-review-rejected": Scene(access.refuse, access.REVIEW, pipeline="access-review"),
    "access-check": Scene(nothing, {"notify": True}, pipeline="access-check"),
    "export-approved-and-expired": Scene(wait_until_it_expires, an_export(), pipeline="export"),
    "export-withdrawn-while-in-force": Scene(take_the_file_back, an_export(), pipeline="export"),
    "export-waiting-for-its-end": Scene(as_the_owner, an_export(), ends=False, pipeline="export"),
    "export-rejected": Scene(reject_as_the_owner, an_export(), pipeline="export"),
    "export-withdrawn": Scene(withdraw, an_export(), pipeline="export"),
    "export-expired-undecided": Scene(six_days, an_export(), pipeline="export"),
    "export-unplannable": Scene(nothing, an_export(dataset="customer"), pipeline="export"),
    "export-stopped": Scene(stop_the_export, an_export(), pipeline="export"),
    "export-drifted": Scene(
        change_the_rows,
        an_export(dataset="visits", columns=["id", "page"]),
        pipeline="export",
    ),
    "delete-hard-after-grace": Scene(
        deleting.delete_after_the_grace, a_deletion(), pipeline="delete"
    ),
    "delete-revoked": Scene(deleting.revoke_a_deletion, a_deletion(), pipeline="delete"),
    "delete-asked-again": Scene(deleting.delete_others_meanwhile, a_deletion(), pipeline="delete"),
    "delete-undone": Scene(deleting.undo, a_deletion(**deleting.CUSTOMERS), pipeline="delete"),
    "delete-purged": Scene(deleting.purge, a_deletion(**deleting.CUSTOMERS), pipeline="delete"),
    "delete-waiting-to-be-undone": Scene(
        deleting.mark, a_deletion(**deleting.CUSTOMERS), pipeline="delete", ends=False
    ),
    "erase-approved-and-gone": Scene(
        erasing.agree_to_erase, erasing.AN_ERASURE, pipeline="erase", told=erasing.TOLD
    ),
    "erase-held": Scene(
        erasing.hold_and_agree, erasing.AN_ERASURE, pipeline="erase", told=erasing.TOLD
    ),
    "erase-rejected": Scene(
        erasing.reject_an_erasure, erasing.AN_ERASURE, pipeline="erase", told=erasing.TOLD
    ),
    "erase-unplannable": Scene(nothing, erasing.AN_ERASURE, pipeline="erase"),
    "delete-rejected": Scene(deleting.reject_a_deletion, a_deletion(), pipeline="delete"),
    "delete-rejected-by-rule": Scene(
        nothing, a_deletion(filters=[], everything=True), pipeline="delete"
    ),
    "delete-withdrawn": Scene(withdraw, a_deletion(), pipeline="delete"),
    "delete-expired": Scene(six_days, a_deletion(), pipeline="delete"),
    "delete-unplannable": Scene(nothing, a_deletion(filters=[]), pipeline="delete"),
    "expense-continued": Scene(talk, expense(), short=True),
    "expense-waiting": Scene(wait, expense(), ends=False),
    "expense-waiting-for-changes": Scene(ask_for_changes, expense(), ends=False),
}


async def record(scene: Scene, name: str, office: Office) -> list[WorkflowHistory]:
    """Play a scene and return the history of each of its runs, the first one first."""
    scene.prepare(office)
    for content, media_type in scene.files:
        await office.ledger.put_content(content, media_type)
    async with office.worker():
        handle = await office.start(
            [scene.request, *scene.more], name=name, pipeline=scene.pipeline
        )
        await scene.play(office, handle)
        if scene.ends:
            with suppress(WorkflowFailureError):  # One that was cancelled has no result.
                async with asyncio.timeout(PATIENCE):
                    # Of any type: not all that is recorded is a case.
                    await office.client.get_workflow_handle(name).result()
        else:
            await office.recorded(handle, "system:notice:sent")
            await office.idle(handle)
    runs = [await office.client.get_workflow_handle(name).fetch_history()]
    while before := _continued_from(runs[0]):
        handle = office.client.get_workflow_handle(name, run_id=before)
        runs.insert(0, await handle.fetch_history())
    return runs


def _continued_from(history: WorkflowHistory) -> str:
    started = history.events[0].workflow_execution_started_event_attributes
    return started.continued_execution_run_id


def as_text(history: WorkflowHistory, home: Path) -> str:
    """Return a history as compact JSON, without stack traces and the paths of this machine."""
    told = _anonymous(json.loads(history.to_json()), str(home).encode())
    return json.dumps(told, separators=(",", ":")) + "\n"


def _anonymous(value: Any, home: bytes) -> Any:
    if isinstance(value, list):
        return [_anonymous(item, home) for item in value]
    if isinstance(value, str):
        return value.replace(home.decode(), "/srv")
    if not isinstance(value, dict):
        return value
    if "data" in value and "metadata" in value:
        data = base64.b64decode(value["data"]).replace(home, b"/srv")
        return {**value, "data": base64.b64encode(data).decode()}
    return {k: _anonymous(v, home) for k, v in value.items() if k != "stackTrace"}


@asynccontextmanager
async def server(*settings: str) -> AsyncIterator[Client]:
    """Run a server on which time can be skipped, and connect to it."""
    arguments = ("frontend.WorkflowTimeSkippingEnabled=true", *settings)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(find_temporal()),
        dev_server_extra_args=[a for s in arguments for a in ("--dynamic-config-value", s)],
        dev_server_log_level="error",
        data_converter=pydantic_data_converter,
        identity=IDENTITY,
    ) as environment:
        yield environment.client


async def main(wanted: set[str]) -> None:
    """Record these scenes anew; after all of them, no other history is left."""
    cluster = Cluster(installed_programs()[0])
    # What goes wrong in these scenes is meant to.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    try:
        cluster.prepare_template()
        os.environ.update(preparing.prepare(cluster.url()))
        async with AsyncExitStack() as stack:
            usual = await stack.enter_async_context(server())
            short = await stack.enter_async_context(
                server("limit.historyCount.suggestContinueAsNew=30")
            )
            mails = await stack.enter_async_context(mail_server())
            mails.will_answer("RCPT", "nobody@example.net", "550 no such user")
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            written: dict[str, str] = {}
            for name in sorted(wanted):
                scene = SCENES[name]
                database = stack.enter_context(cluster.database())
                sample = stack.enter_context(cluster.database(template=preparing.DATABASE))
                os.environ.update(preparing.prepare(cluster.url(sample), database=sample))
                pool = await stack.enter_async_context(
                    open_pool(cluster.url(database, "placet_app"))
                )
                office = Office(
                    short if scene.short else usual,
                    PostgresLedger(pool),
                    home / name,
                    task_queue=name,
                )
                eraser_url = cluster.url(database, "placet_app_eraser")
                office.settings = office.settings.model_copy(
                    update={"smtp": mails.settings(), "eraser_url": eraser_url}
                )
                await office.ledger.append(scene.told)
                if scene.pipeline.startswith("access"):
                    staff = stack.enter_context(staff_of(cluster.url(), name.replace("-", "_")))
                    os.environ[VARIABLE] = staff.granter_url
                    folder = policies_for(staff, home / f"{name}-policies")
                    office.settings = office.settings.model_copy(update={"policies": folder})
                runs = await record(scene, name, office)
                for number, history in enumerate(runs, 1):
                    suffix = f"-run-{number}" if scene.short else ""
                    written[f"{name}{suffix}.json"] = as_text(history, home)
                print(f"{name}: {sum(len(run.events) for run in runs)} events")  # noqa: T201
    finally:
        cluster.remove()
    if wanted == set(SCENES):
        for old in HISTORIES.glob("*.json"):
            old.unlink()
    for file, text in written.items():
        (HISTORIES / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:]) or set(SCENES)))
