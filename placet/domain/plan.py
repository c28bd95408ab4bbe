"""A plan: one policy applied to one revision, frozen until the case ends.

The plan holds all that a policy file, the directory, the calendar and the exchange rates said at
planning time. What depends on the moment a stage opens (who is there, and every timer as an
absolute instant) is an :class:`Opening`, made by the same activity when that stage opens.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field, JsonValue

from placet.domain.base import Stored
from placet.domain.finding import Finding


class Assurance(StrEnum):
    """How sure we are who acted: ``verified`` when a login or a signature proves it."""

    CLAIMED = "claimed"
    VERIFIED = "verified"

    def satisfies(self, demanded: "Assurance") -> bool:
        """Say whether this is at least what is ``demanded``."""
        return self is Assurance.VERIFIED or demanded is Assurance.CLAIMED


class PersonRef(Stored):
    """A person as the ledger names them: the directory's id, the printed name, the address."""

    id: str
    name: str
    address: str


class PolicyRef(Stored):
    """Exactly which rules applied: id, version and SHA-256 of the policy's snapshot."""

    id: str
    version: int
    digest: str


class Threshold(Stored):
    """How many of a group's seats must say the same: ``any``, ``all``, a count or a percentage.

    Exactly one of ``count`` and ``percent`` is set; ``any`` is count 1 and ``all`` is percent 100.
    """

    count: int | None = Field(default=None, ge=1)
    percent: int | None = Field(default=None, ge=1, le=100)

    def of(self, seats: int) -> int:
        """Return the number of votes needed among ``seats`` (at least 1)."""
        if self.count is not None:
            return self.count
        assert self.percent is not None  # noqa: S101 - the loader sets exactly one
        return max(1, -(-seats * self.percent // 100))


class DeadlineAction(StrEnum):
    """What a deadline does to a stage."""

    APPROVE = "approve"
    REJECT = "reject"
    EXPIRE = "expire"
    ESCALATE = "escalate"
    EXTEND = "extend"


class StuckAction(StrEnum):
    """What happens to a stage that its people can no longer decide."""

    ESCALATE = "escalate"
    APPROVE = "approve"
    REJECT = "reject"


class TakeOver(StrEnum):
    """Whether an escalation level joins the reviewers or decides in their place."""

    JOIN = "join"
    REPLACE = "replace"


class Edits(StrEnum):
    """Whether a reviewer may change the request instead of asking for changes.

    ``with_author``: the change is proposed to the requester, who takes it over or not. ``freely``:
    it counts at once. Either way it is a new revision, on which everybody votes anew.
    """

    NEVER = "never"
    WITH_AUTHOR = "with_author"
    FREELY = "freely"


class Selector(Stored):
    """One way to name reviewers; exactly one field is set.

    ``manager_of`` and ``deputy_of`` take ``requester`` or ``reviewers`` (the people whose seats are
    still open in this stage) or an address. ``owner_of`` takes ``data``: a plan has the owners
    themselves in its place.
    """

    person: str | None = None
    role: str | None = None
    group: str | None = None
    manager_of: str | None = None
    deputy_of: str | None = None
    owner_of: str | None = None

    def __str__(self) -> str:
        """Return it as policy files and screens write it, such as ``role finance``."""
        named = {name: value for name, value in self if value is not None}
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in named.items())


class GroupPlan(Stored):
    """Reviewers of whom so many must approve, or so many reject."""

    name: str
    reviewers: tuple[Selector, ...]
    approve: Threshold
    reject: Threshold


class LevelPlan(Stored):
    """One level of an escalation ladder: who comes in, and how."""

    name: str
    to: tuple[Selector, ...]
    mode: TakeOver = TakeOver.JOIN
    approve: Threshold = Threshold(count=1)
    reject: Threshold = Threshold(count=1)


class StagePlan(Stored):
    """What one stage asks for; its timers become instants in its :class:`Opening`."""

    name: str
    groups: tuple[GroupPlan, ...]
    ladder: tuple[LevelPlan, ...] = ()
    assurance: Assurance = Assurance.CLAIMED
    distinct_from: tuple[str, ...] = ()
    deadline_action: DeadlineAction
    final_action: DeadlineAction | None = None
    when_stuck: StuckAction = StuckAction.ESCALATE


class RuleDecision(Stored):
    """A route that decides by itself: ``approve`` or ``reject``, with the reason people see."""

    approve: bool
    reason: str


class BreakGlass(Stored):
    """Who may have a request carried out at once, before anybody has reviewed it.

    Attributes:
        by: Who may; also the requester, when they are among them.
        assurance: How sure we must be that it is they.
        at_most_minutes: For how long it may last.
        tell: Who hears of it, beside those whom the case knows.
    """

    by: tuple[Selector, ...]
    assurance: Assurance = Assurance.VERIFIED
    at_most_minutes: int
    tell: tuple[Selector, ...] = ()


class Plan(Stored):
    """A policy applied to one revision.

    Attributes:
        policy: Which rules, exactly.
        route: Name of the route that matched.
        why: The route's condition as written, and the facts it looked at, for people.
        requester: Who asks, as the directory knows them.
        title: One line that names the request on every screen.
        amount: What it is about in money, such as ``120.00 EUR``; None where there is none.
        decision: Set when the route decides without people; ``stages`` is then empty.
        stages: In sequence.
        max_rounds: How many times changes may be requested.
        changes_within_hours: How long the requester has to resubmit.
        facts: What the conditions saw: flat names to JSON values.
        findings: What the pipeline's checks found, for reviewers; the first 50.
        scope: What the effect will touch, as it was found when the plan was made; the effect
            refuses to run when this is no longer true.
        effect_at: The effect waits until then; None for at once.
        effect_after_minutes: The effect waits for so long after the approval.
        edits: Whether a reviewer may change the request.
        kept_out: Whom it is for: they review it no more than the requester does.
        break_glass: Who may have it carried out at once; None for nobody.
    """

    policy: PolicyRef
    route: str
    why: str
    requester: PersonRef
    title: str
    amount: str | None = None
    decision: RuleDecision | None = None
    stages: tuple[StagePlan, ...] = ()
    max_rounds: int = 5
    changes_within_hours: int = 14 * 24
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    scope: dict[str, JsonValue] = Field(default_factory=dict)
    effect_at: AwareDatetime | None = None
    effect_after_minutes: int = 0
    edits: Edits = Edits.NEVER
    kept_out: tuple[PersonRef, ...] = ()
    break_glass: BreakGlass | None = None

    def effect_from(self, approved: datetime) -> datetime | None:
        """Return until when the effect waits, approved then; None for at once."""
        waits = [self.effect_at] if self.effect_at else []
        if self.effect_after_minutes:
            waits.append(approved + timedelta(minutes=self.effect_after_minutes))
        return max((instant for instant in waits if instant > approved), default=None)

    def is_for(self, person_id: str) -> bool:
        """Say whether somebody asks for this, or would get it."""
        return person_id in {self.requester.id, *(person.id for person in self.kept_out)}


class Seat(Stored):
    """One place in a group, and who may fill it.

    ``holder`` may always fill it. ``stand_ins`` are delegates whose window is open now.
    ``present`` is False while the holder is absent: the seat then counts as fillable only through
    a stand-in.
    """

    group: str
    holder: PersonRef
    present: bool = True
    stand_ins: tuple[PersonRef, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Return what names this seat in its stage: its group and its holder's id."""
        return (self.group, self.holder.id)

    def people(self) -> tuple[PersonRef, ...]:
        """Return everybody who may fill this seat, the holder first."""
        return (self.holder, *self.stand_ins)

    def reachable(self) -> tuple[PersonRef, ...]:
        """Return everybody who can be expected to fill this seat now."""
        return self.people() if self.present else self.stand_ins


class Roster(Stored):
    """Who may review a stage right now.

    Attributes:
        seats: Every group's seats; the requester is in none of them, nor a stand-in.
        ladder: Per ladder level, the seats it brings in when it is reached; the group of each is
            the level's name.
        changes_at: The next instant at which the directory already knows that this may change (an
            absence or a delegation begins or ends); None when it knows of none.
        tells_guests: Whether it is told when a guest becomes a member, or a member a guest, and
            nothing else changes. Rosters that older workers have recorded do not tell it.
    """

    seats: tuple[Seat, ...] = ()
    ladder: tuple[tuple[Seat, ...], ...] = ()
    changes_at: AwareDatetime | None = None
    tells_guests: bool = False


class Schedule(Stored):
    """Every timer of an open stage as an absolute instant (UTC), made once when it opens.

    ``reminders`` are ascending. ``escalations`` has one entry a ladder level; None for a level
    that is reached only when the stage is stuck or its deadline escalates. ``final`` is the second
    deadline, after ``extend`` or ``escalate``. ``recheck_hours`` is how often the directory is
    looked at while nothing else happens.
    """

    reminders: tuple[AwareDatetime, ...] = ()
    escalations: tuple[AwareDatetime | None, ...] = ()
    deadline: AwareDatetime
    final: AwareDatetime | None = None
    recheck_hours: int = 24


class Opening(Stored):
    """What a stage looks like at the moment it opens."""

    roster: Roster
    schedule: Schedule


def utc(instant: datetime) -> str:
    """Return ``instant`` (aware) as ISO 8601 in UTC with a ``Z``: how the ledger writes time."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
