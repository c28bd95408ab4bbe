"""The activity: what was approved is made once, whole or not at all, and deleted in the end."""

import asyncio
import hashlib
import json
import stat
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyrage  # type: ignore[import-untyped]
import pytest
from temporalio.exceptions import ApplicationError

from activities.export import ExportActivities
from placet.digest import canonical
from placet.domain.catalogue import Catalogue, Column
from placet.domain.errors import UnavailableError
from placet.domain.export import Chunk, ExportRequest, ExportState
from placet.domain.orders import EffectOrder, EffectResult
from placet.domain.vocabulary import EndReason
from placet.exports.store import ExportStore
from placet.ledger import PostgresLedger
from placet.sources.looking import MissingError
from placet.sources.postgres import PostgresSources
from tests.conftest import Sample
from tests.exports.approved import (
    CATALOGUE,
    PERMIT,
    PRINTER,
    REQUEST,
    STARTED,
    an_export,
    approved,
    ending,
    environment,
    exporting,
    personal,
)
from tests.support.disk import small_disk
from tests.support.waiting import eventually

MINUTE = timedelta(minutes=1)


@pytest.fixture
def sources(sample: Sample) -> PostgresSources:
    return PostgresSources(sample.environment)


def kinds(events: Sequence[Any]) -> list[str]:
    return [event.kind for event in events]


@pytest.mark.rule(number=5)
async def test_an_export_makes_one_file_and_its_manifest(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    root = tmp_path / "exports"
    order = await approved(ledger, sources, an_export())
    activities = exporting(ledger, sources, root)
    result: EffectResult = await environment().run(activities.export, order)

    file = root / REQUEST / "customers.csv"
    lines = file.read_bytes().splitlines()
    assert lines[0] == b"id,country,created"
    assert len(lines) == 481
    manifest = json.loads((root / REQUEST / "manifest.json").read_text())
    assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest["rows"] == 480
    assert manifest["permit"] == PERMIT
    assert manifest["digest"] == order.digest
    assert manifest["filters"] == "every row"
    assert manifest["plain_sha256"] is None
    assert result.until is not None
    assert STARTED + timedelta(days=3) <= result.until <= STARTED + timedelta(days=3) + MINUTE
    assert result.summary.startswith("480 rows in customers.csv, ")
    (row,) = await ledger.exports.rows(request=REQUEST)
    assert (row.state, row.rows, row.sha256) == (ExportState.READY, 480, manifest["sha256"])
    story = await ledger.timeline(REQUEST)
    assert kinds(story)[-2:] == ["effect:permit:consumed", "effect:run:done"]
    assert story[-1].body["data"]["effect"] == "in_force"  # type: ignore[index,call-overload]

    again = await environment().run(activities.export, order)
    assert again == result
    assert kinds(await ledger.timeline(REQUEST)) == kinds(story)
    assert sorted(path.name for path in root.iterdir()) == [".lock", ".store", REQUEST]


async def test_nobody_else_can_look_into_the_files(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    root = tmp_path / "exports"
    order = await approved(ledger, sources, an_export())
    await environment().run(exporting(ledger, sources, root).export, order)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (root, root / REQUEST, *(root / REQUEST).iterdir())
    }
    assert modes == {
        "exports": 0o700,
        REQUEST: 0o700,
        "customers.csv": 0o600,
        "manifest.json": 0o600,
    }


async def test_what_is_about_people_is_encrypted_to_its_recipient(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, personal())
    await environment().run(exporting(ledger, sources, tmp_path).export, order)
    sealed = (tmp_path / REQUEST / "customers.csv.age").read_bytes()
    assert b"Adler" not in sealed
    plain = pyrage.decrypt(sealed, [PRINTER])
    assert "'=HYPERLINK" in plain.decode()
    manifest = json.loads((tmp_path / REQUEST / "manifest.json").read_text())
    assert manifest["plain_sha256"] == hashlib.sha256(plain).hexdigest()
    assert manifest["encrypted_to"] == str(PRINTER.to_public())


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("catalogue", "says something else of 'customers'"),
        ("dataset", "has no data set 'customers' any more"),
    ],
)
async def test_what_is_no_longer_true_is_refused(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path, what: str, said: str
) -> None:
    order = await approved(ledger, sources, an_export())
    catalogue = CATALOGUE
    if what == "catalogue":
        entry = CATALOGUE.datasets["customers"].model_copy(update={"table": "shop.visit"})
        catalogue = CATALOGUE.model_copy(
            update={"datasets": {**CATALOGUE.datasets, "customers": entry}}
        )
    else:
        catalogue = Catalogue()
    activities = exporting(ledger, sources, tmp_path, lambda: catalogue)
    with pytest.raises(ApplicationError, match=said) as refused:
        await environment().run(activities.export, order)
    assert refused.value.non_retryable
    assert "effect:permit:consumed" not in kinds(await ledger.timeline(REQUEST))
    assert not (tmp_path / REQUEST).exists()


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    "changed",
    [
        "alter table shop.place alter code type varchar(9)",
        (
            "create or replace view shop.customer as select id, name as country, created, "
            "deleted_at, name, email, phone, born, newsletter, credit from shop.all_customers"
        ),
    ],
)
async def test_columns_that_have_become_others_are_not_exported(
    ledger: PostgresLedger, sample: Sample, sources: PostgresSources, tmp_path: Path, changed: str
) -> None:
    with psycopg.connect(sample.admin_url) as connection:
        for statement in (
            "alter table shop.customer rename to all_customers",
            (
                "create view shop.customer as select id, country, created, deleted_at, name, "
                "email, phone, born, newsletter, credit from shop.all_customers"
            ),
            "create table shop.place as select id, country as code from shop.all_customers",
            "grant select on shop.customer, shop.place to sample_reader",
        ):
            connection.execute(statement)
    place = CATALOGUE.datasets["customers"].model_copy(
        update={"table": "shop.place", "columns": {"code": Column()}, "key": (), "rows": (),
                "filters": None, "delete": None}
    )  # fmt: skip
    catalogue = CATALOGUE.model_copy(update={"datasets": {**CATALOGUE.datasets, "places": place}})
    request = an_export()
    if "shop.place" in changed:
        request |= {"dataset": "places", "columns": ["code"]}
    order = await approved(ledger, sources, request, catalogue)
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute(changed.encode())
    activities = exporting(ledger, sources, tmp_path, lambda: catalogue)
    with pytest.raises(ApplicationError, match="another type, or its view another query"):
        await environment().run(activities.export, order)
    assert "effect:permit:consumed" not in kinds(await ledger.timeline(REQUEST))


@pytest.mark.rule(number=4)
async def test_a_selection_that_has_changed_is_not_exported_and_asked_about_again(
    ledger: PostgresLedger, sample: Sample, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("delete from shop.customer where id between 30 and 39")
    result = await environment().run(exporting(ledger, sources, tmp_path).export, order)
    assert result.stopped
    assert result.again == json.loads(await ledger.get_content(order.digest))
    assert result.summary.startswith("there are 470 rows now, approved were 480 (more or less 1 %)")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".store"]
    (row,) = await ledger.exports.rows(request=REQUEST)
    assert (row.state, row.rows, row.file) == (ExportState.DRIFTED, 470, None)
    story = kinds(await ledger.timeline(REQUEST))
    assert story[-2:] == ["effect:permit:consumed", "effect:run:stopped"]

    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("delete from shop.customer where id between 40 and 49")
    again = await environment().run(exporting(ledger, sources, tmp_path).export, order)
    assert again == result
    assert kinds(await ledger.timeline(REQUEST)) == story


async def test_a_few_rows_more_or_less_are_within_the_policys_tolerance(
    ledger: PostgresLedger, sample: Sample, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("delete from shop.customer where id between 30 and 33")
    result = await environment().run(exporting(ledger, sources, tmp_path).export, order)
    assert result.facts["rows"] == 476


@pytest.mark.rule(number=4)
async def test_the_permit_of_one_request_exports_no_other(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    request = ExportRequest.model_validate(an_export(purpose="Something else altogether."))
    other = await ledger.put_content(canonical(request), "application/json")
    activities = exporting(ledger, sources, tmp_path)
    with pytest.raises(ApplicationError, match="what was approved is not what would run"):
        await environment().run(activities.export, order.model_copy(update={"digest": other}))
    assert await ledger.exports.rows() == []
    assert not (tmp_path / REQUEST).exists()


async def test_a_source_that_is_away_is_waited_for(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    away = {"PLACET_SAMPLE_READ_URL": "postgresql://sample_reader@127.0.0.1:1/sample"}
    for gone in ({}, away):
        activities = exporting(ledger, PostgresSources(gone), tmp_path)
        with pytest.raises(UnavailableError, match="PLACET_SAMPLE_READ_URL"):
            await environment().run(activities.export, order)
    result = await environment().run(exporting(ledger, sources, tmp_path).export, order)
    assert result.facts["rows"] == 480


class Interrupted:
    """Sources of which something happens in the middle of a copy."""

    def __init__(self, sources: PostgresSources, happens: Callable[[Any], None]) -> None:
        self._sources = sources
        self._happens = happens

    @asynccontextmanager
    async def selected(self, *arguments: Any) -> Any:
        """Give a selection that is interrupted before its rows come."""
        async with self._sources.selected(*arguments) as selected:
            chunks = selected.chunks

            def interrupted() -> Any:
                yield Chunk(0, b"")
                self._happens(selected)
                yield from chunks()

            selected.chunks = interrupted  # type: ignore[method-assign]
            yield selected


async def test_a_source_that_goes_away_in_the_middle_leaves_nothing_and_is_tried_again(
    ledger: PostgresLedger, sample: Sample, sources: PostgresSources, tmp_path: Path
) -> None:
    def end_sessions(_: Any) -> None:
        with psycopg.connect(sample.admin_url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = 'sample_reader' and datname = current_database()"
            )

    order = await approved(ledger, sources, an_export())
    broken: Any = Interrupted(sources, end_sessions)
    with pytest.raises(UnavailableError, match="does not answer"):
        await environment().run(exporting(ledger, broken, tmp_path).export, order)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".store"]
    result = await environment().run(exporting(ledger, sources, tmp_path).export, order)
    assert result.facts["rows"] == 480


async def test_a_disk_that_is_full_at_any_byte_leaves_nothing_and_is_tried_again(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    # A manifest of several pages: a disk may have room for the first of them.
    order = await approved(ledger, sources, an_export(purpose="\N{CRAB}" * 4000))
    for number, kibibytes in enumerate(range(4, 128, 4)):
        with small_disk(tmp_path / str(number), kibibytes) as disk:
            told = await refused(exporting(ledger, sources, disk), order)
            if told is None:
                manifest = json.loads((disk / REQUEST / "manifest.json").read_text())
                content = (disk / REQUEST / "customers.csv").read_bytes()
                assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
                break
            assert "no space left on device; make room" in told
            assert {path.name for path in disk.iterdir()} <= {".lock", ".store", ".store.new"}
    assert 20 < kibibytes < 124


async def refused(activities: ExportActivities, order: EffectOrder) -> str | None:
    """Export, and return why that is not possible now; None when it is."""
    try:
        await environment().run(activities.export, order)
    except UnavailableError as error:
        return str(error)
    return None


def test_a_file_takes_all_it_is_given_or_says_why_not(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        store = ExportStore(disk)
        store.name()
        staging = store.stage(PERMIT, "holder")
        with pytest.raises(OSError, match="No space left"), staging.file("file") as file:
            file.write(b"x" * 100_000)


async def test_an_export_that_is_stopped_leaves_no_file(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    await environment().run(
        exporting(ledger, sources, tmp_path).export, order.model_copy(update={"stop": True})
    )
    for stop in (True, False):
        told = order.model_copy(update={"stop": stop})
        result = await environment().run(exporting(ledger, sources, tmp_path).export, told)
        assert result.stopped
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".store"]
    (row,) = await ledger.exports.rows(request=REQUEST)
    assert row.state is ExportState.STOPPED
    assert kinds(await ledger.timeline(REQUEST))[-1] == "effect:run:stopped"


async def test_a_file_that_was_made_but_never_recorded_goes_when_it_is_stopped(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    activities = exporting(ledger, sources, tmp_path)

    async def die(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    activities._ready = die  # type: ignore[assignment,method-assign] # noqa: SLF001
    with pytest.raises(ZeroDivisionError):
        await environment().run(activities.export, order)
    assert (tmp_path / REQUEST / "manifest.json").exists()
    told = order.model_copy(update={"stop": True})
    result = await environment().run(exporting(ledger, sources, tmp_path).export, told)
    assert result.stopped
    assert not (tmp_path / REQUEST).exists()


async def test_an_attempt_that_was_overtaken_shows_no_file(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    loop = asyncio.get_running_loop()
    other = exporting(ledger, sources, tmp_path)

    def overtake(_: Any) -> None:
        told = order.model_copy(update={"stop": True})
        asyncio.run_coroutine_threadsafe(environment().run(other.export, told), loop).result()

    slow: Any = Interrupted(sources, overtake)
    with pytest.raises(UnavailableError):
        await environment().run(exporting(ledger, slow, tmp_path).export, order)
    assert not (tmp_path / REQUEST).exists()
    (row,) = await ledger.exports.rows(request=REQUEST)
    assert row.state is ExportState.STOPPED


async def test_an_attempt_that_fails_after_another_has_taken_over_leaves_its_work_alone(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    frozen, begun, wakes, ends = (asyncio.Event() for _ in range(4))
    loop = asyncio.get_running_loop()

    class Frozen:
        @asynccontextmanager
        async def selected(self, *_: Any) -> Any:
            frozen.set()
            await wakes.wait()
            raise MissingError("the table is gone")
            yield

    def wait(_: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(ends.wait(), loop).result()

    late: Any = Frozen()
    other: Any = Interrupted(sources, wait)
    async with asyncio.timeout(30):
        first = asyncio.create_task(
            environment().run(exporting(ledger, late, tmp_path).export, order)
        )
        await frozen.wait()
        second = asyncio.create_task(
            environment().run(exporting(ledger, other, tmp_path).export, order)
        )
        await begun.wait()
        wakes.set()
        with pytest.raises(ApplicationError, match="the table is gone"):
            await first
        ends.set()
        assert (await second).facts["rows"] == 480
    (row,) = await ledger.exports.rows(request=REQUEST)
    assert row.state is ExportState.READY


async def test_a_file_that_is_shown_in_the_moment_of_being_overtaken_is_the_file(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    first, second = (exporting(ledger, sources, tmp_path) for _ in range(2))
    begin = second._begin  # noqa: SLF001

    async def die(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    async def overtake(approved_: Any) -> Any:
        # It has looked for a finished file already, and found none.
        if not (tmp_path / REQUEST).exists():
            with pytest.raises(ZeroDivisionError):
                await environment().run(first.export, order)
        return await begin(approved_)

    first._ready = die  # type: ignore[assignment,method-assign] # noqa: SLF001
    second._begin = overtake  # type: ignore[assignment,method-assign] # noqa: SLF001
    result = await environment().run(second.export, order)
    assert result.facts["rows"] == 480
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".store", REQUEST]


async def test_what_an_export_came_to_stays_whatever_becomes_of_its_file(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    activities = exporting(ledger, sources, tmp_path)
    result = await environment().run(activities.export, order)
    ExportStore(tmp_path).remove(REQUEST)
    for stop in (False, True):
        told = order.model_copy(update={"stop": stop})
        assert await environment().run(activities.export, told) == result


async def test_an_export_that_has_failed_fails_again(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    def miscount(selected: Any) -> None:
        selected.rows += 1

    order = await approved(ledger, sources, an_export())
    wrong: Any = Interrupted(sources, miscount)
    for each in (wrong, sources):
        with pytest.raises(ApplicationError) as refused:
            await environment().run(exporting(ledger, each, tmp_path).export, order)
        assert refused.value.non_retryable
    assert not (tmp_path / REQUEST).exists()
    (row,) = await ledger.exports.rows(request=REQUEST)
    assert row.state is ExportState.FAILED


async def test_a_file_whose_attempt_to_be_deleted_died_is_swept(
    ledger: PostgresLedger,
    sources: PostgresSources,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = await approved(ledger, sources, an_export())
    activities = exporting(ledger, sources, tmp_path)

    async def die(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(activities, "_ready", die)
        with pytest.raises(ZeroDivisionError):
            await environment().run(activities.export, order)
    told = order.model_copy(update={"stop": True})
    with monkeypatch.context() as patched:
        patched.setattr("placet.exports.store.shutil.rmtree", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await environment().run(activities.export, told)
    assert (tmp_path / f".leaving-{REQUEST}").exists()
    assert (await environment().run(activities.export, told)).stopped
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".store"]


async def test_how_far_it_is_is_told_while_it_runs(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    told: list[dict[str, Any]] = []
    running = environment()
    running.on_heartbeat = lambda *details: told.append(details[0])
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait(_: Any) -> None:
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    slow: Any = Interrupted(sources, wait)
    exporting_ = asyncio.create_task(running.run(exporting(ledger, slow, tmp_path).export, order))
    await eventually(lambda: _is(bool(told)), "a heartbeat")
    assert told[0] == {"done": 0, "total": 480, "unit": "rows", "bytes": 0}
    go_on.set()
    await exporting_
    assert told[-1]["done"] == 480


async def _is(value: bool) -> bool:  # noqa: FBT001 - that is all it says
    return value


@pytest.mark.parametrize("why", list(EndReason))
async def test_a_file_is_deleted_once_when_its_time_is_over(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path, why: EndReason
) -> None:
    order = await approved(ledger, sources, an_export())
    activities = exporting(ledger, sources, tmp_path)
    await environment().run(activities.export, order)
    for _ in range(2):
        ended = await environment().run(activities.expire, ending(order, why))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".store"]
    (row,) = await ledger.exports.rows(request=REQUEST)
    assert row.state is ExportState.GONE
    story = await ledger.timeline(REQUEST)
    assert kinds(story).count("effect:run:ended") == 1
    reason = {EndReason.EXPIRED: "its time is over", EndReason.WITHDRAWN: "it was taken back"}[why]
    assert story[-1].body["data"]["summary"] == f"customers.csv was deleted: {reason}"  # type: ignore[index,call-overload]
    assert ended.receipt is not None


async def test_a_file_that_is_gone_already_has_ended_and_is_said_to(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    activities = exporting(ledger, sources, tmp_path)
    await environment().run(activities.export, order)
    ExportStore(tmp_path).remove(REQUEST)
    ended = await environment().run(activities.expire, ending(order))
    assert ended.summary == "customers.csv was gone already"


async def test_a_file_in_another_directory_is_not_said_to_be_gone(
    ledger: PostgresLedger, sources: PostgresSources, tmp_path: Path
) -> None:
    order = await approved(ledger, sources, an_export())
    await environment().run(exporting(ledger, sources, tmp_path / "one").export, order)
    elsewhere = exporting(ledger, sources, tmp_path / "two")
    with pytest.raises(UnavailableError, match="in another directory of exports"):
        await environment().run(elsewhere.expire, ending(order))
    assert (tmp_path / "one" / REQUEST).exists()


@pytest.mark.parametrize(
    "case", ["../outside", "/etc/passwd", ".", "..", ".store", "a/b", "x" * 300]
)
def test_no_case_leads_out_of_the_directory(tmp_path: Path, case: str) -> None:
    store = ExportStore(tmp_path / "exports")
    place = store.directory(case)
    assert place.parent == store.root
    assert place.name.startswith("case-")
