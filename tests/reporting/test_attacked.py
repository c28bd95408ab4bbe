"""Reports of a ledger in which somebody wrote to mislead whoever reads them, or to stop them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import JsonValue

from placet.db.connections import open_pool
from placet.ledger import PostgresLedger
from placet.ledger.encoding import Encoder
from placet.personal.vault import open_vault
from placet.reporting.page import page
from placet.reporting.period.counting import counted
from placet.reporting.period.exceptions import Exceptional
from placet.reporting.period.facts import Period
from placet.reporting.period.summing import summary_of
from placet.reporting.record import Story, record_of
from tests.conftest import Database
from tests.ledger.raw import APPEND, arrays
from tests.ledger.stories import approved, event, opened, state, submitted
from tests.reporting.reading import Page

pytestmark = pytest.mark.rule(number=11)

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


async def a_request(ledger: PostgresLedger, request: str = "expense-1", **told: Any) -> None:
    """Record a request that Bob has approved."""
    outcome: JsonValue = {"kind": "approved", "by": "people", "reason": None}
    done = state("approved", outcome=outcome, **told)
    await ledger.append([submitted(request), opened(request), approved(request)])
    await ledger.append([event("system:request:decided", request=request, state=done, minute=9)])


async def story_of(ledger: PostgresLedger, request: str = "expense-1") -> Story:
    """Gather a record's story."""
    row = await ledger.request(request)
    assert row is not None
    return Story(row=row, recorded=await ledger.timeline(request))


@pytest.mark.parametrize(
    "forged",
    [
        {"revision": "first"},
        {"revision": 1.5},
        {"revision": 10**40},
        {"revision": -1},
        {"revision": True},
        {"revision": ["1"]},
        {"actor": "bob"},
        {"actor": {"id": ["bob"]}},
        {"data": "text"},
        {"data": {"refusal": {"a": 1}}},
        {"stage": {"a": 1}},
    ],
)
async def test_no_event_of_another_form_stops_the_report_of_a_period(
    database: Database, ledger: PostgresLedger, forged: dict[str, Any]
) -> None:
    await a_request(ledger)
    made = event("caller:message:refused", request="expense-1")
    body = {**made.body, **forged}
    with psycopg.connect(database.app_url) as connection:
        values = [*arrays([made])[:-1], [json.dumps(body).encode()]]
        connection.execute(APPEND, values)
    found = [each async for each in ledger.reports.requests(MARCH)]
    summary = counted(found, MARCH)
    assert (summary.total, sum(count for _, count in summary.refusals)) == (1, 1)
    assert page(summary_of(summary, as_of=MARCH.ends))


async def test_a_text_that_looks_erased_is_not_told_as_erased(
    database: Database, tmp_path: Path
) -> None:
    vault = open_vault(tmp_path / "keys")
    async with open_pool(database.app_url) as pool:
        ledger = PostgresLedger(pool, Encoder(vault=vault))
        await a_request(ledger, title="[erased]")
        bob: dict[str, JsonValue] = {"id": "bob", "name": "Bob"}
        said = event(
            actor=bob,
            reason="[erased]",
            decision_id="[erased]",
            channel="[sealed]",
            data={"facts": {"a": ["[sealed]"]}},
        )
        await ledger.append([said])
        story = await story_of(ledger)
    assert story.unreadable("[erased]") == story.unreadable("[sealed]") == ()
    assert story.events[-1].body["reason"] == '"[erased]"'
    assert story.title == '"[erased]"'
    told = Page(page(record_of(story))).text
    assert "have been erased" not in told
    assert "cannot be opened here" not in told


async def pruned(database: Database, request: str) -> None:
    """Prune a request's events, as the database does it."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("alter table audit.event disable trigger user")
        gone = connection.execute(
            "with gone as (delete from audit.event where stream = %s returning *)"
            " insert into audit.pruned (seq, kind, occurred, signature, signing_key, anchor,"
            " retention_class, body_digest, tombstone)"
            " select seq, kind, occurred, signature, signing_key, anchor, retention_class,"
            " sha256(body), 1 from gone",
            [request],
        )
        assert gone.rowcount > 0


async def test_nothing_is_counted_out_of_the_rule_for_want_of_its_events(
    database: Database, ledger: PostgresLedger
) -> None:
    await a_request(ledger)
    await a_request(ledger, "expense-2")
    before = counted([each async for each in ledger.reports.requests(MARCH)], MARCH)
    await pruned(database, "expense-1")
    after = counted([each async for each in ledger.reports.requests(MARCH)], MARCH)
    alone = {each.what: each.requests for each in after.exceptions}[Exceptional.ALONE]
    assert (alone, after.pruned, before.pruned) == (0, 1, 0)
    assert after.outcomes == before.outcomes
    told = Page(page(summary_of(after, as_of=MARCH.ends))).text
    assert "of 1 request nobody can read all events any more" in told


async def test_a_record_says_what_was_pruned(database: Database, ledger: PostgresLedger) -> None:
    await a_request(ledger)
    await pruned(database, "expense-1")
    told = Page(page(record_of(await story_of(ledger)))).text
    assert "4 of 4 events were pruned" in told
    assert "all of it can be read" not in told
