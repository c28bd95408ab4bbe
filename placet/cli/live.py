"""Ask Temporal how a case under way is doing, and what keeps it from going on."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client
from temporalio.service import RPCError

from placet.connections import connect_temporal
from placet.decisions import has_worker
from placet.domain.advance import Advance
from placet.domain.errors import PlacetError
from placet.files import size_text
from placet.settings import Settings

_QUERY = timedelta(seconds=2)


async def live_state(
    settings: Settings, request_id: str, *, ask: bool = True
) -> dict[str, Any] | None:
    """Return what Temporal and the workflow say of a case; None when nobody answers.

    ``workflow`` is how it is, ``worker`` whether one is up, ``held_up`` what fails and is tried
    again, ``advance`` how far its effect has come, and ``status`` what the workflow itself answers,
    if it runs and is to be asked.
    """
    with suppress(PlacetError, RPCError, TimeoutError):
        client = await connect_temporal(settings)
        handle = client.get_workflow_handle(request_id)
        described = await handle.describe(rpc_timeout=_QUERY)
        state = described.status.name.lower() if described.status else "unknown"
        told: dict[str, Any] = {
            "workflow": state,
            "worker": await _worker(client, settings),
            "held_up": _failing(described.raw_description.pending_activities),
            "advance": _advance(described.raw_description.pending_activities),
        }
        if ask and state == "running" and told["worker"]:
            with suppress(RPCError):
                told["status"] = await handle.query("status", rpc_timeout=_QUERY)
        return told
    return None


async def under_way(settings: Settings, request_id: str) -> str | None:
    """Return in one line what keeps a case from going on, or how far its effect has come."""
    live = await live_state(settings, request_id, ask=False)
    hindrance = hindrance_in(live)
    return f"held up: {hindrance}" if hindrance else advance_in(live)


def hindrance_in(live: dict[str, Any] | None) -> str | None:
    """Return in one line what keeps a case from going on; None when nothing is known to."""
    if live is None or live["workflow"] != "running":
        return None
    if not live["worker"]:
        return "no worker is up; start one: placet up, or placet worker"
    return "; ".join(each["problem"] for each in live["held_up"]) or None


def _failing(activities: Sequence[PendingActivityInfo]) -> list[dict[str, Any]]:
    return [
        {
            "activity": each.activity_type.name,
            "attempt": each.attempt - 1,
            "problem": each.last_failure.message,
        }
        for each in activities
        if each.attempt > 1 and each.last_failure.message
    ]


def advance_in(live: dict[str, Any] | None) -> str | None:
    """Return how far a case's effect has come, such as ``1,200 of 5,000 rows (24 %), 3 MiB``."""
    told = live and live["advance"]
    if not told:
        return None
    advance = Advance.model_validate(told)
    total = "" if advance.total is None else f" of {advance.total:,}"
    percent = "" if advance.percent is None else f" ({advance.percent} %)"
    size = "" if advance.bytes is None else f", {size_text(advance.bytes)}"
    return f"{advance.done:,}{total} {advance.unit}{percent}{size}"


def _advance(activities: Sequence[PendingActivityInfo]) -> dict[str, Any] | None:
    """Return what the last heartbeat told, of an activity that tells how far it is."""
    for each in activities:
        for payload in each.heartbeat_details.payloads:
            with suppress(ValueError):
                return Advance.model_validate_json(payload.data).model_dump(mode="json")
    return None


async def _worker(client: Client, settings: Settings) -> bool:
    with suppress(RPCError):
        return await has_worker(client, settings.task_queue)
    return False
