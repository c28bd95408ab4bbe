"""The erase pipeline with a real Temporal: asked, approved, gone, and told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from placet.ledger import PostgresLedger
from placet.personal.sealing import ERASED
from tests.conftest import Database
from tests.personal.scenes import (
    AN_ERASURE,
    TOLD,
    agree_to_erase,
    hold_and_agree,
    reject_an_erasure,
)
from tests.support.stories import judged
from tests.workflows.office import Handle, Office


@pytest.fixture
async def office(
    client: Client, ledger: PostgresLedger, database: Database, tmp_path: Path
) -> AsyncIterator[Office]:
    """Give an office that can erase; the stories of erasures keep the rules."""
    office = Office(client, ledger, tmp_path)
    eraser = database.admin_url.replace("postgres@", "placet_app_eraser@")
    changed = {"eraser_url": eraser, "keys": tmp_path / "keys"}
    office.settings = office.settings.model_copy(update=changed)
    async with office.worker():
        yield office
    for row in await ledger.requests(pipeline="erase"):
        found = judged(await ledger.timeline(row.request))
        assert not found, "\n".join(map(str, found))


async def asked(office: Office, **changes: Any) -> Handle:
    """Ask for an erasure of somebody about whom something is recorded."""
    await office.ledger.append(TOLD)
    return await office.start([AN_ERASURE | changes], pipeline="erase")


async def test_what_two_people_approve_is_gone_and_told(office: Office) -> None:
    handle = await asked(office)
    await agree_to_erase(office, handle)
    result = await office.result(handle)
    assert result.outcome == "approved"
    row = await office.ledger.request("expense-before")
    assert row is not None
    assert (row.title, row.requester_name, row.requester_id) == (ERASED, ERASED, "frank")
    (gone,) = await office.told(handle, "system:subject:erased")
    assert gone["data"]["subject"] == "frank"
    assert len(gone["data"]["digests"]) == 1
    case = await office.ledger.request(handle.id)
    assert case is not None
    assert (case.title, case.effect) == ("Erase what is personal about frank", "done")


async def test_reviewers_see_how_much_there_is_and_what_stays(office: Office) -> None:
    handle = await asked(office)
    await office.settled(handle)
    (planned,) = await office.told(handle, "system:request:planned")
    facts, scope = planned["data"]["facts"], planned["data"]["scope"]
    assert (facts["events"], facts["requests"], facts["open"]) == (1, 1, 0)
    assert scope["subject"] == "frank"
    assert any("17(3)" in each for each in scope["stays"])
    assert planned["data"]["kept_out"] == ["frank"]


async def test_a_hold_that_comes_meanwhile_fails_the_erasure(office: Office) -> None:
    handle = await asked(office)
    await hold_and_agree(office, handle)
    await office.result(handle)
    (failed,) = await office.told(handle, "effect:run:failed")
    assert "under legal hold (court)" in failed["reason"]
    row = await office.ledger.request("expense-before")
    assert row is not None
    assert row.title == "Frank's dinner"


async def test_a_rejected_erasure_erases_nothing(office: Office) -> None:
    handle = await asked(office)
    await reject_an_erasure(office, handle)
    assert (await office.result(handle)).outcome == "rejected"
    row = await office.ledger.request("expense-before")
    assert row is not None
    assert row.title == "Frank's dinner"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": "alice"}, "nobody asks for their own erasure"),
        ({"subject": "erin"}, "nothing personal is recorded about 'erin'"),
        ({"reason": ""}, "it is empty"),
    ],
)
async def test_what_cannot_be_erased_is_told_at_once(
    office: Office, changes: dict[str, Any], said: str
) -> None:
    handle = await asked(office, **changes)
    await office.result(handle)
    (unplannable,) = await office.told(handle, "system:request:unplannable")
    assert said in unplannable["reason"]
