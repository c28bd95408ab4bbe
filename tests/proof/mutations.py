"""Ways to break a story: each changes one thing, where a story has it."""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from placet.domain.ledger import LedgerEvent
from placet.domain.plan import utc
from placet.domain.vocabulary import Kind

Story = list[LedgerEvent]
Body = dict[str, Any]
Mutation = Callable[[Story], Story | None]
"""Returns the broken story; None for one that it cannot break."""
Where = Callable[[Body], bool]


def everywhere(_: Body) -> bool:
    """Take any event of the kind."""
    return True


def place_of(story: Story, kind: Kind, where: Where = everywhere, nth: int = 0) -> int | None:
    """Return where the story has its ``nth`` event of a kind."""
    places = [i for i, each in enumerate(story) if each.kind == kind and where(each.body)]
    return places[nth] if len(places) > nth else None


def with_body(event: LedgerEvent, path: str, value: Any) -> LedgerEvent:
    """Return the event with ``value`` at a path such as ``data.rules.stages.0.deadline``."""
    body: Any = deepcopy(event.body)
    *steps, last = path.split(".")
    inner = body
    for step in steps:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    inner[int(last) if isinstance(inner, list) else last] = value
    return event.model_copy(update={"body": body})


def changed(kind: Kind, path: str, value: Any, where: Where = everywhere, nth: int = 0) -> Mutation:
    """Say something else in one event; ``value`` may be made of the event's body."""

    def change(story: Story) -> Story | None:
        place = place_of(story, kind, where, nth)
        if place is None:
            return None
        told = value(story[place].body) if callable(value) else value
        return [*story[:place], with_body(story[place], path, told), *story[place + 1 :]]

    return change


def dropped(*kinds: Kind, where: Where = everywhere) -> Mutation:
    """Leave out the first event of each kind."""

    def drop(story: Story) -> Story | None:
        for kind in kinds:
            place = place_of(story, kind, where)
            if place is None:
                return None
            story = [*story[:place], *story[place + 1 :]]
        return story

    return drop


def twice(kind: Kind) -> Mutation:
    """Tell an event a second time, right after the first."""

    def repeat(story: Story) -> Story | None:
        place = place_of(story, kind)
        return None if place is None else [*story[: place + 1], *story[place:]]

    return repeat


def told_at(kind: Kind, instant: Callable[[datetime], datetime]) -> Mutation:
    """Move an event in time, and not in the order."""

    def move(story: Story) -> Story | None:
        place = place_of(story, kind)
        if place is None:
            return None
        at = instant(story[place].occurred)
        moved = with_body(story[place], "occurred", utc(at)).model_copy(update={"occurred": at})
        return [*story[:place], moved, *story[place + 1 :]]

    return move


def earlier(kind: Kind) -> Mutation:
    """Let a timer ring when the event before it occurred."""

    def move(story: Story) -> Story | None:
        place = place_of(story, kind)
        if place is None or story[place].occurred == story[place - 1].occurred:
            return None
        before = max(each.occurred for each in story[:place])
        return told_at(kind, lambda _: before)(story)

    return move


def a_moment_earlier(instant: datetime) -> datetime:
    """Return the instant a second before."""
    return instant - timedelta(seconds=1)


def moved(kind: Kind, before: Kind, where: Where = everywhere) -> Mutation:
    """Tell the last event of a kind before the first of another."""

    def move(story: Story) -> Story | None:
        target = place_of(story, before, where)
        places = [i for i, each in enumerate(story) if each.kind == kind]
        if target is None or not places or places[-1] <= target:
            return None
        rest = [*story[: places[-1]], *story[places[-1] + 1 :]]
        return [*rest[:target], story[places[-1]], *rest[target:]]

    return move


def after(
    anchor: Kind, copied: Kind, told_as: Kind | None = None, where: Where = everywhere
) -> Mutation:
    """Tell a copy of an event after the last one of ``anchor``, perhaps as one of another kind."""

    def add(story: Story) -> Story | None:
        source = place_of(story, copied, where)
        places = [i for i, each in enumerate(story) if each.kind == anchor]
        if source is None or not places:
            return None
        now = story[places[-1]].occurred
        copy = with_body(story[source], "occurred", utc(now))
        copy = copy.model_copy(update={"occurred": now, "kind": (told_as or copied).value})
        return [*story[: places[-1] + 1], copy, *story[places[-1] + 1 :]]

    return add


def needed(story: Story) -> int | None:
    """Return where an approval stands that its stage passed by, at once."""
    pairs = enumerate(pairwise(story))
    for place, (one, then) in pairs:
        told: Body = then.body
        passes = then.kind == Kind.STAGE_PASSED and told["data"]["by"] == "people"
        if one.kind == Kind.APPROVED and passes:
            return place
    return None


def approval(*changes: tuple[str, Any], where: Where = everywhere) -> Mutation:
    """Change an approval that its stage needed."""

    def change(story: Story) -> Story | None:
        place = needed(story)
        if place is None or not where(story[place].body):
            return None
        event = story[place]
        for path, value in changes:
            event = with_body(event, path, value(story, place) if callable(value) else value)
        return [*story[:place], event, *story[place + 1 :]]

    return change


def without_the_approval(story: Story) -> Story | None:
    """Leave out an approval that its stage needed."""
    place = needed(story)
    return None if place is None else [*story[:place], *story[place + 1 :]]


def without_the_first_stage(story: Story) -> Story | None:
    """Begin with the second stage."""
    begin, end = place_of(story, Kind.STAGE_OPENED), place_of(story, Kind.STAGE_PASSED)
    if begin is None or end is None or place_of(story, Kind.STAGE_OPENED, nth=1) is None:
        return None
    if place_of(story, Kind.PLANNED, nth=1) is not None:
        return None
    return [*story[:begin], *story[end + 1 :]]


def rules(path: str, value: Any, where: Where = everywhere) -> Mutation:
    """Let the policy have said something else, for every revision."""

    def change(story: Story) -> Story | None:
        told = [
            with_body(each, f"data.rules.{path}", value)
            if each.kind == Kind.PLANNED and where(each.body)
            else each
            for each in story
        ]
        return told if told != story else None

    return change


def having(kind: Kind, change: Mutation, where: Where = everywhere) -> Mutation:
    """Break only stories that have such an event."""

    def only(story: Story) -> Story | None:
        return None if place_of(story, kind, where) is None else change(story)

    return only


def lacking(kind: Kind, change: Mutation) -> Mutation:
    """Break only stories that have no such event."""

    def only(story: Story) -> Story | None:
        return change(story) if place_of(story, kind) is None else None

    return only


def with_one_stage(change: Mutation) -> Mutation:
    """Break only stories with one stage."""

    def only(story: Story) -> Story | None:
        many = sum(each.kind == Kind.STAGE_OPENED for each in story)
        return change(story) if many == 1 else None

    return only


def a_permit_after_a_rejection(story: Story) -> Story | None:
    """Issue a permit for what was rejected."""
    place = place_of(story, Kind.DECIDED, lambda body: body["data"]["outcome"] == "rejected")
    if place is None:
        return None
    decided = story[place]
    told = "\x1f".join(
        (decided.stream, str(decided.body["revision"]), str(decided.body["digest"]), "payment")
    )
    permit = hashlib.sha256(f"placet-permit/1\x1f{told}".encode()).hexdigest()
    data = {"permit": permit, "effect": "payment", "digest": decided.body["digest"]}
    body = {**decided.body, "kind": Kind.PERMIT_ISSUED.value, "data": data, "state": None}
    issued = decided.model_copy(update={"kind": Kind.PERMIT_ISSUED.value, "body": body})
    return [*story[: place + 1], issued, *story[place + 1 :]]


def by_whoever_spoke_before(story: Story) -> Story | None:
    """Let the approval that a stage needed be by somebody who has approved it already."""
    place = needed(story)
    if place is None:
        return None
    last: Body = story[place].body
    earlier: list[Body] = [each.body for each in story[:place] if each.kind == Kind.APPROVED]
    others = [told["actor"]["id"] for told in earlier if told["stage"] == last["stage"]]
    if place_of(story, Kind.ESCALATED) is not None:
        return None
    if not others or others[-1] == last["actor"]["id"]:
        return None
    return approval(("actor.id", others[-1]))(story)
