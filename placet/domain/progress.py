"""How a case moves on: planned, opened, refreshed, moved by time, and its effect's report.

Each public function is a transition ``(case, input, now) -> Step``.
"""

from datetime import datetime

from pydantic import JsonValue

from placet.domain.case import Case, Ending, Step
from placet.domain.deciding import (
    decided,
    end,
    escalate,
    pass_stage,
    permit_id,
    settle,
    unstick,
)
from placet.domain.draft import Draft
from placet.domain.orders import EffectResult
from placet.domain.plan import DeadlineAction, Opening, PersonRef, Plan, Roster, utc
from placet.domain.record import NoticeKind, Undelivered
from placet.domain.review import Actor
from placet.domain.revoking import concerned
from placet.domain.stage import OpenStage
from placet.domain.telling import is_other, rules_told, seats_told
from placet.domain.text import problem_text
from placet.domain.vocabulary import DecidedBy, EffectState, EndReason, Kind, Status
from placet.domain.voting import count_held

__all__ = [
    "decide_by_rule",
    "effect_ended",
    "effect_failed",
    "opened",
    "permit_id",
    "planned",
    "record_plan",
    "refreshed",
    "submitted",
    "timers_fired",
    "unplannable",
]


def planned(case: Case, plan: Plan, digest: str, now: datetime) -> Step:
    """Take the plan of the case's first revision, and let a rule decide it that does."""
    draft = _submitted(case, plan, digest, now)
    decide_by_rule(draft, plan)
    return draft.done()


def submitted(case: Case, plan: Plan, digest: str, now: datetime) -> Step:
    """Take the plan of a case that is cancelled already: no rule decides it any more."""
    return _submitted(case, plan, digest, now).done()


def _submitted(case: Case, plan: Plan, digest: str, now: datetime) -> Draft:
    draft = Draft(case, now)
    draft.set(plan=plan, digest=digest, status=Status.PENDING)
    draft.record(
        Kind.SUBMITTED,
        actor=Actor(claimed=plan.requester.address, person=plan.requester),
        data={"title": plan.title, "amount": plan.amount},
    )
    record_plan(draft, plan)
    return draft


def unplannable(case: Case, problem: str, asked_by: PersonRef | None, now: datetime) -> Step:
    """End a case whose request cannot be planned: it is invalid, or no policy fits.

    Args:
        case: The case.
        problem: What is wrong.
        asked_by: Who asks, where the request names somebody whom the directory knows.
        now: The workflow's time.
    """
    draft = Draft(case, now)
    draft.set(asked_by=asked_by)
    reason = problem_text(problem)
    draft.record(Kind.UNPLANNABLE, reason=reason)
    end(draft, Status.FAILED, DecidedBy.RULE, reason)
    return draft.done()


def record_plan(draft: Draft, plan: Plan) -> None:
    """Say what was planned: the route and why, what the checks found, what will be touched."""
    stages: list[JsonValue] = [stage.name for stage in plan.stages]
    data: dict[str, JsonValue] = {
        "route": plan.route,
        "why": plan.why,
        "stages": stages,
        "rules": rules_told(plan),
        "facts": plan.facts,
    }
    if plan.findings:
        data["findings"] = [finding.model_dump(mode="json") for finding in plan.findings]
    if plan.scope:
        data["scope"] = plan.scope
    if plan.effect_at is not None:
        data["effect_at"] = utc(plan.effect_at)
    if plan.effect_after_minutes:
        data["effect_after_minutes"] = plan.effect_after_minutes
    if plan.kept_out:
        data["kept_out"] = [person.id for person in plan.kept_out]
    draft.record(Kind.PLANNED, data=data)


def decide_by_rule(draft: Draft, plan: Plan) -> None:
    """End the case if its route decides without people."""
    if plan.decision is not None:
        kind = Status.APPROVED if plan.decision.approve else Status.REJECTED
        end(draft, kind, DecidedBy.RULE, plan.decision.reason)


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
            "seats": seats_told(draft.open_stage()),
        },
    )
    count_held(draft)
    if draft.case.stage is not None:
        settle(draft)
    draft.notify(NoticeKind.REVIEW_WANTED, draft.untold(draft.case.awaited))
    return draft.done()


def refreshed(case: Case, roster: Roster, now: datetime) -> Step:
    """Take what the directory says now about the open stage.

    Whether the stage can still be decided is for :func:`looked_over` to say, after those who have
    already spoken have been heard.
    """
    draft = Draft(case, now)
    stage = draft.open_stage()
    before = {person.id for person in case.awaited}
    changed = stage.with_roster(roster, now)
    draft.set(stage=changed)
    if is_other(stage, changed):
        draft.record(Kind.ROSTER_CHANGED, data={"seats": seats_told(changed)})
        decided(draft)
        new = [person for person in draft.case.awaited if person.id not in before]
        draft.notify(NoticeKind.REVIEW_WANTED, draft.untold(new))
    return draft.done()


def looked_over(case: Case, now: datetime) -> Step:
    """See at once when the open stage can no longer be approved (rule 9)."""
    draft = Draft(case, now)
    if case.stage is not None:
        unstick(draft)
    return draft.done()


def timers_fired(case: Case, now: datetime) -> Step:
    """Do what is due by ``now``: remind, escalate, extend, decide, let the effect begin or end."""
    draft = Draft(case, now)
    if case.changes_due is not None and case.changes_due <= now:
        reason = "the requested changes did not come in time"
        end(draft, Status.EXPIRED, DecidedBy.TIMEOUT, reason)
    elif (due := case.effect_due) is not None and due <= now:
        if case.effect is EffectState.WAITING:
            draft.set(effect=EffectState.PENDING)
            draft.record(Kind.EFFECT_DUE)
        else:
            ending = Ending(at=due, why=EndReason.EXPIRED)
            draft.set(effect=EffectState.ENDING, ending=ending)
            draft.record(Kind.EFFECT_OVER)
    elif case.stage is not None:
        _stage_timers(draft)
    return draft.done()


def _stage_timers(draft: Draft) -> None:
    # A level that comes in can end the stage: the loop looks again each time.
    while (stage := draft.case.stage) is not None:
        level = stage.escalation_due(draft.now)
        if level is None:
            break
        escalate(draft, level, "no decision in time")
        settle(draft)
    if stage is None:
        return
    # A worker that was down for days reminds once, not once for every instant it missed, and not
    # when the deadline has passed meanwhile.
    remind = stage.reminder_due(draft.now)
    draft.set(stage=stage.without_reminders_until(draft.now))
    if stage.due_deadline <= draft.now:
        _deadline(draft)
    elif remind:
        _remind(draft)


def _remind(draft: Draft) -> None:
    stage = draft.open_stage()
    # Whoever an escalation has brought in at this very moment has just been written to.
    just_called = stage.newcomers if stage.last_escalation == draft.now else ()
    to = tuple(person for person in draft.case.awaited if person.id not in just_called)
    if not to:
        return
    draft.set(stage=stage.model_copy(update={"reminded": stage.reminded + 1}))
    people: list[JsonValue] = [person.id for person in to]
    draft.record(Kind.REMINDED, data={"to": people, "number": stage.reminded + 1})
    draft.notify(NoticeKind.REMINDER, to)


def _deadline(draft: Draft) -> None:
    stage = draft.open_stage()
    again = stage.plan.deadline_action in {DeadlineAction.EXTEND, DeadlineAction.ESCALATE}
    final = stage.schedule.final
    if again and not stage.extended and final is not None and final > draft.now:
        draft.record(Kind.EXTENDED, data={"until": utc(final)})
        draft.set(stage=stage.model_copy(update={"extended": True}))
        index = stage.next_level()
        if stage.plan.deadline_action is DeadlineAction.ESCALATE and index is not None:
            escalate(draft, index, "the deadline has passed")
            settle(draft)
        else:
            draft.notify(NoticeKind.REMINDER, draft.case.awaited, "the deadline was extended")
        return
    action = stage.plan.final_action if again else stage.plan.deadline_action
    draft.record(Kind.DEADLINE_PASSED, data={"then": (action or DeadlineAction.EXPIRE).value})
    reason = f"no decision by {utc(stage.due_deadline)}"
    if action is DeadlineAction.APPROVE:
        pass_stage(draft, DecidedBy.TIMEOUT, f"{reason}; the policy then approves")
    elif action is DeadlineAction.REJECT:
        end(draft, Status.REJECTED, DecidedBy.TIMEOUT, f"{reason}; the policy then rejects")
    else:
        end(draft, Status.EXPIRED, DecidedBy.TIMEOUT, reason)


def notice_failed(case: Case, undelivered: Undelivered, now: datetime) -> Step:
    """Record that a notice could not be delivered; nothing waits for it."""
    draft = Draft(case, now)
    people: list[JsonValue] = [person.id for person in undelivered.to]
    draft.record(
        Kind.NOTICE_FAILED,
        reason=undelivered.problem,
        stage=undelivered.stage,
        data={
            "notice": undelivered.kind.value,
            "number": undelivered.number,
            "to": people,
        },
    )
    return draft.done()


def effect_ended(case: Case, result: EffectResult, now: datetime) -> Step:
    """Take that the effect is done, or was stopped; its own transaction has recorded it."""
    draft = Draft(case, case.effect_told_at or now)
    if result.stopped:
        draft.set(effect=EffectState.STOPPED)
        draft.notify(NoticeKind.EFFECT_STOPPED, concerned(case), result.summary)
    elif result.until is not None:
        _in_force(draft, result, result.until)
    else:
        draft.set(effect=EffectState.DONE)
    if case.stopping and not result.stopped:
        then = "; it is being ended" if result.until is not None else ""
        text = f"it was done before it could be stopped: {result.summary}{then}"
        draft.notify(NoticeKind.EFFECT_DONE, concerned(case), text)
    return draft.done()


def _in_force(draft: Draft, result: EffectResult, until: datetime) -> None:
    """Let it last; whoever has asked to stop it meanwhile wants it ended."""
    draft.set(effect=EffectState.IN_FORCE, effect_until=until)
    if draft.case.ending is not None:
        draft.set(effect=EffectState.ENDING)
    else:
        text = f"{result.summary}; until {utc(until)}"
        draft.notify(NoticeKind.IN_FORCE, concerned(draft.case), text)


def effect_failed(case: Case, problem: str, now: datetime) -> Step:
    """Record that the effect cannot be run, and say so to the requester."""
    draft = Draft(case, now)
    reason = problem_text(problem)
    draft.set(effect=EffectState.FAILED)
    draft.record(
        Kind.EFFECT_FAILED,
        reason=reason,
        data={"permit": permit_id(case), "effect": EffectState.FAILED.value},
    )
    plan = case.known_plan()
    draft.notify(NoticeKind.EFFECT_FAILED, (plan.requester,), reason)
    return draft.done()
