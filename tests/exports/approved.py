"""An export that people have approved, up to the moment at which its file is made."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage  # type: ignore[import-untyped]
from temporalio.testing import ActivityEnvironment

from activities.export import ExportActivities
from placet.digest import canonical
from placet.domain.catalogue import Catalogue
from placet.domain.ledger import LedgerEvent
from placet.domain.money import RateTable
from placet.domain.orders import EffectOrder, EndOrder
from placet.domain.plan import PersonRef, Plan, PolicyRef
from placet.domain.policy import Policy
from placet.domain.vocabulary import EndReason
from placet.exports.store import ExportStore
from placet.ledger import PostgresLedger
from placet.pipelines.export import prepare_export
from placet.pipelines.pipeline import Surroundings
from placet.policy.loader import load_policies
from placet.sources.catalogue import load_catalogue
from placet.sources.postgres import PostgresSources
from tests.ledger.stories import event, state, submitted
from tests.policy.example import SHIPPED

REQUEST = "export-1"
PERMIT = "cd" * 32
APPROVED = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
STARTED = datetime(2026, 3, 2, 8, 31, tzinfo=UTC)
PRINTER = pyrage.x25519.Identity.generate()
CATALOGUE = load_catalogue(SHIPPED)
_SNAPSHOT = load_policies(SHIPPED).for_pipeline("export").snapshot
POLICY: Policy = _SNAPSHOT.policy
RATES: RateTable = _SNAPSHOT.rates


def an_export(**changes: Any) -> dict[str, Any]:
    """Return an export as a requester writes it: all that is not about people, of 480 rows."""
    return {
        "requester": "alice@example.com",
        "dataset": "customers",
        "columns": ["id", "country", "created"],
        "compression": "none",
        "purpose": "To see in which countries we grow.",
        "recipient": {"address": "dan@example.com"},
        "keep": "3d",
        **changes,
    }


def personal(**changes: Any) -> dict[str, Any]:
    """Return an export of names, encrypted to the print shop."""
    key = str(PRINTER.to_public())
    recipient = {"name": "Print shop", "address": "data@printshop.example", "key": key}
    filters = [{"column": "id", "op": "le", "value": 20}]
    told = {"columns": ["id", "name"], "filters": filters, "recipient": recipient}
    return an_export(**(told | changes))


def surroundings(
    sources: PostgresSources | None, catalogue: Catalogue = CATALOGUE, **more: Any
) -> Surroundings:
    """Return what a request is understood by."""
    told: Any = {"catalogue": lambda: catalogue, "sources": sources, "records": None, **more}
    return Surroundings(APPROVED, RATES, POLICY, **told)


async def approved(
    ledger: PostgresLedger,
    sources: PostgresSources,
    request: dict[str, Any],
    catalogue: Catalogue = CATALOGUE,
) -> EffectOrder:
    """Record an export as approved and return the order to make its file."""
    prepared = await prepare_export(request, surroundings(sources, catalogue))
    for file in prepared.made:
        await ledger.put_content(file.content, file.media_type)
    digest = await ledger.put_content(canonical(prepared.request), "application/json")
    issued = event(
        "system:permit:issued",
        request=REQUEST,
        step="issued",
        data={"permit": PERMIT, "effect": "export", "digest": digest, "expires": None},
    )
    pending = state("approved", effect="pending")
    await ledger.append([submitted(REQUEST), event(request=REQUEST, state=pending), issued])
    plan = Plan(
        policy=PolicyRef(id="export", version=1, digest="b" * 64),
        route="everything",
        why="true",
        requester=PersonRef(id="alice", name="Alice", address="alice@example.com"),
        title=prepared.title,
        scope=dict(prepared.scope),
    )
    return EffectOrder(
        request_id=REQUEST,
        revision=1,
        permit=PERMIT,
        effect="export",
        digest=digest,
        plan=plan,
        approved=APPROVED,
        consumed=_told("effect:permit:consumed", "pending"),
        done=_told("effect:run:done", "done"),
        stopped=_told("effect:run:stopped", "stopped"),
    )


def ending(order: EffectOrder, why: EndReason = EndReason.EXPIRED) -> EndOrder:
    """Return the order to delete the file again."""
    return EndOrder(
        **order.model_dump(include={"request_id", "revision", "permit", "effect", "digest"}),
        plan=order.plan,
        at=APPROVED + timedelta(days=4),
        why=why,
        ended=_told("effect:run:ended", "ended"),
    )


def _told(kind: str, effect: str) -> LedgerEvent:
    step = kind.replace(":", "-")
    return event(kind, request=REQUEST, step=step, data={"permit": PERMIT, "effect": effect})


def exporting(
    ledger: PostgresLedger,
    sources: PostgresSources,
    root: Path,
    catalogue: Callable[[], Catalogue] = lambda: CATALOGUE,
) -> ExportActivities:
    """Return the activities that make files below ``root``."""
    return ExportActivities(ledger, sources, catalogue, ExportStore(root))


def environment() -> ActivityEnvironment:
    """Return what an activity runs in, at a known time."""
    found = ActivityEnvironment()
    found.info = replace(found.info, started_time=STARTED)
    return found
