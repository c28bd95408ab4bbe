"""The driver: the only one that moves a case.

It takes what is in the inbox, a batch at a time: looks at the directory, lets the pure case move,
writes the step to the ledger, and only then answers, notifies and goes on (rules 1, 2 and 7).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.planning import PlanningActivities
    from activities.reviewers import ReviewerActivities
    from placet.domain import progress, reception, stopping
    from placet.domain.case import Case, Step
    from placet.domain.ledger import Receipt
    from placet.domain.message import Message
    from placet.domain.orders import Assessment, Given, Planned, PlanOrder, StepOutcome
    from placet.domain.plan import Opening
    from placet.domain.record import Undelivered
    from placet.domain.review import Answer, Call
    from placet.domain.story import details
    from placet.domain.vocabulary import Status

from workflows import questions, steps
from workflows.alarm import Alarm
from workflows.courier import Courier
from workflows.durable import THOROUGH, durably
from workflows.inbox import Entry, Inbox, Tick
from workflows.journal import Journal


class Driver:
    """Moves one case.

    Attributes:
        case: Where it stands: what the ledger has, and nothing that it has not.
        inbox: What has come in and has not been taken.
        journal: Where it is written.
        courier: Who writes to people.
        closing: Set when the pipeline has done its work: the driver stops at an empty inbox.
        just_heard: Set when a message comes, until a step is done. Temporal's library brings the
            messages of a workflow task before its cancellation, so a run that ended on their
            account alone would never hear of it.
        awaits_follower: Set while the end of another case is waited for: a continued run would not
            hear of it.
    """

    def __init__(self, case: Case, start: RawValue, journal: Journal) -> None:
        """Drive ``case``; ``start`` is the request of one that has not been planned."""
        self.case = case
        self.inbox = Inbox()
        self.journal = journal
        self.courier = Courier(journal, self._on_undelivered)
        self.closing = False
        self.just_heard = False
        self.awaits_follower = False
        self._start = start
        self._alarm = Alarm(self._on_alarm)

    async def run(self) -> None:
        """Move the case until it is closing, or until its run should be continued as a new one."""
        while True:
            if self.case.status is Status.PLANNING:
                await self._plan()
            elif (cancellation := self._cancellation()) is not None:
                await self._withdraw(cancellation)
            elif self.case.wants_stage:
                await self._open_stage()
            elif self.should_renew():
                return
            elif self.inbox:
                await self._turn()
            elif self.closing:
                return
            else:
                await self._wait()

    def should_renew(self) -> bool:
        """Say whether the history has grown long, and nothing is under way that would be lost."""
        return (
            self.case.goes_on
            and not self.just_heard
            and not self.awaits_follower
            and workflow.info().is_continue_as_new_suggested()
            and self.inbox.can_be_carried
            and self.courier.idle
            and workflow.all_handlers_finished()
        )

    def _cancellation(self) -> Entry | None:
        """Return the cancellation that is to be taken before anything else, if there is one."""
        return self.inbox.cancellation if self.case.revocable else None

    async def _withdraw(self, entry: Entry) -> None:
        step = await self._take(self.case, entry, iter(()), workflow.now())
        self.inbox.remove([entry.key])
        await self._write(step, [entry], [steps.answered(entry, step)])

    async def _wait(self) -> None:
        self._set_alarm()
        workflow.set_current_details(details(self.case))
        await workflow.wait_condition(
            lambda: bool(self.inbox) or self.closing or self.should_renew()
        )

    async def _turn(self) -> None:
        """Take what has come in, in order.

        The timer stands behind whoever reached the workflow in the same task, so the person wins,
        and before those who came later, so that nobody can hold it off (rule 7).
        """
        now = workflow.now()
        batch = self.inbox.take()
        known = await self._assess(batch, now)
        if known is None:
            return
        step = Step(case=self.case)
        if known.roster is not None:
            step = steps.joined(step, progress.refreshed(step.case, known.roster, now))
        actors = iter(known.actors)
        taken: list[Entry] = []
        given: list[Given] = []
        while batch and not step.case.wants_stage:
            entry = batch.popleft()
            taken.append(entry)
            then = await self._take(step.case, entry, actors, now)
            if then.answer is not None:
                given.append(steps.answered(entry, then, len(step.records), given))
            step = steps.joined(step, then)
        # What is left came for the stage that opens next.
        self.inbox.put_back(batch)
        step = steps.joined(step, progress.looked_over(step.case, now))
        await self._commit(step, taken, given)

    async def _take(self, case: Case, entry: Entry, actors: Any, now: datetime) -> Step:
        if isinstance(entry.content, Message):
            call = Call(message=entry.content, decision_id=entry.decision_id, actor=next(actors))
            if entry.content.action.changes:
                return await self._change(case, call, now)
            return reception.received(case, call, now)
        return steps.moved(case, entry, now)

    async def _plan(self) -> None:
        now = workflow.now()
        try:
            order = questions.plan(self.case, self._start, now)
            planned = await _planned(order, "plan the request")
        except (ApplicationError, ValueError) as error:
            problem, asked_by = steps.problem_of(error), steps.asked_by(error)
            await self._write(progress.unplannable(self.case, problem, asked_by, now))
            return
        if self._cancellation() is not None:
            # The ledger shall know what was cancelled.
            await self._write(progress.submitted(self.case, planned.plan, planned.digest, now))
            return
        step = progress.planned(self.case, planned.plan, planned.digest, now)
        await self._write(steps.opened(step, planned.opening, now))

    async def _change(self, case: Case, call: Call, now: datetime) -> Step:
        """Plan a changed request; one that cannot be planned leaves the case as it was."""
        step = reception.may_change(case, call, now)
        if step.answer is not None:
            return step
        order = questions.plan_again(step.case, call.message.request, now)
        try:
            planned = await _planned(order, "plan the changed request")
        except ApplicationError as error:
            return steps.joined(
                step, reception.not_planned(step.case, call, steps.problem_of(error), now)
            )
        step = steps.joined(
            step, reception.changed(step.case, call, planned.plan, planned.digest, now)
        )
        return steps.opened(step, planned.opening if step.case.wants_stage else None, now)

    async def _open_stage(self) -> None:
        now, case = workflow.now(), self.case
        order = questions.open_stage(case, now)
        try:
            opening = await durably(PlanningActivities.open_stage, order, Opening, "open a stage")
        except ApplicationError as error:
            name = case.known_plan().stages[case.stage_index].name
            await self._fail(f"stage {name} cannot be opened: {steps.problem_of(error)}", now)
            return
        await self._commit(progress.opened(case, opening, now))

    async def _fail(self, problem: str, now: datetime) -> None:
        """End the case because what it needs is gone, and say what to do (rule 9)."""
        advice = "when that is put right, submit the request again under another id"
        await self._commit(stopping.failed(self.case, f"{problem}; {advice}", now))

    async def _assess(self, batch: Sequence[Entry], now: datetime) -> Assessment | None:
        """Ask the directory who these callers are, and who may review now.

        Returns:
            None when that cannot be known and the case has ended over it; ``batch`` waits again.
        """
        order = questions.assess(self.case, batch, now)
        if order is None:
            return Assessment()
        try:
            return await durably(
                ReviewerActivities.assess, order, Assessment, "look at the directory"
            )
        except ApplicationError as error:
            problem = f"nobody can tell who may decide: {steps.problem_of(error)}"
        if self.case.outcome is not None:
            return questions.strangers(order, problem)
        self.inbox.put_back(batch)
        await self._fail(problem, now)
        return None

    async def _commit(
        self, step: Step, taken: Sequence[Entry] = (), given: Sequence[Given] = ()
    ) -> None:
        """Write the step, unless a cancellation has come meanwhile: that goes first."""
        if self._cancellation() is None:
            await self._write(step, taken, given)
        else:
            self.inbox.put_back(taken)

    async def _write(
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
            events=self.journal.events,
            taken=tuple(entry.key for entry in taken),
            answers=tuple(given),
            notices=step.notices,
        )
        outcome, receipts = await self.journal.write(step.records, wanted)
        self.just_heard = False
        if outcome is not wanted:
            # A worker that died had taken this step, perhaps with less or other messages in hand.
            self.inbox.put_back([entry for entry in taken if entry.key not in outcome.taken])
            taken = [entry for entry in taken if entry.key in outcome.taken]
        entries = {e.key: e for e in (*taken, *self.inbox.remove(outcome.taken))}
        self.case = outcome.case
        for each in outcome.answers:
            answer = self._receipted(each, receipts)
            if each.key in entries:
                entries[each.key].answer = answer
        for notice in outcome.notices:
            self.courier.send(self.case, notice)
        if self.case.outcome is not None:
            self._set_alarm()
            workflow.set_current_details(details(self.case))

    def _receipted(self, given: Given, receipts: Sequence[Receipt]) -> Answer:
        """Put the receipt into an answer, and keep it for when the same decision comes again."""
        if given.place is None:
            return given.answer
        receipt = receipts[given.place]
        answer = given.answer.model_copy(
            update={"event": receipt.event_id, "leaf": receipt.leaf, "seq": receipt.seq}
        )
        known = self.case.answers.get(answer.decision_id)
        if known is not None and known.answer == given.answer:
            self.case = reception.receipted(self.case, answer)
        return answer

    def _set_alarm(self) -> None:
        self._alarm.set(self.case.next_due(), f"next due of {self.case.request_id}")

    def _on_alarm(self, instant: datetime) -> None:
        self.inbox.put(Entry(Tick(), f"tick-{instant.isoformat()}"))

    def _on_undelivered(self, notice: Undelivered) -> None:
        self.inbox.put(Entry(notice, f"notice-{notice.number}"))


async def _planned(order: PlanOrder, summary: str) -> Planned:
    return await durably(PlanningActivities.make_plan, order, Planned, summary, THOROUGH)
