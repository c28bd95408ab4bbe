"""Tells a case's story as the ledger has it, and has the verifier judge each event of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from placet.digest import canonical
from placet.domain.case import Case, Step
from placet.domain.deciding import permit_id
from placet.domain.envelope import Origin, event
from placet.domain.ledger import MAX_BODY_BYTES, LedgerEvent
from placet.domain.plan import utc
from placet.domain.record import Record
from placet.domain.vocabulary import EffectState, Kind, Status
from placet.proof.findings import Finding
from placet.proof.rules.replay import Replay

ORIGIN = Origin(
    namespace="default", workflow_id="expense-1", first_run_id="r1", run_id="r1", task_queue="q"
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RAN = {
    EffectState.DONE: Kind.EFFECT_DONE,
    EffectState.IN_FORCE: Kind.EFFECT_DONE,
    EffectState.STOPPED: Kind.EFFECT_STOPPED,
}


def judged(
    events: Sequence[LedgerEvent], replay: Replay | None = None, at: int = 0
) -> list[Finding]:
    """Return what the verifier finds wrong with events of one request, from number ``at`` on."""
    replay = replay or Replay()
    found: list[Finding] = []
    for place, each in enumerate(events, at):
        occurred = (each.occurred - _EPOCH) // timedelta(microseconds=1)
        found += replay.see(place, each.stream, place + 1, each.kind, occurred, each.body)
    assert not replay.unjudged
    return found


@dataclass
class Storyteller:
    """Follows one case step by step.

    Attributes:
        replay: The verifier's state.
        events: All that have been told.
    """

    replay: Replay = field(default_factory=Replay)
    events: list[LedgerEvent] = field(default_factory=list)

    def follow(self, before: Case, step: Step) -> None:
        """Tell a step's events, and see that the verifier finds nothing wrong with them."""
        if before.status is Status.PLANNING:
            self.replay, self.events = Replay(), []
        told = [*_effects(before, step.case), *_sealed(step)]
        for each in told:
            assert len(canonical(each.body)) < MAX_BODY_BYTES
        found = judged(told, self.replay, len(self.events))
        assert not found, "\n".join(map(str, found))
        self.events += told


def _sealed(step: Step) -> list[LedgerEvent]:
    return [
        event(
            step.case,
            record,
            ORIGIN,
            f"{step.case.request_id} {place}",
            step.case.waiting_for() if record.settles else None,
        )
        for place, record in enumerate(step.records)
    ]


def _effects(before: Case, after: Case) -> list[LedgerEvent]:
    """Return what an effect, or its end, records in its own transaction."""
    if before.effect is EffectState.PENDING and after.effect is not before.effect:
        ran = after.effect
        if ran is EffectState.ENDING:
            ran = EffectState.IN_FORCE
        if ran not in _RAN:
            return []
        told = _event(after, _RAN[ran], ran)
        if after.effect_until is not None:
            told = told.telling({"until": utc(after.effect_until)})
        return [_event(after, Kind.PERMIT_CONSUMED, EffectState.PENDING), told]
    if after.effect in {EffectState.ENDED, EffectState.UNDONE} and after.effect != before.effect:
        return [_event(after, Kind.EFFECT_ENDED, after.effect)]
    return []


def _event(case: Case, kind: Kind, effect: EffectState) -> LedgerEvent:
    at = case.effect_told_at
    assert at is not None
    record = Record(
        kind=kind,
        at=at,
        revision=case.revision,
        digest=case.digest,
        data={"permit": permit_id(case), "effect": effect.value},
    )
    return event(case, record, ORIGIN, kind.value)
