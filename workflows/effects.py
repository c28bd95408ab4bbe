"""The effect of an approved case: what it is told, and how its activity is run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from placet.domain.case import Case, Outcome
    from placet.domain.deciding import permit_id
    from placet.domain.ledger import LedgerEvent
    from placet.domain.orders import EffectOrder, EffectResult
    from placet.domain.record import Record
    from placet.domain.vocabulary import EffectState, Kind

from workflows.durable import ALIVE
from workflows.journal import Journal

EffectActivity = Callable[[Any, EffectOrder], Any]
"""The method of an activity class that consumes the permit."""

RETRY = RetryPolicy(maximum_interval=timedelta(minutes=1))


def order(case: Case, outcome: Outcome, journal: Journal) -> EffectOrder:
    """Return the order to carry out what was approved, with the events that may come of it.

    The events carry the instant from which on it may run: that of the approval, or the time that it
    waited for. The present would make other events of them when a workflow is reset.
    """
    permit, plan = permit_id(case), case.known_plan()
    due = outcome.at if plan.effect_at is None else max(outcome.at, plan.effect_at)

    def sealed(kind: Kind, effect: EffectState) -> LedgerEvent:
        record = Record(
            kind=kind,
            at=due,
            revision=case.revision,
            digest=case.digest,
            data={"permit": permit, "effect": effect.value},
        )
        return journal.seal_once(case, record)

    return EffectOrder(
        request_id=case.request_id,
        revision=case.revision,
        permit=permit,
        effect=case.effect_name or "",
        digest=case.digest or "",
        plan=plan,
        approved=outcome.at,
        consumed=sealed(Kind.PERMIT_CONSUMED, EffectState.PENDING),
        done=sealed(Kind.EFFECT_DONE, EffectState.DONE),
        stopped=sealed(Kind.EFFECT_STOPPED, EffectState.STOPPED),
    )


def start(
    activity: EffectActivity, told: EffectOrder, attempt: timedelta
) -> workflow.ActivityHandle[EffectResult]:
    """Begin to run an effect; each of its attempts may take so long."""
    what = f"stop the {told.effect} of" if told.stop else f"{told.effect} of"
    return workflow.start_activity_method(
        activity,
        told,
        start_to_close_timeout=attempt,
        heartbeat_timeout=ALIVE,
        retry_policy=RETRY,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"{what} {told.request_id}",
    )
