"""Exports from request to the end of their file: on the real server, from a real source."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from placet.cli.live import under_way
from placet.domain.export import Chunk, ExportState
from placet.sources.copying import Copying
from tests.conftest import Sample
from tests.exports.approved import an_export, personal
from tests.workflows.office import Handle, Office, eventually

ALICE, BOB, CAROL, DAN = (f"{name}@example.com" for name in ("alice", "bob", "carol", "dan"))
READ_URL = "PLACET_SAMPLE_READ_URL"


@pytest.fixture
async def office(
    closed_office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """Give an office whose workers know the sample database."""
    monkeypatch.setenv(READ_URL, sample.environment[READ_URL])
    async with closed_office.worker():
        yield closed_office


async def approved(office: Office, request: dict[str, Any]) -> Handle:
    """Submit an export and have the owner of the data agree."""
    handle = await office.start([request], pipeline="export")
    await office.decide(handle, "approve", CAROL)
    return handle


def place(office: Office, handle: Handle) -> Path:
    """Return where a case's file is, or would be."""
    return office.settings.exports / handle.id


async def in_force(office: Office, handle: Handle) -> None:
    """Wait until the file is there, as far as the case knows."""

    async def there() -> bool:
        return str((await office.status(handle))["effect"]) == "in_force"

    await eventually(there, f"the file of {handle.id}")


async def test_an_approved_export_is_a_file_until_its_time_is_over(office: Office) -> None:
    handle = await approved(office, an_export(keep="3d"))
    await in_force(office, handle)
    file = place(office, handle) / "customers.csv"
    assert len(file.read_bytes().splitlines()) == 481
    await office.skip(handle, days=2)
    assert file.exists()
    await office.skip(handle, days=2)
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "ended")
    assert result.summary == "customers.csv was deleted: its time is over"
    assert not place(office, handle).exists()
    (done,) = await office.told(handle, "effect:run:done")
    assert (done["data"]["rows"], done["data"]["file"]) == (480, "customers.csv")
    (row,) = await office.ledger.exports.rows(request=handle.id)
    assert row.state is ExportState.GONE


async def test_a_file_whose_time_is_over_while_no_worker_is_up_goes_with_the_next_one(
    closed_office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = closed_office
    monkeypatch.setenv(READ_URL, sample.environment[READ_URL])
    async with office.worker():
        handle = await approved(office, an_export(keep="3d"))
        await in_force(office, handle)
        await office.idle(handle)
    await office.skip_until(lambda: office.timer_fired(handle), handle, days=30)
    assert (place(office, handle) / "customers.csv").exists()
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "ended")
    assert result.summary == "customers.csv was deleted: its time is over"
    assert not place(office, handle).exists()
    (ended,) = await office.told(handle, "effect:run:ended")
    assert ended["data"]["was_there"]


async def test_people_are_told_what_it_takes_and_whose_it_is(office: Office) -> None:
    handle = await office.start([personal()], pipeline="export")
    assert (await office.settled(handle))["title"] == "Export customers: 2 columns, 20 rows"
    assert await office.waits_for(handle) == ["carol"]
    (planned,) = await office.told(handle, "system:request:planned")
    facts, scope = planned["data"]["facts"], planned["data"]["scope"]
    assert (facts["rows"], facts["personal_columns"], facts["everything"]) == (20, ["name"], False)
    assert (facts["recipient_outside"], facts["to_requester"]) == (True, False)
    assert (scope["columns"], scope["encrypt"], scope["keep"]) == (["id", "name"], True, "3d")
    sample = await office.ledger.get_content(scope["sample"])
    assert b"HYPERLINK" not in sample
    assert "Adler" not in str(planned)


async def test_nobody_exports_to_themselves_or_decides_what_is_for_them(office: Office) -> None:
    own = await office.start(
        [an_export(recipient={"address": "A.Novak+x@example.com"})], pipeline="export"
    )
    await office.settled(own)
    (planned,) = await office.told(own, "system:request:planned")
    assert planned["data"]["facts"]["to_requester"]
    assert (await office.refusal(own, "approve", ALICE))[0]
    for_carol = await office.start([an_export(recipient={"address": CAROL})], pipeline="export")
    result = await office.result(for_carol)
    # She is the only owner, and the data is for her: nobody is left who could agree.
    assert result.outcome != "approved"


async def test_a_file_that_is_taken_back_is_deleted_at_once(office: Office) -> None:
    handle = await approved(office, an_export())
    await in_force(office, handle)
    answer = await office.decide(handle, "withdraw", CAROL, reason="sent to the wrong people")
    assert answer["accepted"]
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "ended")
    assert result.summary == "customers.csv was deleted: it was taken back"
    assert not place(office, handle).exists()


async def test_what_is_rejected_is_not_exported(office: Office) -> None:
    handle = await office.start([an_export()], pipeline="export")
    await office.decide(handle, "reject", CAROL, reason="what for?")
    assert (await office.result(handle)).outcome == "rejected"
    assert not office.settings.exports.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "customer"}, "did you mean 'customers'"),
        ({"columns": ["id", "passwords"]}, "no column 'passwords'"),
        ({"filters": [{"column": "id", "op": "lt", "value": 0}]}, "no row fits them"),
        ({"filters": [{"column": "created", "op": "lt", "value": "soon"}]}, "filters[0].value"),
        ({"keep": "90d"}, "kept for 30d at most"),
        ({"columns": ["email"]}, "add the recipient's public key"),
    ],
)
async def test_an_export_that_cannot_be_is_refused_before_anybody_is_asked(
    office: Office, changes: dict[str, Any], said: str
) -> None:
    handle = await office.start([an_export(**changes)], pipeline="export")
    result = await office.result(handle)
    assert result.outcome == "failed"
    assert said in result.reason


@pytest.mark.rule(number=4)
async def test_a_selection_that_has_changed_is_asked_about_again(
    office: Office, sample: Sample
) -> None:
    handle = await office.start([an_export()], pipeline="export")
    await office.settled(handle)
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("delete from shop.customer where id < 100")
    await office.decide(handle, "approve", CAROL)
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "stopped")
    assert "there are 384 rows now, approved were 480" in str(result.summary)
    assert not place(office, handle).exists()

    again: Handle = office.client.get_workflow_handle(f"{handle.id}-again")
    assert (await office.settled(again))["title"] == "Export customers: 3 columns, 384 rows"
    await office.decide(again, "approve", CAROL)
    await in_force(office, again)
    assert len((place(office, again) / "customers.csv").read_bytes().splitlines()) == 385


async def test_a_source_that_is_away_is_waited_for(
    office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await office.start([an_export()], pipeline="export")
    await office.settled(handle)
    monkeypatch.setenv(READ_URL, "postgresql://nobody@127.0.0.1:1/gone")
    await office.decide(handle, "approve", CAROL)

    async def held_up() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any("does not answer" in each.last_failure.message for each in pending)

    await eventually(held_up, "the export to be held up")
    monkeypatch.setenv(READ_URL, sample.environment[READ_URL])
    await in_force(office, handle)
    assert (place(office, handle) / "manifest.json").exists()


@pytest.fixture
async def endless(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let a source never come to an end; it says when all of its rows are copied."""
    copied, begun = Copying.chunks, asyncio.Event()
    loop = asyncio.get_running_loop()

    def chunks(self: Copying) -> Any:
        yield from copied(self)
        loop.call_soon_threadsafe(begun.set)
        while True:
            yield Chunk(0, b" " * 1000)

    monkeypatch.setattr(Copying, "chunks", chunks)
    return begun


async def test_who_watches_an_export_sees_how_far_it_is(
    office: Office, endless: asyncio.Event, temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    handle = await approved(office, an_export())
    async with asyncio.timeout(30):
        await endless.wait()

    async def told() -> bool:
        said = await under_way(office.settings, handle.id)
        return bool(re.fullmatch(r"480 of 480 rows \(100 %\), [\d.]+ (bytes|[KMG]iB)", said or ""))

    await eventually(told, "how far it is to be told")
    await office.decide(handle, "withdraw", ALICE)
    assert (await office.result(handle)).effect == "stopped"


async def test_an_export_is_stopped_in_the_middle_and_leaves_no_file(
    office: Office, endless: asyncio.Event
) -> None:
    handle = await approved(office, an_export())
    async with asyncio.timeout(30):
        await endless.wait()
    answer = await office.decide(handle, "withdraw", ALICE, reason="not needed any more")
    assert answer["accepted"]
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "stopped")
    assert result.summary == "it was stopped before there was a file"
    assert sorted(path.name for path in office.settings.exports.iterdir()) == [".lock", ".store"]
    (row,) = await office.ledger.exports.rows(request=handle.id)
    assert row.state is ExportState.STOPPED
