"""Reads an event's body without trusting its shape: another version may have written it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from placet.domain.ledger import RecordedEvent

ERASED = "[erased]"
"""Stands where a text was whose key has been destroyed."""

_SEALED = re.compile(r"sealed:[0-9a-f]{64}")


def has_erased(value: Any) -> bool:
    """Say whether any text in a JSON value can no longer be revealed."""
    if isinstance(value, str):
        return _SEALED.fullmatch(value) is not None or value == ERASED
    if isinstance(value, Mapping):
        return any(has_erased(each) for each in value.values())
    return isinstance(value, list | tuple) and any(has_erased(each) for each in value)


def revealed(value: Any) -> Any:
    """Return a JSON value with each text that cannot be revealed replaced by :data:`ERASED`."""
    if isinstance(value, str):
        return ERASED if _SEALED.fullmatch(value) else value
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
