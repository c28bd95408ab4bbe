"""The case of one request: a pure state machine, ``(case, input, now) -> step``.

Every channel ends here (rule 2). A step carries the next case, the records that must stand in the
ledger before anything else happens, the notices for people, and the caller's answer.
"""

from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, Field, JsonValue

from placet.domain.base import Stored
from placet.domain.plan import PersonRef, Plan, utc
from placet.domain.record import Notice, Record
from placet.domain.review import Answer, Call, Review
from placet.domain.stage import OpenStage
from placet.domain.tally import Tally
from placet.domain.vocabulary import DecidedBy, EffectState, EndReason, Status

UNKNOWN = "unknown"
"""Stands for the requester's id in the state of a case when nobody knows who asks."""

REMEMBERED_ANSWERS = 500
"""How many answers a case keeps, so that a repeated decision id gets the first answer.

The case crosses into a continued run as one payload, which must stay far below 2 MB.
"""


class Outcome(Stored):
    """How a case ended, by what, and why."""

    kind: Status
    by: DecidedBy
    reason: str
    at: AwareDatetime


class Remembered(Stored):
    """An answer that was given, with what must be equal when its decision id comes again.

    ``lasting`` answers are kept when there are too many: those to reviews that were taken, and to
    whatever else moved the case.
    """

    fingerprint: str
    answer: Answer
    lasting: bool = False


class Proposal(Stored):
    """A changed request that a reviewer proposes: the requester takes it over, or does not.

    ``digest`` is the SHA-256 (64 hex) of its canonical JSON, under which it is stored.
    """

    digest: str
    by: PersonRef
    at: AwareDatetime


class Held(Stored):
    """A review by somebody whose stage has not opened yet; it counts when that stage opens."""

    stage: str
    call: Call
    at: AwareDatetime


class Ending(Stored):
    """When and why what was in force ends; ``reason`` is what somebody said who ended it."""

    at: AwareDatetime
    why: EndReason
    reason: str = ""


class Case(Stored):
    """One request's case.

    Attributes:
        request_id: The workflow's id.
        pipeline: Its kind, such as ``expense``.
        effect_name: What follows an approval, such as ``payment``; None when nothing does.
        stoppable: Whether the effect can be stopped half-way.
        status: Where it stands.
        revision: 1, and one more with each resubmission.
        digest: SHA-256 of the current revision's canonical JSON; None until planned.
        plan: The policy applied to the current revision; None until planned.
        asked_by: Who asks for what could not be planned; None where the plan says it.
        stage_index: The stage that is open or to be opened next.
        stage: The open stage; None between stages and at the end.
        reviews: All reviews of the current revision, in order.
        held: Reviews that came before their stage.
        passed: Names of the stages that this revision has passed.
        passed_by: What passed each of them.
        handovers: Stage name to: holder id to the person who took their seats over.
        changes_due: Until when a changed request is waited for.
        proposal: What a reviewer would make of it; None unless the requester is to answer that.
        rounds: How many times changes have been requested, or made by a reviewer.
        answers: Decision id to the answer it got.
        notices: How many notices have been made.
        outcome: How it ended; None while it has not.
        broken_by: Who had it carried out before it was reviewed; None when nobody did.
        effect: How far what was approved has come.
        effect_from: When an effect that waits may begin.
        effect_until: When what is in force is over.
        ending: When and why that ends or has ended, or why it is to end as soon as it is in force;
            None while it is in force.
        stopping: Whether it is to be stopped, if it can be; else it ends once it is in force.
    """

    request_id: str
    pipeline: str
    effect_name: str | None = None
    stoppable: bool = False
    status: Status = Status.PLANNING
    revision: int = 1
    digest: str | None = None
    plan: Plan | None = None
    asked_by: PersonRef | None = None
    stage_index: int = 0
    stage: OpenStage | None = None
    reviews: tuple[Review, ...] = ()
    held: tuple[Held, ...] = ()
    passed: tuple[str, ...] = ()
    passed_by: tuple[DecidedBy, ...] = ()
    handovers: dict[str, dict[str, PersonRef]] = Field(default_factory=dict)
    changes_due: AwareDatetime | None = None
    proposal: Proposal | None = None
    rounds: int = 0
    answers: dict[str, Remembered] = Field(default_factory=dict)
    notices: int = 0
    outcome: Outcome | None = None
    broken_by: PersonRef | None = None
    effect: EffectState | None = None
    effect_from: AwareDatetime | None = None
    effect_until: AwareDatetime | None = None
    ending: Ending | None = None
    stopping: bool = False

    def with_(self, **changes: object) -> Self:
        """Return the case with ``changes``."""
        return self.model_copy(update=changes)

    @property
    def goes_on(self) -> bool:
        """Say whether it waits: for people, for the time of its effect, or for the end of that."""
        return self.outcome is None or self.effect in {EffectState.WAITING, EffectState.IN_FORCE}

    @property
    def revocable(self) -> bool:
        """Say whether it can still be withdrawn, or what was approved be taken back."""
        runs = self.effect is EffectState.PENDING
        return self.goes_on or (runs and self.stoppable and not self.stopping)

    @property
    def must_stop(self) -> bool:
        """Say whether the effect is to be stopped half-way."""
        return self.stopping and self.stoppable

    @property
    def effect_due(self) -> datetime | None:
        """Return until when the effect waits or is in force, or None when it is neither."""
        return {
            # A case that waits since before there was a grace has its time in its plan alone.
            EffectState.WAITING: self.effect_from or (self.plan.effect_at if self.plan else None),
            EffectState.IN_FORCE: self.effect_until,
        }.get(self.effect or EffectState.PENDING)

    @property
    def effect_told_at(self) -> datetime | None:
        """Return the instant with which what came of the effect is told; None before an outcome.

        Its own transaction has recorded it, so no step keeps when the workflow has heard of it. A
        worker that takes over from one that died has to say the same of it.
        """
        if self.ending is not None:
            return self.ending.at
        return self.effect_from or (self.outcome.at if self.outcome else None)

    @property
    def wants_stage(self) -> bool:
        """Say whether the next stage is to be opened."""
        return self.status is Status.PENDING and self.stage is None

    @property
    def stage_reviews(self) -> tuple[Review, ...]:
        """Return the reviews of the open stage."""
        if self.stage is None:
            return ()
        return tuple(r for r in self.reviews if r.stage == self.stage.plan.name)

    @property
    def reviewers_by_stage(self) -> dict[str, list[str]]:
        """Return per stage who reviewed it, or on whose behalf: for ``distinct_from``."""
        result: dict[str, list[str]] = {}
        for review in self.reviews:
            if review.counts:
                behalf = [review.on_behalf_of.id] if review.on_behalf_of else []
                result.setdefault(review.stage, []).extend([review.person.id, *behalf])
        return result

    @property
    def reassigned(self) -> dict[str, PersonRef]:
        """Return who took over whose seats in the stage that is open or opens next.

        A hand-over is good for its stage only: in another one the holder may have to prove more.
        """
        stages = self.plan.stages if self.plan else ()
        if self.stage_index >= len(stages):
            return {}
        return self.handovers.get(stages[self.stage_index].name, {})

    @property
    def tally(self) -> Tally | None:
        """Return how the votes on the open stage stand; None when none is open."""
        return None if self.stage is None else Tally(self.stage, self.stage_reviews)

    @property
    def awaited(self) -> tuple[PersonRef, ...]:
        """Return from whom a review is expected now."""
        tally = self.tally
        return () if tally is None else tally.awaited

    def next_due(self) -> datetime | None:
        """Return the next instant at which the case moves by itself, or None."""
        if self.stage is not None:
            return self.stage.next_due()
        return self.changes_due or self.effect_due

    @property
    def requester(self) -> PersonRef | None:
        """Return who asks, as far as it is known."""
        return self.plan.requester if self.plan else self.asked_by

    @property
    def title(self) -> str:
        """Return the one line that names the request."""
        return self.plan.title if self.plan else f"{self.pipeline} request without a plan"

    def known_plan(self) -> Plan:
        """Return the plan of a case that has one."""
        if self.plan is None:
            message = f"case {self.request_id} has no plan yet"
            raise RuntimeError(message)
        return self.plan

    def summary(self) -> dict[str, JsonValue]:
        """Return the state that the ledger records and the inbox lists (see `design/ledger.md`)."""
        plan = self.plan
        asks = self.requester
        due = None if self.stage is None else self.stage.due_deadline
        return {
            "title": self.title,
            "requester": {"id": asks.id if asks else UNKNOWN, "name": asks.name if asks else None},
            "status": self.status.value,
            "stage": self.stage.plan.name if self.stage else None,
            "due": _instant(due or self.changes_due or self.effect_due),
            "outcome": (
                {
                    "kind": self.outcome.kind.value,
                    "by": self.outcome.by.value,
                    "reason": self.outcome.reason,
                }
                if self.outcome
                else None
            ),
            "amount": plan.amount if plan else None,
            "route": plan.route if plan else None,
            "effect": self.effect.value if self.effect else None,
        }

    def waiting_for(self) -> list[JsonValue]:
        """Return whom the inbox shows this case to: person, name, group, on whose behalf."""
        tally = self.tally
        if tally is None:
            return []
        return [
            {
                "person": person.id,
                "name": person.name,
                "group": seat.group,
                "on_behalf_of": None if person.id == seat.holder.id else seat.holder.id,
            }
            for person in tally.awaited
            for seat in tally.places_of(person.id)
        ]


class Step(Stored):
    """What a transition gives: the next case, and what it leaves behind."""

    case: Case
    records: tuple[Record, ...] = ()
    notices: tuple[Notice, ...] = ()
    answer: Answer | None = None


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else utc(instant)
