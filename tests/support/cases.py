"""Drives a case as the gate does, with a real directory, and checks what must hold of every step.

Only Temporal and Postgres are missing: messages come through ``parse``, the directory's part is
the real activity, and every record is put into its envelope.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.reviewers import ReviewerActivities
from placet.domain import progress, reception
from placet.domain.case import Case, Step
from placet.domain.message import Malformed, Message, parse
from placet.domain.orders import Assessment, AssessOrder, Claim
from placet.domain.people import Directory
from placet.domain.plan import (
    Assurance,
    BreakGlass,
    DeadlineAction,
    Edits,
    GroupPlan,
    LevelPlan,
    Opening,
    Plan,
    PolicyRef,
    Roster,
    Schedule,
    Selector,
    StagePlan,
    TakeOver,
    Threshold,
)
from placet.domain.record import Notice, Record
from placet.domain.review import Answer, Call
from placet.domain.roster import roster
from placet.domain.vocabulary import Action, EffectState, Kind
from placet.policy.service import refs_of
from tests.support.stories import Storyteller

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
REQUESTER = "rita"
AFTER_THE_OUTCOME = {
    Kind.LATE,
    Kind.REFUSED,
    Kind.COMMENTED,
    Kind.EFFECT_DUE,
    Kind.REVOKED,
    Kind.STOP_REQUESTED,
    Kind.EFFECT_OVER,
    Kind.EFFECT_FAILED,
    Kind.FOLLOWED,
    Kind.FOLLOWER_ENDED,
}
_MAY_CHANGE = {
    EffectState.WAITING: {EffectState.PENDING, EffectState.REVOKED},
    EffectState.PENDING: {
        EffectState.DONE,
        EffectState.FAILED,
        EffectState.STOPPED,
        EffectState.IN_FORCE,
        EffectState.ENDING,
    },
    EffectState.IN_FORCE: {EffectState.ENDING},
    EffectState.ENDING: {EffectState.ENDED, EffectState.UNDONE, EffectState.FAILED},
}
"""What may become of an effect; what is not named here stays as it is."""

Person = dict[str, Any]
"""A person as a directory's file has them."""


def person(key: str, **fields: Any) -> Person:
    """Return a directory entry with the id ``key``."""
    return {"id": key, "name": key.title(), "addresses": [f"{key}@example.com"], **fields}


def people(*names: str, **special: Person) -> dict[str, Person]:
    """Return a directory of people by their ids; ``special`` ones are given whole."""
    return {**{name: person(name) for name in names}, **special}


def away(begin: str = "2026-03-01", end: str = "2026-04-30", **more: Any) -> dict[str, Any]:
    """Return an absence or, with ``to``, a delegation that holds in March and April 2026."""
    return {"from": begin, "until": end, **more}


def of(share: int | str) -> Threshold:
    """Return a threshold: a number, or a percentage such as ``"60%"``."""
    if isinstance(share, int):
        return Threshold(count=share)
    return Threshold(percent=int(share.removesuffix("%")))


def group(
    name: str, *who: Selector | str, approve: int | str = 1, reject: int | str = 1
) -> GroupPlan:
    """Return a group of the people named, or selected."""
    return GroupPlan(name=name, reviewers=_selectors(who), approve=of(approve), reject=of(reject))


def level(
    name: str,
    *who: Selector | str,
    mode: TakeOver = TakeOver.JOIN,
    approve: int | str = 1,
    reject: int | str = 1,
) -> LevelPlan:
    """Return a level of an escalation ladder."""
    to = _selectors(who)
    return LevelPlan(name=name, to=to, mode=mode, approve=of(approve), reject=of(reject))


def stage(name: str, *groups: GroupPlan, **fields: Any) -> StagePlan:
    """Return a stage that a passed deadline rejects unless told otherwise."""
    rules = {"deadline_action": DeadlineAction.REJECT, **fields}
    return StagePlan(name=name, groups=groups, **rules)


def _selectors(who: Iterable[Selector | str]) -> tuple[Selector, ...]:
    return tuple(Selector(person=each) if isinstance(each, str) else each for each in who)


@dataclass
class Timers:
    """When a stage's timers are, in hours after it opens."""

    deadline: float = 48
    final: float | None = None
    reminders: tuple[float, ...] = ()
    escalations: tuple[float | None, ...] = ()
    recheck: int = 24

    def at(self, now: datetime) -> Schedule:
        """Return them as instants."""

        def instant(hours: float) -> datetime:
            return now + timedelta(hours=hours)

        return Schedule(
            deadline=instant(self.deadline),
            final=None if self.final is None else instant(self.final),
            reminders=tuple(instant(hours) for hours in self.reminders),
            escalations=tuple(None if h is None else instant(h) for h in self.escalations),
            recheck_hours=self.recheck,
        )


def digest(revision: int, request: str = "{}") -> str:
    """Return the digest of a revision, made of ``request``."""
    return hashlib.sha256(f"revision {revision} {request}".encode()).hexdigest()


@dataclass
class World:
    """A directory, a clock and one case.

    Attributes:
        people: The directory's entries by id; change them and the next turn sees it.
        stages: What the plan asks for.
        timers: By stage; the default for those not named.
        effect_after: How many hours after the beginning the effect is to run; None for at once.
        grace: How many minutes after the approval the effect is to run.
        stoppable: Whether the effect can be stopped half-way.
        kept_out: Ids of those whom it is for.
        break_glass: Who may have it carried out at once.
        case: As it stands.
        records: All that it has left for the ledger.
        watch: Called with each step and the case before it.
        story: Has the events, and has seen that the ledger's verifier finds nothing in them.
    """

    people: dict[str, Person]
    stages: Sequence[StagePlan]
    timers: dict[str, Timers] = field(default_factory=dict)
    max_rounds: int = 5
    edits: Edits = Edits.NEVER
    effect: str | None = "payment"
    effect_after: float | None = None
    grace: int = 0
    stoppable: bool = False
    kept_out: tuple[str, ...] = ()
    break_glass: BreakGlass | None = None
    now: datetime = BEGIN
    case: Case = field(init=False)
    records: list[Record] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    watch: Callable[[Case, Step], None] | None = None
    story: Storyteller = field(default_factory=Storyteller)
    _unnamed: int = 0

    def __post_init__(self) -> None:
        """Submit the request."""
        self.people.setdefault(REQUESTER, person(REQUESTER))
        self.case = Case(
            request_id="expense-1",
            pipeline="expense",
            effect_name=self.effect,
            stoppable=self.stoppable,
        )
        self.take(progress.planned(self.case, self.plan(), digest(1), self.now))
        self.open()

    @property
    def directory(self) -> Directory:
        """Return the directory as it is now."""
        return Directory.model_validate({"people": list(self.people.values())})

    def plan(self) -> Plan:
        """Return the plan of the current rules."""
        return Plan(
            policy=PolicyRef(id="expense", version=1, digest="p" * 64),
            route="reviewed",
            why="total > 50",
            requester=self.directory.require(REQUESTER).ref(),
            title="Team dinner",
            amount="120.00 EUR",
            stages=tuple(self.stages),
            max_rounds=self.max_rounds,
            edits=self.edits,
            facts={"total": "120.00"},
            effect_at=(
                None if self.effect_after is None else BEGIN + timedelta(hours=self.effect_after)
            ),
            effect_after_minutes=self.grace,
            kept_out=refs_of(self.kept_out, self.directory),
            break_glass=self.break_glass,
        )

    # What the gate does.

    def take(self, step: Step) -> Step:
        """Check a step and go on from it."""
        check(self.case, step)
        self.story.follow(self.case, step)
        if self.watch is not None:
            self.watch(self.case, step)
        self.case = step.case
        self.records += step.records
        self.notices += step.notices
        return step

    def open(self) -> None:
        """Open stages until one waits for people or the case has ended."""
        while self.case.wants_stage:
            plan = self.case.known_plan().stages[self.case.stage_index]
            schedule = self.timers.get(plan.name, Timers()).at(self.now)
            opening = Opening(roster=self.roster(plan), schedule=schedule)
            self.take(progress.opened(self.case, opening, self.now))

    def roster(self, plan: StagePlan) -> Roster:
        """Ask the directory who may review a stage that opens."""
        earlier = self.case.reviewers_by_stage
        return roster(
            plan,
            self.directory,
            requester=self.case.known_plan().requester,
            kept_out=self.case.known_plan().kept_out,
            pipeline="expense",
            now=self.now,
            earlier={name: frozenset(who) for name, who in earlier.items()},
            reassigned={holder: heir.id for holder, heir in self.case.reassigned.items()},
        )

    def turn(self, *messages: Message | Malformed, verified: bool = False) -> list[Answer]:
        """Take messages that came together, in their order, then do what is due."""
        answers: list[Answer] = []
        waiting = list(messages)
        while True:
            batch = [m for m in waiting if isinstance(m, Message)]
            known = self.assess(batch)
            if known.roster is not None:
                self.take(progress.refreshed(self.case, known.roster, self.now))
            actors = iter(known.actors)
            while waiting and not self.case.wants_stage:
                message = waiting.pop(0)
                if isinstance(message, Malformed):
                    self.take(reception.misunderstood(self.case, message, "unread", self.now))
                    continue
                actor = next(actors)
                if verified:
                    actor = actor.model_copy(update={"assurance": Assurance.VERIFIED})
                answers.append(
                    self._answered(
                        Call(message=message, decision_id=self._key(message), actor=actor)
                    )
                )
            self.take(progress.looked_over(self.case, self.now))
            due = self.case.next_due()
            if due is not None and due <= self.now:
                step = self.take(progress.timers_fired(self.case, self.now))
                later = step.case.next_due()
                assert later is None or later > self.now, "the timer would ring at once, for ever"
            self.open()
            if not waiting:
                return answers

    def _answered(self, call: Call) -> Answer:
        step = self.take(reception.received(self.case, call, self.now))
        assert step.answer is not None
        return step.answer

    def _key(self, message: Message) -> str:
        if message.decision_id is not None:
            return message.decision_id
        self._unnamed += 1
        return f"unnamed-{self._unnamed}"

    def assess(self, messages: Sequence[Message]) -> Assessment:
        """Ask the directory as the gate does."""
        case = self.case
        order = AssessOrder(
            pipeline="expense",
            request_id=case.request_id,
            digest=case.digest,
            requester=case.known_plan().requester,
            kept_out=case.known_plan().kept_out,
            break_glass=case.known_plan().break_glass,
            stages=() if case.outcome else case.known_plan().stages[case.stage_index :],
            is_open=case.stage is not None,
            now=self.now,
            earlier=case.reviewers_by_stage,
            reassigned={holder: heir.id for holder, heir in case.reassigned.items()},
            open_holders=case.stage.open_holders(case.stage_reviews) if case.stage else None,
            reached=case.stage.reached if case.stage else (),
            claims=tuple(
                Claim(
                    actor=m.actor,
                    action=m.action,
                    decision_id=m.decision_id or "",
                    seat_of=m.seat_of,
                    to=m.to,
                )
                for m in messages
            ),
        )
        running = ReviewerActivities(_Fixed(self.directory)).assess(order)
        try:
            running.send(None)
        except StopIteration as done:
            answer: Assessment = done.value
            return answer
        raise AssertionError("looking at a directory in memory never waits")

    def resubmit(self, who: str, decision_id: str | None = None, **fields: Any) -> Answer:
        """Send a changed request, which can be planned."""
        return self.change("resubmit", who, decision_id, **fields)

    def edit(self, who: str, decision_id: str | None = None, **fields: Any) -> Answer:
        """Send a reviewer's edit of what it says now, which can be planned."""
        return self.change("edit", who, decision_id, **{"digest": self.case.digest, **fields})

    def change(
        self,
        action: str,
        who: str,
        decision_id: str | None = None,
        *,
        verified: bool = False,
        **fields: Any,
    ) -> Answer:
        """Send a changed request; ``request`` says what of, when it matters."""
        told = {"request": {}, **fields}
        sent = message(action, who, decision_id=decision_id, **told)
        known = self.assess([sent])
        if known.roster is not None:
            self.take(progress.refreshed(self.case, known.roster, self.now))
            self.open()
        actor = known.actors[0]
        if verified:
            actor = actor.model_copy(update={"assurance": Assurance.VERIFIED})
        call = Call(message=sent, decision_id=self._key(sent), actor=actor)
        step = self.take(reception.may_change(self.case, call, self.now))
        if step.answer is None:
            changed = digest(self.case.revision + 1, json.dumps(sent.request))
            step = self.take(reception.changed(self.case, call, self.plan(), changed, self.now))
        self.open()
        self.take(progress.looked_over(self.case, self.now))
        self.open()
        assert step.answer is not None
        return step.answer

    # What tests say.

    def send(self, action: str, who: str, *, verified: bool = False, **fields: Any) -> Answer:
        """Send one message by itself."""
        return self.turn(message(action, who, **fields), verified=verified)[0]

    def after(self, hours: float) -> None:
        """Let time pass; every timer rings when it is due."""
        end = self.now + timedelta(hours=hours)
        while (due := self.case.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.turn()
        self.now = end

    def after_an_outage(self, hours: float) -> None:
        """Let time pass while no worker runs; then one looks."""
        self.now += timedelta(hours=hours)
        self.turn()

    @property
    def kinds(self) -> list[Kind]:
        """Return what has been recorded, in order."""
        return [record.kind for record in self.records]

    def recorded(self, kind: Kind) -> list[Record]:
        """Return the records of one kind."""
        return [record for record in self.records if record.kind is kind]

    @property
    def awaited(self) -> list[str]:
        """Return the ids of those whose review is expected."""
        return [somebody.id for somebody in self.case.awaited]

    @property
    def ending(self) -> tuple[str, str] | None:
        """Return how the case ended and by what, or None."""
        outcome = self.case.outcome
        return None if outcome is None else (outcome.kind.value, outcome.by.value)


class _Fixed:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def snapshot(self) -> Directory:
        return self._directory


def message(action: str, who: str, **fields: Any) -> Message:
    """Return a message as it comes through the door."""
    sent = {"actor": who, **{key: value for key, value in fields.items() if value is not None}}
    if "seat_of" in sent:
        sent["from"] = sent.pop("seat_of")
    understood = parse(action, [("json/plain", json.dumps(sent).encode())], "signal")
    assert isinstance(understood, Message), understood
    assert understood.action is Action(action)
    return understood


def check(before: Case, step: Step) -> None:
    """Assert what holds of every step, whatever led to it."""
    case = step.case
    # A case is carried into continued runs as JSON.
    assert Case.model_validate_json(case.model_dump_json()) == case
    _check_records(step)
    _check_outcome(before, step)
    if case.plan is not None:
        _check_people(case)


def _check_records(step: Step) -> None:
    for record in step.records[:-1]:
        assert record.state is None
    if step.records:
        assert step.records[-1].state == step.case.summary()


def _check_outcome(before: Case, step: Step) -> None:
    decided = [record for record in step.records if record.kind is Kind.DECIDED]
    if before.outcome is None:
        assert len(decided) == (step.case.outcome is not None)
        return
    told = step.case
    assert (told.outcome, told.status, told.stage) == (before.outcome, before.status, None)
    assert (told.reviews, told.revision) == (before.reviews, before.revision)
    assert {record.kind for record in step.records} <= AFTER_THE_OUTCOME
    if told.effect is not before.effect:
        assert before.effect is not None
        assert told.effect in _MAY_CHANGE[before.effect]


def _check_people(case: Case) -> None:
    plan = case.known_plan()
    seen: set[tuple[str, str]] = set()
    for review in case.reviews:
        behind = {review.person.id, review.on_behalf_of.id if review.on_behalf_of else ""}
        assert not any(plan.is_for(each) for each in behind)
        if review.counts and review.action is not Action.REQUEST_CHANGES:
            assert (review.stage, review.person.id) not in seen
            seen.add((review.stage, review.person.id))
    reviewed = case.reviewers_by_stage
    for stage in plan.stages:
        for other in stage.distinct_from:
            assert not set(reviewed.get(stage.name, [])) & set(reviewed.get(other, []))
