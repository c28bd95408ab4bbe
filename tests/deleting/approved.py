"""A deletion that people have approved, up to the moment at which it runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from placet.deleting.selection import Part
from placet.digest import canonical, digest
from placet.domain.catalogue import Catalogue, Entry
from placet.domain.deletion import DeleteRequest, Mode, Scope
from placet.domain.filters import Filter
from placet.domain.orders import EffectOrder, EndOrder
from placet.domain.plan import PersonRef, Plan, PolicyRef
from placet.domain.vocabulary import EndReason
from placet.ledger import PostgresLedger
from tests.deleting.shelf import APPROVED, PERMIT, Shelf
from tests.ledger.stories import event, state, submitted

REQUEST = "delete-1"


def catalogue_of(entry: Entry) -> Catalogue:
    """Return a catalogue with one data set."""
    return Catalogue(
        sources={entry.dataset.source: entry.source}, datasets={entry.name: entry.dataset}
    )


async def approved(
    ledger: PostgresLedger,
    shelf: Shelf,
    entry: Entry,
    *filters: Filter,
    case: str = REQUEST,
    permit: str = PERMIT,
    **changes: Any,
) -> EffectOrder:
    """Freeze and record a deletion as approved, and return the order to carry it out.

    Args:
        ledger: Where.
        shelf: The table.
        entry: The data set.
        filters: Which rows; all of them without.
        case: Its id.
        permit: Its permit.
        changes: Of the plan's scope.
    """
    keys = await shelf.keys(entry, *filters)
    request = DeleteRequest(
        requester="alice@example.com",
        dataset=entry.name,
        filters=filters,
        everything=not filters,
        reason="They asked us to.",
    )
    kept = Part.of(canonical(entry), "application/json")
    for part in (*keys.parts, kept):
        await ledger.put_content(part.content, part.media_type)
    revision = await ledger.put_content(canonical(request), "application/json")
    assert revision == digest(request)
    rule = entry.dataset.delete
    assert rule is not None
    scope = {
        "dataset": entry.name,
        "source": entry.dataset.source,
        "catalogue": kept.sha256,
        "rows": keys.rows,
        "total": keys.rows,
        "selection": keys.sha256,
        "parts": [part.sha256 for part in keys.parts],
        "survey": "a" * 64,
        "mode": Mode.HARD if rule.hard else Mode.SOFT,
        "grace": rule.grace,
        "undo": rule.undo,
        "purge": rule.purge,
        "tolerance": 10.0,
        **changes,
    }
    issued = event(
        "system:permit:issued",
        request=case,
        step="issued",
        data={"permit": permit, "effect": "delete", "digest": revision, "expires": None},
    )
    pending = state("approved", effect="pending")
    await ledger.append([submitted(case), event(request=case, state=pending), issued])
    told = {"permit": permit}
    return EffectOrder(
        request_id=case,
        revision=1,
        permit=permit,
        effect="delete",
        digest=revision,
        plan=Plan(
            policy=PolicyRef(id="delete", version=1, digest="b" * 64),
            route="everything else",
            why="true",
            requester=PersonRef(id="alice", name="Alice", address="alice@example.com"),
            title="Delete things",
            scope=Scope.model_validate(scope).to_plan(),
        ),
        approved=APPROVED,
        consumed=event(
            "effect:permit:consumed",
            request=case,
            step="consumed",
            data={**told, "effect": "pending"},
        ),
        done=event("effect:run:done", request=case, step="done", data={**told, "effect": "done"}),
        stopped=event(
            "effect:run:stopped",
            request=case,
            step="stopped",
            data={**told, "effect": "stopped"},
        ),
    )


def ending(order: EffectOrder, why: EndReason) -> EndOrder:
    """Return the order to end what an order has put in force."""
    return EndOrder(
        request_id=order.request_id,
        revision=order.revision,
        permit=order.permit,
        effect=order.effect,
        digest=order.digest,
        plan=order.plan,
        at=datetime.now(UTC) + timedelta(days=7),
        why=why,
        ended=event(
            "effect:run:ended",
            request=order.request_id,
            step="ended",
            data={"permit": order.permit, "effect": "ended"},
        ),
    )
