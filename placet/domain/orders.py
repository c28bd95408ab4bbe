"""What the workflow asks of activities, and what they answer.

These cross Temporal's history, so they are :class:`Stored`: a reader ignores what a newer writer
added.
"""

from datetime import datetime

from pydantic import AwareDatetime, Field, JsonValue

from placet.domain.base import Stored
from placet.domain.case import Case
from placet.domain.ledger import LedgerEvent, Receipt
from placet.domain.message import Malformed, Message
from placet.domain.plan import BreakGlass, Opening, PersonRef, Plan, Roster, StagePlan, utc
from placet.domain.record import Notice
from placet.domain.review import Actor, Answer
from placet.domain.vocabulary import Action, DecidedBy, EffectState, EndReason


class PlanOrder(Stored):
    """Plan a request.

    Attributes:
        pipeline: Which kind of request.
        request: As it came: any JSON value.
        now: The workflow's time.
        policy: SHA-256 of the policy snapshot to plan by; None for the one in force.
        requester: The id the request must have as its requester; None for a new case.
        replaces: The digest of the revision it replaces; None for a new case.
    """

    pipeline: str
    request: JsonValue = None
    now: AwareDatetime
    policy: str | None = None
    requester: str | None = None
    replaces: str | None = None


class Planned(Stored):
    """A plan, the digest of the revision it is for, and its first stage as it opens."""

    plan: Plan
    digest: str
    opening: Opening | None = None


class OpenOrder(Stored):
    """Open stage ``stage`` (an index) of ``plan`` at ``now``."""

    pipeline: str
    plan: Plan
    stage: int
    now: AwareDatetime
    earlier: dict[str, list[str]] = Field(default_factory=dict)
    reassigned: dict[str, str] = Field(default_factory=dict)


class Claim(Stored):
    """Who somebody says they are, and what they say they do."""

    actor: str
    action: Action
    decision_id: str | None = None
    attestation: str | None = None
    seat_of: str | None = None
    to: str | None = None


class AssessOrder(Stored):
    """Look at the directory for the stages that are left, and at who sent these claims.

    ``stages`` begins with the open stage when ``is_open``; else with the one that opens next.
    """

    pipeline: str
    request_id: str
    digest: str | None
    requester: PersonRef | None
    kept_out: tuple[PersonRef, ...] = ()
    break_glass: BreakGlass | None = None
    stages: tuple[StagePlan, ...] = ()
    is_open: bool = False
    now: AwareDatetime
    earlier: dict[str, list[str]] = Field(default_factory=dict)
    reassigned: dict[str, str] = Field(default_factory=dict)
    open_holders: list[str] | None = None
    reached: tuple[int, ...] = ()
    claims: tuple[Claim, ...] = ()


class Assessment(Stored):
    """Who may review the open stage now (None when none is open), and who each claim is from."""

    roster: Roster | None = None
    actors: tuple[Actor, ...] = ()


class Given(Stored):
    """An answer to what came in under ``key``.

    ``place`` is that of its record among the step's, or None for an answer that has its receipt.
    """

    key: str
    answer: Answer
    place: int | None


class StepOutcome(Stored):
    """What a step came to: all that the gate goes on with once the step is in the ledger.

    A worker may die after the ledger has the step and before Temporal does. The workflow task is
    then tried again, perhaps later and with more messages, and would decide otherwise; so the
    ledger keeps the outcome, and the second try takes it over.

    Attributes:
        case: The case after the step, without the step's receipts.
        events: How many events had been given an id.
        taken: Keys of what the step has taken out of the inbox.
        answers: What the callers are told.
        notices: What people are to be written.
    """

    case: Case
    events: int
    taken: tuple[str, ...] = ()
    answers: tuple[Given, ...] = ()
    notices: tuple[Notice, ...] = ()


class NoticeOrder(Stored):
    """Deliver a notice, then append the event that says so."""

    notice: Notice
    event: LedgerEvent


class EffectOrder(Stored):
    """Run what was approved, exactly once.

    An effect that can be stopped is cancelled while it runs, with ``cancel_requested`` in the
    activity's ``cancellation_details``: without that it is only its worker that stops, another goes
    on, and nothing is to be closed. It then begins nothing new, writes ``stopped`` instead of
    ``done`` in the transaction that ends it, and returns a result that says ``stopped``. When no
    attempt lives to do so, the order comes once more with ``stop``: whatever was begun or not,
    nothing new is done, the permit is consumed if it was not, and what was left undone is told in
    the same way. Such a run needs nothing but the ledger, and is idempotent. An effect that was
    done before returns that, as always.

    An effect that lasts appends ``in_force(until)`` in place of ``done``, and its result says until
    when. It is ended by another activity, with an :class:`EndOrder`.

    Attributes:
        permit: The permit's id (64 hex): the key of the effect.
        digest: The approved revision; the effect refuses content with another.
        plan: The plan that was approved, with its facts.
        approved: When the case was approved: the effect's own time stamps come from it, so that a
            second run makes the same bytes.
        consumed: The event to append in the transaction that consumes the permit.
        done: The event that says that the effect has run. The effect appends it in the transaction
            that makes it true, and adds a ``summary`` of one line and its facts to its data.
        stopped: Likewise, instead of ``done``, when the effect was stopped.
        stop: Do nothing new: the effect is to be stopped.
        by: What decided the case: one who broke the glass is permitted less than others.
    """

    request_id: str
    revision: int
    permit: str
    effect: str
    digest: str
    plan: Plan
    approved: AwareDatetime
    consumed: LedgerEvent
    done: LedgerEvent
    stopped: LedgerEvent
    stop: bool = False
    by: DecidedBy = DecidedBy.PEOPLE

    def in_force(self, until: datetime) -> LedgerEvent:
        """Return the event that says that the effect has run and lasts until then."""
        return self.done.telling({"effect": EffectState.IN_FORCE.value, "until": utc(until)})


class EndOrder(Stored):
    """End what is in force, exactly once.

    What is gone already has ended, and the summary says so. While something it needs is away, the
    activity is tried again for ever.

    Attributes:
        at: Since when it is to end: the event's instant.
        why: Its time is over, or somebody took it back.
        reason: What they said who did.
        ended: The event that says that it has ended. The activity appends it in the transaction
            that makes it true, and adds a ``summary`` of one line and its facts to its data.
    """

    request_id: str
    revision: int
    permit: str
    effect: str
    digest: str
    plan: Plan
    at: AwareDatetime
    why: EndReason
    reason: str = ""
    ended: LedgerEvent

    def undone(self) -> LedgerEvent:
        """Return the event that says that it is as if it had never been."""
        return self.ended.telling({"effect": EffectState.UNDONE.value})


class EffectResult(Stored):
    """What running an effect came to.

    Attributes:
        summary: One line for people.
        facts: What is known of it.
        receipt: Of the last event that its transaction has written.
        stopped: Whether it was stopped before all of it was done.
        until: When what it did is over; None for what does not last.
        undone: Of ending it: whether it is as if it had never been.
        again: A request to ask people about anew, because what was approved is no longer true. The
            effect has then done nothing, and is stopped.
    """

    summary: str
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    receipt: Receipt | None = None
    stopped: bool = False
    until: AwareDatetime | None = None
    undone: bool = False
    again: dict[str, JsonValue] | None = None


class Followed(Stored):
    """Another case has come of this one: its id, and why."""

    case: str
    why: str


class FollowerEnded(Stored):
    """How a case ended that has come of this one, and why."""

    case: str
    outcome: str
    reason: str


class CaseResult(Stored):
    """What a pipeline's workflow returns.

    ``event`` and ``leaf`` name the case's last ledger event at that time: Temporal's history then
    holds a second, independent copy.
    """

    request_id: str
    outcome: str
    by: str
    reason: str
    revision: int
    digest: str | None
    effect: str | None = None
    summary: str | None = None
    event: str | None = None
    leaf: str | None = None


class GateState(Stored):
    """What a gate carries into a continued run.

    Attributes:
        case: Where it stands.
        events: How many events have been given an id.
        steps: How many steps have been written.
        signals: How many signals have come.
        summary: What the effect came to, in one line; None before it has run.
        messages: Those that have not been taken yet, with their keys, in the order they came; also
            those that nobody could understand.
    """

    case: Case
    events: int
    steps: int
    signals: int
    summary: str | None = None
    messages: tuple[tuple[str, Message | Malformed], ...] = ()
