"""Reports out of a real ledger, from its events to the files."""

import hashlib
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from placet.cli.previewing import write_preview
from placet.cli.reporting import period_of, report_period, report_request
from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError
from placet.ledger import PostgresLedger, sql_reporting
from placet.reporting.files import Form, FormError
from placet.reporting.period.counting import counted
from placet.reporting.period.facts import Period
from tests.conftest import Database
from tests.reporting.reading import Page
from tests.reporting.scenes import POLICIES, as_ledger_events
from tests.reporting.test_period import SCENES, a_month, facts

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
async def full(ledger: PostgresLedger) -> PostgresLedger:
    """Give a ledger with a request of each scene."""
    for name, telling in SCENES.items():
        await ledger.append(as_ledger_events(telling.events, name))
    return ledger


@pytest.fixture
def here(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give a directory, in an environment in which commands find the database."""
    monkeypatch.setenv("PLACET_DATABASE_URL", database.app_url)
    monkeypatch.setenv("PLACET_POLICIES", str(POLICIES))
    monkeypatch.setenv("PLACET_HOME", str(tmp_path / "home"))
    out = tmp_path / "out"
    out.mkdir()
    return out


async def test_the_database_tells_what_the_events_tell(full: PostgresLedger) -> None:
    found = [each async for each in full.reports.requests(MARCH)]
    assert found == [facts(telling, name) for name, telling in sorted(SCENES.items())]
    assert counted(found, MARCH).outcomes == a_month().outcomes


async def test_only_requests_of_the_period_and_the_pipeline_are_counted(
    full: PostgresLedger,
) -> None:
    later = as_ledger_events(SCENES["open"].events, "later", timedelta(days=40))
    await full.append(later)

    async def told(period: Period) -> set[str]:
        return {each.request async for each in full.reports.requests(period)}

    assert "later" not in await told(MARCH)
    assert await told(Period(date(2026, 4, 11), date(2026, 4, 11))) == {"later"}
    assert await told(Period(MARCH.first, MARCH.last, "expense")) == set(SCENES)
    assert await told(Period(MARCH.first, MARCH.last, "publish")) == set()


async def test_an_empty_ledger_has_no_newest_event(ledger: PostgresLedger) -> None:
    assert await ledger.reports.newest() is None
    assert [each async for each in ledger.reports.requests(MARCH)] == []


@pytest.mark.usefixtures("full")
async def test_a_record_is_written_for_its_owner(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = here / "approved.html"
    assert await report_request("approved", out, form=None, force=False, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    content = out.read_bytes()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert (told["request"], told["form"], told["sealed"]) == ("approved", "html", 0)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    shown = Page(content).text
    assert "Approved by people" in shown
    assert "Not sealed yet" in shown
    assert "not kept any more" in shown


@contextmanager
def unlocked(database: Database) -> Iterator[psycopg.Connection]:
    """Give a superuser's connection that may change what is append-only."""
    with psycopg.connect(database.admin_url) as connection:
        for table in ("audit.event", "audit.event_from_1"):
            connection.execute(f"alter table {table} disable trigger all")
        yield connection


@pytest.mark.rule(number=11)
@pytest.mark.usefixtures("full")
async def test_a_request_whose_events_were_deleted_is_told_of(
    database: Database, here: Path
) -> None:
    with unlocked(database) as connection:
        connection.execute("delete from audit.event where stream = 'approved'")
    with pytest.raises(ConflictError, match="placet audit reconcile --request approved"):
        await report_request("approved", here / "x.html", form=None, force=False, json=False)
    with pytest.raises(NotFoundError, match="placet show approved"):
        await write_preview("approved", pipeline=None, target="-", json=False)


@pytest.mark.rule(number=11)
@pytest.mark.usefixtures("full")
async def test_a_record_says_which_events_were_changed_or_deleted(
    database: Database, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with unlocked(database) as connection:
        connection.execute(
            "update audit.event set body = convert_to(replace(convert_from(body, 'UTF8'), 'EUR',"
            " 'CHF'), 'UTF8') where stream = 'approved' and stream_seq = 1"
        )
        for number in (3, 5):
            connection.execute(
                "delete from audit.event where stream = 'approved' and stream_seq = %s", (number,)
            )
    out = here / "approved.html"
    assert await report_request("approved", out, form=None, force=False, json=True) == 11
    assert "the proof does not hold" in capsys.readouterr().err
    shown = Page(out.read_bytes()).text
    assert "The proof does not hold" in shown
    assert "What the ledger now holds of event 1 is not what was recorded." in shown
    assert "Events 3, 5 were recorded, and are not there any more" in shown


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("form", Form)
async def test_a_summary_is_written_in_every_form(here: Path, form: Form) -> None:
    out, again = here / f"march.{form.value}", here / "again"
    for target in (out, again):
        code = await report_period(
            MARCH, target, sample=2, seed=7, form=form, force=False, json=False
        )
        assert code == 0
    assert out.read_bytes() == again.read_bytes()
    assert out.stat().st_size > 500


@pytest.mark.usefixtures("full")
async def test_what_cannot_be_reported_is_refused(here: Path) -> None:
    with pytest.raises(NotFoundError, match="placet list"):
        await report_request("nobody", here / "a.html", form=None, force=False, json=False)
    with pytest.raises(FormError, match="html or pdf"):
        await report_request("open", here / "a.csv", form=None, force=False, json=False)
    assert list(here.iterdir()) == []


def test_a_period_ends_before_the_last_day_that_there_is() -> None:
    assert period_of(date(9999, 12, 30), date(9999, 12, 30), None).ends.year == 9999
    with pytest.raises(InvalidInputError, match="name an earlier one"):
        period_of(date(2026, 1, 1), date(9999, 12, 31), None)


async def test_a_report_of_a_long_period_may_take_its_time(
    full: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = "current_setting('statement_timeout')"
    monkeypatch.setattr(
        sql_reporting,
        "PERIOD",
        f"select {limit}, '', '', now(), 1, '', '', '', null, null, null, null, null, null, null",
    )
    assert [each.request async for each in full.reports.requests(MARCH)] == ["6h"]


def test_a_period_needs_two_days() -> None:
    assert period_of(MARCH.first, MARCH.last, None) == MARCH
    with pytest.raises(InvalidInputError, match="--from DATE and --to DATE"):
        period_of(MARCH.first, None, None)
