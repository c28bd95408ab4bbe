"""The policy file's model: rules that say who must review what, and when time decides.

A policy is YAML in ``policies/``; ``placet.policy`` reads it with line numbers in its errors. The
reference in ``docs/policy.md`` is generated from the descriptions here.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from placet.domain.base import Model
from placet.domain.calendar import BusinessCalendar, Duration, Hours, Interval, Span
from placet.domain.content_rules import ContentRules
from placet.domain.data_rules import DataRules
from placet.domain.money import RateTable
from placet.domain.people import TimeZone
from placet.domain.plan import (
    Assurance,
    DeadlineAction,
    Edits,
    Selector,
    StuckAction,
    TakeOver,
    Threshold,
)

_SELECTORS = ("person", "role", "group", "manager_of", "deputy_of", "owner_of")
OWNED = "data"
"""The only thing whose owner a policy can name: what the request is about."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
"""Lower-case letters, digits and hyphens: stages, groups, levels, policies, pipelines."""

_OFFICE_HOURS: dict[str, tuple[Interval, ...]] = {"mon-fri": (Interval.parse("09:00-17:00"),)}

Label = Annotated[str, Field(min_length=1, max_length=120)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class TimeUnit(StrEnum):
    """How a timer counts."""

    BUSINESS = "business"
    WALL = "wall"


def _read_threshold(value: object) -> object:
    message = 'write any, all, a number of people such as 2, or a percentage such as "60%"'
    if isinstance(value, bool):
        raise ValueError(message)  # noqa: TRY004 - pydantic turns a ValueError into a located error.
    if isinstance(value, int):
        return {"count": value}
    if not isinstance(value, str):
        return value
    if value in {"any", "all"}:
        return {"count": 1} if value == "any" else {"percent": 100}
    number = value.removesuffix("%")
    if not (number.isascii() and number.isdigit() and len(number) <= 3):  # noqa: PLR2004 - 100%.
        raise ValueError(message)
    return {"percent" if value.endswith("%") else "count": int(number)}


def threshold_text(value: Threshold) -> str:
    """Return a threshold as policy files write it."""
    if value.count is not None:
        return "any" if value.count == 1 else str(value.count)
    return "all" if value.percent == 100 else f"{value.percent}%"  # noqa: PLR2004 - all of 100%.


def _read_selector(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    given = {key: each for key, each in value.items() if each is not None}
    if len(given) != 1 or next(iter(given)) not in _SELECTORS:
        message = f"name reviewers by exactly one of {', '.join(_SELECTORS)}"
        raise ValueError(message)
    if given.get("owner_of", OWNED) != OWNED:
        message = f"the only owner there is to name is that of the data; write owner_of: {OWNED}"
        raise ValueError(message)
    return given


def _write_selector(value: Selector) -> dict[str, str]:
    return value.model_dump(exclude_none=True)


def _read_condition(value: object) -> object:
    return "true" if value is True else value


Quorum = Annotated[
    Threshold,
    BeforeValidator(_read_threshold),
    PlainSerializer(threshold_text, return_type=str),
]
Reviewers = Annotated[
    Selector,
    BeforeValidator(_read_selector),
    PlainSerializer(_write_selector, return_type=dict),
]


class Group(Model):
    """Reviewers of whom so many must approve, or so many reject.

    All groups of a stage must approve; one that rejects, rejects the stage.
    """

    name: Name = Field(description="Shown to people and written to the ledger.")
    reviewers: tuple[Reviewers, ...] = Field(
        min_length=1,
        max_length=50,
        description="Each names people by exactly one of `person` (an address), `role`, `group`, "
        "`manager_of` or `deputy_of` (`requester`, or an address) or `owner_of` (`data`: who owns "
        "what the request is about). The requester, and whom it is for, are never among them.",
    )
    approve: Quorum = Field(
        default=Threshold(count=1),
        description='How many must approve: `any`, `all`, a number, or a percentage as `"60%"`.',
    )
    reject: Quorum = Field(
        default=Threshold(count=1),
        description="How many must reject for the stage to be rejected; written likewise.",
    )


class Reminders(Model):
    """When reviewers who have not decided hear of it again."""

    first: Duration = Field(description="How long after the stage opened.")
    every: Duration | None = Field(
        default=None, description="How long between later ones; needed when `at_most` is above 1."
    )
    at_most: int = Field(default=1, ge=1, le=30, description="How many are sent in all.")
    time: TimeUnit = Field(default=TimeUnit.BUSINESS, description="How the lengths are counted.")


class Level(Model):
    """One level of an escalation ladder."""

    name: Name = Field(description="Shown to people; differs from the stage's groups' names.")
    after: Duration | None = Field(
        default=None,
        description="How long after the stage opened. Without it the level comes in only when the "
        "stage is stuck or its deadline escalates.",
    )
    to: tuple[Reviewers, ...] = Field(
        min_length=1,
        max_length=50,
        description="Who comes in, as in a group. `manager_of` and `deputy_of` also take "
        "`reviewers`: the people whose seats are still open.",
    )
    mode: TakeOver = Field(
        default=TakeOver.JOIN,
        description="`join`: they may decide beside the reviewers. `replace`: in their place.",
    )
    approve: Quorum = Field(
        default=Threshold(count=1), description="With `replace`: how many must approve."
    )
    reject: Quorum = Field(
        default=Threshold(count=1), description="With `replace`: how many must reject."
    )
    time: TimeUnit = Field(default=TimeUnit.BUSINESS, description="How `after` is counted.")


class Deadline(Model):
    """When a stage ends by itself, and how."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )

    after: Duration = Field(description="How long after the stage opened.")
    then: DeadlineAction = Field(
        description="`approve`, `reject` or `expire` end it. `escalate` brings in the next level, "
        "and `extend` waits once more; both need `extend_by` and `finally`.",
    )
    extend_by: Duration | None = Field(
        default=None, description="How long after the first deadline the final one is."
    )
    finally_: Literal["approve", "reject", "expire"] | None = Field(
        default=None, alias="finally", description="What the final deadline does."
    )
    time: TimeUnit = Field(default=TimeUnit.BUSINESS, description="How the lengths are counted.")


class Stage(Model):
    """What one stage asks for."""

    groups: tuple[Group, ...] = Field(
        min_length=1, max_length=10, description="All of them must approve."
    )
    reminders: Reminders | None = Field(default=None, description="None are sent without it.")
    escalation: tuple[Level, ...] = Field(
        default=(), max_length=10, description="The ladder, its lowest level first."
    )
    deadline: Deadline = Field(description="Every stage has one, so every request ends.")
    when_stuck: StuckAction = Field(
        default=StuckAction.ESCALATE,
        description="What happens when the people there can no longer decide: nobody is eligible, "
        "everybody is away, or the votes contradict each other.",
    )
    assurance: Assurance = Field(
        default=Assurance.CLAIMED,
        description="How sure we must be who reviews: `claimed`, or `verified` by a login or a "
        "signature.",
    )
    distinct_from: tuple[Name, ...] = Field(
        default=(), description="Earlier stages whose reviewers may not review this one."
    )
    recheck: Duration = Field(
        default=Span(0, 24 * 60),
        description="How often the directory is looked at while the stage waits; whole hours.",
    )


class Route(Model):
    """A condition, and what happens when it is the first that holds."""

    name: Label = Field(description="Shown to people and written to the ledger.")
    when: Annotated[str, BeforeValidator(_read_condition), Field(min_length=1, max_length=1000)] = (
        Field(description="A condition in CEL over the pipeline's facts; the last one is `true`.")
    )
    approve: Reason | None = Field(
        default=None, description="Approve by rule, with this reason; nobody is asked."
    )
    reject: Reason | None = Field(
        default=None, description="Reject by rule, with this reason; nobody is asked."
    )
    stages: tuple[Name, ...] | None = Field(
        default=None, min_length=1, max_length=20, description="The stages to pass, in sequence."
    )


class Changes(Model):
    """How a request may be changed while it is under review."""

    at_most: int = Field(default=5, ge=0, le=50, description="How many times changes may be asked.")
    within: Duration = Field(
        default=Span(14, 0),
        description="How long the requester has to resubmit; wall clock, whole hours.",
    )
    edits: Edits = Field(
        default=Edits.NEVER,
        description="Whether a reviewer may change the request: `never`; `with_author`, who has to "
        "take the change over; or `freely`. Each is a new revision, on which all vote anew.",
    )


class BreakGlassRule(Model):
    """How a request may be carried out at once, before anybody has reviewed it."""

    by: tuple[Reviewers, ...] = Field(
        min_length=1,
        max_length=50,
        description="Who may, by `person`, `role` or `group`; also the requester, if among them.",
    )
    assurance: Assurance = Field(
        default=Assurance.VERIFIED, description="How sure we must be that it is they."
    )
    at_most: Duration = Field(description="For how long it may last; whole minutes.")
    tell: tuple[Reviewers, ...] = Field(
        default=(),
        max_length=50,
        description="Who hears of it, beside whom it is for and everybody whose review is "
        "waited for or has come.",
    )


class CalendarRule(Model):
    """When people work; `time: business` counts by it."""

    time_zone: TimeZone = Field(default="UTC", description="An IANA name such as `Europe/Berlin`.")
    hours: dict[str, tuple[Hours, ...]] = Field(
        default=_OFFICE_HOURS,
        description="Weekdays (`mon-fri`, `sat`, `mon,wed`) to the hours they are open, such as "
        '`["09:00-12:30", "13:30-17:30"]`.',
    )
    holidays: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,5})?$",
        description="A country, and its subdivision where it matters: `DE`, `DE-BE`, `US-CA`.",
    )
    closed: dict[date, Label] = Field(
        default_factory=dict,
        max_length=400,
        description='Your own closing days, each with its name: `"2026-12-24": Christmas Eve`.',
    )


class Policy(Model):
    """Who must review the requests of one pipeline."""

    id: Name = Field(description="Name of the policy.")
    version: int = Field(ge=1, description="Raise it with every change that people should see.")
    pipeline: Name = Field(description="The pipeline it is for; one policy each.")
    calendar: CalendarRule = Field(
        default_factory=CalendarRule, description="Working hours; weekdays 09:00-17:00 UTC if none."
    )
    routes: tuple[Route, ...] = Field(
        min_length=1, max_length=100, description="The first whose condition holds is taken."
    )
    stages: dict[Name, Stage] = Field(
        default_factory=dict, max_length=50, description="Every stage by its name."
    )
    changes: Changes = Field(default_factory=Changes, description="Rules for changes.")
    break_glass: BreakGlassRule | None = Field(
        default=None,
        description="How it may be carried out before anybody has reviewed it, where the pipeline "
        "has a review afterwards; without it, not at all.",
    )
    checks: ContentRules | None = Field(
        default=None, description="What content is checked for, where the pipeline has content."
    )
    data: DataRules | None = Field(
        default=None, description="What may be done with data, where the pipeline has data."
    )


class PolicySnapshot(Model):
    """A policy with all that it stood on when it was read: what its digest is taken of.

    It is stored under that digest, so that a request resubmitted months later is planned by the
    rules it was first planned by.

    Attributes:
        policy: The file.
        calendar: Its calendar, with the holidays looked up.
        rates: The exchange rates of that day.
    """

    policy: Policy
    calendar: BusinessCalendar
    rates: RateTable
