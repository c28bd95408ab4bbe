"""The case of one request: a pure state machine, ``(case, input, now) -> step``.

Every channel ends here (rule 2). A step carries the next case, the records that must stand in the
ledger before anything else happens, the notices for people, and the caller's answer.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, Field, JsonValue

from placet.domain.base import Stored
from placet.domain.plan import PersonRef, Plan, utc
from placet.domain.record import Notice, NoticeKind, Record
from placet.domain.review import Answer, Call, Review
from placet.domain.stage import OpenStage
from placet.domain.vocabulary import DecidedBy, EffectState, Kind, Status

REMEMBERED_ANSWERS = 1_000
"""How many answers a case keeps, so that a repeated decision id gets the first answer."""


class Outcome(Stored):
    """How a case ended, by what, and why."""

    kind: Status
    by: DecidedBy
    reason: str
    at: AwareDatetime


class Remembered(Stored):
    """An answer that was given, with what must be equal when its decision id comes again."""

    fingerprint: str
    answer: Answer


class Held(Stored):
    """A review by somebody whose stage has not opened yet; it counts when that stage opens."""

    stage: str
    review: Review


class Case(Stored):
    """One request's case.

    Attributes:
        request_id: The workflow's id.
        pipeline: Its kind, such as ``expense``.
        effect_name: What follows an approval, such as ``payment``; None when nothing does.
        status: Where it stands.
        revision: 1, and one more with each resubmission.
        digest: SHA-256 of the current revision's canonical JSON; None until planned.
        plan: The policy applied to the current revision; None until planned.
        stage_index: The stage that is open or to be opened next.
        stage: The open stage; None between stages and at the end.
        reviews: All reviews of the current revision, in order.
        held: Reviews that came before their stage.
        passed: Names of the stages that this revision has passed.
        reassigned: Holder id to the person who took the seat over.
        changes_due: Until when a changed request is waited for.
        rounds: How many times changes have been requested.
        answers: Decision id to the answer it got.
        notices: How many notices have been made.
        outcome: How it ended; None while it has not.
        effect: How far what was approved has come.
    """

    request_id: str
    pipeline: str
    effect_name: str | None = None
    status: Status = Status.PLANNING
    revision: int = 1
    digest: str | None = None
    plan: Plan | None = None
    stage_index: int = 0
    stage: OpenStage | None = None
    reviews: tuple[Review, ...] = ()
    held: tuple[Held, ...] = ()
    passed: tuple[str, ...] = ()
    reassigned: dict[str, PersonRef] = Field(default_factory=dict)
    changes_due: AwareDatetime | None = None
    rounds: int = 0
    answers: dict[str, Remembered] = Field(default_factory=dict)
    notices: int = 0
    outcome: Outcome | None = None
    effect: EffectState | None = None

    def with_(self, **changes: object) -> Self:
        """Return the case with ``changes``."""
        return self.model_copy(update=changes)

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
        """Return per stage the ids of those whose review counts: for ``distinct_from``."""
        result: dict[str, list[str]] = {}
        for review in self.reviews:
            if review.counts:
                result.setdefault(review.stage, []).append(review.person.id)
        return result

    @property
    def awaited(self) -> tuple[PersonRef, ...]:
        """Return from whom a review is expected now."""
        return () if self.stage is None else self.stage.awaited(self.stage_reviews)

    def next_due(self) -> datetime | None:
        """Return the next instant at which the case moves by itself, or None."""
        if self.stage is not None:
            return self.stage.next_due()
        return self.changes_due

    def known_plan(self) -> Plan:
        """Return the plan of a case that has one."""
        if self.plan is None:
            message = f"case {self.request_id} has no plan yet"
            raise RuntimeError(message)
        return self.plan

    def summary(self) -> dict[str, JsonValue]:
        """Return the state that the ledger records and the inbox lists (see `design/ledger.md`)."""
        plan = self.plan
        due = None if self.stage is None else self.stage.due_deadline
        return {
            "title": plan.title if plan else f"{self.pipeline} request without a plan",
            "requester": (
                {"id": plan.requester.id, "name": plan.requester.name}
                if plan
                else {"id": "unknown", "name": None}
            ),
            "status": self.status.value,
            "stage": self.stage.plan.name if self.stage else None,
            "due": _instant(due or self.changes_due),
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
        if self.stage is None:
            return []
        awaited = {person.id for person in self.awaited}
        rows: list[JsonValue] = []
        for seat in self.stage.seats():
            for person in seat.reachable():
                if person.id in awaited:
                    behalf = None if person.id == seat.holder.id else seat.holder.id
                    rows.append(
                        {
                            "person": person.id,
                            "name": person.name,
                            "group": seat.group,
                            "on_behalf_of": behalf,
                        }
                    )
        return rows


class Step(Stored):
    """What a transition gives: the next case, and what it leaves behind."""

    case: Case
    records: tuple[Record, ...] = ()
    notices: tuple[Notice, ...] = ()
    answer: Answer | None = None


class Draft:
    """A step being written: the case so far, and what it leaves behind so far."""

    def __init__(self, case: Case, now: datetime) -> None:
        """Begin with ``case`` at ``now``."""
        self.case = case
        self.now = now
        self._records: list[Record] = []
        self._notices: list[Notice] = []

    def set(self, **changes: object) -> None:
        """Change the case."""
        self.case = self.case.with_(**changes)

    def open_stage(self) -> OpenStage:
        """Return the open stage; a caller has made sure that there is one."""
        stage = self.case.stage
        if stage is None:
            message = f"case {self.case.request_id} has no open stage"
            raise RuntimeError(message)
        return stage

    def record(  # noqa: PLR0913 - a ledger event has that many sides
        self,
        kind: Kind,
        *,
        call: Call | None = None,
        on_behalf_of: PersonRef | None = None,
        channel: str | None = None,
        reason: str | None = None,
        stage: str | None = None,
        data: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Leave a record, of ``call`` where given; in the open stage unless another is named."""
        if stage is None and self.case.stage is not None:
            stage = self.case.stage.plan.name
        self._records.append(
            Record(
                kind=kind,
                at=self.now,
                actor=call.actor if call else None,
                on_behalf_of=on_behalf_of,
                channel=call.message.channel if call else channel,
                stage=stage,
                reason=reason or (call.message.reason if call else "") or None,
                decision_id=call.decision_id if call else None,
                digest_shown=call.message.digest if call else None,
                data=dict(data or {}),
                revision=self.case.revision,
                digest=self.case.digest,
            )
        )

    def notify(self, kind: NoticeKind, to: tuple[PersonRef, ...], text: str = "") -> None:
        """Leave a notice to those in ``to``; to nobody is no notice."""
        plan = self.case.plan
        if plan is None or not to:
            return
        stage = self.case.stage
        self.set(notices=self.case.notices + 1)
        self._notices.append(
            Notice(
                number=self.case.notices,
                kind=kind,
                to=to,
                request=self.case.request_id,
                title=plan.title,
                requester=plan.requester.name,
                amount=plan.amount,
                stage=stage.plan.name if stage else None,
                due=stage.due_deadline if stage else self.case.changes_due,
                text=text,
                at=self.now,
            )
        )

    def absorb(self, step: Step) -> None:
        """Go on from ``step``, keeping what it leaves behind."""
        self.case = step.case
        self._records.extend(step.records)
        self._notices.extend(step.notices)

    def done(self, answer: Answer | None = None) -> Step:
        """Return the step; its last record settles the case's state."""
        if self._records:
            self._records = [
                *(record.model_copy(update={"settles": False}) for record in self._records[:-1]),
                self._records[-1].model_copy(update={"settles": True}),
            ]
        return Step(
            case=self.case,
            records=tuple(self._records),
            notices=tuple(self._notices),
            answer=answer,
        )


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else utc(instant)
