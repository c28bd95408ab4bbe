"""The comparison itself: nothing where all agrees, the right thing where one fact is another."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.reconciling.compare import compare
from placet.reconciling.facts import Counts, Looked, Story
from placet.reconciling.finding import Finding
from placet.reconciling.remembered import Came, Chain, Ordered, Run
from placet.reconciling.telling import is_told
from tests.reconciling.drawn import BEGIN, TERMS, agreeing, digest, recorded

pytestmark = pytest.mark.rule(number=11)


def found(looked: Looked, **terms: Any) -> list[Finding]:
    """Compare."""
    return list(compare(looked, replace(TERMS, **terms), Counts()))


def codes(looked: Looked, **terms: Any) -> set[str]:
    """Compare, and return the codes."""
    return {finding.code.value for finding in found(looked, **terms)}


def with_event(looked: Looked, index: int, **changes: Any) -> Looked:
    """Change one event."""
    events = list(looked.story.events)
    events[index] = replace(events[index], **changes)
    return replace(looked, story=replace(looked.story, events=tuple(events)))


def with_runs(looked: Looked, change: Callable[[Run], Run], **changes: Any) -> Looked:
    """Change every run of the chain, and the chain."""
    (chain,) = looked.chains
    runs = tuple(map(change, chain.runs))
    return replace(looked, chains=(replace(chain, runs=runs, line=runs, **changes),))


@settings(deadline=None)
@given(agreeing())
def test_what_agrees_has_no_findings(looked: Looked) -> None:
    assert found(looked) == []


@settings(deadline=None)
@given(agreeing(), st.data())
def test_an_event_that_is_gone_is_missed(looked: Looked, data: st.DataObject) -> None:
    events = looked.story.events
    index = data.draw(st.integers(0, len(events) - 1))
    left = events[:index] + events[index + 1 :]
    gone = replace(looked, story=replace(looked.story, events=left))
    missing = [each for each in found(gone) if each.code.value == "missing-in-ledger"]
    assert [each.place for each in missing] == [
        f"event {events[index].stream_seq} id {events[index].event_id[:16]}"
    ]
    if index < len(events) - 1:
        assert "gap-in-story" in codes(gone)


@settings(deadline=None)
@given(agreeing(), st.data(), st.sampled_from(["leaf", "seq"]))
def test_a_leaf_or_a_place_that_is_another_is_found(
    looked: Looked, data: st.DataObject, field: str
) -> None:
    index = data.draw(st.integers(0, len(looked.story.events) - 1))
    other = with_event(looked, index, **{field: digest("x") if field == "leaf" else 7_000})
    assert codes(other) == {"leaf-differs"}


@settings(deadline=None)
@given(agreeing(), st.data())
def test_a_leaf_that_does_not_fit_is_found(looked: Looked, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(looked.story.events) - 1))
    assert codes(with_event(looked, index, fits=False)) == {"leaf-does-not-fit"}


@settings(deadline=None)
@given(agreeing())
def test_an_event_more_is_unknown_to_temporal(looked: Looked) -> None:
    more = recorded(len(looked.story.events) + 1, "person:case:commented")
    events = (*looked.story.events, more)
    forged = replace(looked, story=replace(looked.story, events=events))
    assert codes(forged) == {"unknown-to-temporal"}
    young = with_event(forged, -1, age=timedelta(seconds=1))
    is_open = looked.chains[0].open
    assert codes(young) == (set() if is_open else {"unknown-to-temporal"})
    deciding = with_runs(forged, lambda run: replace(run, deciding=run.closed is None))
    assert codes(deciding) == (set() if is_open else {"unknown-to-temporal"})
    working = with_runs(forged, lambda run: replace(run, working=run.closed is None))
    assert codes(working) == {"unknown-to-temporal"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NOWHERE = (
    Came("signal approve", "nowhere", None, "run-2"),
    # What nobody understands has no id, as most events have none.
    Came("signal nonsense", None, digest("nowhere"), "run-2"),
)
PARTS = ("data", "state", "waiting_for", "decision_id", "service", "actor", "stage", "kind")
FIELDS = (
    *("permit", "effect", "until", "sha256", "part", "digest"),
    *("due", "outcome", "requester", "status", "workflow_id", "program"),
)


@settings(deadline=None)
@given(agreeing(), st.data())
def test_whatever_somebody_has_put_into_a_body_does_not_end_the_comparison(
    looked: Looked, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(looked.story.events) - 1))
    event = looked.story.events[index]
    fields = st.dictionaries(st.sampled_from(FIELDS), JSON)
    changes = data.draw(st.dictionaries(st.sampled_from(PARTS), JSON | fields, min_size=1))
    kind = data.draw(st.sampled_from((event.kind, "effect:run:done", "system:permit:issued")))
    forged = with_event(
        looked, index, kind=kind, body={**(event.body or {}), **changes}, fits=False
    )
    assert "leaf-does-not-fit" in codes(forged)


@settings(deadline=None)
@given(agreeing(), st.data())
def test_an_event_in_the_middle_is_never_under_way(looked: Looked, data: st.DataObject) -> None:
    """What a workflow task writes stands behind everything that is in the history."""
    index = data.draw(st.integers(0, len(looked.story.events) - 1))
    event = looked.story.events[index]

    def without(run: Run) -> Run:
        left = tuple(kept for kept in run.kept if kept.event_id != event.event_id)
        steps = tuple(step for step in run.steps if step != event.stream_seq)
        return replace(run, kept=left, steps=steps, deciding=run.closed is None)

    last = index == len(looked.story.events) - 1
    in_flight = last and looked.chains[0].open
    expected = set() if in_flight else {"unknown-to-temporal"}
    assert codes(with_runs(looked, without)) == expected


@settings(deadline=None)
@given(agreeing())
def test_a_workflow_that_temporal_forgot_in_time_is_no_finding(looked: Looked) -> None:
    forgotten = replace(looked, chains=())
    assert codes(forgotten) == {"no-such-workflow"}
    assert codes(forgotten, retention=timedelta(minutes=30)) == set()
    counts = Counts()
    list(compare(forgotten, replace(TERMS, retention=timedelta(minutes=30)), counts))
    assert counts.beyond_retention == len(looked.story.events)


@settings(deadline=None)
@given(agreeing())
def test_runs_that_temporal_forgot_in_time_are_no_finding(looked: Looked) -> None:
    (chain,) = looked.chains
    rest = replace(chain, runs=chain.runs[1:], line=chain.line[1:], whole=False)
    assert codes(replace(looked, chains=(rest,))) == set()
    lost = replace(rest, lost="run-1")
    assert codes(replace(looked, chains=(lost,))) == {"no-such-workflow"}


@pytest.mark.parametrize("came", NOWHERE)
@settings(deadline=None)
@given(looked=agreeing(), busy=st.booleans())
def test_a_message_that_is_nowhere_is_found_once_nothing_is_under_way(
    came: Came,
    looked: Looked,
    busy: bool,  # noqa: FBT001 - drawn
) -> None:
    def more(run: Run) -> Run:
        deciding = busy and run.closed is None
        return replace(run, came=(*run.came, came), deciding=deciding)

    judged = not (busy and looked.chains[0].open)
    assert codes(with_runs(looked, more)) == ({"unrecorded-message"} if judged else set())


@settings(deadline=None)
@given(agreeing(), st.data())
def test_a_body_that_was_pruned_is_no_finding(looked: Looked, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(looked.story.events) - 1))
    gone = with_event(looked, index, body=None, kind="", fits=None)
    assert codes(gone) == {"body-missing"}
    assert codes(with_event(gone, index, pruned=True)) == set()


def test_an_erasure_may_write_as_many_events_as_it_needs() -> None:
    permit = digest("permit")
    key = f"placet-erasure/1 64:{permit}1".encode()
    part = recorded(1, "system:subject:erased", data={"permit": permit, "part": 2})
    part = replace(part, event_id=hashlib.sha256(key).hexdigest())
    order = Ordered(digest("consumed"), {"body": {"data": {"permit": permit}}})
    run = Run("expense-1", "run-1", "run-1", BEGIN, ordered=(order,))
    story = Story("expense-1", (part,))
    told = codes(Looked(story, (Chain("run-1", (run,), (run,)),), {}))
    assert told == {"permit-missing"}
    other = replace(run, ordered=())
    forged = Looked(story, (Chain("run-1", (other,), (other,)),), {})
    assert codes(forged) == {"permit-missing", "unknown-to-temporal"}


@settings(deadline=None)
@given(agreeing())
def test_an_unreadable_history_accuses_nobody(looked: Looked) -> None:
    broken = with_runs(looked, lambda run: replace(run, kept=(), came=(), unreadable="torn"))
    assert codes(broken) == {"unreadable-history"}


@settings(deadline=None)
@given(agreeing(), st.sampled_from(["terminated", "failed", "timed out", "completed"]))
def test_a_closed_workflow_needs_an_outcome(looked: Looked, how: str) -> None:
    closed = with_runs(looked, lambda run: replace(run, closed=how if run.before else run.closed))
    expected = {"closed-without-outcome"} if looked.chains[0].open else set()
    assert codes(closed) == expected


@settings(deadline=None)
@given(agreeing())
def test_another_outcome_than_the_workflow_returned_is_found(looked: Looked) -> None:
    told = with_runs(looked, lambda run: replace(run, outcome="approved"))
    assert codes(told) == (set() if looked.chains[0].open else {"outcome-differs"})


@settings(deadline=None)
@given(agreeing(), st.data())
def test_a_list_that_says_something_else_is_found(looked: Looked, data: st.DataObject) -> None:
    lists = looked.story.lists
    assert lists.request is not None
    name = data.draw(st.sampled_from(sorted(lists.request)))
    changed = replace(lists, request={**lists.request, name: "changed"})
    other = replace(looked, story=replace(looked.story, lists=changed))
    assert codes(other) == {"list-differs"}


@settings(deadline=None)
@given(JSON)
def test_everything_tells_itself_also_sealed_or_with_more(value: Any) -> None:
    assert is_told(value, value)
    assert is_told(value, f"sealed:{digest()}")
    assert is_told({"a": value}, {"a": value, "more": 1})
    assert not is_told({"a": value}, {})
    assert not is_told([value], [])
    assert not is_told([value], "sealed")
    assert not is_told([value], "sealed:0123")
