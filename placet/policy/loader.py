"""Policies from a directory of YAML files, checked as a whole and frozen with what they stand on.

``rates.yaml`` holds the exchange rates, ``directory.yaml`` the people, ``targets.yaml`` where pages
are published, ``datasets.yaml`` which data sets there are and ``access-roles.yaml`` which roles;
every other ``*.yaml`` file is the policy of one pipeline.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import holidays
from pydantic import ValidationError

from placet.content.patterns import PatternError, compiled
from placet.domain.calendar import BusinessCalendar, weekdays
from placet.domain.errors import NotFoundError
from placet.domain.facts import FactKind
from placet.domain.money import RateTable
from placet.domain.plan import PolicyRef
from placet.domain.policy import CalendarRule, Policy, PolicySnapshot
from placet.domain.policy_rules import owner_problems, policy_problems, unowned_problems
from placet.domain.problems import Problem, suggestion
from placet.policy.conditions import ConditionError, check_condition
from placet.policy.files import Document, FileError, model_from, read
from placet.policy.reload import Reloading
from placet.policy.service import KeptPolicy
from placet.registry import known_facts, pipeline_named

DIRECTORY_FILE = "directory.yaml"
RATES_FILE = "rates.yaml"
TARGETS_FILE = "targets.yaml"
DATASETS_FILE = "datasets.yaml"
ACCESS_ROLES_FILE = "access-roles.yaml"
SEAL_FILE = "seal.yaml"
_NO_POLICIES = {
    DIRECTORY_FILE,
    RATES_FILE,
    TARGETS_FILE,
    DATASETS_FILE,
    ACCESS_ROLES_FILE,
    SEAL_FILE,
}
HORIZON_YEARS = 2
"""Holidays are looked up for this year and so many after it; later only weekly hours count."""


class NoPolicyError(NotFoundError):
    """No policy file is for this pipeline."""

    code = "no-policy"


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy in force.

    Attributes:
        kept: All that planning needs, as the content store keeps it.
        ref: Its id, version and digest.
        document: The file, for messages about places in it.
    """

    kept: KeptPolicy
    ref: PolicyRef
    document: Document

    @property
    def snapshot(self) -> PolicySnapshot:
        """Return all that planning needs."""
        return self.kept.snapshot

    @classmethod
    def of(cls, snapshot: PolicySnapshot, document: Document) -> "LoadedPolicy":
        """Return ``snapshot`` with its digest."""
        policy, kept = snapshot.policy, KeptPolicy.of(snapshot)
        ref = PolicyRef(id=policy.id, version=policy.version, digest=kept.digest)
        return cls(kept, ref, document)


@dataclass(frozen=True)
class PolicyBook:
    """Every policy in force, one a pipeline."""

    policies: Mapping[str, LoadedPolicy]

    def for_pipeline(self, pipeline: str) -> LoadedPolicy:
        """Return the policy of ``pipeline``.

        Raises:
            NoPolicyError: There is none.
        """
        found = self.policies.get(pipeline)
        if found is None:
            near = suggestion(pipeline, self.policies)
            raise NoPolicyError(
                f"no policy is for the pipeline '{pipeline}'{near}; add a file with "
                f"'pipeline: {pipeline}' to the policies"
            )
        return found


def load_policies(
    folder: Path,
    *,
    today: date | None = None,
    known: Mapping[str, Mapping[str, FactKind]] | None = None,
) -> PolicyBook:
    """Read every policy in ``folder``.

    Args:
        folder: Where the files are.
        today: Holidays are looked up from its year on; the current day (UTC) when None.
        known: The facts of each pipeline; those of the registry when None.

    Raises:
        FileError: Naming every mistake in every file, each with its line and column.
    """
    year = (today or datetime.now(UTC).date()).year
    rates = model_from(read(folder / RATES_FILE), RateTable)
    files = sorted(path for path in folder.glob("*.yaml") if path.is_file())
    mistakes: list[str] = []
    found: dict[str, LoadedPolicy] = {}
    for path in files:
        if path.name in _NO_POLICIES:
            continue
        try:
            document = read(path)
            policy = load_policy(document, known=known)
            calendar = resolve_calendar(policy.calendar, document, year)
            other = found.get(policy.pipeline)
            if other is not None:
                text = f"'{policy.pipeline}' already has {other.document.name}; keep one of them"
                raise document.error([Problem(("pipeline",), text)])
            snapshot = PolicySnapshot(policy=policy, calendar=calendar, rates=rates)
            found[policy.pipeline] = LoadedPolicy.of(snapshot, document)
        except FileError as error:
            mistakes.append(str(error))
    if mistakes:
        raise FileError("\n".join(mistakes))
    if not found:
        raise FileError(f"{folder}: holds no policy; add one, such as expense.yaml")
    return PolicyBook(found)


def load_policy(
    document: Document, *, known: Mapping[str, Mapping[str, FactKind]] | None = None
) -> Policy:
    """Return the policy in ``document``, checked for everything but the directory.

    Raises:
        FileError: With every mistake and its place.
    """
    policy = model_from(document, Policy)
    problems = [
        *policy_problems(policy),
        *_conditions(policy, known),
        *_of_pipeline(policy),
        *_patterns(policy),
    ]
    if problems:
        raise document.error(problems)
    return policy


def _conditions(
    policy: Policy, known: Mapping[str, Mapping[str, FactKind]] | None
) -> list[Problem]:
    known = known_facts() if known is None else known
    facts = known.get(policy.pipeline)
    if facts is None:
        text = f"there is no pipeline '{policy.pipeline}'" + suggestion(policy.pipeline, known)
        return [Problem(("pipeline",), text)]
    problems = []
    for index, route in enumerate(policy.routes):
        try:
            check_condition(route.when, facts)
        except ConditionError as error:
            problems.append(Problem(("routes", index, "when"), str(error)))
    return problems


def _of_pipeline(policy: Policy) -> Iterator[Problem]:
    """Yield what this policy may not say because of what its pipeline is."""
    kind = pipeline_named(policy.pipeline)
    if kind is None or kind.door.owners is None:
        yield from unowned_problems(policy)
    else:
        yield from owner_problems(policy)
    if policy.break_glass is not None and not (kind and kind.door.reviewed_afterwards):
        text = "these requests have no review afterwards; take it out"
        yield Problem(("break_glass",), text)


def _patterns(policy: Policy) -> Iterator[Problem]:
    rules = policy.checks.forbidden if policy.checks else ()
    for index, rule in enumerate(rules):
        try:
            compiled(rule.pattern, ignore_case=True)
        except PatternError as error:
            yield Problem(("checks", "forbidden", index, "pattern"), str(error))


def resolve_calendar(rule: CalendarRule, document: Document, year: int) -> BusinessCalendar:
    """Return the calendar a policy describes, with the holidays of ``year`` and two more.

    Raises:
        FileError: It can never be open, names no weekday, or a country nobody knows.
    """
    problems: list[Problem] = []
    hours: list[tuple[object, ...]] = [()] * 7
    for text, day_hours in rule.hours.items():
        try:
            for day in weekdays(text):
                hours[day] = (*hours[day], *day_hours)
        except ValueError as error:
            problems.append(Problem(("calendar", "hours", text), str(error)))
    years = range(year, year + HORIZON_YEARS + 1)
    closed: dict[date, str] = {}
    if rule.holidays is not None:
        country, _, part = rule.holidays.partition("-")
        try:
            found = holidays.country_holidays(country, subdiv=part or None, years=years)
            closed.update(sorted(found.items()))
        except NotImplementedError as error:
            text = f"no holidays are known for '{rule.holidays}' ({error}); write it as DE or DE-BE"
            problems.append(Problem(("calendar", "holidays"), text))
    closed.update(rule.closed)
    if not problems:
        try:
            return BusinessCalendar.model_validate(
                {
                    "time_zone": rule.time_zone,
                    "hours": hours,
                    "closed": dict(sorted(closed.items())),
                    "until": date(years[-1], 12, 31),
                }
            )
        except ValidationError as error:
            problems += [
                Problem(("calendar", "hours"), str(each["ctx"]["error"])) for each in error.errors()
            ]
    raise document.error(problems)


class PolicyFolder:
    """The policies of a folder, read again when a file changes.

    A change that breaks a file, or leaves a pipeline without its policy, is logged, and the last
    good book stays in force: a file that is being replaced may be gone for a moment. Requests under
    way keep the snapshot they were planned with in any case.

    Raises:
        FileError: On construction, when a file cannot be used.
    """

    def __init__(
        self, folder: Path, *, known: Mapping[str, Mapping[str, FactKind]] | None = None
    ) -> None:
        self._folder = folder
        self._known = known
        self._pipelines: frozenset[str] = frozenset()
        self._current = Reloading(self._read, lambda: folder.glob("*.yaml"))

    def in_force(self, pipeline: str) -> KeptPolicy:
        """Return the policy in force for ``pipeline``, with all it stands on.

        Raises:
            NoPolicyError: There is none.
        """
        return self.book().for_pipeline(pipeline).kept

    def book(self) -> PolicyBook:
        """Return the policies in force now."""
        return self._current.get()

    def _read(self) -> PolicyBook:
        book = load_policies(self._folder, known=self._known)
        gone = sorted(self._pipelines - book.policies.keys())
        if gone:
            raise FileError(
                f"{self._folder}: no policy is left for {', '.join(gone)}; put it back, or start "
                "the worker again to do without it"
            )
        self._pipelines = frozenset(book.policies)
        return book
