import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.sending import SendingActivities
from placet.domain.delivery import DeliveryStatus
from placet.domain.errors import UnavailableError
from placet.domain.orders import EffectOrder, EffectResult
from placet.domain.sending import SendRequest
from placet.ledger import PostgresLedger
from tests.mail.approved import PERMIT, REQUEST, approved
from tests.mail.letters import attached, mail
from tests.support.mailserver import HANG_UP, TAKE_AND_HANG_UP, MailServer, Slow, mail_server
from tests.support.waiting import eventually

PEOPLE = [f"person{number}@example.com" for number in range(1, 13)]
LIST = "\n".join(PEOPLE).encode()


def to_list(content: bytes = LIST) -> SendRequest:
    """Return a mail of their own for everybody on a list."""
    told = attached(content, "people.txt", "text/plain")
    return mail(to=[], lists=[{key: told[key] for key in ("name", "sha256", "size")}])


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


def sender(ledger: Any, server: MailServer, **more: Any) -> SendingActivities:
    """Return the activities as a worker has them."""
    return SendingActivities(ledger, server.settings(**more))


async def send(activities: SendingActivities, order: EffectOrder) -> EffectResult:
    """Run the activity once."""
    result: EffectResult = await ActivityEnvironment().run(activities.send, order)
    return result


async def statuses(ledger: PostgresLedger) -> dict[str, str]:
    """Return what is recorded of each recipient."""
    rows = await ledger.deliveries.rows(PERMIT)
    return {row.address: row.status.value for row in rows}


async def told(ledger: PostgresLedger, kind: str = "effect:run:done") -> list[dict[str, Any]]:
    """Return the data of the case's events of one kind."""
    found: list[Any] = [e.body["data"] for e in await ledger.timeline(REQUEST) if e.kind == kind]
    return found


@pytest.mark.rule(number=5)
async def test_a_mail_reaches_everybody_once_however_often_it_is_sent(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)
    activities = sender(ledger, server)

    first = await send(activities, order)
    again = await send(activities, order)

    assert sorted(server.reached()) == sorted(PEOPLE)
    assert set(server.copies().values()) == {1}
    assert first == again
    assert first.summary == "12 sent of 12"
    assert await statuses(ledger) == dict.fromkeys(PEOPLE, "sent")
    (event,) = await told(ledger)
    assert (event["sent"], event["summary"], event["effect"]) == (12, "12 sent of 12", "done")
    assert "example.com" not in str(event)
    report = await ledger.get_content(str(event["report"]))
    lines = [line.split("\t") for line in report.decode().splitlines()]
    assert [(line[1], line[2]) for line in lines] == [(person, "sent") for person in PEOPLE]
    assert {(line[4], line[1]) for line in lines} == set(server.copies())


async def test_one_mail_names_its_readers_and_hides_those_in_bcc(
    ledger: PostgresLedger, server: MailServer
) -> None:
    request = mail(cc=[{"address": "carol@example.com"}], bcc=[{"address": "dave@example.com"}])
    await send(sender(ledger, server), await approved(ledger, request))

    assert sorted(server.reached()) == [
        "bob@example.com",
        "carol@example.com",
        "dave@example.com",
    ]
    assert len({each.raw for each in server.taken}) == 1
    assert "dave" not in server.taken[0].raw.decode()


async def test_failures_for_good_and_for_now_are_told_apart(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)
    server.will_answer("RCPT", PEOPLE[0], "550 no such user")
    server.will_answer("DATA", PEOPLE[1], "554 spam")
    server.will_answer("RCPT", PEOPLE[2], "450 later", "451 later")
    server.will_answer("DATA", PEOPLE[3], "452 full")
    server.will_answer("RCPT", PEOPLE[4], HANG_UP)
    server.will_answer("DATA", PEOPLE[5], HANG_UP)
    server.will_answer("DATA", PEOPLE[6], TAKE_AND_HANG_UP)
    activities = sender(ledger, server)

    for problem in ("450 later|452 full|the connection broke", "451 later"):
        with pytest.raises(UnavailableError, match=f"will be tried again: ({problem})"):
            await send(activities, order)
    result = await send(activities, order)

    assert result.summary == "8 sent, 2 refused, 2 in doubt of 12"
    found = await statuses(ledger)
    assert [person for person in PEOPLE if found[person] == "refused"] == PEOPLE[:2]
    # Of these two the server has taken one, and nobody here can know which.
    assert [person for person in PEOPLE if found[person] == "in_doubt"] == PEOPLE[5:7]
    assert Counter(server.reached()) == Counter(set(PEOPLE) - set(PEOPLE[:2]) - {PEOPLE[5]})
    rows = {row.address: row for row in await ledger.deliveries.rows(PERMIT)}
    assert rows[PEOPLE[0]].reply == "no such user"
    assert rows[PEOPLE[2]].attempts == 3


async def test_a_server_that_is_down_for_a_while_costs_nothing_but_time(
    ledger: PostgresLedger,
) -> None:
    order = await approved(ledger, to_list(), LIST)
    async with mail_server() as server:
        pass
    for _ in range(2):
        with pytest.raises(UnavailableError, match="it does not answer"):
            await send(sender(ledger, server), order)
    async with mail_server(server):
        result = await send(sender(ledger, server), order)

    assert result.summary == "12 sent of 12"
    assert set(server.copies().values()) == {1}


async def test_a_server_that_drops_every_connection_is_left_alone_soon(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)
    server.will_answer("MAIL", "*", *[HANG_UP] * 100)

    with pytest.raises(UnavailableError, match="the connection broke"):
        await send(sender(ledger, server, connections=1), order)
    assert 100 - len(server.answers["MAIL", "*"]) == 5


async def test_who_waits_for_too_long_is_given_up(
    ledger: PostgresLedger, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await approved(ledger, to_list(), LIST)
    server.will_answer("RCPT", PEOPLE[0], "450 mailbox full")
    monkeypatch.setattr("placet.mail.mailing.Mailing.overdue", lambda *_: True)

    result = await send(sender(ledger, server), order)

    assert result.summary == "11 sent, 1 given up of 12"
    (row,) = await ledger.deliveries.rows(PERMIT, statuses=[DeliveryStatus.GIVEN_UP])
    assert (row.address, row.code, row.reply) == (PEOPLE[0], 450, "mailbox full")


async def test_a_sender_that_is_refused_for_good_is_tried_once(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)
    server.will_answer("MAIL", "*", *["550 you may not send as this"] * 100)
    activities = sender(ledger, server, connections=1)

    for _ in range(2):
        with pytest.raises(ApplicationError, match="nobody has got the mail: 12 refused") as failed:
            await send(activities, order)
        assert failed.value.non_retryable
        assert failed.value.type == "nobody-reached"
    assert len(server.answers["MAIL", "*"]) == 99
    assert await told(ledger) == []
    assert len(await told(ledger, "effect:permit:consumed")) == 1


@pytest.mark.rule(number=4)
async def test_content_that_changed_after_the_approval_is_not_sent(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)

    class Forging:
        """A store in which somebody has exchanged one content."""

        def __init__(self, digest: str, content: bytes) -> None:
            self._forged = (digest, content)

        async def get_content(self, digest: str) -> bytes:
            forged, content = self._forged
            return content if digest == forged else await ledger.get_content(digest)

        def __getattr__(self, name: str) -> Any:
            return getattr(ledger, name)

    other = mail(subject="Other").model_dump_json().encode()
    for digest, content in (
        (order.digest, other),
        (hashlib.sha256(LIST).hexdigest(), LIST.replace(b"person1@", b"person9@")),
    ):
        with pytest.raises(ApplicationError, match=digest) as refused:
            await send(sender(Forging(digest, content), server), order)
        assert refused.value.non_retryable
        assert hashlib.sha256(content).hexdigest() in str(refused.value)
    assert server.taken == []
    assert await ledger.deliveries.mailings() == []


@pytest.mark.rule(number=4)
async def test_a_list_that_would_be_read_otherwise_now_is_not_sent(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST, recipients="e" * 64)

    with pytest.raises(ApplicationError, match=f"approved was {'e' * 64}"):
        await send(sender(ledger, server), order)
    assert server.taken == []


async def test_without_a_mail_server_the_mail_waits(ledger: PostgresLedger) -> None:
    order = await approved(ledger, to_list(), LIST)

    with pytest.raises(UnavailableError, match="set PLACET_SMTP_URL"):
        await send(SendingActivities(ledger, None), order)
    assert await told(ledger, "effect:permit:consumed") == []


@pytest.mark.parametrize("cancelled", ["stopped", "worker stops"])
async def test_a_mail_is_stopped_in_the_middle_or_only_its_worker_is(
    ledger: PostgresLedger, cancelled: str
) -> None:
    order = await approved(ledger, to_list(), LIST)
    async with mail_server(Slow(PEOPLE[4])) as server:
        assert isinstance(server, Slow)
        activities = sender(ledger, server, connections=1)
        environment = ActivityEnvironment()
        beats: list[Any] = []
        environment.on_heartbeat = lambda *details: beats.append(details)
        running = asyncio.create_task(environment.run(activities.send, order))
        async with asyncio.timeout(30):
            await server.holding.wait()
        if cancelled == "stopped":
            environment.cancel(
                cancellation_details=activity.ActivityCancellationDetails(cancel_requested=True)
            )
        else:
            environment.worker_shutdown()
        server.let_go.set()

        if cancelled == "stopped":
            result = await running
            assert (result.stopped, result.summary) == (True, "5 sent, 7 stopped of 12")
            (event,) = await told(ledger, "effect:run:stopped")
            assert event["effect"] == "stopped"
        else:
            with pytest.raises(UnavailableError, match="not everybody was tried"):
                await running
            result = await send(activities, order)
            assert result.summary == "12 sent of 12"
        # Whose mail was on its way is known: it was waited for.
        assert set(server.copies().values()) == {1}
        assert beats[-1] == ({"sent": 5, "waiting": 7},)
        assert await send(activities, order) == result


async def test_a_mail_that_nobody_sends_at_the_moment_is_stopped_too(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)
    server.will_answer("RCPT", PEOPLE[0], "450 later")
    activities = sender(ledger, server)
    with pytest.raises(UnavailableError):
        await send(activities, order)

    stopped = await send(activities, order.model_copy(update={"stop": True}))

    assert (stopped.stopped, stopped.summary) == (True, "11 sent, 1 stopped of 12")
    assert await send(activities, order) == stopped
    assert PEOPLE[0] not in server.reached()


async def test_a_mail_is_stopped_before_anybody_has_got_it(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)

    # It needs no mail server for that.
    stopped = await send(SendingActivities(ledger, None), order.model_copy(update={"stop": True}))

    assert (stopped.stopped, stopped.summary) == (True, "12 stopped of 12")
    assert await send(sender(ledger, server), order) == stopped
    assert server.taken == []


@pytest.mark.rule(number=5)
async def test_a_mail_that_was_done_before_it_is_stopped_is_done(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)
    done = await send(sender(ledger, server), order)

    assert await send(sender(ledger, server), order.model_copy(update={"stop": True})) == done
    assert not done.stopped


async def test_a_mail_that_waits_for_nobody_is_done_although_it_should_be_stopped(
    ledger: PostgresLedger, server: MailServer
) -> None:
    order = await approved(ledger, to_list(), LIST)

    class Away:
        """Keeps no report."""

        async def put_content(self, *_: Any) -> str:
            raise UnavailableError("the database does not answer")

        def __getattr__(self, name: str) -> Any:
            return getattr(ledger, name)

    with pytest.raises(UnavailableError):
        await send(sender(Away(), server), order)

    done = await send(SendingActivities(ledger, None), order.model_copy(update={"stop": True}))

    assert (done.stopped, done.summary) == (False, "12 sent of 12")
    assert await told(ledger, "effect:run:stopped") == []


@pytest.mark.rule(number=5)
async def test_a_worker_that_was_taken_for_dead_stops_and_still_says_what_it_knows(
    ledger: PostgresLedger,
) -> None:
    order = await approved(ledger, to_list(), LIST)
    async with mail_server(Slow(PEOPLE[4])) as server:
        assert isinstance(server, Slow)
        activities = sender(ledger, server, connections=1)
        slow = asyncio.create_task(send(activities, order))
        async with asyncio.timeout(30):
            await server.holding.wait()
        server.held = PEOPLE[9]
        heir = asyncio.create_task(send(activities, order))

        async def held_again() -> bool:
            found = await statuses(ledger)
            return found[PEOPLE[9]] == "sending"

        await eventually(held_again, "the heir to come as far as the tenth")
        assert (await statuses(ledger))[PEOPLE[4]] == "in_doubt"
        server.let_go.set()
        with pytest.raises(ApplicationError, match="stop sending"):
            await slow
        result = await heir

    assert set(server.copies().values()) == {1}
    assert result.summary == "12 sent of 12"


async def test_what_is_known_outlives_a_ledger_that_is_away_for_a_moment(
    ledger: PostgresLedger, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await approved(ledger, to_list(), LIST)
    monkeypatch.setattr("placet.mail.mailing.PAUSE_SECONDS", 0)

    class Forgetful:
        """Keeps nothing the first two times it is told what became of somebody."""

        failures = 2

        async def record(self, *args: Any) -> None:
            if self.failures:
                self.failures -= 1
                raise UnavailableError("the database does not answer")
            await ledger.deliveries.record(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(ledger.deliveries, name)

    class Away:
        deliveries = Forgetful()

        def __getattr__(self, name: str) -> Any:
            return getattr(ledger, name)

    result = await send(sender(Away(), server), order)
    assert result.summary == "12 sent of 12"
