"""The effect of an approved case, and its end: what they are told, and how they are run."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from placet.domain.case import Case, Ending, Outcome
    from placet.domain.deciding import permit_id
    from placet.domain.ledger import LedgerEvent
    from placet.domain.orders import EffectOrder, EffectResult, EndOrder
    from placet.domain.record import Record
    from placet.domain.vocabulary import EffectState, Kind

from workflows.durable import ALIVE
from workflows.journal import Journal

EffectActivity = Callable[[Any, Any], Any]
"""The method of an activity class that consumes the permit, or ends what that has brought."""

RETRY = RetryPolicy(maximum_interval=timedelta(minutes=1))


def order(case: Case, outcome: Outcome, journal: Journal) -> EffectOrder:
    """Return the order to carry out what was approved, with the events that may come of it.

    The events carry the instant from which on it may run: that of the approval, or the time that it
    waited for. The present would make other events of them when a workflow is reset.
    """
    due = case.effect_from or outcome.at

    def sealed(kind: Kind, effect: EffectState) -> LedgerEvent:
        return journal.seal_once(case, _record(case, kind, effect, due))

    return EffectOrder(
        request_id=case.request_id,
        revision=case.revision,
        permit=permit_id(case),
        effect=case.effect_name or "",
        digest=case.digest or "",
        plan=case.known_plan(),
        approved=outcome.at,
        consumed=sealed(Kind.PERMIT_CONSUMED, EffectState.PENDING),
        done=sealed(Kind.EFFECT_DONE, EffectState.DONE),
        stopped=sealed(Kind.EFFECT_STOPPED, EffectState.STOPPED),
        by=outcome.by,
    )


def end_order(case: Case, ending: Ending, journal: Journal) -> EndOrder:
    """Return the order to end what is in force."""
    record = _record(case, Kind.EFFECT_ENDED, EffectState.ENDED, ending.at)
    return EndOrder(
        request_id=case.request_id,
        revision=case.revision,
        permit=permit_id(case),
        effect=case.effect_name or "",
        digest=case.digest or "",
        plan=case.known_plan(),
        at=ending.at,
        why=ending.why,
        reason=ending.reason,
        ended=journal.seal_once(case, record),
    )


def _record(case: Case, kind: Kind, effect: EffectState, at: datetime) -> Record:
    return Record(
        kind=kind,
        at=at,
        revision=case.revision,
        digest=case.digest,
        data={"permit": permit_id(case), "effect": effect.value},
    )


def start(
    activity: EffectActivity, told: EffectOrder | EndOrder, attempt: timedelta
) -> workflow.ActivityHandle[EffectResult]:
    """Begin to run an effect, or to end it; each of the attempts may take so long."""
    if isinstance(told, EndOrder):
        what = f"end the {told.effect} of"
    else:
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
