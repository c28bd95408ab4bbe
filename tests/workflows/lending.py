"""An effect for tests that lasts: it lends something for five days, and takes it back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.orders import EffectOrder, EffectResult, EndOrder
from placet.domain.vocabulary import EndReason
from placet.ledger import PostgresLedger
from placet.pipelines.pipeline import Pipeline
from placet.settings import Settings

DAYS = 5


class Lender:
    """A ledger, beside which the test tells the effect what to do.

    Attributes:
        ends: Why each attempt to take it back was made.
        fails: How many of them fail for a while.
        refuses: Whether it can never be taken back.
        again: The request about which the effect wants people asked anew.
    """

    def __init__(self, ledger: PostgresLedger) -> None:
        self._ledger = ledger
        self.ends: list[EndOrder] = []
        self.fails = 0
        self.refuses = False
        self.again: dict[str, JsonValue] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


class LendingActivities:
    """Lends and takes back."""

    def __init__(self, lender: Lender) -> None:
        self._lender = lender

    @activity.defn(name="lending.lend")
    async def lend(self, order: EffectOrder) -> EffectResult:
        """Lend it, or say that people are to be asked again."""
        lender, again = self._lender, self._lender.again
        await lender.consume(order.permit, order.digest, order.effect, [order.consumed])
        if again is not None:
            lender.again = None
            summary = "there is more of it than people have seen"
            (receipt,) = await lender.append([order.stopped.telling({"summary": summary})])
            return EffectResult(summary=summary, receipt=receipt, stopped=True, again=again)
        until = order.approved + timedelta(days=DAYS)
        event = order.in_force(until).telling({"summary": "it is lent"})
        (receipt,) = await lender.append([event])
        return EffectResult(summary="it is lent", receipt=receipt, until=until)

    @activity.defn(name="lending.take_back")
    async def take_back(self, order: EndOrder) -> EffectResult:
        """Take it back; who takes it back before its time undoes it."""
        lender = self._lender
        lender.ends.append(order)
        if lender.refuses:
            raise ApplicationError("it is lost; look for it", type="conflict", non_retryable=True)
        if lender.fails:
            lender.fails -= 1
            raise ApplicationError("nobody answers")
        undone = order.why is EndReason.WITHDRAWN
        summary = "it is as before" if undone else "it is back"
        event = (order.undone() if undone else order.ended).telling({"summary": summary})
        (receipt,) = await lender.append([event])
        return EffectResult(summary=summary, receipt=receipt, undone=undone)


def activities(_: Settings, ledger: Any) -> Sequence[Callable[..., Any]]:
    """Return the activities."""
    lending = LendingActivities(ledger)
    return [lending.lend, lending.take_back]


BORROWED = Pipeline(
    "expense",
    "Ask for money for a while",
    "tests.workflows.borrowed:Borrowed",
    "placet.pipelines.expense:DOOR",
    "tests.workflows.lending:activities",
)

SEIZED = replace(BORROWED, workflow_at="tests.workflows.seized:Seized")
