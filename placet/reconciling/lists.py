"""The lists against the events they follow from: what `inbox.project()` would have made of them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from placet.reconciling.facts import Json, Lists, Recorded, Story
from placet.reconciling.finding import Code, Finding

_VERDICTS = {
    f"reviewer:review:{verdict}": verdict
    for verdict in ("approved", "rejected", "changes_requested")
}
_LATER = {
    "pending": ("done", "failed", "stopped", "in_force"),
    "ending": ("ended", "undone", "failed"),
}
"""A state that was written down late does not take back what the effect has said meanwhile."""

_STATE = ("title", "status", "stage", "amount", "route", "effect")


def differing(story: Story) -> Iterator[Finding]:
    """Yield each list in which a request does not stand as its events say."""
    if not story.whole:
        return
    wanted, found = projected(story.request, story.events), story.lists
    if wanted.request is None or found.request is None:
        if wanted.request is not found.request:
            text = "it has no row" if found.request is None else "no event describes it"
            yield Finding(Code.LIST_DIFFERS, story.request, "inbox.request", text)
    else:
        row, want = found.request, wanted.request
        names = sorted(name for name in want if want[name] != row.get(name))
        if names:
            told = ", ".join(f"{name} is {_shown(row.get(name))}" for name in names)
            by = ", ".join(_shown(want[name]) for name in names)
            text = f"{told}; by the events {by}"
            yield Finding(Code.LIST_DIFFERS, story.request, "inbox.request", text)
    pairs: tuple[tuple[str, tuple[Json, ...], tuple[Json, ...]], ...] = (
        ("inbox.assignment", wanted.assignments, found.assignments),
        ("inbox.review", wanted.reviews, found.reviews),
    )
    for name, by_events, there in pairs:
        if by_events != there:
            text = f"it has {len(there)} rows, by the events {len(by_events)}"
            if len(there) == len(by_events):
                text = "its rows are not those that the events make"
            yield Finding(Code.LIST_DIFFERS, story.request, name, text)


def projected(request: str, events: Iterable[Recorded]) -> Lists:
    """Return how a request stands in the lists by its events."""
    row: dict[str, Any] | None = None
    assignments: tuple[Json, ...] = ()
    reviews: list[Json] = []
    for event in events:
        body = event.body or {}
        if event.state is not None:
            row = _merged(row, _row(request, event, event.state))
        until = _effect_said(event)
        if row is not None and until is not None:
            effect, due = until
            said = {**row, "effect": effect, "due": due, "updated_at": event.occurred}
            row = _merged_word(row, said)
        waiting = body.get("waiting_for")
        if isinstance(waiting, list):
            assignments = tuple(_assignment(i, e) for i, e in enumerate(waiting, start=1))
        if event.kind in _VERDICTS:
            reviews.append(_review(event, body))
    return Lists(row, assignments, tuple(reviews))


def _effect_said(event: Recorded) -> tuple[str, datetime | str | None] | None:
    """Return how far the effect or the bank says the effect has come, and until when it lasts."""
    if not event.kind.startswith(("effect:", "bank:")) or ":permit:" in event.kind:
        return None
    effect = event.data.get("effect")
    return None if effect is None else (str(effect), _instant(event.data.get("until")))


def _row(request: str, event: Recorded, state: Json) -> dict[str, Any]:
    body = event.body or {}
    requester, outcome = _map(state.get("requester")), _map(state.get("outcome"))
    return {
        "request": request,
        "pipeline": body.get("pipeline"),
        "revision": body.get("revision"),
        "digest": body.get("digest"),
        **{name: state.get(name) for name in _STATE},
        "due": _instant(state.get("due")),
        "requester_id": requester.get("id"),
        "requester_name": requester.get("name"),
        "outcome_kind": outcome.get("kind"),
        "outcome_by": outcome.get("by"),
        "outcome_reason": outcome.get("reason"),
        "submitted_at": event.occurred,
        "updated_at": event.occurred,
        "state_seq": event.stream_seq,
    }


def _merged(row: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    if row is None:
        return new
    return _merged_word(row, {**new, "submitted_at": row["submitted_at"]})


def _merged_word(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if old["effect"] in _LATER.get(str(new["effect"]), ()):
        return {**new, "effect": old["effect"], "due": old["due"]}
    return new


def _assignment(place: int, entry: Any) -> Json:
    told = _map(entry)
    return {
        "place": place,
        "person": told.get("person"),
        "name": told.get("name"),
        "group": told.get("group"),
        "on_behalf_of": told.get("on_behalf_of"),
    }


def _review(event: Recorded, body: Json) -> Json:
    actor = _map(body.get("actor"))
    behalf = actor.get("on_behalf_of")
    return {
        "event_id": event.event_id,
        "stream_seq": event.stream_seq,
        "verdict": _VERDICTS[event.kind],
        "actor_id": actor.get("id"),
        "actor_name": actor.get("name"),
        "on_behalf_of": behalf.get("id") if isinstance(behalf, Mapping) else behalf,
        "role": actor.get("role"),
        "assurance": actor.get("assurance"),
        "channel": actor.get("channel"),
        "stage": body.get("stage"),
        "revision": body.get("revision"),
        "digest": body.get("digest"),
        "reason": body.get("reason"),
        "decision_id": body.get("decision_id"),
        "reviewed_at": event.occurred,
    }


def _map(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _instant(value: Any) -> datetime | str | None:
    """Return an instant; a text that is none is no instant that a list holds."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)[:80]
