"""What votes, and the lack of them, lead to: a stage passes, goes up its ladder, or the case ends.

These write into a :class:`Draft`; the transitions that call them are in ``progress``, ``voting``
and ``reception``.
"""

import hashlib
from datetime import timedelta

from pydantic import JsonValue

from placet.domain.case import Case, Outcome
from placet.domain.draft import Draft
from placet.domain.plan import PersonRef, StuckAction, TakeOver, utc
from placet.domain.record import NoticeKind
from placet.domain.tally import Tally
from placet.domain.telling import seats_told
from placet.domain.vocabulary import Action, DecidedBy, EffectState, Kind, Status


def tally(draft: Draft) -> Tally:
    """Count the votes on the open stage."""
    return Tally(draft.open_stage(), draft.case.stage_reviews)


def settle(draft: Draft) -> None:
    """See whether the votes decide the open stage, or can no longer decide it."""
    if not decided(draft):
        unstick(draft)


def decided(draft: Draft) -> bool:
    """Let the votes decide the open stage, if they do; say whether they did."""
    stage, votes = draft.open_stage(), tally(draft)
    if votes.rejected:
        rejections = [r for r in draft.case.stage_reviews if r.action is Action.REJECT]
        reason = rejections[-1].reason or f"rejected in stage {stage.plan.name}"
        end(draft, Status.REJECTED, DecidedBy.PEOPLE, reason)
    elif votes.approved:
        pass_stage(draft, DecidedBy.PEOPLE, "every stage approved")
    return votes.rejected or votes.approved


def pass_stage(draft: Draft, by: DecidedBy, reason: str) -> None:
    """Leave the open stage behind; after the last one the case is approved.

    It is approved by people only when people passed every stage.
    """
    case, stage = draft.case, draft.open_stage()
    draft.record(Kind.STAGE_PASSED, data={"by": by.value})
    draft.set(passed=(*case.passed, stage.plan.name), passed_by=(*case.passed_by, by))
    if case.stage_index + 1 < len(case.known_plan().stages):
        draft.set(stage=None, stage_index=case.stage_index + 1)
        return
    earlier = {
        name: what
        for name, what in zip(case.passed, case.passed_by, strict=True)
        if what is not DecidedBy.PEOPLE
    }
    if earlier:
        told = ", ".join(f"stage {name} was passed by {what}" for name, what in earlier.items())
        reason = f"{reason}; {told}"
    if by is DecidedBy.PEOPLE:
        by = next(iter(earlier.values()), by)
    end(draft, Status.APPROVED, by, reason)


def unstick(draft: Draft) -> None:
    """A stage that its people can no longer approve goes up the ladder, or ends by its rule."""
    if tally(draft).reachable:
        return
    people, reviews = draft.case.awaited, draft.case.stage_reviews
    why = (
        "the approvals it needs are out of reach"
        if people or reviews
        else "nobody who may review it is there"
    )
    draft.record(Kind.STAGE_STUCK, reason=why)
    action = draft.open_stage().plan.when_stuck
    if action is StuckAction.ESCALATE:
        while (index := draft.open_stage().next_level()) is not None:
            escalate(draft, index, why)
            if tally(draft).reachable:
                return
        end(draft, Status.REJECTED, DecidedBy.RULE, f"{why}, and there is nobody to escalate to")
    elif action is StuckAction.APPROVE:
        pass_stage(draft, DecidedBy.RULE, f"{why}; the policy then approves")
    else:
        end(draft, Status.REJECTED, DecidedBy.RULE, f"{why}; the policy then rejects")


def escalate(draft: Draft, index: int, why: str) -> None:
    """Bring in level ``index`` of the open stage's ladder; one that takes over voids the votes."""
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
    draft.set(
        stage=draft.open_stage().model_copy(
            update={"last_escalation": draft.now, "newcomers": tuple(p.id for p in to)}
        )
    )
    draft.record(
        Kind.ESCALATED,
        reason=why,
        data={
            "level": level.name,
            "mode": level.mode.value,
            "to": people,
            "seats": seats_told(draft.open_stage()),
        },
    )
    draft.notify(NoticeKind.ESCALATION, to, why)


def changes_wanted(
    draft: Draft, reason: str, notice: NoticeKind = NoticeKind.CHANGES_REQUESTED
) -> None:
    """Close the stage and wait for the requester's changed request."""
    plan = draft.case.known_plan()
    due = draft.now + timedelta(hours=plan.changes_within_hours)
    draft.set(
        status=Status.CHANGES_REQUESTED,
        stage=None,
        rounds=draft.case.rounds + 1,
        changes_due=due,
    )
    draft.notify(notice, (plan.requester,), reason)


def end(draft: Draft, kind: Status, by: DecidedBy, reason: str) -> None:
    """Give the case its outcome; an approval with an effect gets its permit."""
    case, stage, plan = draft.case, draft.case.stage, draft.case.plan
    draft.record(Kind.DECIDED, reason=reason, data={"outcome": kind.value, "by": by.value})
    effect = case.effect_name if kind is Status.APPROVED else None
    later = plan.effect_from(draft.now) if effect and plan else None
    draft.set(
        status=kind,
        outcome=Outcome(kind=kind, by=by, reason=reason, at=draft.now),
        stage=None,
        held=(),
        changes_due=None,
        proposal=None,
        effect=(EffectState.WAITING if later else EffectState.PENDING) if effect else None,
        effect_from=later,
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
    if (asks := case.requester) is not None:
        text = f"{kind.value}: {reason}"
        if later is not None:
            text = f"{text}; the {effect} waits until {utc(later)}"
        draft.notify(NoticeKind.DECIDED, (asks,), text)


def withdraw(draft: Draft, reason: str, waiting: tuple[PersonRef, ...]) -> None:
    """End the case before its outcome; ``waiting`` are those who need not decide any more."""
    end(draft, Status.WITHDRAWN, DecidedBy.PEOPLE, reason)
    draft.notify(NoticeKind.DECIDED, waiting, "withdrawn; nothing is left to do")


def too_late(case: Case, what: str) -> str:
    """Say that ``what`` changes nothing, because the case has its outcome."""
    outcome = case.outcome
    was = f"{outcome.kind} by {outcome.by} at {utc(outcome.at)}" if outcome else case.status
    if case.effect in {EffectState.REVOKED, EffectState.STOPPED}:
        was = f"{was} and {case.effect} since"
    elif case.stopping and case.effect is EffectState.PENDING:
        was = f"{was} and is being stopped"
    elif case.effect in {EffectState.ENDING, EffectState.ENDED, EffectState.UNDONE}:
        was = f"{was} and is {case.effect} since"
    return f"the case was {was}; {what} came too late and changes nothing"


def permit_id(case: Case) -> str:
    """Return the id (64 hex) of the one permit this approved revision can have."""
    told = "\x1f".join(
        (case.request_id, str(case.revision), str(case.digest), case.effect_name or "")
    )
    return hashlib.sha256(f"placet-permit/1\x1f{told}".encode()).hexdigest()
