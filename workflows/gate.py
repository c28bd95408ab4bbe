"""The gate: where a pipeline waits for people.

Everything that can move a case (signals, the update ``decide``, the timer, the effect's report)
lands in one inbox, from which one driver takes it. A pipeline reads::

    outcome = await self.gate.approval()
    if outcome.kind is Status.APPROVED and await self.gate.embargo():
        await self.gate.effect(PaymentActivities.pay)
    return await self.gate.close()

and one whose effect lasts awaits ``self.gate.expiry(...)`` before it closes.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue, ValidationError

    from placet.domain.case import Case, Outcome
    from placet.domain.message import MAX_MESSAGE_BYTES, UPDATE, Malformed, parse
    from placet.domain.orders import (
        CaseResult,
        EffectResult,
        EndOrder,
        GateState,
    )
    from placet.domain.review import Answer
    from placet.domain.vocabulary import EffectState

from workflows import effects
from workflows.driver import Driver
from workflows.effects import EffectActivity
from workflows.followers import Followers, Request
from workflows.inbox import Cancellation, Entry, Inbox, Unread
from workflows.journal import Journal
from workflows.raw import plain

NO_REQUEST = RawValue(Payload())
"""What a workflow that was started without an argument has as its request: nothing."""

EFFECT_ATTEMPT = timedelta(minutes=2)


class Doors:
    """The signals of every pipeline: its workflow inherits them and has a gate.

    They are declared on the class and not set by the gate, because signals that come before their
    handler is set are handed over name by name, and not in the order in which they came.
    """

    gate: "Gate"

    @workflow.signal(dynamic=True)
    def on_signal(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Take a signal of any name with any arguments."""
        self.gate.on_signal(name, arguments)


class Gate:
    """Stands between a pipeline and one case, from its request to its end."""

    def __init__(
        self,
        pipeline: str,
        start: RawValue,
        effect: str | None = None,
        *,
        stoppable: bool = False,
    ) -> None:
        """Register the case's doors; messages may come before ``approval`` is called.

        Args:
            pipeline: The pipeline's name, as policies have it.
            start: What the workflow was started with: the request, or a continued run's state.
            effect: The name of what follows an approval, as permits have it.
            stoppable: Whether that can be stopped half-way: ``EffectOrder`` says what it then does.
        """
        info = workflow.info()
        state = _carried(start) if info.continued_run_id else None
        case = (
            state.case
            if state
            else Case(
                request_id=info.workflow_id,
                pipeline=pipeline,
                effect_name=effect,
                stoppable=stoppable,
            )
        )
        journal = Journal(state.events, state.steps) if state else Journal()
        self._driver = Driver(case, start, journal)
        self._signals = state.signals if state else 0
        for key, message in state.messages if state else ():
            self._inbox.put(Entry(message, key))
        self._task: asyncio.Task[None] | None = None
        self._summary = state.summary if state else None
        self._followers = Followers(self._driver)
        self._cancellation: Entry | None = None
        workflow.set_update_handler(UPDATE, self._on_update, validator=self._check_update)
        workflow.set_query_handler("status", self._on_status)

    @property
    def _case(self) -> Case:
        return self._driver.case

    @property
    def _inbox(self) -> Inbox:
        return self._driver.inbox

    # What a pipeline calls.

    async def approval(self) -> Outcome:
        """Wait for the case's outcome: by people, by rule or by time."""
        await self._drive(lambda: self._case.outcome is not None)
        return self._outcome()

    async def embargo(self) -> bool:
        """Wait for the time of what was approved; at once when it has none.

        Returns:
            Whether the effect is to be run: not when the approval was revoked meanwhile.
        """
        await self._drive(lambda: self._case.effect is not EffectState.WAITING)
        return self._case.effect is EffectState.PENDING

    async def effect(
        self, activity: EffectActivity, attempt: timedelta = EFFECT_ATTEMPT
    ) -> EffectResult | None:
        """Run the effect of the approved revision, at most once.

        Args:
            activity: The method of an activity class that consumes the permit.
            attempt: How long one attempt may take.

        Where it finds that what was approved is no longer true, people are asked anew, in another
        case.

        Returns:
            What it came to; None when it cannot be run, which the ledger then says.
        """
        if self._case.effect is not EffectState.PENDING:
            message = f"the effect of {self._case.request_id} is {self._case.effect}, not pending"
            raise RuntimeError(message)
        done = await self._reported(self._run(activity, attempt), EffectState.PENDING)
        # Whoever had it stopped does not want to be asked again.
        if done is not None and done.again is not None and not self._case.stopping:
            asking = asyncio.create_task(self._followers.ask_again(done.again, done.summary))
            await self._until(asking.done)
            asking.result()
        return done

    async def expiry(
        self, activity: EffectActivity, attempt: timedelta = EFFECT_ATTEMPT
    ) -> EffectResult | None:
        """Wait until what is in force is over or somebody takes it back, and end it.

        Args:
            activity: The method of an activity class that ends it.
            attempt: How long one attempt may take.

        Returns:
            What it came to; None when nothing is in force, or it cannot be ended, which the ledger
            then says.
        """
        await self._drive(lambda: self._case.effect is not EffectState.IN_FORCE)
        ending = self._case.ending
        if self._case.effect is not EffectState.ENDING or ending is None:
            return None
        order = effects.end_order(self._case, ending, self._driver.journal)
        return await self._reported(self._end(activity, order, attempt), EffectState.ENDING)

    def afterwards(self, pipeline: str, request_of: Callable[[Case], Request]) -> None:
        """Have people review what is done before they have been asked.

        Unless they approve it, what is in force then ends.

        Args:
            pipeline: Of which kind the review is.
            request_of: Makes its request of this case.
        """
        self._followers.review(pipeline, request_of)

    async def _reported(
        self, running: Coroutine[Any, Any, EffectResult], state: EffectState
    ) -> EffectResult | None:
        """Wait for what an activity comes to, and until the case has taken it.

        Args:
            running: Runs it.
            state: How the effect stands meanwhile.
        """
        key = "effect" if state is EffectState.PENDING else "ending"
        result = None
        try:
            result = await running
            self._driver.journal.saw(result.receipt)
            self._summary = result.summary
            report = Entry(result, key)
        except ActivityError as error:
            if not isinstance(error.cause, ApplicationError):
                raise
            report = Entry(error.cause, key)
        self._inbox.put(report)
        await self._until(lambda: self._case.effect is not state or self._stopped())
        self._check_driver()
        return result

    async def _end(
        self, activity: EffectActivity, order: EndOrder, attempt: timedelta
    ) -> EffectResult:
        running = effects.start(activity, order, attempt)
        await self._until(running.done)
        return running.result()

    async def _run(self, activity: EffectActivity, attempt: timedelta) -> EffectResult:
        """Run the effect until it ends, or until somebody has it stopped.

        Raises:
            ActivityError: It cannot be run.
        """
        order = effects.order(self._case, self._outcome(), self._driver.journal)
        if not self._case.must_stop:
            running = effects.start(activity, order, attempt)
            await self._until(lambda: running.done() or self._case.must_stop)
            if not running.done():
                running.cancel()
                await self._until(running.done)
            try:
                return running.result()
            except ActivityError:
                if not self._case.must_stop:
                    raise
        # No attempt lives that could close what was begun.
        running = effects.start(activity, order.model_copy(update={"stop": True}), attempt)
        await self._until(running.done)
        return running.result()

    async def close(self) -> CaseResult:
        """Let what is under way finish, answer whoever is still waiting, and return the result.

        Raises:
            CancelledError: The case was withdrawn, revoked or stopped by a cancellation, and the
                ledger has it all; whoever cancelled a workflow expects to see it as canceled.
        """
        await self._until(lambda: self._driver.courier.idle)
        self._driver.closing = True
        while self._inbox or not self._stopped() or not workflow.all_handlers_finished():
            await self._until(
                lambda: self._stopped() and (bool(self._inbox) or workflow.all_handlers_finished())
            )
            self._check_driver()
            if self._inbox:
                self._task = asyncio.create_task(self._driver.run())
        outcome, last = self._outcome(), self._driver.journal.last
        if self._was_cancelled():
            raise asyncio.CancelledError(outcome.reason)
        return CaseResult(
            request_id=self._case.request_id,
            outcome=outcome.kind.value,
            by=outcome.by.value,
            reason=outcome.reason,
            revision=self._case.revision,
            digest=self._case.digest,
            effect=self._case.effect.value if self._case.effect else None,
            summary=self._summary,
            event=last.event_id if last else None,
            leaf=last.leaf if last else None,
        )

    # The doors. They only put things into the inbox.

    def on_signal(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Take a signal of any name with any arguments."""
        self._signals += 1
        came = tuple(plain(value) for value in arguments)
        self._enter(Unread(name, came, "signal"), f"signal-{self._signals}")

    def _check_update(self, message: RawValue) -> None:
        """Refuse a small update at once; a large one is read when its turn comes."""
        came = plain(message)
        if len(came[1]) > MAX_MESSAGE_BYTES:
            return
        understood = parse(UPDATE, [came], "update")
        if isinstance(understood, Malformed):
            raise ApplicationError(understood.problem, type="malformed", non_retryable=True)

    async def _on_update(self, message: RawValue) -> Answer:
        info = workflow.current_update_info()
        entry = self._enter(
            Unread(UPDATE, (plain(message),), "update"), f"update-{info.id if info else ''}"
        )
        await workflow.wait_condition(lambda: entry.answer is not None)
        answer = entry.answer
        if answer is None or not answer.accepted:
            refusal = answer.refusal.value if answer and answer.refusal else "refused"
            text = answer.message if answer else "the case has ended"
            raise ApplicationError(text, answer, type=refusal, non_retryable=True)
        return answer

    def _on_status(self) -> dict[str, JsonValue]:
        case = self._case
        return {
            "request": case.request_id,
            "pipeline": case.pipeline,
            "revision": case.revision,
            "digest": case.digest,
            **case.summary(),
            "waiting_for": case.waiting_for(),
            "reviews": [review.model_dump(mode="json") for review in case.reviews],
            "passed": list(case.passed),
            "proposal": case.proposal.model_dump(mode="json") if case.proposal else None,
            "plan": case.plan.model_dump(mode="json") if case.plan else None,
        }

    async def _drive(self, happened: Callable[[], bool]) -> None:
        """Let the driver go on until something has happened, in as many runs as that takes."""
        if self._task is None:
            self._task = asyncio.create_task(self._driver.run())
        while not happened():
            await self._until(lambda: happened() or self._stopped())
            self._check_driver()
            if not happened():
                # The driver has stopped for a continued run, unless something has come in since.
                if self._driver.should_renew():
                    workflow.continue_as_new(self._state())
                self._task = asyncio.create_task(self._driver.run())

    async def _until(self, happened: Callable[[], bool]) -> None:
        """Wait. A cancellation ends no wait: it is one more thing that comes in.

        Temporal cancels a run once. Whatever cancels its tasks after that, or without having told a
        reason, is the worker that lets go of the run.
        """
        while not happened():
            try:
                await workflow.wait_condition(happened)
            except asyncio.CancelledError:
                reason = workflow.cancellation_reason()
                if reason is None or self._cancellation is not None:
                    raise
                self._cancellation = Entry(Cancellation(reason), "cancellation")
                self._inbox.put(self._cancellation)

    def _was_cancelled(self) -> bool:
        """Say whether it was the cancellation that ended the case, or stopped its effect."""
        answer = self._cancellation.answer if self._cancellation else None
        too_late = self._case.effect in (EffectState.DONE, EffectState.FAILED)
        return answer is not None and answer.accepted and not too_late

    def _enter(self, content: Unread, key: str) -> Entry:
        entry = Entry(content, key, content.size)
        self._inbox.put(entry)
        self._driver.just_heard = True
        return entry

    # The end.

    def _state(self) -> GateState:
        """Return what a continued run needs: also what has come in and not been taken."""
        self._inbox.read_all()
        return GateState(
            case=self._case,
            events=self._driver.journal.events,
            steps=self._driver.journal.steps,
            signals=self._signals,
            summary=self._summary,
            messages=self._inbox.messages(),
        )

    def _outcome(self) -> Outcome:
        self._check_driver()
        if self._case.outcome is None:
            message = f"case {self._case.request_id} has no outcome yet"
            raise RuntimeError(message)
        return self._case.outcome

    def _stopped(self) -> bool:
        return self._task is not None and self._task.done()

    def _check_driver(self) -> None:
        """Raise what stopped the driver, or whoever follows, if anything did."""
        self._followers.check()
        if self._task is not None and self._task.done():
            self._task.result()


def _carried(start: RawValue) -> GateState | None:
    """Return the state of the run before; None when this run is a retry or a cron's next run."""
    try:
        return GateState.model_validate_json(start.payload.data)
    except ValidationError:
        return None
