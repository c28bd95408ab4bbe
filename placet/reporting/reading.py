"""Reads an event's body without trusting its shape: another version may have written it."""

from collections.abc import Iterable, Mapping
from typing import Any

from placet.domain.ledger import RecordedEvent
from placet.personal.sealing import SEALED, TOKEN


def sealable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without what is never sealed, and may be any text that its sender chose."""
    return {name: value for name, value in body.items() if name not in {"decision_id", "channel"}}


def has(value: Any, *marks: str) -> bool:
    """Say whether any text in a JSON value is one of ``marks``."""
    if isinstance(value, str):
        return value in marks
    if isinstance(value, Mapping):
        return any(has(each, *marks) for each in value.values())
    return isinstance(value, list | tuple) and any(has(each, *marks) for each in value)


def revealed(value: Any) -> Any:
    """Return a JSON value in which each token that nobody has opened is :data:`SEALED`."""
    if isinstance(value, str):
        return SEALED if TOKEN.fullmatch(value) else value
    if isinstance(value, Mapping):
        return {name: revealed(each) for name, each in value.items()}
    return [revealed(each) for each in value] if isinstance(value, list | tuple) else value


def readable(event: RecordedEvent) -> RecordedEvent:
    """Return an event as it can be shown."""
    return event.model_copy(update={"body": revealed(event.body)})


def part(value: Any, *path: str) -> Any:
    """Return what stands at a path of names; None when there is nothing."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def text(value: Any, *path: str) -> str:
    """Return what stands at a path as text; empty when there is nothing."""
    found = part(value, *path)
    return "" if found is None else str(found)


def items(value: Any, *path: str) -> list[Any]:
    """Return the list at a path; an empty one when there is none."""
    found = part(value, *path)
    return found if isinstance(found, list) else []


def names_in(story: Iterable[RecordedEvent]) -> dict[str, str]:
    """Return the printed name of each person whom the events name, by the directory's id."""
    found: dict[str, str] = {}
    for event in story:
        told = (
            (part(event.body, "actor"), "id"),
            (part(event.body, "state", "requester"), "id"),
            *((each, "person") for each in items(event.body, "waiting_for")),
        )
        for person, key in told:
            if (known := text(person, key)) and (name := text(person, "name")):
                found[known] = name
    return found
