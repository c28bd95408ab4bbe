"""What a case shows of itself, what it leaves behind, and what it costs."""

import json
from collections import Counter
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from placet.proof.leaf import leaf_hash
from tests.support.leaves import leaf_event
from tests.workflows.office import Handle, Office, expense

ALICE, BOB = "alice@example.com", "bob@example.com"

EVENTS_AT_MOST = 36
"""What a one-stage approval may cost in history events, with its notices and its payment."""


async def test_the_status_tells_the_whole_case(office: Office) -> None:
    handle = await office.submit(expense(cost_centre="CC-COMMITTEE"))
    await office.decide(handle, "approve", "erin@example.com", reason="fine")
    status = await office.status(handle)
    assert status["request"] == handle.id
    assert (status["pipeline"], status["status"], status["stage"]) == (
        "expense",
        "pending",
        "committee",
    )
    assert (status["title"], status["amount"]) == ("Team dinner", "120.00 EUR")
    assert [row["person"] for row in status["waiting_for"]] == ["frank", "heidi"]
    (review,) = status["reviews"]
    assert (review["person"]["id"], review["action"], review["reason"]) == (
        "erin",
        "approve",
        "fine",
    )
    assert status["plan"]["route"] == "committee"


async def details(handle: Handle) -> str:
    """Return what Temporal's UI shows of a case."""
    metadata: Any = await handle.query("__temporal_workflow_metadata")
    return str(metadata.current_details)


async def test_temporals_ui_shows_for_whom_the_case_waits_and_until_when(office: Office) -> None:
    handle = await office.submit(expense(title="**Dinner** <script>"))
    due = (await office.settled(handle))["due"]
    shown = await details(handle)
    assert "Bob Okafor" in shown
    assert due in shown
    assert "<script>" not in shown
    assert "**Dinner**" not in shown


async def test_temporals_ui_shows_how_the_case_ended(office: Office) -> None:
    handle = await office.submit()
    await office.decide(handle, "approve", BOB)
    await office.result(handle)
    shown = await details(handle)
    assert "approved by people" in shown
    assert "payment: done" in shown


async def test_every_receipt_is_what_the_database_has(office: Office) -> None:
    handle = await office.submit()
    answers = [
        await office.decide(handle, "comment", ALICE, reason="please"),
        await office.decide(handle, "request_changes", BOB, reason="add the tip"),
        await office.decide(handle, "resubmit", ALICE, request=expense("125.00 EUR")),
        await office.decide(handle, "approve", BOB),
    ]
    result = await office.result(handle)
    events = {event.event_id: event for event in await office.timeline(handle)}
    for answer in answers:
        event = events[answer["event"]]
        assert (event.leaf, event.seq) == (answer["leaf"], answer["seq"])
    assert result.event in events
    assert events[result.event].leaf == result.leaf
    for event in await office.ledger.sealed_timeline(handle.id):
        assert leaf_hash(leaf_event(event)).hex() == event.leaf


async def test_the_lists_say_what_the_ledger_says(office: Office) -> None:
    handle = await office.submit()
    await office.settled(handle)
    (row,) = await office.ledger.requests(reviewer="bob")
    assert (row.request, row.status, row.stage) == (handle.id, "pending", "manager")
    await office.decide(handle, "approve", BOB)
    await office.result(handle)
    assert await office.ledger.requests(reviewer="bob") == []
    (row,) = await office.ledger.requests()
    assert (row.status, row.outcome_by, row.effect) == ("approved", "people", "done")


async def test_the_ledger_tells_who_when_why_and_how_sure_we_are(office: Office) -> None:
    office.people.change("bob", roles=["head-of-sales"])
    handle = await office.submit()
    digest = (await office.settled(handle))["digest"]
    await office.decide(handle, "approve", BOB, reason="within budget", digest=digest)
    await office.result(handle)
    (review,) = await office.told(handle, "reviewer:review:approved")
    assert review["actor"] == {
        "id": "bob",
        "name": "Bob Okafor",
        "address": BOB,
        "on_behalf_of": None,
        "role": "manager",
        "roles": ["head-of-sales"],
        "assurance": "claimed",
        "channel": "update",
    }
    assert (review["reason"], review["digest_shown"]) == ("within budget", digest)
    assert review["policy"]["id"] == "expense"
    assert review["occurred"] >= (await office.timeline(handle))[0].body["occurred"]


async def test_every_kind_of_event_is_written_in_the_order_it_happened(office: Office) -> None:
    handle = await office.submit()
    # Notices are delivered beside the case, and may come to stand behind what followed them.
    await office.recorded(handle, "system:notice:sent")
    await office.decide(handle, "approve", BOB)
    await office.result(handle)
    assert await office.kinds(handle) == [
        "requester:request:submitted",
        "system:request:planned",
        "system:stage:opened",
        "reviewer:review:approved",
        "reviewers:stage:passed",
        "system:case:decided",
        "system:permit:issued",
        "effect:permit:consumed",
        "effect:run:done",
    ]
    occurred = [event.occurred for event in await office.timeline(handle)]
    assert occurred == sorted(occurred)


@pytest.mark.parametrize("by_update", [False, True], ids=["signal", "update"])
async def test_an_approval_with_its_notices_and_its_payment_costs_few_events(
    office: Office, *, by_update: bool
) -> None:
    handle = await office.submit()
    await office.recorded(handle, "system:notice:sent")
    await office.idle(handle)
    if by_update:
        await office.decide(handle, "approve", BOB)
    else:
        await office.signal(handle, "approve", BOB)
    assert (await office.result(handle)).effect == "done"
    events = (await office.history(handle)).events
    cost = Counter(EventType.Name(e.event_type).removeprefix("EVENT_TYPE_") for e in events)
    assert len(events) <= EVENTS_AT_MOST, json.dumps(cost, indent=1)
