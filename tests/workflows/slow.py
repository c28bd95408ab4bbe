"""An effect for tests: it may wait for its time, runs until it is ended, and can be stopped."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.orders import EffectOrder, EffectResult
from placet.ledger import PostgresLedger
from placet.pipelines.expense import DOOR as EXPENSE
from placet.pipelines.pipeline import Pipeline, Prepared, Surroundings
from placet.settings import Settings


class Slow:
    """A ledger, beside which the test tells the effect what to do.

    Attributes:
        runs: What each attempt was asked: to run, or to stop.
        begun: Set when the first one runs.
        end: Set by the test: what runs is done.
        when_cancelled: What becomes of what runs: it stops, dies, or is done in that moment.
        stops_fail: How many attempts to stop fail for a while.
    """

    def __init__(self, ledger: PostgresLedger) -> None:
        self._ledger = ledger
        self.runs: list[str] = []
        self.begun = asyncio.Event()
        self.end = asyncio.Event()
        self.when_cancelled: Literal["stop", "die", "finish"] = "stop"
        self.stops_fail = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


class SlowActivities:
    """Does nothing, slowly."""

    def __init__(self, ledger: Slow) -> None:
        self._ledger = ledger

    @activity.defn(name="slow.run")
    async def run(self, order: EffectOrder) -> EffectResult:
        """Go on until it is done or stopped."""
        ledger, stopped = self._ledger, order.stop
        ledger.runs.append("stop" if order.stop else "run")
        if order.stop and ledger.stops_fail:
            ledger.stops_fail -= 1
            raise ApplicationError("the worker died while it stopped")
        await ledger.consume(order.permit, order.digest, order.effect, [order.consumed])
        if not order.stop:
            ledger.begun.set()
            try:
                await ledger.end.wait()
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                asked = details is not None and details.cancel_requested
                if ledger.when_cancelled == "die" or not asked:
                    raise
                stopped = ledger.when_cancelled == "stop"
        summary = "half of it" if stopped else "all of it"
        event = (order.stopped if stopped else order.done).telling({"summary": summary})
        (receipt,) = await ledger.append([event])
        return EffectResult(summary=summary, receipt=receipt, stopped=stopped)


def activities(_: Settings, ledger: Any) -> Sequence[Callable[..., Any]]:
    """Return the activity."""
    return [SlowActivities(ledger).run]


async def prepare(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand an expense whose purpose may be the instant at which it is to be paid."""
    prepared = await EXPENSE.prepare(raw, surroundings)
    try:
        instant = datetime.fromisoformat(raw["purpose"]).astimezone(UTC)
    except ValueError:
        instant = None
    return replace(prepared, effect_at=instant)


DOOR = replace(EXPENSE, prepare=prepare)
PATIENT = Pipeline(
    "expense",
    "Ask for money back, some time",
    "tests.workflows.patient:Patient",
    "tests.workflows.slow:DOOR",
    "tests.workflows.slow:activities",
)
