"""Find what is wrong with a policy before anybody waits for it.

A policy file that loads is well formed. Here it is held against the directory and the calendar:
every stage is tried with everybody who could ask.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from placet.domain.people import Directory, Person
from placet.domain.plan import (
    DeadlineAction,
    Edits,
    GroupPlan,
    Roster,
    Selector,
    StagePlan,
    StuckAction,
)
from placet.domain.planning import later, schedule, stage_plan, with_owners
from placet.domain.policy import Policy, PolicySnapshot, Stage
from placet.domain.problems import Problem, suggestion
from placet.domain.roster import roster
from placet.domain.seating import SeatKey, satisfiable

Path = tuple[str | int, ...]
_SHOWN = 3


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The policy cannot do what it says."""
    WARNING = "warning"
    """It can, but look whether it is meant."""


@dataclass(frozen=True)
class Finding:
    """One thing found, and where it stands in the policy's file.

    ``document.line(finding.problem)`` gives file, line and column.
    """

    severity: Severity
    problem: Problem

    @classmethod
    def error(cls, path: Path, message: str) -> "Finding":
        """Make an error."""
        return cls(Severity.ERROR, Problem(path, message))

    @classmethod
    def warning(cls, path: Path, message: str) -> "Finding":
        """Make a warning."""
        return cls(Severity.WARNING, Problem(path, message))


def check(
    snapshot: PolicySnapshot,
    directory: Directory,
    now: datetime,
    owners: Sequence[Selector] = (),
) -> list[Finding]:
    """Return everything that is wrong or surprising, errors first.

    Args:
        snapshot: A policy that loaded.
        directory: The people it is meant for.
        now: An aware instant from which timers are tried and delegations are looked at.
        owners: Everybody who owns anything its requests may be about. Without them nobody can say
            whether the owners' stages have enough people.
    """
    policy = snapshot.policy
    found = [*_routes(policy), *_edits(policy)]
    for name, stage in policy.stages.items():
        trial = _Trial(policy, name, stage, directory, now, owners)
        found += _selectors(trial)
        if not trial.ownerless:
            found += _seats(trial)
            found += _distinct(trial)
            found += _assurance(trial)
        found += _timers(trial, snapshot)
        found += _silence(trial)
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def _routes(policy: Policy) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for index, route in enumerate(policy.routes):
        condition = " ".join(route.when.split())
        earlier = seen.get("true") or seen.get(condition)
        if earlier is not None:
            text = f"is never reached: '{earlier}' takes every such request; reorder the routes"
            yield Finding.error(("routes", index), text)
        seen.setdefault(condition, route.name)
    used = {name for route in policy.routes for name in route.stages or ()}
    for name in policy.stages:
        if name not in used:
            yield Finding.warning(("stages", name), "no route uses this stage; take it out")


def _edits(policy: Policy) -> Iterator[Finding]:
    """Say where one person could make another request of it and approve that."""
    if policy.changes.edits is not Edits.FREELY:
        return
    for route in policy.routes:
        plans = [stage_plan(name, policy.stages[name]) for name in route.stages or ()]
        groups = [group for plan in plans for group in plan.groups]
        if len(groups) == 1 and groups[0].approve.count == 1:
            text = (
                f"in route '{route.name}' one reviewer can change a request and approve it alone; "
                "ask two, or take with_author"
            )
            yield Finding.warning(("changes", "edits"), text)


class _Trial:
    """One stage, tried with everybody who could ask."""

    def __init__(  # noqa: PLR0913, PLR0917 - a private helper of one caller
        self,
        policy: Policy,
        name: str,
        stage: Stage,
        directory: Directory,
        now: datetime,
        owners: Sequence[Selector],
    ) -> None:
        self.policy = policy
        self.stage = stage
        self.directory = directory
        self.now = now
        self.here: Path = ("stages", name)
        self.owners = owners
        plan = stage_plan(name, stage)
        self.ownerless = not owners and _names_owner(plan)
        self.plan = self.owned(plan)
        self.requesters = [person for person in directory.people if person.active]
        self.rosters = [(person, self.roster(self.plan, person)) for person in self.requesters]

    def owned(self, plan: StagePlan) -> StagePlan:
        return with_owners(plan, self.owners) if self.owners else plan

    def roster(self, plan: StagePlan, requester: Person) -> Roster:
        return roster(
            plan,
            self.directory,
            requester=requester.ref(),
            pipeline=self.policy.pipeline,
            now=self.now,
        )


def _names_owner(plan: StagePlan) -> bool:
    groups = [selector for group in plan.groups for selector in group.reviewers]
    levels = [selector for level in plan.ladder for selector in level.to]
    return any(selector.owner_of for selector in (*groups, *levels))


def _selectors(trial: _Trial) -> Iterator[Finding]:
    """Say which selectors name nobody who could ever act."""
    stage = trial.stage
    lists = [
        *((("groups", i, "reviewers"), group.reviewers) for i, group in enumerate(stage.groups)),
        *((("escalation", i, "to"), level.to) for i, level in enumerate(stage.escalation)),
    ]
    for path, selectors in lists:
        for place, selector in enumerate(selectors):
            message = _nobody(selector, trial.directory)
            if message is not None:
                yield Finding.error((*trial.here, *path, place), message)
            if selector.deputy_of == "requester":
                text = "the requester's own deputy may decide; look whether that is meant"
                yield Finding.warning((*trial.here, *path, place), text)


def _nobody(selector: Selector, directory: Directory) -> str | None:
    people = directory.people
    if selector.role is not None and not any(p.active for p in directory.with_role(selector.role)):
        known = {role for person in people for role in person.roles}
        return f"nobody active has the role '{selector.role}'" + suggestion(selector.role, known)
    if selector.group is not None and not any(
        p.active for p in directory.members_of(selector.group)
    ):
        known = {group for person in people for group in person.groups}
        return f"nobody active is in '{selector.group}'" + suggestion(selector.group, known)
    for address in (selector.person, selector.manager_of, selector.deputy_of):
        if address in {None, "requester", "reviewers"}:
            continue
        person = directory.resolve(address or "")
        if person is None or not person.active:
            return f"nobody active has the address '{address}'; correct it, or add them"
    return None


def _seats(trial: _Trial) -> Iterator[Finding]:
    """Say where the seats cannot give the thresholds, for everybody or for some requesters."""
    for index, group in enumerate(trial.plan.groups):
        path = (*trial.here, "groups", index)
        for what, threshold in (("approve", group.approve), ("reject", group.reject)):
            short = [
                (requester, _count(found, group.name), threshold.of(_count(found, group.name)))
                for requester, found in trial.rosters
                if _count(found, group.name) < threshold.of(_count(found, group.name))
            ]
            if not short or (what == "reject" and not any(count for _, count, _ in short)):
                continue
            _, count, need = max(short, key=lambda row: row[1])
            if len(short) == len(trial.rosters):
                text = f"needs {need} but has at most {count}, whoever asks; add people or lower it"
                yield Finding.error((*path, what), text)
            else:
                who = _names([requester for requester, _, _ in short])
                text = f"cannot be had when {who} asks; '{trial.stage.when_stuck}' then decides"
                yield Finding.warning((*path, what), text)
    yield from _ladder(trial)


def _ladder(trial: _Trial) -> Iterator[Finding]:
    for index, level in enumerate(trial.plan.ladder):
        sizes = [len(found.ladder[index]) for _, found in trial.rosters]
        path = (*trial.here, "escalation", index)
        if not any(sizes):
            yield Finding.error((*path, "to"), "is nobody, whoever asks; name somebody")
        elif level.approve.of(max(sizes)) > max(sizes):
            text = f"needs {level.approve.of(max(sizes))} but has at most {max(sizes)}; lower it"
            yield Finding.error((*path, "approve"), text)
    stuck = [
        requester
        for requester, found in trial.rosters
        if not all(_satisfied(found, group) for group in trial.plan.groups)
        and not any(found.ladder)
    ]
    if stuck and trial.stage.when_stuck is StuckAction.ESCALATE:
        text = f"when {_names(stuck)} asks nobody can decide and nobody is left to escalate to"
        yield Finding.warning(
            (*trial.here, "when_stuck"), text + "; add a level that always exists"
        )


def _distinct(trial: _Trial) -> Iterator[Finding]:
    """Say where the same people would be needed twice."""
    for place, other_name in enumerate(trial.stage.distinct_from):
        other = trial.owned(stage_plan(other_name, trial.policy.stages[other_name]))
        impossible = []
        possible = False
        for requester, found in trial.rosters:
            before = trial.roster(other, requester)
            each = _enough((trial.plan, found)) and _enough((other, before))
            both = _enough((trial.plan, found), (other, before))
            possible = possible or both
            if each and not both:
                impossible.append(requester)
        path = (*trial.here, "distinct_from", place)
        if impossible and not possible:
            text = f"'{other_name}' needs the same people, whoever asks; add people or take it out"
            yield Finding.error(path, text)
        elif impossible:
            text = f"'{other_name}' needs the same people when {_names(impossible)} asks"
            yield Finding.warning(path, text + f"; '{trial.stage.when_stuck}' then decides")


def _enough(*stages: tuple[StagePlan, Roster]) -> bool:
    """Say whether all these stages can be approved by people each of whom acts once."""
    seats: dict[str, list[SeatKey]] = {}
    needs: dict[str, int] = {}
    for plan, found in stages:
        for group in plan.groups:
            key = f"{plan.name}/{group.name}"
            needs[key] = group.approve.of(_count(found, group.name))
            for seat in found.seats:
                if seat.group == group.name:
                    seats.setdefault(seat.holder.id, []).append((key, seat.holder.id))
    return satisfiable(seats, needs)


def _assurance(trial: _Trial) -> Iterator[Finding]:
    people = {
        seat.holder.id
        for _, found in trial.rosters
        for seats in (found.seats, *found.ladder)
        for seat in seats
    }
    keyed = {person.id for person in trial.directory.people if person.keys}
    if trial.plan.assurance.value == "verified" and not people & keyed:
        text = "nobody who may review has a key; make one with `starter.py key new`"
        yield Finding.warning((*trial.here, "assurance"), text)


def _timers(trial: _Trial, snapshot: PolicySnapshot) -> Iterator[Finding]:
    """Say which timers come too late, tried from the next opening."""
    stage = trial.stage
    start = snapshot.calendar.settle(trial.now)
    timers = schedule(stage, snapshot.calendar, start)
    end = timers.final or timers.deadline
    rule = stage.reminders
    if rule is not None and later(snapshot.calendar, start, rule.first, rule.time) >= end:
        text = "the first reminder comes after the deadline; shorten it"
        yield Finding.error((*trial.here, "reminders", "first"), text)
    elif rule is not None and len(timers.reminders) < rule.at_most:
        text = f"only {len(timers.reminders)} of {rule.at_most} fit before the deadline; lower it"
        yield Finding.warning((*trial.here, "reminders", "at_most"), text)
    for index, instant in enumerate(timers.escalations):
        if instant is not None and instant >= end:
            text = "comes after the deadline; shorten it, or leave it out"
            yield Finding.error((*trial.here, "escalation", index, "after"), text)


def _silence(trial: _Trial) -> Iterator[Finding]:
    """Say where nobody's saying anything is taken for a yes."""
    deadline = trial.stage.deadline
    text = "silence approves here; look whether that is meant"
    if deadline.then is DeadlineAction.APPROVE:
        yield Finding.warning((*trial.here, "deadline", "then"), text)
    if deadline.finally_ == "approve":
        yield Finding.warning((*trial.here, "deadline", "finally"), text)
    if trial.stage.when_stuck is StuckAction.APPROVE:
        text = "a stage nobody can decide is approved; look whether that is meant"
        yield Finding.warning((*trial.here, "when_stuck"), text)


def _count(found: Roster, group: str) -> int:
    return sum(seat.group == group for seat in found.seats)


def _satisfied(found: Roster, group: GroupPlan) -> bool:
    count = _count(found, group.name)
    return count >= group.approve.of(count)


def _names(people: list[Person]) -> str:
    shown = " or ".join(person.id for person in people[:_SHOWN])
    rest = len(people) - _SHOWN
    return f"{shown} or {rest} more" if rest > 0 else shown
