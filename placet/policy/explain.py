"""Say in plain words what a plan means: the route and why, who decides, and when time does."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from placet.domain.calendar import Span
from placet.domain.plan import (
    Assurance,
    DeadlineAction,
    Edits,
    Opening,
    PersonRef,
    Plan,
    Seat,
    StagePlan,
    TakeOver,
)
from placet.domain.scope import scope_sentences

_DAY = 24 * 60
_ENDS = {
    DeadlineAction.APPROVE: "is approved",
    DeadlineAction.REJECT: "is rejected",
    DeadlineAction.EXPIRE: "expires",
    DeadlineAction.ESCALATE: "escalates to the next level",
    DeadlineAction.EXTEND: "waits once more",
}


_EDITS = {
    Edits.WITH_AUTHOR: "a reviewer may propose a change, which the requester has to take over",
    Edits.FREELY: "a reviewer may change it; then all vote anew",
}


def explain(pipeline: str, plan: Plan, openings: Sequence[Opening], *, time_zone: str) -> str:
    """Return ``plan`` as text for people.

    Args:
        pipeline: Whose request it is.
        plan: The plan.
        openings: Of its stages, in order; a later stage's as it would be if it opened now.
        time_zone: In which instants are shown.
    """
    return "\n".join(_lines(pipeline, plan, openings, ZoneInfo(time_zone))) + "\n"


def _lines(pipeline: str, plan: Plan, openings: Sequence[Opening], zone: ZoneInfo) -> Iterator[str]:
    about = f", {plan.amount}" if plan.amount else ""
    yield f"{plan.title}{about}"
    yield f"  asked by  {_person(plan.requester)}"
    yield f"  policy    {plan.policy.id} version {plan.policy.version} ({plan.policy.digest[:12]})"
    yield f"  route     {plan.route}"
    yield f"  because   {plan.why}"
    yield from _effect(pipeline, plan, zone)
    for finding in plan.findings:
        yield f"  found     {finding.where}: {finding.message} ({finding.kind})"
    if plan.decision is not None:
        verdict = "approved" if plan.decision.approve else "rejected"
        yield f"  result    {verdict} by rule: {plan.decision.reason}"
        return
    hours = plan.changes_within_hours
    within = f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
    yield f"  changes   at most {plan.max_rounds} times, each answered within {within}"
    if plan.edits is not Edits.NEVER:
        yield f"  edits     {_EDITS[plan.edits]}"
    for index, stage in enumerate(plan.stages):
        yield ""
        yield f"Stage {index + 1} of {len(plan.stages)}: {stage.name}"
        if index < len(openings):
            if index > 0:
                yield "  (people and times as if it opened now)"
            yield from _stage(stage, openings[index], zone)


def _effect(pipeline: str, plan: Plan, zone: ZoneInfo) -> Iterator[str]:
    """Say when the effect runs, what it touches, whom it is for, and who may have it at once."""
    if plan.effect_at is not None:
        yield f"  waits     until {_instant(plan.effect_at, zone)}"
    if plan.effect_after_minutes:
        yield f"  waits     {_length(plan.effect_after_minutes)} after the approval"
    if plan.kept_out:
        yield f"  for       {', '.join(map(_person, plan.kept_out))}, who may not review it"
    if plan.break_glass is not None:
        by = " or ".join(str(selector) for selector in plan.break_glass.by)
        most = _length(plan.break_glass.at_most_minutes)
        yield f"  at once   by {by}, for at most {most}, reviewed afterwards"
    for line in scope_sentences(pipeline, plan.scope):
        yield f"  touches   {line}"


def _stage(stage: StagePlan, opening: Opening, zone: ZoneInfo) -> Iterator[str]:
    for group in stage.groups:
        seats = [seat for seat in opening.roster.seats if seat.group == group.name]
        count = len(seats)
        yield (
            f"  {group.name}: {group.approve.of(count)} of {count} must approve; "
            f"{group.reject.of(count)} of {count} can reject it"
        )
        yield from _people(seats)
    if stage.assurance is Assurance.VERIFIED:
        yield "  each decision must be verified by a login or a signature"
    if stage.distinct_from:
        yield f"  by other people than {', '.join(stage.distinct_from)}"
    yield f"  when nobody can decide it: {stage.when_stuck}"
    yield from _timers(stage, opening, zone)


def _timers(stage: StagePlan, opening: Opening, zone: ZoneInfo) -> Iterator[str]:
    timers = opening.schedule
    rows: list[tuple[datetime, str, list[Seat] | None]] = [
        (instant, "reminder", None) for instant in timers.reminders
    ]
    later: list[tuple[str, list[Seat]]] = []
    for place, level in enumerate(stage.ladder):
        verb = "decides instead" if level.mode is TakeOver.REPLACE else "may decide too"
        seats = list(opening.roster.ladder[place])
        instant = timers.escalations[place]
        if instant is None:
            later.append((f"{level.name} {verb}", seats))
        else:
            rows.append((instant, f"escalation: {level.name} {verb}", seats))
    rows.append((timers.deadline, f"deadline: it {_ENDS[stage.deadline_action]}", None))
    if timers.final is not None and stage.final_action is not None:
        rows.append((timers.final, f"last deadline: it {_ENDS[stage.final_action]}", None))
    for when, what, people in sorted(rows, key=lambda row: row[0]):
        yield f"  {_instant(when, zone)}  {what}"
        yield from () if people is None else _people(people)
    for what, waiting in later:
        yield f"  when stuck or escalated  {what}"
        yield from _people(waiting)


def _length(minutes: int) -> str:
    """Return a length of time as policy files write it."""
    return str(Span(minutes // _DAY, minutes % _DAY))


def _people(seats: Sequence[Seat]) -> Iterator[str]:
    if not seats:
        yield "      nobody"
    for seat in seats:
        away = "" if seat.present else ", away"
        stand_ins = " or ".join(_person(ref) for ref in seat.stand_ins)
        yield f"      {_person(seat.holder)}{away}" + (f"; for them {stand_ins}" * bool(stand_ins))


def _person(ref: PersonRef) -> str:
    return f"{ref.name} <{ref.address}>"


def _instant(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"
