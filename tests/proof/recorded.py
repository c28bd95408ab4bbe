"""The stories that recorded cases tell under this code: every pipeline, every way to end."""

import asyncio
import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any
from unittest.mock import patch

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from placet.domain import envelope
from placet.domain.ledger import LedgerEvent
from placet.domain.vocabulary import EffectState, Kind
from placet.registry import workflows
from placet.runner import CaseRunner
from tests.workflows.test_replay import FILES

Story = list[LedgerEvent]
_EFFECTS = {Kind.PERMIT_CONSUMED, Kind.EFFECT_DONE, Kind.EFFECT_STOPPED, Kind.EFFECT_ENDED}


@cache
def recorded_stories() -> dict[str, Story]:
    """Return each scene's events, made anew by replaying what Temporal has of it."""
    stories: dict[str, Story] = defaultdict(list)
    for file in FILES:
        recorded, name = file.read_text(encoding="utf-8"), file.stem.partition("-run-")[0]
        sealed = _sealed(WorkflowHistory.from_json(name, recorded))
        stories[name] += _happened(sealed, list(_results(json.loads(recorded))))
    return {name: story for name, story in stories.items() if story}


def _sealed(history: WorkflowHistory) -> Story:
    """Return all events that a case has sealed, in that order."""
    sealed: Story = []
    make = envelope.event

    def noted(*arguments: Any) -> LedgerEvent:
        sealed.append(make(*arguments))
        return sealed[-1]

    with patch("workflows.journal.event", noted):
        replayer = Replayer(
            workflows=workflows(),
            data_converter=pydantic_data_converter,
            workflow_runner=CaseRunner(),
        )
        asyncio.run(replayer.replay_workflow(history))
    return sealed


def _results(recorded: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what effects, and their ends, have come to."""
    for each in recorded["events"]:
        completed = each.get("activityTaskCompletedEventAttributes", {})
        for payload in completed.get("result", {}).get("payloads", []):
            result = json.loads(b64decode(payload["data"]))
            if isinstance(result, dict) and "summary" in result and "facts" in result:
                yield result


def _happened(sealed: Story, results: list[dict[str, Any]]) -> Iterator[LedgerEvent]:
    """Yield the events that became true: an effect comes to one of those it was given."""
    waiting = iter(results)
    effect: dict[str, Any] | None = None
    for each in sealed:
        kind = Kind(each.kind)
        if kind not in _EFFECTS:
            yield each
            continue
        if kind in {Kind.PERMIT_CONSUMED, Kind.EFFECT_ENDED}:
            effect = next(waiting, None)
        if effect is None or (kind is Kind.EFFECT_STOPPED) is not (
            effect.get("stopped", False) and kind is not Kind.PERMIT_CONSUMED
        ):
            continue
        facts: dict[str, Any] = {"summary": effect["summary"]}
        if effect.get("until") and kind is Kind.EFFECT_DONE:
            facts |= {"effect": EffectState.IN_FORCE.value, "until": effect["until"]}
        if effect.get("undone"):
            facts["effect"] = EffectState.UNDONE.value
        yield each.telling(facts)
