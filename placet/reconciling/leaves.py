"""Leaves: each that a history holds, and each that the ledger has computed."""

from collections.abc import Iterator

from placet.reconciling.facts import Counts, Looked, Recorded, Story
from placet.reconciling.finding import Code, Finding
from placet.reconciling.remembered import Kept, Ordered
from placet.reconciling.telling import is_told


def within(story: Story, counts: Counts) -> Iterator[Finding]:
    """Look at the events alone: each is there, whole, with its own leaf, in an unbroken order."""
    counts.events += len(story.events)
    expected = 1
    for event in story.events:
        if event.stream_seq != expected:
            text = f"the story goes on with {event.stream_seq}: events are gone"
            yield Finding(Code.GAP_IN_STORY, story.request, f"event {expected}", text)
        expected = event.stream_seq + 1
        if event.pruned:
            counts.pruned += 1
        elif event.body is None:
            text = "its leaf is there and its body is not"
            yield Finding(Code.BODY_MISSING, story.request, event.place, text)
        elif event.fits is False:
            text = f"what the row of this {event.kind} holds does not have the leaf beside it"
            yield Finding(Code.LEAF_DOES_NOT_FIT, story.request, event.place, text)


def kept_by_temporal(looked: Looked, counts: Counts) -> Iterator[Finding]:
    """Look for every leaf that a history holds, and every event whose activity has completed."""
    request = looked.story.request
    events = {event.event_id: event for event in looked.story.events}
    for chain in looked.chains:
        if chain.unreadable:
            where = f"run {chain.first_run_id}"
            yield Finding(Code.UNREADABLE_HISTORY, request, where, chain.unreadable)
        told = dict.fromkeys(kept for run in chain.runs for kept in run.kept)
        ids: set[str] = set()
        for kept in told:
            event = events.get(kept.event_id)
            # Receipts come before the answers that repeat them, and say more.
            if event is not None or kept.event_id not in ids:
                yield from _held(request, kept, event)
            ids.add(kept.event_id)
        counts.leaves += len(ids)
        orders = dict.fromkeys(order.event_id for run in chain.runs for order in run.ordered)
        last = {order.event_id: order for run in chain.runs for order in run.ordered}
        done = {o.event_id for run in chain.runs for o in run.ordered if o.done}
        for event_id in orders:
            event, order = events.get(event_id), last[event_id]
            if event is not None:
                yield from _as_ordered(request, order, event)
            elif event_id in done and event_id not in ids:
                text = f"an activity has written {order.event.get('kind')}, and it is not there"
                yield Finding(Code.MISSING_IN_LEDGER, request, _short(event_id), text)


def _as_ordered(request: str, order: Ordered, event: Recorded) -> Iterator[Finding]:
    if event.body is None:
        return
    same = order.event.get("kind") == event.kind
    if not same or (order.exact and not is_told(order.event.get("body"), event.body)):
        text = f"this {event.kind} is not what an activity was told to write"
        yield Finding(Code.EVENT_DIFFERS, request, event.place, text)


def _held(request: str, kept: Kept, event: Recorded | None) -> Iterator[Finding]:
    if event is None:
        number = "" if kept.stream_seq is None else f"event {kept.stream_seq} "
        text = f"Temporal holds its receipt, with the leaf {kept.leaf}"
        where = f"{number}{_short(kept.event_id)}"
        yield Finding(Code.MISSING_IN_LEDGER, request, where, text)
        return
    pairs = (
        ("leaf", kept.leaf, event.leaf),
        ("number in the ledger", kept.seq, event.seq),
        ("number in the story", kept.stream_seq, event.stream_seq),
    )
    told = [
        f"its {what} is {there}, Temporal's receipt says {here}"
        for what, here, there in pairs
        if here is not None and here != there
    ]
    if told:
        yield Finding(Code.LEAF_DIFFERS, request, event.place, "; ".join(told))


def _short(event_id: str) -> str:
    return f"id {event_id[:16]}"
