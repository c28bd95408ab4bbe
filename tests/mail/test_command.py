"""What `placet deliveries` says."""

import json
from collections.abc import AsyncIterator

import pytest

from placet.cli.codes import Code
from placet.cli.delivering import list_deliveries
from placet.domain.delivery import DeliveryStatus
from placet.domain.errors import UnavailableError
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.mail.approved import REQUEST, approved
from tests.mail.test_sending import LIST, PEOPLE, send, sender, to_list
from tests.support.mailserver import TAKE_AND_HANG_UP, MailServer, mail_server


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _service(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_DATABASE_URL", database.app_url)


async def test_it_says_who_has_got_a_mail_and_who_has_not(
    ledger: PostgresLedger, server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    order = await approved(ledger, to_list(), LIST)
    server.will_answer("RCPT", PEOPLE[0], "550 \x1b[2Jno such user")
    server.will_answer("RCPT", PEOPLE[1], "450 later")
    server.will_answer("DATA", PEOPLE[2], TAKE_AND_HANG_UP)
    with pytest.raises(UnavailableError):
        await send(sender(ledger, server), order)

    assert await list_deliveries(REQUEST, statuses=[], json=False) == Code.OK
    said = capsys.readouterr()
    lines = [line.split("\t")[:4] for line in said.out.splitlines()]
    assert lines[3][3].startswith("the connection broke")
    assert [*lines[:3], lines[3][:3]] == [
        ["RECIPIENT", "STATUS", "TRIED", "THE SERVER SAID"],
        [PEOPLE[0], "refused", "1", "550 \N{REPLACEMENT CHARACTER}[2Jno such user"],
        [PEOPLE[1], "waiting", "1", "450 later"],
        [PEOPLE[2], "in_doubt", "1"],
    ]
    assert len(lines) == 1 + len(PEOPLE)
    assert "9 sent, 1 refused, 1 in doubt, 1 waiting of 12, under way since" in said.err

    await send(sender(ledger, server), order)
    wanted = [DeliveryStatus.REFUSED, DeliveryStatus.IN_DOUBT]
    assert await list_deliveries(REQUEST, statuses=wanted, json=True) == Code.OK
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["address"], row["status"]) for row in rows] == [
        (PEOPLE[0], "refused"),
        (PEOPLE[2], "in_doubt"),
    ]
    await list_deliveries(REQUEST, statuses=wanted, json=False)
    assert "10 sent, 1 refused, 1 in doubt of 12, done at" in capsys.readouterr().err


async def test_a_case_that_has_sent_nothing_is_not_found(
    ledger: PostgresLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    await approved(ledger, to_list(), LIST)
    assert await list_deliveries(REQUEST, statuses=[], json=False) == Code.NOT_FOUND
    assert "has sent no mail; see how far it is: placet show" in capsys.readouterr().err
