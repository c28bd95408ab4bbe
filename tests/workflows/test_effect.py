"""What was approved is done once, and what cannot be done is said."""

import asyncio

import pytest

from placet.domain.errors import UnavailableError
from placet.domain.ledger import LedgerStep, WrittenStep
from tests.workflows.office import Office, expense
from tests.workflows.trouble import NoMail, Outage
from workflows.inbox import BATCH_ENTRIES

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
MINE, THEIRS = b"DE89370400440532013000", b"DE02120300000000202051"


@pytest.mark.rule(number=5)
async def test_an_effect_that_fails_for_a_while_is_repeated_and_pays_once(
    closed_office: Office,
) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, pay=1)
    handle = await office.submit()
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    assert len(await office.ledger.payments(request=handle.id)) == 1
    assert (await office.kinds(handle)).count("effect:run:done") == 1
    files = list((office.settings.spool / "outbox").glob("*.xml"))
    assert len(files) == 1
    assert files[0].name in (result.summary or "")


@pytest.mark.rule(number=5)
async def test_what_a_dead_worker_wrote_beside_the_effect_stands_in_nobodys_way(
    closed_office: Office,
) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        await office.settled(handle)
        await office.idle(handle)
    # The step after the approval's: it is written while the effect is about to begin.
    await office.signal(handle, "approve", BOB)
    for number in range(BATCH_ENTRIES - 1):
        await office.signal(handle, "comment", CAROL, reason=f"{number}")
    await handle.signal("approve", "nonsense")
    written = asyncio.Event()

    class Dying(Outage):
        """Dies as soon as it has written the step, before Temporal hears of it."""

        async def append_step(self, step: LedgerStep) -> WrittenStep:
            known = await office.ledger.append_step(step)
            if any(event.kind == "caller:message:refused" for event in step.events):
                written.set()
                await asyncio.Event().wait()
            return known

    office.writes_to = Dying(office.ledger)
    async with office.worker():
        async with asyncio.timeout(20):
            await written.wait()
        await office.signal(handle, "comment", CAROL, reason="and another thing")
    office.writes_to = office.ledger
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    kinds = await office.kinds(handle)
    assert (kinds.count("caller:message:refused"), kinds.count("effect:run:done")) == (1, 1)
    assert len(await office.told(handle, "person:case:commented")) == BATCH_ENTRIES + 1


async def test_the_result_names_the_last_event_of_the_case(office: Office) -> None:
    for action in ("approve", "reject"):
        handle = await office.submit()
        await office.decide(handle, action, BOB)
        result = await office.result(handle)
        last = (await office.timeline(handle))[-1]
        assert (result.event, result.leaf) == (last.event_id, last.leaf), action


async def test_the_result_names_what_the_effect_recorded_also_when_it_was_repeated(
    closed_office: Office,
) -> None:
    office = closed_office
    office.notifier = NoMail(99, permanent=True)
    handle = await office.submit()
    await office.signal(handle, "approve", BOB)

    class Forgetful(Outage):
        """Pays, and the worker never hears that it did."""

        async def pay(self, *arguments: object) -> object:
            first = self.calls["pay"] == 0
            self.calls["pay"] += 1
            paid = await office.ledger.pay(*arguments)  # type: ignore[arg-type]
            if first:
                raise UnavailableError("the connection broke; try again")
            return paid

    office.writes_to = Forgetful(office.ledger)
    async with office.worker():
        result = await office.result(handle)
    done = [e for e in await office.timeline(handle) if e.kind == "effect:run:done"]
    after = [e for e in await office.timeline(handle) if e.seq > done[0].seq]
    last = [*done, *after][-1]
    assert (result.event, result.leaf) == (last.event_id, last.leaf)
    assert len(done) == 1


async def test_an_effect_that_can_never_be_done_is_recorded_and_the_requester_hears(
    closed_office: Office,
) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, permanent=True, pay=99)
    handle = await office.submit()
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.by, result.effect) == ("approved", "people", "failed")
    assert result.summary is None
    (failed,) = await office.told(handle, "effect:run:failed")
    assert "look at it by hand" in failed["reason"]
    (row,) = await office.ledger.requests()
    assert (row.status, row.effect) == ("approved", "failed")
    assert office.mail.kinds() == ["review_wanted", "decided", "effect_failed"]
    last = max(office.mail.notices.values(), key=lambda notice: notice.number)
    assert [person.id for person in last.to] == ["alice"]
    assert "look at it by hand" in last.text


@pytest.mark.rule(number=4)
async def test_content_that_is_not_what_was_approved_is_not_paid(closed_office: Office) -> None:
    office = closed_office
    handle = await office.submit()
    async with office.worker():
        shown = (await office.settled(handle))["digest"]

    class Swapped:
        """Gives another content for the approved digest, as a tampered store would."""

        def __getattr__(self, name: str) -> object:
            return getattr(office.ledger, name)

        async def get_content(self, digest: str) -> bytes:
            content = await office.ledger.get_content(digest)
            return content.replace(MINE, THEIRS) if digest == shown else content

    office.writes_to = Swapped()
    await office.signal(handle, "approve", BOB)
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "failed")
    assert await office.ledger.payments(request=handle.id) == []


@pytest.mark.rule(number=1)
async def test_nothing_is_paid_when_nobody_approves(office: Office) -> None:
    handle = await office.submit()
    await office.decide(handle, "reject", BOB)
    await office.result(handle)
    assert await office.ledger.payments() == []
    assert not list((office.settings.spool / "outbox").glob("*"))


async def test_a_rule_rejects_without_asking_anybody(office: Office) -> None:
    handle = await office.submit(expense("950000.00 EUR"))
    result = await office.result(handle)
    assert (result.outcome, result.by, result.reason) == ("rejected", "rule", "Nobody pays that.")
    assert office.mail.kinds() == ["decided"]


async def test_somebody_may_comment_while_the_effect_is_under_way(closed_office: Office) -> None:
    office = closed_office
    office.writes_to = Outage(office.ledger, pay=1)
    handle = await office.submit()
    async with office.worker():
        await office.decide(handle, "approve", BOB)
        answer = await office.decide(handle, "comment", ALICE, reason="thank you")
        late = await office.refusal(handle, "reject", BOB)
        result = await office.result(handle)
    assert answer["accepted"]
    assert late[0] == "late"
    assert result.effect == "done"
