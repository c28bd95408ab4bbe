import csv
import dataclasses
import io
import json
import random
import statistics
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.errors import InvalidInputError
from placet.domain.ledger import RecordedEvent
from placet.reporting.document import Bars, Block
from placet.reporting.page import page
from placet.reporting.paper import paper
from placet.reporting.period.counting import Summary, counted
from placet.reporting.period.exceptions import Exceptional
from placet.reporting.period.facts import COUNTED, Happening, Period, RequestFacts
from placet.reporting.period.machine import as_csv, as_json
from placet.reporting.period.speed import Stopwatch
from placet.reporting.period.summing import span, summary_of
from placet.reporting.reading import text
from tests.reporting import scenes
from tests.reporting.reading import Page, paper_text, solid
from tests.reporting.scenes import Telling, row_of

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
SCENES = {
    "approved": scenes.approved(),
    "timed-out": scenes.timed_out(),
    "rejected": scenes.rejected(),
    "broken": scenes.broken(),
    "open": scenes.open_one(),
}


def facts(telling: Telling, request: str) -> RequestFacts:
    """Return what the database would tell of a request."""
    row = row_of(telling.events)
    return RequestFacts(
        request=request,
        pipeline=row.pipeline,
        requester=row.requester_id or "",
        submitted=row.submitted_at,
        revision=row.revision,
        outcome=row.outcome_kind or "",
        by=row.outcome_by or "",
        effect=row.effect or "",
        events=[happening(each) for each in telling.events if each.kind in set(COUNTED)],
    )


def happening(event: RecordedEvent) -> Happening:
    """Return what the database would tell of an event."""
    body = event.body
    detail = {
        "reviewers:stage:passed": text(body, "data", "by"),
        "caller:message:refused": text(body, "data", "refusal"),
        "timer:stage:escalated": text(body, "data", "mode"),
    }
    return Happening(
        event.kind,
        event.occurred,
        text(body, "actor", "id") or text(body, "actor", "address"),
        text(body, "stage"),
        text(body, "actor", "assurance"),
        detail.get(event.kind, ""),
        int(text(body, "revision")),
    )


def a_month(*, sample: int = 0, seed: int = 0) -> Summary:
    """Return the summary of one request of each scene."""
    found = [facts(telling, name) for name, telling in SCENES.items()]
    return counted(found, MARCH, sample=sample, seed=seed)


def test_requests_are_counted_by_outcome_and_what_brought_it_about() -> None:
    assert a_month().outcomes == (
        ("expense", "approved", "break-glass", 1),
        ("expense", "approved", "people", 1),
        ("expense", "approved", "timeout", 1),
        ("expense", "open", "", 1),
        ("expense", "rejected", "people", 1),
    )


@pytest.mark.parametrize(
    ("what", "requests"),
    [
        (Exceptional.GLASS, ["broken"]),
        # Nobody but a deadline, and nobody but who broke the glass, has approved these.
        (Exceptional.ALONE, ["timed-out", "broken"]),
        (Exceptional.DEADLINE, ["timed-out"]),
        (Exceptional.OWN, ["approved"]),
        (Exceptional.LATE, ["approved"]),
        (Exceptional.REFUSED, ["approved"]),
        (Exceptional.CLAIMED, []),
        (Exceptional.FAILED, []),
    ],
)
def test_what_was_out_of_the_rule_is_named(what: Exceptional, requests: list[str]) -> None:
    (found,) = (each for each in a_month().exceptions if each.what is what)
    assert (list(found.named), found.requests) == (requests, len(requests))


def test_an_approval_by_nobody_who_was_verified_is_an_exception() -> None:
    told = scenes.open_one()
    told.world.send("approve", "bob")
    summary = counted([facts(told, "claimed")], MARCH)
    (found,) = (each for each in summary.exceptions if each.what is Exceptional.CLAIMED)
    assert found.named == ("claimed",)


def test_a_failed_effect_and_a_changed_request_are_exceptions() -> None:
    told = scenes.open_one()
    told.world.send("approve", "bob")
    told.add("effect:run:failed", {"data": {"effect": "failed"}, "revision": 1})
    told.add("reviewer:request:edit_proposed", {"data": {}, "revision": 1})
    named = {each.what: each.named for each in counted([facts(told, "x")], MARCH).exceptions}
    assert named[Exceptional.FAILED] == named[Exceptional.EDITED] == ("x",)


def test_people_are_counted_with_their_verdicts_and_how_many_were_verified() -> None:
    found = {each.person: each for each in a_month().reviewers}
    assert (found["bob"].approved, found["bob"].rejected, found["bob"].verified) == (1, 1, 0)
    assert (found["carol"].approved, found["carol"].verified) == (1, 1)


def test_lengths_run_from_submitted_and_from_opened_to_decided() -> None:
    summary = a_month()
    ((pipeline, decided),) = summary.decided
    assert (pipeline, decided.count, decided.longest) == ("expense", 4, 48 * 3600)
    stages = {stage: figures for _, stage, figures in summary.stages}
    assert stages["finance"].longest == 0
    assert dict(summary.lengths)["4 to 24 hours"] == 1


@given(st.lists(st.floats(0, 1e7), min_size=1))
def test_figures_of_lengths_are_exact(seconds: list[float]) -> None:
    watch = Stopwatch()
    for each in seconds:
        watch.add(timedelta(seconds=each))
    rounded = sorted(timedelta(seconds=each).total_seconds() for each in seconds)
    figures = watch.figures()
    assert figures.median == statistics.median_low(rounded)
    assert sum(each <= figures.ninetieth for each in rounded) >= 0.9 * len(rounded)
    assert figures.longest == rounded[-1]
    assert sum(count for _, count in watch.buckets()) == len(seconds)


def plain_facts(number: int) -> RequestFacts:
    return RequestFacts(f"case-{number}", "expense", "rita", AS_OF, 1, "", "", "", ())


@given(st.randoms(use_true_random=False), st.integers(0, 40), st.integers())
def test_a_sample_depends_on_the_seed_and_on_no_order(
    chance: random.Random, size: int, seed: int
) -> None:
    requests = [plain_facts(number) for number in range(30)]
    first = counted(requests, MARCH, sample=size, seed=seed).sample
    chance.shuffle(requests)
    assert counted(requests, MARCH, sample=size, seed=seed).sample == first
    assert len(first) == len({each.request for each in first}) == min(size, 30)


def test_another_seed_draws_other_requests_and_every_request_can_be_drawn() -> None:
    requests = [plain_facts(number) for number in range(30)]
    drawn = [
        {each.request for each in counted(requests, MARCH, sample=5, seed=seed).sample}
        for seed in range(40)
    ]
    assert drawn[0] != drawn[1]
    assert set().union(*drawn) == {each.request for each in requests}


def test_a_period_is_whole_days_in_utc() -> None:
    assert MARCH.begins == datetime(2026, 3, 1, tzinfo=UTC)
    assert MARCH.ends == datetime(2026, 4, 1, tzinfo=UTC)
    with pytest.raises(InvalidInputError, match="swap"):
        Period(MARCH.last, MARCH.first)


def test_the_report_says_the_same_as_html_and_as_pdf() -> None:
    document = summary_of(a_month(sample=3, seed=7), as_of=AS_OF, names={"bob": "Bohumil Černý"})
    html, pdf = Page(page(document)), paper_text(paper(document))
    assert html.tables == html.captions > 8
    for each in (
        "5 requests submitted",
        "3 approved, 1 rejected, 1 open",
        "Carried out before review (break-glass) 1 20.0 % 1",
        "Bohumil Černý (bob) 1 1 0 0.0 %",
        "own request 1",
        "Sample of 3 by seed 7",
        "the ledger has no checkpoint yet",
    ):
        assert each in html.text
        assert solid(each) in pdf


def empty(block: Block) -> bool:
    """Say whether a reader would see a heading and nothing under it."""
    return isinstance(block, Bars) and not block.bars


def test_what_was_looked_for_and_not_found_is_said() -> None:
    told = Page(page(summary_of(a_month(), as_of=AS_OF))).text
    assert "found in no request: An escalation decided in the reviewers' place; " in told
    assert "The approval was revoked 0" not in told


def test_what_brought_an_outcome_about_is_said_in_words() -> None:
    told = Page(page(summary_of(a_month(sample=5), as_of=AS_OF))).text
    assert "approved breaking the glass 1" in told
    assert "approved by a deadline" in told
    assert "timeout" not in told


def test_an_empty_period_is_a_report_too() -> None:
    document = summary_of(counted([], MARCH), as_of=AS_OF)
    told = Page(page(document)).text
    assert "0 requests submitted" in told
    assert "No request was submitted." in told
    assert "No request was out of the rule." in told
    assert "Nothing was decided." in told
    assert "2026-03-02" not in told
    assert "under 1 hour" not in told
    assert not [block for part in document.sections for block in part.blocks if empty(block)]
    assert paper(document).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("last", "unit", "labels"),
    [
        (
            date(2026, 3, 31),
            "Day",
            ["2026-03-01", "2026-03-02", "2026-03-03 to 2026-03-30", "2026-03-31"],
        ),
        (
            date(2026, 6, 30),
            "Week from",
            [
                "2026-02-23",
                "2026-03-02",
                "2026-03-09 to 2026-03-23",
                "2026-03-30",
                "2026-04-06 to 2026-06-29",
            ],
        ),
        (date(2027, 2, 28), "Month", ["2026-03", "2026-04 to 2027-02"]),
        (date(9998, 12, 31), "Month", ["2026-03", "2026-04 to 9998-12"]),
    ],
)
def test_time_is_shown_in_parts_and_empty_ones_in_a_row_are_one(
    last: date, unit: str, labels: list[str]
) -> None:
    summary = counted([plain_facts(1)], Period(date(2026, 3, 1), last))
    days = ((date(2026, 3, 2), 1), (date(2026, 3, 31), 2))
    document = summary_of(dataclasses.replace(summary, days=days), as_of=AS_OF)
    drawn = document.sections[0].blocks[2]
    assert isinstance(drawn, Bars)
    assert drawn.heads[0] == unit
    assert [bar.label for bar in drawn.bars] == labels
    assert sum(bar.value for bar in drawn.bars) == 3


def test_programs_get_json_and_csv() -> None:
    summary = a_month(sample=2, seed=1)
    told = json.loads(as_json(summary))
    assert told["total"] == 5
    assert told["period"] == {"first": "2026-03-01", "last": "2026-03-31", "pipeline": None}
    rows = list(csv.DictReader(io.StringIO(as_csv(summary).decode())))
    assert {"figure": "requests", "pipeline": "", "of": "", "detail": "", "value": "5"} in rows
    drawn = [row["of"] for row in rows if row["figure"] == "sample"]
    assert drawn == [each["request"] for each in told["sample"]]


@pytest.mark.rule(number=12)
def test_no_cell_is_a_formula() -> None:
    event = Happening("caller:message:refused", AS_OF, "=cmd|' /C calc'!A0", "", "", "own_request")
    request = RequestFacts("@case", "+p", "", AS_OF, 1, "", "", "", (event,))
    rows = csv.reader(io.StringIO(as_csv(counted([request], MARCH, sample=1)).decode()))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (3600, "1 h"), (183_600, "2 d 3 h")]
)
def test_a_length_is_written_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert span(seconds) == shown
