"""What makes a well-formed policy contradict itself, whoever is in the directory."""

from collections.abc import Iterator

from placet.domain.calendar import Span
from placet.domain.plan import DeadlineAction
from placet.domain.policy import Deadline, Policy, Route, Stage
from placet.domain.problems import Problem, suggestion

Path = tuple[str | int, ...]
_TWO_STEPS = {DeadlineAction.ESCALATE, DeadlineAction.EXTEND}
_WEEK_HOURS = 7 * 24


def policy_problems(policy: Policy) -> list[Problem]:
    """Return everything that cannot be meant; empty when the policy can be used."""
    found = [*_routes(policy), *_order(policy)]
    for name, stage in policy.stages.items():
        found += _stage(name, stage)
    within = policy.changes.within
    if within.wall().total_seconds() % 3600:
        found.append(Problem(("changes", "within"), "write whole hours, such as 10d or 36h"))
    return found


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
