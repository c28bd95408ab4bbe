"""What makes a well-formed policy contradict itself, whoever is in the directory."""

from collections.abc import Iterator
from datetime import timedelta

from placet.domain.calendar import Span
from placet.domain.plan import DeadlineAction, StuckAction
from placet.domain.policy import OWNED, Deadline, Policy, Route, Stage
from placet.domain.problems import Problem, suggestion

Path = tuple[str | int, ...]
_TWO_STEPS = {DeadlineAction.ESCALATE, DeadlineAction.EXTEND}
_WEEK_HOURS = 7 * 24


def policy_problems(policy: Policy) -> list[Problem]:
    """Return everything that cannot be meant; empty when the policy can be used."""
    found = [*_routes(policy), *_order(policy), *_break_glass(policy)]
    for name, stage in policy.stages.items():
        found += _stage(name, stage)
    within = policy.changes.within
    if within.wall().total_seconds() % 3600:
        found.append(Problem(("changes", "within"), "write whole hours, such as 10d or 36h"))
    return found


def owner_problems(policy: Policy) -> Iterator[Problem]:
    """Yield where the owner of the data would not be asked, or not decide.

    For policies of pipelines whose requests are about what somebody owns: neither a rule nor a
    deadline may say yes in the owner's place.
    """
    for index, route in enumerate(policy.routes):
        here: Path = ("routes", index)
        if route.approve is not None:
            text = "no rule approves here: the owner of the data is always asked; use stages"
            yield Problem((*here, "approve"), text)
        known = [policy.stages[name] for name in route.stages or () if name in policy.stages]
        if route.stages is not None and not any(map(_asks_owner, known)):
            text = (
                "the owner of the data is not asked; add a stage with a group of which the only "
                f"reviewers are {{owner_of: {OWNED}}}"
            )
            yield Problem((*here, "stages"), text)
    for name, stage in policy.stages.items():
        if not _asks_owner(stage):
            continue
        silence = "the owner's silence is no approval; write reject or expire"
        if stage.deadline.then is DeadlineAction.APPROVE:
            yield Problem(("stages", name, "deadline", "then"), silence)
        if stage.deadline.finally_ == "approve":
            yield Problem(("stages", name, "deadline", "finally"), silence)
        if stage.when_stuck is StuckAction.APPROVE:
            text = "without the owner nothing is approved; write escalate or reject"
            yield Problem(("stages", name, "when_stuck"), text)


def unowned_problems(policy: Policy) -> Iterator[Problem]:
    """Yield where a policy names an owner though what its requests are about has none."""
    for name, stage in policy.stages.items():
        lists = [
            *(
                (("groups", i, "reviewers"), group.reviewers)
                for i, group in enumerate(stage.groups)
            ),
            *((("escalation", i, "to"), level.to) for i, level in enumerate(stage.escalation)),
        ]
        for path, selectors in lists:
            for place, selector in enumerate(selectors):
                if selector.owner_of is not None:
                    text = "what these requests are about has no owner; name somebody else"
                    yield Problem(("stages", name, *path, place), text)


def _asks_owner(stage: Stage) -> bool:
    return any(
        all(selector.owner_of is not None for selector in group.reviewers) for group in stage.groups
    )


def _break_glass(policy: Policy) -> Iterator[Problem]:
    rule = policy.break_glass
    if rule is None:
        return
    if rule.at_most.wall() < timedelta(minutes=1):
        yield Problem(("break_glass", "at_most"), "write at least 1m")
    for field in ("by", "tell"):
        for place, selector in enumerate(getattr(rule, field)):
            if selector.manager_of or selector.deputy_of or selector.owner_of:
                text = "name people by person, role or group here"
                yield Problem(("break_glass", field, place), text)


def _routes(policy: Policy) -> Iterator[Problem]:
    names: set[str] = set()
    for index, route in enumerate(policy.routes):
        here: Path = ("routes", index)
        if route.name in names:
            yield Problem((*here, "name"), f"two routes are named '{route.name}'; rename one")
        names.add(route.name)
        given = [key for key in ("approve", "reject", "stages") if getattr(route, key) is not None]
        if len(given) != 1:
            yield Problem(here, "say exactly one of approve, reject and stages")
        yield from _stages_of(policy, route, here)
    if policy.routes[-1].when.strip() != "true":
        text = "the last route must be 'when: true', so that every request has a way"
        yield Problem(("routes", len(policy.routes) - 1, "when"), text)


def _stages_of(policy: Policy, route: Route, here: Path) -> Iterator[Problem]:
    for place, name in enumerate(route.stages or ()):
        path = (*here, "stages", place)
        if name not in policy.stages:
            text = f"there is no stage '{name}'" + suggestion(name, policy.stages)
            yield Problem(path, text)
        if name in (route.stages or ())[:place]:
            yield Problem(path, f"the stage '{name}' is already in this route; take it out")


def _order(policy: Policy) -> Iterator[Problem]:
    """A stage can only be distinct from one that its routes pass earlier."""
    for name, stage in policy.stages.items():
        for place, other in enumerate(stage.distinct_from):
            path = ("stages", name, "distinct_from", place)
            if other not in policy.stages:
                text = f"there is no stage '{other}'" + suggestion(other, policy.stages)
                yield Problem(path, text)
                continue
            for route in policy.routes:
                passed = route.stages or ()
                if name in passed and other in passed[passed.index(name) :]:
                    text = f"in route '{route.name}' the stage '{other}' does not come earlier"
                    yield Problem(path, text + "; reorder the route or take it out")


def _stage(name: str, stage: Stage) -> Iterator[Problem]:
    here: Path = ("stages", name)
    taken: set[str] = set()
    named: list[tuple[Path, str]] = [
        *((("groups", index), group.name) for index, group in enumerate(stage.groups)),
        *((("escalation", index), level.name) for index, level in enumerate(stage.escalation)),
    ]
    for path, part in named:
        if part in taken:
            text = f"the name '{part}' is used twice in this stage; rename one"
            yield Problem((*here, *path, "name"), text)
        taken.add(part)
    for index, group in enumerate(stage.groups):
        for place, selector in enumerate(group.reviewers):
            if "reviewers" in {selector.manager_of, selector.deputy_of}:
                text = "'reviewers' has a meaning only in an escalation; name whom you mean"
                yield Problem((*here, "groups", index, "reviewers", place), text)
    reminders = stage.reminders
    if reminders is not None and reminders.at_most > 1 and reminders.every is None:
        yield Problem((*here, "reminders"), "several reminders need 'every', such as every: 1d")
    yield from _ladder(stage, here)
    yield from _deadline(stage.deadline, stage, (*here, "deadline"))
    if not _hours(stage.recheck):
        yield Problem((*here, "recheck"), "write whole hours from 1h to 7d")


def _ladder(stage: Stage, here: Path) -> Iterator[Problem]:
    before = None
    for index, level in enumerate(stage.escalation):
        if before is not None and level.after is not None and before.after is not None:
            same = before.time == level.time
            if same and level.after.wall() <= before.after.wall():
                text = f"'{level.name}' must come after '{before.name}'; lengthen its 'after'"
                yield Problem((*here, "escalation", index, "after"), text)
        before = level


def _deadline(deadline: Deadline, stage: Stage, here: Path) -> Iterator[Problem]:
    two = deadline.then in _TWO_STEPS
    for key, value in (("extend_by", deadline.extend_by), ("finally", deadline.finally_)):
        if two and value is None:
            text = f"'then: {deadline.then}' needs '{key}', so that the request ends"
            yield Problem(here, text)
        if not two and value is not None:
            text = f"'{key}' has no effect with 'then: {deadline.then}'; take it out"
            yield Problem((*here, key), text)
    if deadline.then is DeadlineAction.ESCALATE and not stage.escalation:
        text = "'then: escalate' needs an escalation ladder; add 'escalation' to the stage"
        yield Problem((*here, "then"), text)


def _hours(span: Span) -> bool:
    hours, rest = divmod(span.wall().total_seconds(), 3600)
    return not rest and 1 <= hours <= _WEEK_HOURS
