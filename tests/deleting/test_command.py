"""What `placet deletions` says."""

import json

import pytest

from placet.cli.codes import Code
from placet.cli.deleting import list_deletions
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.deleting.approved import REQUEST, approved
from tests.deleting.shelf import SOFT, Shelf, by
from tests.deleting.test_deletion import COUNTRIES, MARKED, NUMBERS, UNMARKED, run, worker

DE = by("country", "eq", "DE")


@pytest.fixture(autouse=True)
def _service(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_DATABASE_URL", database.app_url)


async def test_it_says_what_became_of_each_and_which_rows_were_refused(
    ledger: PostgresLedger, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = shelf.put(COUNTRIES, NUMBERS)
    shelf.run("create table shop.part (thing bigint references shop.thing)")
    shelf.run("insert into shop.part values (5), (6)")
    order = await approved(ledger, shelf, entry, DE)
    await run(worker(ledger, shelf, entry).delete, order)

    assert await list_deletions(None, keys=False, json=False) == Code.OK
    head, line = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert head[:3] == ["CASE", "DATA SET", "STATE"]
    summary = "8 deleted, 2 spared as the database refuses it of 10 rows"
    assert line[:5] == [REQUEST, "things", "done", "10", summary]

    assert await list_deletions(REQUEST, keys=False, json=True) == Code.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["counts"]["deleted"], told["counts"]["blocked"]) == (8, 2)
    assert (told["state"], told["summary"]) == ("done", summary)
    assert await list_deletions(REQUEST, keys=True, json=False) == Code.OK
    assert capsys.readouterr().out == "5\n6\n"


async def test_it_says_until_when_it_can_be_undone(
    ledger: PostgresLedger, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = shelf.put(MARKED, UNMARKED, delete=SOFT)
    order = await approved(ledger, shelf, entry, DE)
    result = await run(worker(ledger, shelf, entry).delete, order)
    assert await list_deletions(REQUEST, keys=False, json=False) == Code.OK
    assert result.until is not None
    assert f"{result.until:%Y-%m-%d %H:%M:%S}" in capsys.readouterr().out
    assert await list_deletions(REQUEST, keys=True, json=False) == Code.OK
    assert "refused nothing" in capsys.readouterr().err


async def test_a_case_that_has_deleted_nothing_is_not_found(
    ledger: PostgresLedger, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    await approved(ledger, shelf, shelf.put(COUNTRIES, NUMBERS), DE)
    assert await list_deletions(REQUEST, keys=False, json=False) == Code.NOT_FOUND
    assert "has deleted nothing; see how far it is: placet show" in capsys.readouterr().err
    assert await list_deletions(None, keys=False, json=True) == Code.NOT_FOUND
