"""Requests that agree with everything, drawn by hypothesis."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from placet.reconciling.facts import Looked, Recorded, Story, Terms
from placet.reconciling.lists import projected
from placet.reconciling.remembered import Came, Chain, Kept, Run

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
REQUEST, FIRST = "expense-1", "run-1"
TERMS = Terms("default", timedelta(days=3), timedelta(minutes=1))
OLD = timedelta(hours=1)

_KINDS = (
    "requester:request:submitted",
    "system:stage:opened",
    "reviewer:review:approved",
    "reviewer:review:rejected",
    "person:case:commented",
    "caller:message:refused",
    "timer:stage:reminded",
)


def digest(*parts: object) -> str:
    """Return 64 hexadecimal digits, the same for the same parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def recorded(number: int, kind: str, **body: Any) -> Recorded:
    """Return an event of the request's workflow."""
    told = {
        "service": {"namespace": "default", "workflow_id": REQUEST, "first_run_id": FIRST},
        "kind": kind,
        "data": {},
        **body,
    }
    return Recorded(
        event_id=digest("id", number),
        stream_seq=number,
        seq=number * 3,
        leaf=digest("leaf", number),
        age=OLD,
        fits=True,
        kind=kind,
        occurred=BEGIN + timedelta(minutes=number),
        body=told,
    )


def kept(event: Recorded) -> Kept:
    """Return the receipt of an event."""
    return Kept(event.event_id, event.leaf, event.seq, event.stream_seq)


@st.composite
def agreeing(draw: st.DrawFn) -> Looked:
    """Return a request of any length, in one or more runs, open or closed, that agrees."""
    kinds = draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=12))
    closed = draw(st.booleans())
    events = []
    for number, kind in enumerate(kinds, start=1):
        last = number == len(kinds)
        state: dict[str, Any] = {
            "status": "pending",
            "outcome": None,
            "effect": None,
            "title": "Dinner",
        }
        if last and closed:
            state |= {"status": "rejected", "outcome": {"kind": "rejected", "by": "people"}}
        said = {"decision_id": f"d-{number}"} if kind.startswith(("reviewer", "caller")) else {}
        actor = {"actor": {"id": "bob"}} if kind.startswith("reviewer") else {}
        has_state = last or draw(st.booleans())
        events.append(
            recorded(number, kind, **said, **actor, **({"state": state} if has_state else {}))
        )
    cut = draw(st.integers(0, len(events)))
    runs = [_run("run-1", events[:cut]), _run("run-2", events[cut:])]
    runs[0] = replace(runs[0], closed="continued", after="run-2")
    runs[1] = replace(runs[1], before="run-1", closed="completed" if closed else None)
    chain = Chain(FIRST, tuple(runs), tuple(runs))
    story = Story(REQUEST, tuple(events), lists=projected(REQUEST, events))
    return Looked(story, (chain,), {})


def _run(run_id: str, events: list[Recorded]) -> Run:
    return Run(
        workflow_id=REQUEST,
        run_id=run_id,
        first_run_id=FIRST,
        started=BEGIN,
        kept=tuple(map(kept, events)),
        came=tuple(
            Came("signal approve", str(event.body["decision_id"]), None, run_id)
            for event in events
            if event.body and "decision_id" in event.body
        ),
        steps=tuple(event.stream_seq for event in events),
    )
