"""The lists as this program makes them are the lists as the database makes them."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from placet.db.connections import open_pool
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger
from placet.ledger.reconciling import PostgresReconciling
from placet.reconciling.lists import differing, projected
from tests.conftest import Database
from tests.ledger.stories import event, opened, person, state, submitted

REQUEST = "expense-1"
EFFECTS = (
    "waiting",
    "pending",
    "done",
    "failed",
    "stopped",
    "in_force",
    "ending",
    "ended",
    "undone",
)
UNTIL = "2026-03-09T12:30:00.250000Z"


def _said(effect: str, until: str | None, kind: str) -> LedgerEvent:
    return event(kind, data={"effect": effect, "until": until})


def _stated(effect: str, people: list[str] | None, status: str) -> LedgerEvent:
    outcome: JsonValue = (
        {"kind": status, "by": "people", "reason": "so"} if status == "approved" else None
    )
    waiting: list[JsonValue] | None = None
    if people is not None:
        waiting = [person(name, on_behalf_of="dora") for name in people]
    told = state(status, effect=effect, outcome=outcome)
    return event("system:stage:opened", state=told, waiting_for=waiting, minute=9)


def _reviewed(verdict: str, behalf: JsonValue) -> LedgerEvent:
    actor: dict[str, JsonValue] = {
        "id": "bob",
        "name": "Bob",
        "on_behalf_of": behalf,
        "assurance": "claimed",
    }
    return event(f"reviewer:review:{verdict}", actor=actor, reason="so", decision_id="d")


LATER = (
    st.builds(
        _said,
        st.sampled_from(EFFECTS),
        st.sampled_from([None, UNTIL]),
        st.sampled_from(["effect:run:done", "effect:run:ended", "bank:payment:rejected"]),
    )
    | st.builds(
        _stated,
        st.sampled_from(EFFECTS),
        st.none() | st.lists(st.sampled_from(["bob", "carol"]), max_size=2),
        st.sampled_from(["pending", "approved"]),
    )
    | st.builds(
        _reviewed,
        st.sampled_from(["approved", "rejected", "changes_requested", "held"]),
        st.sampled_from([None, "dora", {"id": "dora", "name": "Dora"}]),
    )
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(LATER, min_size=1, max_size=12))
def test_both_make_the_same_lists(database: Database, later: list[LedgerEvent]) -> None:
    request = event().event_id[:20]

    async def look() -> None:
        moved = [_of(request, each) for each in (submitted(), opened(), *later)]
        async with open_pool(database.app_url) as pool:
            await PostgresLedger(pool).append(moved)
            story = await PostgresReconciling(pool).story(request)
        assert len(story.events) == len(moved)
        assert all(each.fits for each in story.events)
        assert list(differing(story)) == []
        row = projected(request, story.events).request
        assert row is not None
        assert row["state_seq"] >= 2

    asyncio.run(look())


def _of(request: str, told: LedgerEvent) -> LedgerEvent:
    """Return an event as one of another request."""
    fresh = event().event_id
    body = {**told.body, "request": request}
    return told.model_copy(update={"event_id": fresh, "stream": request, "body": body})
