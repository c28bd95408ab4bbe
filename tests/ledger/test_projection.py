import asyncio
import re
from datetime import UTC, datetime
from importlib import resources

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from placet.db import migrations
from placet.domain.errors import InvalidInputError
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger, open_pool
from tests.conftest import Database
from tests.ledger.stories import approved, event, opened, person, state, submitted


async def test_a_request_is_listed_as_its_newest_state_says(ledger: PostgresLedger) -> None:
    await ledger.append([submitted()])
    before = await ledger.request("expense-1")
    assert before is not None
    assert (before.status, before.title, before.requester_id) == ("planning", None, None)

    await ledger.append([opened(), approved()])
    row = await ledger.request("expense-1")

    assert row is not None
    assert row.model_dump() == {
        "request": "expense-1",
        "pipeline": "expense",
        "revision": 1,
        "digest": approved().body["digest"],
        "title": "Team dinner",
        "requester_id": "alice",
        "requester_name": "Alice Ash",
        "status": "approved",
        "stage": "manager",
        "due": datetime(2026, 3, 4, 8, tzinfo=UTC),
        "outcome_kind": "approved",
        "outcome_by": "people",
        "outcome_reason": None,
        "amount": "120.00 EUR",
        "route": "manager",
        "effect": None,
        "submitted_at": submitted().occurred,
        "updated_at": approved().occurred,
    }


async def test_a_review_is_listed_with_who_gave_it_and_what_they_saw(
    ledger: PostgresLedger,
) -> None:
    receipts = await ledger.append([submitted(), opened(), approved()])
    (review,) = await ledger.reviews("expense-1")

    assert review.model_dump() == {
        "event_id": receipts[2].event_id,
        "request": "expense-1",
        "stream_seq": 3,
        "verdict": "approved",
        "actor_id": "bob",
        "actor_name": "Bob",
        "on_behalf_of": "dora",
        "role": "manager",
        "assurance": "verified",
        "channel": "signal",
        "stage": "manager",
        "revision": 1,
        "digest": approved().body["digest"],
        "reason": "within budget",
        "decision_id": "decision-1",
        "reviewed_at": approved().occurred,
    }


async def test_whom_a_request_waits_for_is_replaced_and_not_added_to(
    ledger: PostgresLedger,
) -> None:
    await ledger.append([submitted(), opened("expense-1", "bob", "carol")])
    await ledger.append([event("directory:roster:changed", waiting_for=[
        person("dan", on_behalf_of="bob"), person("carol")])])  # fmt: skip
    await ledger.append([event(), event(state=state())])

    rows = await ledger.assignments(["expense-1"])
    assert [(row.person, row.on_behalf_of, row.group) for row in rows] == [
        ("dan", "bob", "managers"),
        ("carol", None, "managers"),
    ]
    assert await ledger.requests(reviewer="bob") == []
    assert [row.request for row in await ledger.requests(reviewer="dan")] == ["expense-1"]

    await ledger.append([approved()])
    assert await ledger.assignments(["expense-1"]) == []


async def test_lists_filter_and_page(ledger: PostgresLedger) -> None:
    for number in range(6):
        name = f"expense-{number}"
        await ledger.append([event("requester:request:submitted", request=name, minute=number // 2,
            pipeline="expense" if number % 2 else "access", waiting_for=[person(f"p{number}")],
            state=state("pending" if number < 4 else "approved",
                        requester={"id": f"r{number % 3}", "name": None}))])  # fmt: skip

    async def names(**filters: str | int) -> str:
        rows = await ledger.requests(**filters)  # type: ignore[arg-type]
        return "".join(row.request[-1] for row in rows)

    assert await names() == "543210"
    assert await names(status="pending") == "3210"
    assert await names(pipeline="access") == "420"
    assert await names(requester="r0") == "30"
    assert await names(reviewer="p2", status="pending", pipeline="access") == "2"
    assert await names(reviewer="p2", status="approved") == ""
    assert await names(limit=2) == "54"
    assert await names(limit=2, after="expense-4") == "32"
    assert await names(limit=2, after="expense-0") == ""
    assert await names(status="' or true --") == ""
    assert await names(limit=-5) == "5"


@pytest.mark.parametrize(
    ("kind", "data", "effect"),
    [
        ("effect:run:done", {"effect": "done"}, "done"),
        ("effect:run:failed", {"effect": "failed"}, "failed"),
        ("bank:payment:rejected", {"effect": "failed"}, "failed"),
        # These carry a word of the same name that means something else, or nothing.
        ("bank:payment:settled", {}, "pending"),
        ("system:notice:sent", {"effect": "done"}, "pending"),
    ],
)
async def test_effects_and_the_bank_say_how_far_the_effect_has_come(
    ledger: PostgresLedger, kind: str, data: dict[str, JsonValue], effect: str
) -> None:
    await ledger.append([submitted(), event(state=state("approved", effect="pending"))])
    await ledger.append([event(kind, data=data)])

    row = await ledger.request("expense-1")
    assert row is not None
    assert (row.effect, row.status) == (effect, "approved")


async def test_what_lasts_is_listed_with_its_end_until_it_is_over(ledger: PostgresLedger) -> None:
    pending = state("approved", due=None, effect="pending")
    over = state("approved", due=None, effect="ending")
    until = "2026-03-02T16:00:00Z"

    async def listed() -> tuple[str | None, datetime | None]:
        row = await ledger.request("expense-1")
        assert row is not None
        return row.effect, row.due

    await ledger.append([submitted(), event(state=pending)])
    await ledger.append([event("effect:run:done", data={"effect": "in_force", "until": until})])
    assert await listed() == ("in_force", datetime(2026, 3, 2, 16, tzinfo=UTC))
    # Somebody commented while it ran, and was written down just after.
    await ledger.append([event(state=pending)])
    assert await listed() == ("in_force", datetime(2026, 3, 2, 16, tzinfo=UTC))
    await ledger.append([event("timer:effect:over", state=over)])
    assert await listed() == ("ending", None)
    await ledger.append([event("effect:run:ended", data={"effect": "ended"}), event(state=over)])
    assert await listed() == ("ended", None)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(event(state={"title": "no status"}), id="state without a status"),
        pytest.param(event(state=state(due="soon")), id="due is no instant"),
        pytest.param(event(state=state(effect="maybe")), id="unknown effect state"),
        pytest.param(event(waiting_for=["bob"]), id="somebody without an id"),
        pytest.param(event(waiting_for=[{"name": "Bob"}]), id="somebody with a name only"),
        pytest.param(event("reviewer:review:approved"), id="review without an actor"),
        pytest.param(event("effect:run:failed", data={"effect": "odd"}), id="odd effect"),
        pytest.param(event("system:permit:issued", data={}), id="permit without anything"),
    ],
)
async def test_a_body_that_cannot_be_projected_is_refused(
    ledger: PostgresLedger, bad: LedgerEvent
) -> None:
    await ledger.append([submitted()])

    with pytest.raises(InvalidInputError):
        await ledger.append([bad])

    assert len(await ledger.timeline("expense-1")) == 1


@pytest.mark.parametrize("kind", ["reviewer:review:approved", "effect:run:failed"])
async def test_an_event_about_a_request_that_nothing_described_is_refused(
    ledger: PostgresLedger, kind: str
) -> None:
    with pytest.raises(InvalidInputError, match="record its state first"):
        await ledger.append([event(kind, actor={"id": "bob"}, data={"effect": "failed"})])


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(event(waiting_for=5), id="nobody to wait for"),  # type: ignore[arg-type]
        pytest.param(event(waiting_for=[{"name": "x"}]), id="somebody without an id"),
        pytest.param(event(waiting_for=[7]), id="a number instead of a person"),
        pytest.param(event(state={"title": "no status"}), id="state without a status"),
        pytest.param(event(state=state(), pipeline=None), id="state without a pipeline"),
        pytest.param(event(state=state(), revision="one"), id="a revision that is no number"),
        pytest.param(event(state=state(effect="odd")), id="an effect that is none"),
        pytest.param(event(state=state(due="never")), id="a due time that is none"),
        pytest.param(event("effect:run:done", data={"effect": "odd"}), id="no effect's word"),
        pytest.param(
            event("effect:run:done", data={"effect": "in_force", "until": "never"}), id="no end"
        ),
    ],
)
async def test_what_cannot_be_projected_is_refused_whatever_comes_after_it(
    ledger: PostgresLedger, bad: LedgerEvent
) -> None:
    good = [
        event(state=state(), waiting_for=[person("bob")]),
        event("effect:run:done", data={"effect": "done"}),
        event(state=state()),
    ]
    with pytest.raises(InvalidInputError):
        await ledger.append([submitted(), bad, *good])
    assert await ledger.timeline("expense-1") == []


async def test_a_permits_event_about_a_request_that_nothing_described_waits_for_nobody(
    ledger: PostgresLedger, database: Database
) -> None:
    told = event("system:permit:odd", waiting_for=[person("bob")])
    with pytest.raises(InvalidInputError, match="record its state first"):
        await ledger.append([told])
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute("select * from inbox.assignment").fetchall() == []


names = st.sampled_from(["expense-1", "expense-2", "expense-3"])
people = st.lists(st.sampled_from(["bob", "carol", "dan"]), max_size=3)
later_events = st.one_of(
    st.builds(
        lambda request, status, minute, effect: event(
            request=request, minute=minute, state=state(status, due=None, effect=effect)
        ),
        names,
        st.sampled_from(["pending", "approved", "failed"]),
        st.integers(0, 99),
        st.sampled_from([None, "pending", "ending"]),
    ),
    st.builds(
        lambda request, who: event(request=request, waiting_for=[person(name) for name in who]),
        names,
        people,
    ),
    st.builds(
        lambda request, verdict: event(
            f"reviewer:review:{verdict}", request=request, actor={"id": "bob"}
        ),
        names,
        st.sampled_from(["approved", "rejected", "changes_requested", "held"]),
    ),
    st.builds(
        lambda request, effect: event("effect:run:done", request=request, data={"effect": effect}),
        names,
        st.sampled_from(["done", "failed", "in_force", "ended", "pending", "ending"]),
    ),
    st.builds(lambda request: event(request=request), names),
)

SNAPSHOT = """
select jsonb_build_object(
    'request', (select jsonb_agg(to_jsonb(r) order by request) from inbox.request r),
    'assignment', (select jsonb_agg(to_jsonb(a) order by request, place) from inbox.assignment a),
    'review', (select jsonb_agg(to_jsonb(v) order by event_id) from inbox.review v)
)
"""


@pytest.mark.rule(number=11)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(later=st.lists(later_events, min_size=1, max_size=25))
def test_rebuilt_lists_are_the_same_as_the_live_ones(
    database: Database, later: list[LedgerEvent]
) -> None:
    async def record() -> None:
        async with open_pool(database.app_url) as pool:
            await PostgresLedger(pool).append(
                [submitted("expense-1"), submitted("expense-2"), submitted("expense-3"), *later]
            )

    asyncio.run(record())
    with psycopg.connect(database.admin_url) as connection:
        live = connection.execute(SNAPSHOT).fetchone()
        connection.execute("update inbox.request set status = 'spoiled', title = 'spoiled'")
        connection.execute("delete from inbox.assignment")
        connection.execute("delete from inbox.review where random() < 0.5")
        connection.execute("select inbox.rebuild()")
        assert connection.execute(SNAPSHOT).fetchone() == live


@pytest.mark.rule(number=11)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(later=st.lists(later_events, min_size=1, max_size=25))
def test_lists_of_whole_batches_are_those_that_one_event_after_the_other_makes(
    database: Database, later: list[LedgerEvent]
) -> None:
    """The first way of making them, event by event, is still in a migration: it is the measure."""
    text = (resources.files(migrations) / "0010_lasting_effects.sql").read_text(encoding="utf-8")
    (one_by_one,) = re.findall(
        r"create or replace function inbox\.project\(.*?\n\$\$;", text, re.DOTALL
    )

    async def record() -> None:
        async with open_pool(database.app_url) as pool:
            await PostgresLedger(pool).append(
                [submitted("expense-1"), submitted("expense-2"), submitted("expense-3"), *later]
            )

    asyncio.run(record())
    with psycopg.connect(database.admin_url) as connection:
        live = connection.execute(SNAPSHOT).fetchone()
        connection.execute(one_by_one)
        connection.execute("select inbox.rebuild()")
        assert connection.execute(SNAPSHOT).fetchone() == live
        connection.rollback()


async def test_a_rebuild_leaves_permits_and_payments_alone(
    ledger: PostgresLedger, database: Database
) -> None:
    issued = event(
        "system:permit:issued",
        data={"permit": "p", "effect": "payment", "digest": "a" * 64, "expires": None},
    )
    await ledger.append([submitted(), issued])
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute("select inbox.rebuild()").fetchone() == (2,)
        assert connection.execute("select count(*) from effect.permit").fetchone() == (1,)
