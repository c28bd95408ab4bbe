"""What `placet grants` says; `--check` needs a worker, see tests/workflows."""

import json
from pathlib import Path

import pytest

from placet.cli.codes import Code
from placet.cli.granting import list_grants
from placet.ledger import PostgresLedger
from tests.access.approved import CASE, Desk, approved, end_of
from tests.access.listed import VARIABLE, policies_for
from tests.access.staff import Staff
from tests.conftest import Database


@pytest.fixture(autouse=True)
def _service(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_DATABASE_URL", database.app_url)


async def test_it_says_who_has_which_role_until_when(
    ledger: PostgresLedger, staff: Staff, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await list_grants(None, json=False) == Code.OK
    assert "nothing is granted now" in capsys.readouterr().err
    folder = policies_for(staff, tmp_path / "policies")
    desk = Desk(ledger, folder, {VARIABLE: staff.granter_url})
    order = await approved(ledger, folder)
    await desk.grant(order)

    assert await list_grants(None, json=False) == Code.OK
    heads, row = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert heads[:3] == ["CASE", "PERSON", "TARGET"]
    assert row == [
        CASE,
        "alice",
        "shop",
        staff.role,
        staff.alice,
        "in force",
        "2026-03-02 08:30:00",
        "2026-03-02 16:30:00",
    ]
    await desk.revoke(end_of(order))
    assert await list_grants(None, json=True) == Code.OK
    assert capsys.readouterr().out == ""
    assert await list_grants(CASE, json=True) == Code.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["ended_why"]) == ("ended", "expired")
    assert await list_grants(CASE, json=False) == Code.OK
    assert "ended: expired" in capsys.readouterr().out


async def test_a_case_that_has_granted_nothing_is_not_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await list_grants(CASE, json=False) == Code.NOT_FOUND
    assert "has granted nothing; see how far it is: placet show" in capsys.readouterr().err
