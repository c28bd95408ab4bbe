import dataclasses
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from placet.domain.ledger import RecordedEvent
from placet.domain.vocabulary import Kind
from placet.personal.sealing import ERASED
from placet.reporting.document import Document, Facts, Note, Tone
from placet.reporting.page import page
from placet.reporting.paper import paper
from placet.reporting.proof import Place, head_of
from placet.reporting.record import Story, record_of
from tests.reporting import scenes
from tests.reporting.reading import Page, paper_text, solid, squeezed
from tests.reporting.scenes import CONTENT, SHIPPED, Telling

SCENES = (
    scenes.approved,
    scenes.timed_out,
    scenes.rejected,
    scenes.broken,
    scenes.open_one,
)
TOKEN = f"sealed:{'c4' * 32}"


def said(story: Story) -> str:
    return Page(page(record_of(story))).text


def notes(document: Document) -> dict[str, Tone]:
    blocks = [*document.opening, *(each for part in document.sections for each in part.blocks)]
    return {block.title: block.tone for block in blocks if isinstance(block, Note)}


@pytest.mark.parametrize("scene", SCENES)
def test_every_review_has_its_name_its_time_and_its_meaning(scene: Callable[[], Telling]) -> None:
    story = scene().story()
    document = record_of(story)
    html, pdf = Page(page(document)).text, paper_text(paper(document))
    meanings = {
        Kind.APPROVED: "Approved: agreed to exactly the content",
        Kind.REJECTED: "Rejected: refused the content",
        Kind.GLASS_BROKEN: "Broke the glass: had it carried out before it was reviewed",
    }
    reviews = [each for each in story.events if each.kind in meanings]
    for review in reviews:
        actor = review.body["actor"]
        assert isinstance(actor, dict)
        for told in (
            f"{actor['name']} ({actor['id']})",
            f"{review.occurred:%Y-%m-%d %H:%M:%S} UTC",
            meanings[Kind(review.kind)],
            str(review.body["reason"]),
        ):
            assert squeezed(told) in html
            assert solid(told) in pdf


@pytest.mark.parametrize("scene", SCENES)
def test_every_event_is_told_and_named_by_its_leaf(scene: Callable[[], Telling]) -> None:
    story = scene().story()
    document = record_of(story)
    html, pdf = Page(page(document)).text, paper_text(paper(document))
    for event in story.events:
        assert event.leaf in html
        assert event.leaf in pdf
        assert event.event_id in html


@pytest.mark.parametrize(
    ("scene", "verdict", "tone"),
    [
        (scenes.approved, "Approved by people", Tone.GOOD),
        (scenes.timed_out, "Approved by a deadline; not by people alone", Tone.WARNING),
        (scenes.rejected, "Rejected by people", Tone.PLAIN),
        (
            scenes.broken,
            "Approved by breaking the glass, before anybody had reviewed it",
            Tone.WARNING,
        ),
        (scenes.open_one, "Still open: pending in stage manager", Tone.PLAIN),
    ],
)
def test_how_it_ended_is_said_first(scene: Callable[[], Telling], verdict: str, tone: Tone) -> None:
    first = record_of(scene().story()).opening[0]
    assert isinstance(first, Note)
    assert (first.title, first.tone) == (verdict, tone)


def test_the_content_the_rules_and_the_seats_are_told() -> None:
    told = said(scenes.approved().story())
    digest = hashlib.sha256(CONTENT).hexdigest()
    for each in (
        f"SHA-256 of all of it {digest}",
        "dinner.pdf application/pdf 17.8 KiB " + "5e" * 32,
        f"Policy expense, version {SHIPPED.ref.version}",
        SHIPPED.ref.digest,
        "Group manager Needed to approve: any; to reject: any Seats: Bohumil Černý (bob)",
        "claimed: the message named this person, and nothing proved that it was they",
        "verified: a login or a signature proved that it was they",
    ):
        assert each in told


def test_nudges_refusals_and_the_bank_are_told() -> None:
    told = said(scenes.approved().story())
    for each in (
        "Reminded bob",
        "Escalated to directors: dora: no decision in time",
        "Somebody tried to decide about their own request",
        "Dora: reject came too late",
        "Paid 120.00 EUR to Alice Adams",
        "The bank has settled the payment",
        "Used used 2026-03-02 17:00:00 UTC",
    ):
        assert each in told


def test_times_are_told_in_the_zone_of_the_organisation_too() -> None:
    story = scenes.open_one().story()
    assert "2026-03-02 08:00:00 UTC 2026-03-02 09:00:00 CET (Europe/Berlin)" in said(story)
    assert "CET" not in said(dataclasses.replace(story, policies={}))


def test_what_is_not_sealed_is_said_plainly() -> None:
    story = scenes.approved().story()
    assert notes(record_of(story))["Not sealed yet"] is Tone.WARNING
    assert "Appendix" not in said(story)


def test_paths_lead_from_every_sealed_leaf_to_the_root() -> None:
    story = scenes.approved().story()
    proved = dataclasses.replace(story, proof=scenes.proved(story))
    document = record_of(proved)
    sealed = len(story.events) - 1
    assert f"{sealed} of {sealed + 1} events are sealed" in notes(document)
    told = Page(page(document)).text
    head = head_of(proved.proof.note)
    assert head is not None
    assert f"Root {head.root}" in told
    assert "witness witness.example+3176bd45 2026-03-03 01:06:40 UTC" in told
    for place in proved.proof.places.values():
        assert " ".join(place.path) in told


def test_a_path_that_leads_elsewhere_is_a_finding() -> None:
    story = scenes.rejected().story()
    proof = scenes.proved(story)
    seq, place = next(iter(proof.places.items()))
    false = Place(place.position, ("00" * 32, *place.path[1:]))
    changed = dataclasses.replace(proof, places={**proof.places, seq: false})
    found = notes(record_of(dataclasses.replace(story, proof=changed)))
    assert found["The proof does not hold"] is Tone.BAD


def without_texts(event: RecordedEvent, mark: str = ERASED) -> RecordedEvent:
    """Return an event whose personal texts nobody can reveal any more."""
    body = json.loads(json.dumps(event.body))
    for holder, name in (
        (body.get("actor"), "name"),
        (body.get("actor"), "address"),
        (body, "reason"),
        (body.get("data"), "title"),
        (body.get("state"), "title"),
        ((body.get("state") or {}).get("requester"), "name"),
    ):
        if holder and holder.get(name) is not None:
            holder[name] = mark
    return event.model_copy(update={"body": body})


def test_what_has_been_erased_is_said_with_why_and_what_stays() -> None:
    story = scenes.approved().story()
    erased = dataclasses.replace(
        story,
        row=story.row.model_copy(update={"title": ERASED, "requester_name": ERASED}),
        recorded=tuple(without_texts(each) for each in story.recorded),
        contents={},
    )
    document = record_of(erased)
    assert document.title == story.row.request
    told, pdf = Page(page(document)).text, paper_text(paper(document))
    assert "Bohumil" not in told
    assert "It fits the budget" not in told
    for each in (
        "It was erased; the request's id stands in its place",
        "have been erased",
        "actor.name",
        "data.title",
        "The content is no longer kept",
        "GDPR, article 17, paragraph 3, letters b and e",
        "[erased] (bob)",
        "2026-03-02 17:00:00 UTC",
    ):
        assert each in told
        assert solid(each) in pdf


def test_what_cannot_be_opened_here_is_not_said_to_be_erased() -> None:
    story = scenes.rejected().story()
    closed = tuple(without_texts(each, TOKEN) for each in story.recorded)
    told = said(dataclasses.replace(story, recorded=closed))
    assert "sealed:" not in told
    assert "cannot be opened here" in told
    assert "have been erased" not in told


def test_a_title_that_cannot_be_opened_here_gives_way_to_the_requests_id() -> None:
    story = scenes.rejected().story()
    closed = dataclasses.replace(story, row=story.row.model_copy(update={"title": TOKEN}))
    document = record_of(closed)
    assert document.title == story.row.request
    assert "It cannot be opened here; the request's id stands in its place" in said(closed)


def test_content_that_is_not_what_was_decided_about_is_a_finding() -> None:
    story = scenes.open_one().story()
    digest = story.row.digest
    assert digest is not None
    found = notes(record_of(dataclasses.replace(story, contents={digest: b'{"title": "Other"}'})))
    assert found["The stored content is not what was decided about"] is Tone.BAD


def test_a_review_of_an_earlier_revision_no_longer_counts() -> None:
    told = scenes.open_one()
    told.world.send("request_changes", "bob", reason="name the guests")
    told.world.after(1)
    told.world.resubmit("rita")
    facts = [
        dict(block.rows)
        for part in record_of(told.story()).sections
        for block in part.blocks
        if isinstance(block, Facts) and block.title.startswith("Asked for changes")
    ]
    assert facts[0]["Counts"] == "no longer: the request was changed afterwards"


def test_a_body_of_another_version_stops_nothing() -> None:
    story = scenes.approved().story()
    odd = {"actor": ["bob"], "data": "?", "policy": 3, "state": [], "waiting_for": {"a": 1}}
    recorded = tuple(
        each.model_copy(update={"body": {**each.body, **odd}}) for each in story.recorded
    )
    assert "What happened" in said(dataclasses.replace(story, recorded=recorded))


def test_the_same_facts_give_the_same_bytes() -> None:
    first, second = (record_of(scenes.approved().story()) for _ in range(2))
    assert page(first) == page(second)
    assert paper(first) == paper(second)
    later = dataclasses.replace(first, as_of=first.as_of + timedelta(days=1))
    assert paper(later) != paper(first)
