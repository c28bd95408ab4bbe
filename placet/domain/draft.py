"""A step being written: the rules change the case here, and leave records and notices."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import JsonValue

from placet.domain.case import Case, Step
from placet.domain.plan import Assurance, PersonRef
from placet.domain.record import Notice, NoticeKind, Record
from placet.domain.review import Actor, Answer, Call
from placet.domain.stage import OpenStage
from placet.domain.vocabulary import Kind


class Draft:
    """The case so far, and what the step leaves behind so far."""

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
        actor: Actor | None = None,
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
                actor=call.actor if call else actor,
                on_behalf_of=on_behalf_of,
                channel=call.message.channel if call else channel,
                stage=stage,
                reason=reason or (call.message.reason if call else "") or None,
                decision_id=call.decision_id if call else None,
                digest_shown=call.message.digest if call else None,
                attestation=_signature(call),
                data=dict(data or {}),
                revision=self.case.revision,
                digest=self.case.digest,
            )
        )

    def notify(self, kind: NoticeKind, to: tuple[PersonRef, ...], text: str = "") -> None:
        """Leave a notice to those in ``to``; to nobody is no notice."""
        asks, plan, stage = self.case.requester, self.case.plan, self.case.stage
        if asks is None or not to:
            return
        self.set(notices=self.case.notices + 1)
        self._notices.append(
            Notice(
                number=self.case.notices,
                kind=kind,
                to=to,
                request=self.case.request_id,
                title=self.case.title,
                requester=asks.name,
                amount=plan.amount if plan else None,
                stage=stage.plan.name if stage else None,
                due=stage.due_deadline if stage else self.case.changes_due,
                text=text,
                at=self.now,
            )
        )

    def untold(self, people: Iterable[PersonRef]) -> tuple[PersonRef, ...]:
        """Return those of ``people`` to whom this step has no notice yet."""
        told = {person.id for notice in self._notices for person in notice.to}
        return tuple(person for person in people if person.id not in told)

    def done(self, answer: Answer | None = None) -> Step:
        """Return the step; its last record carries the case's state."""
        records = tuple(self._records)
        if records:
            last = records[-1].model_copy(update={"state": self.case.summary()})
            records = (*records[:-1], last)
        return Step(case=self.case, records=records, notices=tuple(self._notices), answer=answer)


def _signature(call: Call | None) -> str | None:
    """Return the signature of a call that was verified by it; an unproven one is not kept."""
    if call is None or call.actor.assurance is not Assurance.VERIFIED:
        return None
    return call.message.attestation
