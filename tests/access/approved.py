"""Access that people have approved, up to the moment at which it is granted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.access import AccessActivities
from placet.access.config import load_roles
from placet.access.opening import ListedAccess
from placet.digest import canonical, digest
from placet.directory import load_directory
from placet.domain.access import AccessRequest, Scope
from placet.domain.orders import EffectOrder, EffectResult, EndOrder
from placet.domain.people import Directory
from placet.domain.plan import BreakGlass, PersonRef, Plan, PolicyRef, Selector
from placet.domain.vocabulary import DecidedBy, EndReason
from placet.ledger import PostgresLedger
from tests.ledger.stories import event, state, submitted

CASE = "access-1"
APPROVED = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
HOURS = 8
UNTIL = APPROVED + timedelta(hours=HOURS)


class Known:
    """A directory that never changes."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def snapshot(self) -> Directory:
        """Return everybody."""
        return self.directory


@dataclass
class Desk:
    """Grants and takes away as a worker does, one activity at a time.

    Attributes:
        policies: Where the catalogue and the directory are.
        environment: What opens the targets.
        around: Puts something around what the targets are opened by.
    """

    ledger: Any
    policies: Path
    environment: dict[str, str]
    around: Callable[[Any], Any] = field(default=lambda targets: targets)

    @property
    def activities(self) -> AccessActivities:
        """Return the activities."""
        targets = ListedAccess(lambda: load_roles(self.policies), self.environment)
        people = Known(load_directory(self.policies / "directory.yaml"))
        return AccessActivities(self.ledger, self.around(targets), people)

    async def grant(self, order: EffectOrder) -> EffectResult:
        """Run the effect."""
        return await ActivityEnvironment().run(self.activities.grant, order)

    async def revoke(self, order: EndOrder) -> EffectResult:
        """End it."""
        return await ActivityEnvironment().run(self.activities.revoke, order)


def permit_of(case: str) -> str:
    """Return the permit of a case."""
    return digest({"permit of": case})


async def approved(
    ledger: PostgresLedger, policies: Path, *, case: str = CASE, **changes: Any
) -> EffectOrder:
    """Record access of Alice to the figures as approved and return the order to grant it."""
    told = {"requester": "alice@example.com", "role": "reporting", "hours": HOURS, "reason": "Why"}
    request = AccessRequest.model_validate(told | {"reference": case})
    content = digest(request)
    await ledger.put_content(canonical(request), "application/json")
    entry = load_roles(policies).entry("reporting")
    alice = load_directory(policies / "directory.yaml").require("alice")
    membership = entry.membership_of(alice)
    scope = Scope(
        name=entry.name,
        target=membership.target,
        kind=entry.target.kind,
        role=membership.role,
        account=membership.account,
        person=alice.id,
        entry=digest(entry.frozen()),
        hours=HOURS,
    )
    permit = permit_of(case)
    issued = event(
        "system:permit:issued",
        request=case,
        step="issued",
        data={"permit": permit, "effect": "access", "digest": content, "expires": None},
    )
    pending = event(request=case, step="pending", state=state("approved", effect="pending"))
    await ledger.append([submitted(case), pending, issued])
    events = {
        name: event(kind, request=case, step=name, data={"permit": permit, "effect": effect})
        for name, kind, effect in (
            ("consumed", "effect:permit:consumed", "pending"),
            ("done", "effect:run:done", "done"),
            ("stopped", "effect:run:stopped", "stopped"),
        )
    }
    order = EffectOrder(
        request_id=case,
        revision=1,
        permit=permit,
        effect="access",
        digest=content,
        plan=Plan(
            policy=PolicyRef(id="access", version=1, digest="b" * 64),
            route="everything",
            why="true",
            requester=PersonRef(id="alice", name="Alice", address="alice@example.com"),
            title="reporting for Alice",
            scope=scope.to_plan(),
        ),
        approved=APPROVED,
        **events,
    )
    return order.model_copy(update=changes)


def broken(order: EffectOrder, minutes: int) -> EffectOrder:
    """Return the order of somebody who broke the glass, which is permitted for so long."""
    rule = BreakGlass(by=(Selector(role="on-call"),), at_most_minutes=minutes)
    plan = order.plan.model_copy(update={"break_glass": rule})
    return order.model_copy(update={"plan": plan, "by": DecidedBy.BREAK_GLASS})


def end_of(order: EffectOrder, why: EndReason = EndReason.EXPIRED) -> EndOrder:
    """Return the order to end what another order has granted."""
    return EndOrder(
        request_id=order.request_id,
        revision=1,
        permit=order.permit,
        effect="access",
        digest=order.digest,
        plan=order.plan,
        at=UNTIL,
        why=why,
        ended=event(
            "effect:run:ended",
            request=order.request_id,
            step="ended",
            data={"permit": order.permit, "effect": "ended"},
        ),
    )


async def effects_told(ledger: PostgresLedger, case: str = CASE) -> list[str]:
    """Return what the effect has said in the ledger, in order."""
    return [e.kind for e in await ledger.timeline(case) if e.kind.startswith("effect:")]
