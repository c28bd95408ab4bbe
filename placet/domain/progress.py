"""How a case moves on: planned, opened, settled by votes, moved by time, ended.

Each public function is a transition ``(case, input, now) -> Step``.
"""

import hashlib
from datetime import datetime, timedelta

from pydantic import JsonValue

from placet.domain.case import Case, Draft, Outcome, Step
from placet.domain.plan import (
    DeadlineAction,
    Opening,
    PersonRef,
    Plan,
    Roster,
    StuckAction,
    TakeOver,
    utc,
)
from placet.domain.record import NoticeKind
from placet.domain.stage import OpenStage
from placet.domain.vocabulary import Action, DecidedBy, EffectState, Kind, Status


def planned(case: Case, plan: Plan, digest: str, now: datetime) -> Step:
    """Take the plan of the case's first revision."""
    draft = Draft(case, now)
    draft.set(plan=plan, digest=digest, status=Status.PENDING)
    draft.record(Kind.SUBMITTED, data={"title": plan.title, "amount": plan.amount})
    return _begin(draft, plan)


def replanned(case: Case, plan: Plan, digest: str, now: datetime) -> Step:
    """Take the plan of a changed request: a new revision, on which nobody has voted yet."""
    draft = Draft(case, now)
    voided = len(case.reviews)
    draft.set(
        plan=plan,
        digest=digest,
        status=Status.PENDING,
        revision=case.revision + 1,
        stage=None,
        stage_index=0,
        reviews=(),
        held=(),
        passed=(),
        changes_due=None,
    )
    draft.record(
        Kind.RESUBMITTED,
        data={
            "title": plan.title,
            "amount": plan.amount,
            "replaces": case.digest,
            "voided_reviews": voided,
        },
    )
    return _begin(draft, plan)


def unplannable(case: Case, problem: str, now: datetime) -> Step:
    """End a case whose request cannot be planned: it is invalid, or no policy fits."""
    draft = Draft(case, now)
    draft.record(Kind.UNPLANNABLE, reason=problem)
    _end(draft, Status.FAILED, DecidedBy.RULE, problem)
    return draft.done()


def _begin(draft: Draft, plan: Plan) -> Step:
    stages: list[JsonValue] = [stage.name for stage in plan.stages]
    draft.record(
        Kind.PLANNED,
        data={"route": plan.route, "why": plan.why, "stages": stages, "facts": plan.facts},
    )
    if plan.decision is not None:
        kind = Status.APPROVED if plan.decision.approve else Status.REJECTED
        _end(draft, kind, DecidedBy.RULE, plan.decision.reason)
    return draft.done()


def opened(case: Case, opening: Opening, now: datetime) -> Step:
    """Open the next stage; reviews that came before it count now."""
    draft = Draft(case, now)
    plan = case.known_plan().stages[case.stage_index]
    draft.set(stage=OpenStage.at(plan, opening, now))
    schedule = opening.schedule
    draft.record(
        Kind.STAGE_OPENED,
        data={
            "deadline": utc(schedule.deadline),
            "final": utc(schedule.final) if schedule.final else None,
            "reminders": [utc(instant) for instant in schedule.reminders],
            "escalations": [utc(i) if i else None for i in schedule.escalations],
            "seats": _seats(opening.roster),
        },
    )
    _count_held(draft)
    settle(draft)
    if draft.case.stage is not None and draft.case.stage.plan.name == plan.name:
        draft.notify(NoticeKind.REVIEW_WANTED, draft.case.awaited)
    return draft.done()


def _count_held(draft: Draft) -> None:
    stage = draft.open_stage()
    mine = [held.review for held in draft.case.held if held.stage == stage.plan.name]
    draft.set(held=tuple(held for held in draft.case.held if held.stage != stage.plan.name))
    for review in mine:
        seats = stage.seats_of(review.person.id)
        if seats and stage.admits(draft.case.stage_reviews, review.person.id):
            counted = review.model_copy(update={"seats": seats})
            draft.set(reviews=(*draft.case.reviews, counted))


def refreshed(case: Case, roster: Roster, now: datetime) -> Step:
    """Take what the directory says now about the open stage."""
    draft = Draft(case, now)
    stage = draft.open_stage()
    before = {person.id: person for person in case.awaited}
    draft.set(stage=stage.model_copy(update={"roster": roster, "checked": now}))
    if _seats(stage.roster) != _seats(roster):
        draft.record(Kind.ROSTER_CHANGED, data={"seats": _seats(roster)})
        settle(draft)
        same = draft.case.stage is not None and draft.case.stage_index == case.stage_index
        if same and draft.open_stage().reached == stage.reached:
            new = tuple(p for p in draft.case.awaited if p.id not in before)
            draft.notify(NoticeKind.REVIEW_WANTED, new)
    return draft.done()


def _seats(roster: Roster) -> list[JsonValue]:
    return [
        {
            "group": seat.group,
            "holder": seat.holder.id,
            "present": seat.present,
            "stand_ins": [person.id for person in seat.stand_ins],
        }
        for seat in roster.seats
    ]


def settle(draft: Draft) -> None:
    """See whether the votes decide the open stage, or can no longer decide it."""
    case, stage = draft.case, draft.open_stage()
    if stage.rejected(case.stage_reviews):
        rejections = [r for r in case.stage_reviews if r.action is Action.REJECT]
        reason = rejections[-1].reason or f"rejected in stage {stage.plan.name}"
        _end(draft, Status.REJECTED, DecidedBy.PEOPLE, reason)
    elif stage.approved(case.stage_reviews):
        _pass(draft, DecidedBy.PEOPLE, "every stage approved")
    elif not stage.reachable(case.stage_reviews):
        _unstick(draft)


def _pass(draft: Draft, by: DecidedBy, reason: str) -> None:
    stage = draft.open_stage()
    plan = draft.case.known_plan()
    draft.record(Kind.STAGE_PASSED, data={"by": by.value})
    passed = (*draft.case.passed, stage.plan.name)
    if draft.case.stage_index + 1 < len(plan.stages):
        draft.set(stage=None, stage_index=draft.case.stage_index + 1, passed=passed)
    else:
        draft.set(passed=passed)
        _end(draft, Status.APPROVED, by, reason)


def _unstick(draft: Draft) -> None:
    """A stage that its people can no longer approve goes up the ladder, or ends by its rule."""
    reviews = draft.case.stage_reviews
    people = draft.open_stage().awaited(reviews)
    why = (
        "the approvals it needs are out of reach"
        if people or reviews
        else "nobody who may review it is there"
    )
    draft.record(Kind.STAGE_STUCK, reason=why)
    action = draft.open_stage().plan.when_stuck
    if action is StuckAction.ESCALATE:
        while (index := draft.open_stage().next_level()) is not None:
            _escalate(draft, index, why)
            if draft.open_stage().reachable(draft.case.stage_reviews):
                return
        _end(draft, Status.REJECTED, DecidedBy.RULE, f"{why}, and there is nobody to escalate to")
    elif action is StuckAction.APPROVE:
        _pass(draft, DecidedBy.RULE, f"{why}; the policy then approves")
    else:
        _end(draft, Status.REJECTED, DecidedBy.RULE, f"{why}; the policy then rejects")


def _escalate(draft: Draft, index: int, why: str) -> None:
    stage = draft.open_stage()
    level = stage.level(index)
    before = {person.id for person in draft.case.awaited}
    if level.mode is TakeOver.REPLACE:
        name = stage.plan.name
        draft.set(
            reviews=tuple(
                r.model_copy(update={"counts": False}) if r.stage == name else r
                for r in draft.case.reviews
            )
        )
    draft.set(stage=stage.escalated(index))
    to = tuple(p for p in draft.case.awaited if p.id not in before)
    people: list[JsonValue] = [p.id for p in to]
    draft.record(
        Kind.ESCALATED,
        reason=why,
        data={"level": level.name, "mode": level.mode.value, "to": people},
    )
    draft.notify(NoticeKind.ESCALATION, to, why)


def timers_fired(case: Case, now: datetime) -> Step:
    """Do what is due by ``now``: remind, escalate, extend, decide."""
    draft = Draft(case, now)
    if case.changes_due is not None and case.changes_due <= now:
        reason = "the requested changes did not come in time"
        _end(draft, Status.EXPIRED, DecidedBy.TIMEOUT, reason)
    elif case.stage is not None:
        _stage_timers(draft, case.stage_index)
    return draft.done()


def _stage_timers(draft: Draft, index: int) -> None:
    now = draft.now

    def still_open() -> bool:
        return draft.case.stage is not None and draft.case.stage_index == index

    while still_open() and (level := draft.open_stage().escalation_due(now)) is not None:
        _escalate(draft, level, "no decision in time")
        settle(draft)
    if still_open() and draft.open_stage().due_deadline <= now:
        _deadline(draft)
    elif still_open():
        _remind(draft)


def _remind(draft: Draft) -> None:
    stage = draft.open_stage()
    schedule = stage.schedule
    due = [instant for instant in schedule.reminders if instant <= draft.now]
    if not due:
        return
    # A worker that was down for days reminds once, not once for every instant it missed.
    later = schedule.reminders[len(due) :]
    draft.set(
        stage=stage.model_copy(
            update={
                "schedule": schedule.model_copy(update={"reminders": later}),
                "reminded": stage.reminded + 1,
            }
        )
    )
    people: list[JsonValue] = [person.id for person in draft.case.awaited]
    draft.record(Kind.REMINDED, data={"to": people, "number": stage.reminded + 1})
    draft.notify(NoticeKind.REMINDER, draft.case.awaited)


def _deadline(draft: Draft) -> None:
    stage = draft.open_stage()
    again = stage.plan.deadline_action in {DeadlineAction.EXTEND, DeadlineAction.ESCALATE}
    final = stage.schedule.final
    if again and not stage.extended and final is not None and final > draft.now:
        draft.record(Kind.EXTENDED, data={"until": utc(final)})
        draft.set(stage=stage.model_copy(update={"extended": True}))
        index = stage.next_level()
        if stage.plan.deadline_action is DeadlineAction.ESCALATE and index is not None:
            _escalate(draft, index, "the deadline has passed")
            settle(draft)
        else:
            draft.notify(NoticeKind.REMINDER, draft.case.awaited, "the deadline was extended")
        return
    action = stage.plan.final_action if again else stage.plan.deadline_action
    draft.record(Kind.DEADLINE_PASSED, data={"then": (action or DeadlineAction.EXPIRE).value})
    reason = f"no decision by {utc(stage.due_deadline)}"
    if action is DeadlineAction.APPROVE:
        _pass(draft, DecidedBy.TIMEOUT, f"{reason}; the policy then approves")
    elif action is DeadlineAction.REJECT:
        _end(draft, Status.REJECTED, DecidedBy.TIMEOUT, f"{reason}; the policy then rejects")
    else:
        _end(draft, Status.EXPIRED, DecidedBy.TIMEOUT, reason)


def changes_wanted(draft: Draft, reason: str) -> None:
    """Close the stage and wait for the requester's changed request."""
    plan = draft.case.known_plan()
    due = draft.now + timedelta(hours=plan.changes_within_hours)
    draft.set(
        status=Status.CHANGES_REQUESTED,
        stage=None,
        rounds=draft.case.rounds + 1,
        changes_due=due,
    )
    draft.notify(NoticeKind.CHANGES_REQUESTED, (plan.requester,), reason)


def withdrawn(draft: Draft, reason: str) -> None:
    """End the case because the requester took it back."""
    waiting = draft.case.awaited
    _end(draft, Status.WITHDRAWN, DecidedBy.PEOPLE, reason or "withdrawn by the requester")
    draft.notify(NoticeKind.DECIDED, waiting, "withdrawn; nothing is left to do")


def _end(draft: Draft, kind: Status, by: DecidedBy, reason: str) -> None:
    case = draft.case
    stage = case.stage
    draft.record(Kind.DECIDED, reason=reason, data={"outcome": kind.value, "by": by.value})
    effect = case.effect_name if kind is Status.APPROVED else None
    draft.set(
        status=kind,
        outcome=Outcome(kind=kind, by=by, reason=reason, at=draft.now),
        stage=None,
        held=(),
        changes_due=None,
        effect=EffectState.PENDING if effect else None,
    )
    if effect:
        draft.record(
            Kind.PERMIT_ISSUED,
            stage=stage.plan.name if stage else None,
            data={
                "permit": permit_id(draft.case),
                "effect": effect,
                "digest": case.digest,
                "expires": None,
            },
        )
    if case.plan is not None:
        told: dict[str, PersonRef] = {case.plan.requester.id: case.plan.requester}
        draft.notify(NoticeKind.DECIDED, tuple(told.values()), f"{kind.value}: {reason}")


def permit_id(case: Case) -> str:
    """Return the id (64 hex) of the one permit this approved revision can have."""
    told = "\x1f".join(
        (case.request_id, str(case.revision), str(case.digest), case.effect_name or "")
    )
    return hashlib.sha256(f"placet-permit/1\x1f{told}".encode()).hexdigest()


def effect_done(case: Case, now: datetime) -> Step:
    """Take that the effect has run; its own transaction has recorded it."""
    draft = Draft(case, now)
    draft.set(effect=EffectState.DONE)
    return draft.done()


def effect_failed(case: Case, problem: str, now: datetime) -> Step:
    """Record that the effect cannot be run, and say so to the requester."""
    draft = Draft(case, now)
    draft.set(effect=EffectState.FAILED)
    draft.record(
        Kind.EFFECT_FAILED,
        reason=problem,
        data={"permit": permit_id(case), "effect": EffectState.FAILED.value},
    )
    plan = case.known_plan()
    draft.notify(NoticeKind.EFFECT_FAILED, (plan.requester,), problem)
    return draft.done()
