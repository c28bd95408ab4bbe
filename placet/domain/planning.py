"""Planning: a policy's snapshot and a request's facts give a plan; an open stage gets its timers.

Both are made once, in an activity, and recorded. After that nothing asks the policy again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from placet.domain.calendar import BusinessCalendar, Span
from placet.domain.errors import ConflictError, InvalidInputError
from placet.domain.facts import Facts
from placet.domain.finding import Finding, shown
from placet.domain.people import Directory
from placet.domain.plan import (
    BreakGlass,
    DeadlineAction,
    GroupPlan,
    LevelPlan,
    Opening,
    PersonRef,
    Plan,
    PolicyRef,
    RuleDecision,
    Schedule,
    Selector,
    StagePlan,
)
from placet.domain.policy import Policy, PolicySnapshot, Route, Stage, TimeUnit
from placet.domain.roster import roster

Evaluator = Callable[[str, Facts], bool]
"""Says whether a condition (its text) holds for the facts; raises when it cannot be decided."""

_SHOWN = 80


class UnplannableError(InvalidInputError):
    """The policy says nothing about this request, or a condition cannot be decided."""

    code = "unplannable"


class OtherPolicyError(ConflictError):
    """A plan is opened with another policy than it was made with."""

    code = "other-policy"


def plan(  # noqa: PLR0913 - each is a separate thing the plan records.
    snapshot: PolicySnapshot,
    policy_digest: str,
    facts: Facts,
    *,
    title: str,
    amount: str | None,
    requester: PersonRef,
    holds: Evaluator,
    findings: Sequence[Finding] = (),
    scope: Mapping[str, JsonValue] | None = None,
    effect_at: datetime | None = None,
    effect_after: timedelta = timedelta(0),
    owners: Sequence[Selector] = (),
    kept_out: Sequence[PersonRef] = (),
) -> Plan:
    """Apply a policy to one revision of a request.

    Args:
        snapshot: The policy with all it stands on.
        policy_digest: SHA-256 of the snapshot, hexadecimal.
        facts: What the conditions may look at.
        title: One line that names the request.
        amount: What it is about, such as ``120.00 EUR``; None where there is no money.
        requester: Who asks.
        holds: Evaluates a condition.
        findings: What the pipeline's checks found.
        scope: What the effect will touch.
        effect_at: When the effect is to run; None for at once.
        effect_after: How long after the approval the effect is to run.
        owners: Who owns what it is about: they take the place of ``owner_of``.
        kept_out: Whom it is for.

    Raises:
        UnplannableError: No route's condition holds, or one cannot be decided, or a stage is for
            an owner that nothing has. The message names the policy and the route.
    """
    policy = snapshot.policy
    route = _route(policy, facts, holds)
    decision = None
    if route.approve is not None:
        decision = RuleDecision(approve=True, reason=route.approve)
    elif route.reject is not None:
        decision = RuleDecision(approve=False, reason=route.reject)
    return Plan(
        policy=PolicyRef(id=policy.id, version=policy.version, digest=policy_digest),
        route=route.name,
        why=_why(policy, route, facts),
        requester=requester,
        title=title,
        amount=amount,
        decision=decision,
        stages=tuple(
            with_owners(stage_plan(name, policy.stages[name]), owners)
            for name in route.stages or ()
        ),
        max_rounds=policy.changes.at_most,
        changes_within_hours=_hours(policy.changes.within),
        facts=dict(facts),
        findings=shown(findings),
        scope=dict(scope or {}),
        effect_at=effect_at,
        effect_after_minutes=_minutes(effect_after),
        edits=policy.changes.edits,
        kept_out=tuple(kept_out),
        break_glass=_break_glass(policy),
    )


def _break_glass(policy: Policy) -> BreakGlass | None:
    rule = policy.break_glass
    if rule is None:
        return None
    return BreakGlass(
        by=rule.by,
        assurance=rule.assurance,
        at_most_minutes=_minutes(rule.at_most.wall()),
        tell=rule.tell,
    )


def with_owners(stage: StagePlan, owners: Sequence[Selector]) -> StagePlan:
    """Return the stage with the owners in the place of ``owner_of``.

    Raises:
        UnplannableError: There are none.
    """

    def named(selectors: tuple[Selector, ...]) -> tuple[Selector, ...]:
        if not any(selector.owner_of for selector in selectors):
            return selectors
        if not owners:
            raise UnplannableError(
                f"stage '{stage.name}' is for the owner of the data, and nobody owns it; name an "
                "owner in the catalogue, or another reviewer in the policy"
            )
        each = ((*owners,) if selector.owner_of else (selector,) for selector in selectors)
        return tuple(dict.fromkeys(selector for group in each for selector in group))

    return stage.model_copy(
        update={
            "groups": tuple(
                group.model_copy(update={"reviewers": named(group.reviewers)})
                for group in stage.groups
            ),
            "ladder": tuple(
                level.model_copy(update={"to": named(level.to)}) for level in stage.ladder
            ),
        }
    )


def opening(  # noqa: PLR0913 - each is a separate fact about one moment.
    snapshot: PolicySnapshot,
    made: Plan,
    stage_index: int,
    directory: Directory,
    now: datetime,
    *,
    earlier: Mapping[str, frozenset[str]] | None = None,
    reassigned: Mapping[str, str] | None = None,
) -> Opening:
    """Return who may review the stage that opens now, and all its timers.

    Args:
        snapshot: The one the plan was made with.
        made: The plan.
        stage_index: Which of its stages, from 0.
        directory: As it is now.
        now: An aware instant, from which every timer counts.
        earlier: Stage name to the ids of the people who reviewed it, or on whose behalf.
        reassigned: Id of a holder to the id of who was handed their seat.

    Raises:
        OtherPolicyError: The snapshot is not the one the plan was made with.
    """
    policy = snapshot.policy
    stage = made.stages[stage_index]
    rules = policy.stages.get(stage.name)
    if (policy.id, policy.version) != (made.policy.id, made.policy.version) or rules is None:
        raise OtherPolicyError(
            f"the plan was made by {made.policy.id} version {made.policy.version}; load the "
            f"snapshot {made.policy.digest[:12]} and not {policy.id} version {policy.version}"
        )
    people = roster(
        stage,
        directory,
        requester=made.requester,
        kept_out=made.kept_out,
        pipeline=policy.pipeline,
        now=now,
        earlier=earlier,
        reassigned=reassigned,
    )
    return Opening(roster=people, schedule=schedule(rules, snapshot.calendar, now))


def schedule(stage: Stage, calendar: BusinessCalendar, now: datetime) -> Schedule:
    """Return every timer of ``stage``, opened at ``now``, as an instant in UTC.

    Reminders at or after the last deadline are left out: nobody could act on them.
    """
    now = now.astimezone(UTC)
    due = stage.deadline
    deadline = later(calendar, now, due.after, due.time)
    final = None
    if due.extend_by is not None:
        final = later(calendar, deadline, due.extend_by, due.time)
    return Schedule(
        reminders=_reminders(stage, calendar, now, final or deadline),
        escalations=tuple(
            None if level.after is None else later(calendar, now, level.after, level.time)
            for level in stage.escalation
        ),
        deadline=deadline,
        final=final,
        recheck_hours=_hours(stage.recheck),
    )


def later(calendar: BusinessCalendar, start: datetime, span: Span, unit: TimeUnit) -> datetime:
    """Return the instant ``span`` after ``start``, in business time or on the wall clock."""
    if unit is TimeUnit.BUSINESS:
        return calendar.add(start, span)
    return start.astimezone(UTC) + span.wall()


def _reminders(
    stage: Stage, calendar: BusinessCalendar, now: datetime, end: datetime
) -> tuple[datetime, ...]:
    rule = stage.reminders
    if rule is None:
        return ()
    instants = [later(calendar, now, rule.first, rule.time)]
    while rule.every is not None and len(instants) < rule.at_most:
        instants.append(later(calendar, instants[-1], rule.every, rule.time))
    return tuple(instant for instant in instants if instant < end)


def _route(policy: Policy, facts: Facts, holds: Evaluator) -> Route:
    for route in policy.routes:
        try:
            if holds(route.when, facts):
                return route
        except InvalidInputError as error:
            raise UnplannableError(
                f"policy {policy.id} version {policy.version}, route '{route.name}': {error}"
            ) from error
    raise UnplannableError(
        f"policy {policy.id} version {policy.version} has no route for this request; end it with "
        "a route 'when: true'"
    )


def stage_plan(name: str, stage: Stage) -> StagePlan:
    """Return what the plan keeps of a policy's stage: all but its timers."""
    return StagePlan(
        name=name,
        groups=tuple(
            GroupPlan(name=g.name, reviewers=g.reviewers, approve=g.approve, reject=g.reject)
            for g in stage.groups
        ),
        ladder=tuple(
            LevelPlan(
                name=level.name,
                to=level.to,
                mode=level.mode,
                approve=level.approve,
                reject=level.reject,
            )
            for level in stage.escalation
        ),
        assurance=stage.assurance,
        distinct_from=stage.distinct_from,
        deadline_action=stage.deadline.then,
        final_action=DeadlineAction(stage.deadline.finally_) if stage.deadline.finally_ else None,
        when_stuck=stage.when_stuck,
    )


def _why(policy: Policy, route: Route, facts: Facts) -> str:
    """Say why this route: its condition and the facts that it, or those before it, looked at."""
    conditions = [route.when]
    otherwise = route.when.strip() == "true"
    if otherwise:
        conditions = [each.when for each in policy.routes]
    words = {word for text in conditions for word in re.findall(r"[A-Za-z_]\w*", text)}
    seen = ", ".join(f"{name} = {_shown(value)}" for name, value in facts.items() if name in words)
    reason = "no earlier route applies" if otherwise else route.when.strip()
    return f"{reason} ({seen})" if seen else reason


def _shown(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list):
        text = ", ".join(_shown(each) for each in value[:10])
        return f"[{text}]" if len(value) <= 10 else f"[{text}, …]"  # noqa: PLR2004 - the ten shown.
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _minutes(length: timedelta) -> int:
    return length // timedelta(minutes=1)


def _hours(span: Span) -> int:
    return max(1, span.wall() // timedelta(hours=1))
