"""A worker that dies while it sends, and another one that goes on, with all of Temporal."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from placet.domain.orders import CaseResult
from tests.faults import mortal
from tests.faults.dying import Death
from tests.faults.verdict import check_history, check_rebuild
from tests.faults.world import Handle, World, mortal_worker
from tests.support.mailserver import MailServer, mail_server
from tests.workflows.office import a_mail

BOB = "bob@example.com"
AT_ONCE = 4
# From the claim on nobody else may send; until it is recorded nobody else knows that it was sent.
DOUBTFUL = {"after mail's claim", "before mail's record", "after mail's hand_over"}


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


async def mailed(world: World, order: mortal.Order, people: list[str]) -> Handle:
    """Somebody wants a mail out, the manager approves it, and it is sent."""
    content = "\n".join(people).encode()
    await world.ledger.put_content(content, "text/plain")
    handle: Any = await world.client.start_workflow(
        "send",
        a_mail((content, "text/plain")),
        id=f"send-{secrets.token_hex(6)}",
        task_queue=order.environment["PLACET_TASK_QUEUE"],
        task_timeout=timedelta(seconds=1),
        result_type=CaseResult,
    )
    await world.recorded(handle, "system:stage:opened")
    await handle.signal("approve", {"actor": BOB, "decision_id": "approve-1"})
    result = await world.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    return handle  # type: ignore[no-any-return]


async def play(world: World, server: MailServer, death: Death | None) -> tuple[Handle, list[str]]:
    """Send a mail, with a worker that dies; make sure that nobody got it twice."""
    people = [f"{name}-{secrets.token_hex(4)}@example.net" for name in ("one", "two")]
    mails = {
        "PLACET_SMTP_URL": f"smtp+plain://127.0.0.1:{server.port}",
        "PLACET_SMTP_CONNECTIONS": "1",
    }
    order = replace(world.order(**mails), dies_at=death)
    async with mortal_worker(order) as generations:
        handle = await mailed(world, order, people)
    check_history(await handle.fetch_history())
    kinds = Counter(await world.kinds(handle))
    assert (kinds["effect:permit:consumed"], kinds["effect:run:done"]) == (1, 1)
    (mailing,) = await world.ledger.deliveries.mailings(request=handle.id)
    rows = await world.ledger.deliveries.rows(mailing.permit_id)
    statuses = {row.address: row.status.value for row in rows}
    got = Counter(server.reached())
    for person in people:
        assert got[person] <= 1
        assert statuses[person] in {"sent", "in_doubt"}
        assert got[person] == 1 or statuses[person] == "in_doubt"
    in_doubt = list(statuses.values()).count("in_doubt")
    assert in_doubt == (death is not None and death[0] in DOUBTFUL)
    return handle, generations[0].steps()


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=1)
async def test_a_worker_killed_while_it_sends_reaches_nobody_twice(
    world: World, server: MailServer
) -> None:
    first, trace = await play(world, server, None)
    begin = trace.index("start of SendingActivities.send")
    passed: Counter[str] = Counter()
    deaths = []
    for step in trace[begin:]:
        passed[step] += 1
        if "mail's" in step:
            deaths.append((step, passed[step]))
    assert len(deaths) > 5
    room = asyncio.Semaphore(AT_ONCE)

    async def die(death: Death) -> Handle:
        async with room:
            handle, steps = await play(world, server, death)
        assert mortal.KILLED in steps, f"it never came to {death}: {steps}"
        return handle

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(die(death)) for death in deaths]
    await check_rebuild(world, [first, *(task.result() for task in tasks)])
