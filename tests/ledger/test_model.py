"""Appending batches, compared with a model that takes one event after the other."""

import asyncio
import itertools
from dataclasses import dataclass, field

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.db import open_pool
from placet.domain.errors import ConflictError, InvalidInputError, PlacetError
from placet.domain.ledger import LedgerEvent
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.ledger.stories import event, event_id, state

SUBMITTED = "requester:request:submitted"
COMMENTED = "person:case:commented"
REVIEWED = "reviewer:review:approved"

_worlds = itertools.count()


class Refused(Exception):  # noqa: N818 - the model's word, not an error of the program
    """The model refuses a batch, with this kind of error."""


@dataclass
class Model:
    """What stands in the ledger, told event by event."""

    events: dict[str, LedgerEvent] = field(default_factory=dict)
    stories: dict[str, list[str]] = field(default_factory=dict)
    described: set[str] = field(default_factory=set)

    def append(self, batch: list[LedgerEvent]) -> list[tuple[str, int]]:
        """Append a batch, and return the id and the number in its stream of each event."""
        receipts = []
        for told in batch:
            if told.event_id not in self.events:
                self._new(told)
            elif self.events[told.event_id] != told:
                raise Refused(ConflictError)
            stream = self.events[told.event_id].stream
            receipts.append((told.event_id, self.stories[stream].index(told.event_id) + 1))
        return receipts

    def copy(self) -> "Model":
        """Return another one that stands where this one does."""
        stories = {stream: list(ids) for stream, ids in self.stories.items()}
        return Model(dict(self.events), stories, set(self.described))

    def _new(self, told: LedgerEvent) -> None:
        story = self.stories.setdefault(told.stream, [])
        if told.body["schema"] != "placet.event/1" or told.body["kind"] != told.kind:
            raise Refused(InvalidInputError)
        if told.kind == SUBMITTED and story:
            raise Refused(ConflictError)
        if told.body.get("state"):
            self.described.add(told.stream)
        elif told.kind == REVIEWED and told.stream not in self.described:
            raise Refused(InvalidInputError)
        story.append(told.event_id)
        self.events[told.event_id] = told

    def faults(self, batch: list[LedgerEvent]) -> set[type[PlacetError]]:
        """Return every kind of error that some event of a batch deserves, in any order.

        Of several faults the ledger may name any one.
        """
        found: set[type[PlacetError]] = set()
        first = {told.event_id: told for told in reversed(batch)}
        if any(first[told.event_id] != told for told in batch):
            found.add(ConflictError)
        trial = self.copy()
        for place, told in enumerate(batch):
            if told.kind == SUBMITTED and any(each.stream == told.stream for each in batch[:place]):
                found.add(ConflictError)  # Whatever is wrong with those before it.
            try:
                trial.append([told])
            except Refused as refused:
                found.add(refused.args[0])
        return found


def _event(  # noqa: PLR0913 - each is one side of it
    *,
    number: int,
    stream: str,
    kind: str,
    minute: int,
    schema: str,
    body_kind: str | None,
    states: bool,
) -> LedgerEvent:
    told = event(kind, request=stream, minute=minute, actor={"id": "bob"})
    body = {**told.body, "schema": schema, "kind": body_kind or kind}
    if states:
        body["state"] = state()
    return told.model_copy(update={"event_id": event_id(number), "body": body})


rarely = st.integers(0, 9).map(lambda number: number == 0)
events = st.builds(
    _event,
    number=st.integers(0, 30),
    stream=st.sampled_from(["a", "b", "c"]),
    kind=st.sampled_from([SUBMITTED, COMMENTED, COMMENTED, COMMENTED, REVIEWED]),
    minute=st.just(0),
    schema=rarely.map(lambda odd: "placet.event/2" if odd else "placet.event/1"),
    body_kind=rarely.map(lambda odd: "caller:message:late" if odd else None),
    states=st.booleans(),
)


@st.composite
def batches(draw: st.DrawFn) -> list[list[LedgerEvent]]:
    """Draw batches in which events come again: mostly as they were, sometimes changed."""
    known: dict[str, LedgerEvent] = {}
    drawn = []
    for wanted in draw(st.lists(st.lists(events, min_size=1, max_size=6), min_size=1, max_size=8)):
        batch = []
        for told in wanted:
            same = known.setdefault(told.event_id, told)
            batch.append(told if draw(rarely) else same)
        drawn.append(batch)
    return drawn


def _in_world(told: LedgerEvent, world: int) -> LedgerEvent:
    """Return the same event of another world, so that examples can share a database."""
    stream = f"{world}-{told.stream}"
    return told.model_copy(
        update={
            "event_id": event_id(world, told.event_id),
            "stream": stream,
            "body": {**told.body, "request": stream},
        }
    )


@pytest.mark.rule(number=3)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=batches())
def test_a_batch_does_what_one_event_after_the_other_would(
    database: Database, drawn: list[list[LedgerEvent]]
) -> None:
    world = next(_worlds)
    model = Model()

    async def run() -> None:
        nonlocal model
        async with open_pool(database.app_url) as pool:
            ledger = PostgresLedger(pool)
            for batch in drawn:
                told = [_in_world(each, world) for each in batch]
                after = model.copy()
                try:
                    expected = after.append(told)
                except Refused:
                    with pytest.raises(tuple(model.faults(told))):
                        await ledger.append(told)
                    continue
                receipts = await ledger.append(told)
                assert [(each.event_id, each.stream_seq) for each in receipts] == expected
                model = after
            for stream, ids in model.stories.items():
                story = await ledger.timeline(stream)
                assert [each.event_id for each in story] == ids
                assert [each.stream_seq for each in story] == list(range(1, len(ids) + 1))
                assert [each.seq for each in story] == sorted(each.seq for each in story)
                assert [each.body for each in story] == [model.events[one].body for one in ids]

    asyncio.run(run())
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(
            "select count(*) from audit.event e where not exists ("
            " select from audit.leaf l join audit.event_key k on k.seq = l.seq"
            " where l.seq = e.seq and l.leaf = audit.leaf_hash(e) and k.event_id = e.event_id"
            " and k.stream_seq = e.stream_seq and l.xid = e.xid)"
        ).fetchone()
    assert row == (0,)
