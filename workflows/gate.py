"""The gate: where a pipeline waits for people.

It drives one Case. Everything that can move a case (signals, the update ``decide``, the timer, the
effect's report) lands in one inbox and is taken from there by one task, a batch at a time: look at
the directory, let the pure case move, write the ledger, and only then answer, notify and go on
(rules 1, 2 and 7). A pipeline reads::

    outcome = await self.gate.approval()
    if outcome.kind is Status.APPROVED:
        await self.gate.effect(PaymentActivities.pay)
    return await self.gate.close()
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue, ValidationError

    from activities.planning import PlanningActivities
    from activities.reviewers import ReviewerActivities
    from placet.domain import progress, reception
    from placet.domain.case import Case, Outcome, Step
    from placet.domain.ledger import Receipt
    from placet.domain.message import UPDATE, Malformed, Message, parse, read_json
    from placet.domain.orders import (
        Assessment,
        AssessOrder,
        CaseResult,
        Claim,
        EffectOrder,
        EffectResult,
        GateState,
        Given,
        OpenOrder,
        Planned,
        PlanOrder,
        StepOutcome,
    )
    from placet.domain.plan import Opening
    from placet.domain.record import Record, Undelivered
    from placet.domain.review import Answer, Call
    from placet.domain.story import details
    from placet.domain.vocabulary import EffectState, Kind, Status

from workflows.alarm import Alarm
from workflows.courier import Courier
from workflows.durable import ALIVE, durably
from workflows.inbox import Entry, Inbox, Tick
from workflows.journal import Journal

NO_REQUEST = RawValue(Payload())
"""What a workflow that was started without an argument has as its request: nothing."""

EFFECT_ATTEMPT = timedelta(minutes=2)
EFFECT_RETRY = RetryPolicy(maximum_interval=timedelta(minutes=1))


class Gate:
    """Drives one case, from its request to its end."""

    def __init__(self, pipeline: str, start: RawValue, effect: str | None = None) -> None:
        """Register the case's doors; messages may come before ``approval`` is called.

        Args:
            pipeline: The pipeline's name, as policies have it.
            start: What the workflow was started with: the request, or a continued run's state.
            effect: The name of what follows an approval, as permits have it.
        """
        info = workflow.info()
        state = _carried(start) if info.continued_run_id else None
        self._start = start
        self._case = (
            state.case
            if state
            else Case(request_id=info.workflow_id, pipeline=pipeline, effect_name=effect)
        )
        self._signals = state.signals if state else 0
        self._journal = Journal(state.events, state.steps) if state else Journal()
        self._courier = Courier(self._journal, self._on_undelivered)
        self._inbox = Inbox()
        self._alarm = Alarm(self._on_alarm)
        for key, malformed in state.malformed if state else ():
            self._inbox.put(Entry(malformed, key))
        for key, message in state.messages if state else ():
            self._inbox.put(Entry(message, key))
        self._closing = False
        self._driver: asyncio.Task[None] | None = None
        self._result: EffectResult | None = None
        workflow.set_dynamic_signal_handler(self._on_signal)
        workflow.set_update_handler(UPDATE, self._on_update, validator=self._check_update)
        workflow.set_query_handler("status", self._on_status)

    # What a pipeline calls.

    async def approval(self) -> Outcome:
        """Wait for the case's outcome: by people, by rule or by time."""
        while True:
            self._driver = asyncio.create_task(self._drive())
            await workflow.wait_condition(lambda: self._case.outcome is not None or self._stopped())
            self._check_driver()
            if self._case.outcome is not None:
                return self._case.outcome
            # The driver has stopped for a continued run; callers of updates are answered first.
            await workflow.wait_condition(
                lambda: bool(self._inbox) or workflow.all_handlers_finished()
            )
            if workflow.all_handlers_finished():
                workflow.continue_as_new(self._state())

    async def effect(self, activity: Callable[[Any, EffectOrder], Any]) -> EffectResult | None:
        """Run the effect of the approved revision, at most once.

        Args:
            activity: The method of an activity class that consumes the permit.

        Returns:
            What it came to; None when it cannot be run, which the ledger then says.
        """
        try:
            done = await workflow.execute_activity_method(
                activity,
                self._effect_order(),
                start_to_close_timeout=EFFECT_ATTEMPT,
                heartbeat_timeout=ALIVE,
                retry_policy=EFFECT_RETRY,
                summary=f"{self._case.effect_name} of {self._case.request_id}",
            )
            self._result = done
            report = Entry(done, "effect")
        except ActivityError as error:
            if not isinstance(error.cause, ApplicationError):
                raise
            report = Entry(error.cause, "effect")
        self._inbox.put(report)
        await workflow.wait_condition(
            lambda: self._case.effect is not EffectState.PENDING or self._stopped()
        )
        self._check_driver()
        return self._result

    async def close(self) -> CaseResult:
        """Let what is under way finish, answer whoever is still waiting, and return the result."""
        await workflow.wait_condition(lambda: self._courier.idle)
        self._closing = True
        while self._inbox or not self._stopped() or not workflow.all_handlers_finished():
            await workflow.wait_condition(
                lambda: self._stopped() and (bool(self._inbox) or workflow.all_handlers_finished())
            )
            self._check_driver()
            if self._inbox:
                self._driver = asyncio.create_task(self._drive())
        outcome, last = self._outcome(), self._journal.last
        return CaseResult(
            request_id=self._case.request_id,
            outcome=outcome.kind.value,
            by=outcome.by.value,
            reason=outcome.reason,
            revision=self._case.revision,
            digest=self._case.digest,
            effect=self._case.effect.value if self._case.effect else None,
            summary=self._result.summary if self._result else None,
            event=last.event_id if last else None,
            leaf=last.leaf if last else None,
        )

    # The doors. They only put things into the inbox.

    def _on_signal(self, name: str, arguments: Sequence[RawValue]) -> None:
        self._signals += 1
        plain = [_plain(value) for value in arguments]
        self._enter(parse(name, plain, "signal"), plain, f"signal-{self._signals}")

    def _check_update(self, message: RawValue) -> None:
        understood = parse(UPDATE, [_plain(message)], "update")
        if isinstance(understood, Malformed):
            raise ApplicationError(understood.problem, type="malformed", non_retryable=True)

    async def _on_update(self, message: RawValue) -> Answer:
        plain = [_plain(message)]
        info = workflow.current_update_info()
        key = f"update-{info.id if info else ''}"
        entry = self._enter(parse(UPDATE, plain, "update"), plain, key)
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
            "plan": case.plan.model_dump(mode="json") if case.plan else None,
        }

    def _on_alarm(self, instant: datetime) -> None:
        self._inbox.put(Entry(Tick(), f"tick-{instant.isoformat()}"))

    def _on_undelivered(self, notice: Undelivered) -> None:
        self._inbox.put(Entry(notice, f"notice-{notice.number}"))

    def _enter(
        self, content: Message | Malformed, plain: list[tuple[str, bytes]], key: str
    ) -> Entry:
        # Of a message that nobody understood only the fingerprint is kept.
        size = sum(len(data) for _, data in plain) if isinstance(content, Message) else 1_000
        entry = Entry(content, key, size)
        self._inbox.put(entry)
        return entry

    # The driver: the only one that moves the case.

    async def _drive(self) -> None:
        while True:
            if self._case.status is Status.PLANNING:
                await self._plan()
            elif self._case.wants_stage:
                await self._open_stage()
            elif self._should_renew():
                return
            elif self._inbox:
                await self._turn()
            elif self._closing:
                return
            else:
                await self._wait()

    def _should_renew(self) -> bool:
        """Say whether the history has grown long, and nothing is under way that would be lost."""
        return (
            self._case.outcome is None
            and workflow.info().is_continue_as_new_suggested()
            and self._inbox.can_be_carried
            and self._courier.idle
            and workflow.all_handlers_finished()
        )

    async def _wait(self) -> None:
        self._alarm.set(self._case.next_due(), f"next due of {self._case.request_id}")
        workflow.set_current_details(details(self._case))
        await workflow.wait_condition(
            lambda: bool(self._inbox) or self._closing or self._should_renew()
        )

    async def _turn(self) -> None:
        """Take what has come in, in order.

        The timer stands behind whoever reached the workflow in the same task, so the person wins,
        and before those who came later, so that nobody can hold it off (rule 7).
        """
        now = workflow.now()
        batch = self._inbox.take()
        if batch[0].resubmits:
            await self._resubmit(batch[0], now)
            return
        known = await self._assess(batch, now)
        step = Step(case=self._case)
        if known.roster is not None:
            step = _after(step, progress.refreshed(step.case, known.roster, now))
        actors = iter(known.actors)
        taken: list[Entry] = []
        given: list[Given] = []
        while batch:
            entry = batch.popleft()
            taken.append(entry)
            then = self._take(step.case, entry, actors, now)
            if then.answer is not None:
                given.append(_given(entry, then, len(step.records), given))
            step = _after(step, then)
            if step.case.wants_stage:
                self._inbox.put_back(batch)
                break
        await self._commit(step, taken, given)

    def _take(self, case: Case, entry: Entry, actors: Any, now: datetime) -> Step:
        match entry.content:
            case Message() as message:
                call = Call(message=message, decision_id=entry.decision_id, actor=next(actors))
                return reception.received(case, call, now)
            case Malformed() as malformed:
                return reception.misunderstood(case, malformed, now)
            case EffectResult():
                return progress.effect_done(case, now)
            case Undelivered() as notice:
                return progress.notice_failed(case, notice, now)
            case ApplicationError() as error:
                return progress.effect_failed(case, error.message, now)
            case Tick():
                return progress.timers_fired(case, now)

    async def _plan(self) -> None:
        now = workflow.now()
        try:
            request = _request(self._start)
            order = PlanOrder(pipeline=self._case.pipeline, request=request, now=now)
            planned = await durably(
                PlanningActivities.make_plan, order, Planned, "plan the request"
            )
        except (ApplicationError, ValueError) as error:
            await self._commit(progress.unplannable(self._case, _problem(error), now))
            return
        step = progress.planned(self._case, planned.plan, planned.digest, now)
        await self._commit(_opened(step, planned.opening, now))

    async def _resubmit(self, entry: Entry, now: datetime) -> None:
        """Plan a changed request; one that cannot be planned leaves the case as it was."""
        message = entry.content
        assert isinstance(message, Message)  # noqa: S101 - _is_resubmission has made sure
        known = await self._assess(deque([entry]), now)
        call = Call(message=message, decision_id=entry.decision_id, actor=known.actors[0])
        step = reception.may_resubmit(self._case, call, now)
        if step is None:
            plan = self._case.known_plan()
            order = PlanOrder(
                pipeline=self._case.pipeline,
                request=message.request,
                now=now,
                policy=plan.policy.digest,
                requester=plan.requester.id,
                replaces=self._case.digest,
            )
            try:
                planned = await durably(
                    PlanningActivities.make_plan, order, Planned, "plan the changed request"
                )
                step = progress.replanned(self._case, planned.plan, planned.digest, now)
                step = _opened(reception.resubmitted(step, call, now), planned.opening, now)
            except ApplicationError as error:
                step = reception.bad_resubmission(self._case, call, _problem(error), now)
        await self._commit(step, [entry], [_given(entry, step)] if step.answer else [])

    async def _open_stage(self) -> None:
        now, case = workflow.now(), self._case
        order = OpenOrder(
            pipeline=case.pipeline,
            plan=case.known_plan(),
            stage=case.stage_index,
            now=now,
            earlier=case.reviewers_by_stage,
            reassigned={holder: person.id for holder, person in case.reassigned.items()},
        )
        opening = await durably(PlanningActivities.open_stage, order, Opening, "open a stage")
        await self._commit(progress.opened(case, opening, now))

    async def _assess(self, batch: deque[Entry], now: datetime) -> Assessment:
        """Ask the directory who these callers are, and who may review now."""
        case = self._case
        claims = tuple(
            Claim(
                actor=e.content.actor,
                action=e.content.action,
                decision_id=e.content.decision_id,
                attestation=e.content.attestation,
                seat_of=e.content.seat_of,
                to=e.content.to,
            )
            for e in batch
            if isinstance(e.content, Message)
        )
        if not claims and case.stage is None:
            return Assessment()
        plan = case.plan
        stages = plan.stages[case.stage_index :] if plan and case.outcome is None else ()
        order = AssessOrder(
            pipeline=case.pipeline,
            request_id=case.request_id,
            digest=case.digest,
            requester=plan.requester if plan else None,
            stages=stages,
            is_open=case.stage is not None,
            now=now,
            earlier=case.reviewers_by_stage,
            reassigned={holder: person.id for holder, person in case.reassigned.items()},
            open_holders=case.stage.open_holders(case.stage_reviews) if case.stage else None,
            reached=case.stage.reached if case.stage else (),
            claims=claims,
        )
        return await durably(ReviewerActivities.assess, order, Assessment, "look at the directory")

    async def _commit(
        self, step: Step, taken: Sequence[Entry] = (), given: Sequence[Given] = ()
    ) -> None:
        """Write the step; only then is it true, answered and acted upon.

        Args:
            step: What the case makes of it.
            taken: What the step has taken out of the inbox.
            given: What the callers are told.
        """
        wanted = StepOutcome(
            case=step.case,
            events=self._journal.events,
            taken=tuple(entry.key for entry in taken),
            answers=tuple(given),
            notices=step.notices,
        )
        outcome, receipts = await self._journal.write(step.records, wanted)
        if outcome is not wanted:
            # A worker that died had taken this step, perhaps with less or other messages in hand.
            self._inbox.put_back([entry for entry in taken if entry.key not in outcome.taken])
            taken = [entry for entry in taken if entry.key in outcome.taken]
        entries = {e.key: e for e in (*taken, *self._inbox.remove(outcome.taken))}
        self._case = outcome.case
        for each in outcome.answers:
            answer = self._receipted(each, receipts)
            if each.key in entries:
                entries[each.key].answer = answer
        for notice in outcome.notices:
            self._courier.send(self._case, notice)
        if self._case.outcome is not None:
            self._alarm.set(None, "")
            workflow.set_current_details(details(self._case))

    def _receipted(self, given: Given, receipts: Sequence[Receipt]) -> Answer:
        """Put the receipt into an answer, and keep it for when the same decision comes again."""
        if given.place is None:
            return given.answer
        receipt = receipts[given.place]
        answer = given.answer.model_copy(
            update={"event": receipt.event_id, "leaf": receipt.leaf, "seq": receipt.seq}
        )
        known = self._case.answers.get(answer.decision_id)
        if known is not None and known.answer == given.answer:
            self._case = reception.receipted(self._case, answer)
        return answer

    # The end.

    def _effect_order(self) -> EffectOrder:
        case, outcome = self._case, self._outcome()
        record = Record(
            kind=Kind.PERMIT_CONSUMED,
            at=outcome.at,
            revision=case.revision,
            digest=case.digest,
            data={"permit": progress.permit_id(case), "effect": EffectState.PENDING.value},
        )
        done = record.model_copy(
            update={
                "kind": Kind.EFFECT_DONE,
                "data": {**record.data, "effect": EffectState.DONE.value},
            }
        )
        return EffectOrder(
            request_id=case.request_id,
            revision=case.revision,
            permit=progress.permit_id(case),
            effect=case.effect_name or "",
            digest=case.digest or "",
            plan=case.known_plan(),
            approved=outcome.at,
            consumed=self._journal.seal(case, record),
            done=self._journal.seal(case, done),
        )

    def _state(self) -> GateState:
        """Return what a continued run needs: also what has come in and not been taken."""
        return GateState(
            case=self._case,
            events=self._journal.events,
            steps=self._journal.steps,
            signals=self._signals,
            messages=self._inbox.messages(),
            malformed=self._inbox.malformed(),
        )

    def _outcome(self) -> Outcome:
        self._check_driver()
        if self._case.outcome is None:
            message = f"case {self._case.request_id} has no outcome yet"
            raise RuntimeError(message)
        return self._case.outcome

    def _stopped(self) -> bool:
        return self._driver is not None and self._driver.done()

    def _check_driver(self) -> None:
        """Raise what stopped the driver, if anything did."""
        if self._driver is not None and self._driver.done():
            self._driver.result()


def _after(first: Step, then: Step) -> Step:
    """Return both steps as one."""
    return then.model_copy(
        update={
            "records": (*first.records, *then.records),
            "notices": (*first.notices, *then.notices),
        }
    )


def _opened(step: Step, opening: Opening | None, now: datetime) -> Step:
    """Open the first stage in the same breath, where there is one."""
    if opening is None:
        return step
    return _after(step, progress.opened(step.case, opening, now)).model_copy(
        update={"answer": step.answer}
    )


def _given(entry: Entry, step: Step, before: int = 0, given: Sequence[Given] = ()) -> Given:
    """Find the record that ``step``'s answer is about, ``before`` records being ahead of it."""
    answer = step.answer
    assert answer is not None  # noqa: S101 - the callers have looked
    for index, record in enumerate(step.records):
        if record.decision_id == answer.decision_id:
            return Given(key=entry.key, answer=answer, place=before + index)
    # The same decision id came twice in one batch: both get the receipt of the first.
    same = [each for each in given if each.answer == answer]
    return Given(key=entry.key, answer=answer, place=same[0].place if same else None)


def _carried(start: RawValue) -> GateState | None:
    """Return the state of the run before; None when this run is a retry or a cron's next run."""
    try:
        return GateState.model_validate_json(start.payload.data)
    except ValidationError:
        return None


def _plain(value: RawValue) -> tuple[str, bytes]:
    payload = value.payload
    return payload.metadata.get("encoding", b"").decode("ascii", "replace"), payload.data


def _request(start: RawValue) -> Any:
    """Return the JSON the workflow was started with."""
    encoding, data = _plain(start)
    if encoding != "json/plain":
        got = f"with encoding {encoding}" if encoding else "without a request"
        raise ValueError(f"started {got}; start it with one JSON object")
    try:
        return read_json(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"started with what is not valid JSON ({error}); start it with one JSON object"
        ) from error


def _problem(error: Exception) -> str:
    return getattr(error, "message", None) or str(error)
