"""Requests as the ledger tells them: real cases, driven as the gate drives them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from placet.domain.case import Case, Step
from placet.domain.envelope import SCHEMA, event
from placet.domain.ledger import LedgerEvent, RecordedEvent
from placet.domain.ledger_rows import RequestRow
from placet.domain.plan import Assurance, BreakGlass, DeadlineAction, Selector, utc
from placet.domain.vocabulary import Kind
from placet.policy.loader import load_policies
from placet.reporting.proof import Place, Proof
from placet.reporting.record.story import Story
from tests.support.cases import Timers, World, group, level, people, stage
from tests.support.stories import ORIGIN

POLICIES = Path(__file__).resolve().parents[2] / "policies"
SHIPPED = load_policies(POLICIES).for_pipeline("expense")
CONTENT = json.dumps(
    {
        "title": "Team dinner",
        "cost_centre": "CC-200",
        "purpose": "The release.",
        "lines": [
            {
                "description": "Dinner for six",
                "amount": {"amount": "184.60", "currency": "EUR"},
                "receipt": {
                    "sha256": "5e" * 32,
                    "name": "dinner.pdf",
                    "media_type": "application/pdf",
                    "size": 18_204,
                },
            }
        ],
    }
).encode()


class Telling:
    """A world whose events are written down as the ledger would."""

    def __init__(self, make: Callable[..., World] = World, /, **told: Any) -> None:
        """Submit a request; ``told`` is what a world takes."""
        self.events: list[RecordedEvent] = []
        self.world = make(watch=self._written, **told)

    def _written(self, _: Case, step: Step) -> None:
        for record in step.records:
            number = len(self.events) + 1
            waiting = step.case.waiting_for() if record.settles else None
            made = event(step.case, record, ORIGIN, str(number), waiting)
            self.add(made.kind, made.body, made.occurred)

    def add(self, kind: str, body: dict[str, Any], occurred: Any = None) -> None:
        """Append one event."""
        number = len(self.events) + 1
        digest = hashlib.sha256(f"{number} {json.dumps(body, sort_keys=True)}".encode())
        at = occurred or self.world.now
        told = {
            "schema": SCHEMA,
            "occurred": utc(at),
            "kind": kind,
            "request": "expense-1",
            "pipeline": "expense",
            **body,
        }
        self.events.append(
            RecordedEvent(
                event_id=hashlib.sha256(str(number).encode()).hexdigest(),
                stream="expense-1",
                kind=kind,
                occurred=at,
                body=told,
                seq=1000 + number,
                stream_seq=number,
                leaf=digest.hexdigest(),
                recorded=at + timedelta(milliseconds=12),
            )
        )

    def story(self, **changes: Any) -> Story:
        """Return the story so far."""
        known = SHIPPED.ref.digest
        told: dict[str, Any] = {
            "row": row_of(self.events),
            "recorded": tuple(with_policy(each) for each in self.events),
            "policies": {known: SHIPPED.snapshot},
        }
        digest = hashlib.sha256(CONTENT).hexdigest()
        told["recorded"] = tuple(
            replaced(each, self.world.case.digest or "", digest) for each in told["recorded"]
        )
        told["row"] = told["row"].model_copy(update={"digest": digest})
        return Story(**{**told, "contents": {digest: CONTENT}, **changes})


def as_ledger_events(
    events: Sequence[RecordedEvent], request: str, later: timedelta = timedelta()
) -> list[LedgerEvent]:
    """Return a request's events, to be appended as those of another request, so much later.

    That a permit was used is left out: only the effect's own transaction can say so.
    """
    permit = next((each.body["data"]["permit"] for each in events if _issues(each)), "")  # type: ignore[index,call-overload]
    own = hashlib.sha256(f"permit of {request}".encode()).hexdigest()
    made = []
    for each in events:
        if each.kind == Kind.PERMIT_CONSUMED:
            continue
        occurred = each.occurred + later
        told = {"request": request, "occurred": utc(occurred)}
        body = replaced(each, str(permit), own).body
        made.append(
            LedgerEvent(
                event_id=hashlib.sha256(f"{request} {each.stream_seq}".encode()).hexdigest(),
                stream=request,
                kind=each.kind,
                occurred=occurred,
                body={**body, **told},
            )
        )
    return made


def _issues(event: RecordedEvent) -> bool:
    return event.kind == Kind.PERMIT_ISSUED


def with_policy(told: RecordedEvent) -> RecordedEvent:
    """Return an event planned by the policy that is shipped."""
    if "policy" not in told.body:
        return told
    policy = SHIPPED.ref.model_dump(mode="json")
    return told.model_copy(update={"body": {**told.body, "policy": policy}})


def replaced(told: RecordedEvent, old: str, new: str) -> RecordedEvent:
    """Return an event that names another digest."""
    body = json.loads(json.dumps(told.body).replace(old, new)) if old else told.body
    return told.model_copy(update={"body": body})


def row_of(events: Sequence[RecordedEvent]) -> RequestRow:
    """Return the row that a ledger's lists would have."""
    state: dict[str, Any] = {}
    for each in events:
        state = {**state, **(each.body.get("state") or {})}  # type: ignore[dict-item]
    outcome = state.get("outcome") or {}
    last = events[-1].body
    told = (each for each in reversed(events) if each.kind.startswith(("effect:run", "bank:")))
    effect = next((each.body["data"]["effect"] for each in told), state["effect"])  # type: ignore[index,call-overload]
    return RequestRow(
        request="expense-1",
        pipeline="expense",
        revision=max(int(str(each.body.get("revision") or 1)) for each in events),
        digest=str(last.get("digest")) if last.get("digest") else None,
        title=state["title"],
        requester_id=state["requester"]["id"],
        requester_name=state["requester"]["name"],
        status=state["status"],
        stage=state["stage"],
        due=state["due"],
        outcome_kind=outcome.get("kind"),
        outcome_by=outcome.get("by"),
        outcome_reason=outcome.get("reason"),
        amount=state["amount"],
        route=state["route"],
        effect=effect,
        submitted_at=events[0].occurred,
        updated_at=events[-1].occurred,
    )


MANAGER = (stage("manager", group("manager", "bob"), ladder=(level("directors", "dora"),)),)


def everybody() -> dict[str, Any]:
    """Return the people of the scenes."""
    found = people("bob", "carol", "dora")
    found["bob"]["name"] = "Bohumil Černý"
    found["carol"]["name"] = "Καρολίνα 张伟"
    return found


def approved(reason: str = "It fits the budget.") -> Telling:
    """Return a request that two people approved, after a reminder and some nonsense."""
    stages = (*MANAGER, stage("finance", group("finance", "carol"), assurance=Assurance.VERIFIED))
    told = Telling(
        people=everybody(),
        stages=stages,
        timers={"manager": Timers(reminders=(4,), escalations=(8,))},
    )
    told.world.send("approve", "rita", reason="please")
    told.world.after(9)
    told.world.send("approve", "bob", reason=reason)
    told.world.send("approve", "carol", reason="paid from CC-200", verified=True)
    told.world.send("reject", "dora", reason="I am late")
    case = told.world.case
    issued = told.events[[each.kind for each in told.events].index("system:permit:issued")]
    permit = issued.body["data"]["permit"]  # type: ignore[index,call-overload]
    told.add(
        "effect:permit:consumed",
        {"data": {"permit": permit, "effect": "payment"}, "revision": 1, "digest": case.digest},
    )
    told.add(
        "effect:run:done",
        {
            "data": {
                "permit": permit,
                "effect": "done",
                "summary": "paid 120.00 EUR to Alice Adams",
                "file": "pain.001-expense-1.xml",
                "sha256": "ab" * 32,
            },
            "revision": 1,
            "digest": case.digest,
        },
    )
    told.add("bank:payment:settled", {"data": {"effect": "done"}, "revision": 1})
    return told


def timed_out() -> Telling:
    """Return a request that the deadline approved."""
    stages = (stage("manager", group("m", "bob"), deadline_action=DeadlineAction.APPROVE),)
    told = Telling(people=everybody(), stages=stages)
    told.world.after(49)
    return told


def rejected() -> Telling:
    """Return a request that somebody rejected."""
    told = Telling(people=everybody(), stages=MANAGER)
    told.world.send("reject", "bob", reason="<script>alert(1)</script> no & never")
    return told


def broken() -> Telling:
    """Return a request for which the glass was broken."""
    rule = BreakGlass(by=(Selector(person="dora"),), at_most_minutes=60)
    told = Telling(people=everybody(), stages=MANAGER, break_glass=rule)
    told.world.send("break_glass", "dora", reason="the site is down", verified=True)
    return told


def open_one() -> Telling:
    """Return a request that still waits."""
    return Telling(people=everybody(), stages=MANAGER)


def proved(story: Story) -> Proof:
    """Return a proof in which all events but the last are sealed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    from placet.proof.note import Checkpoint, Note, cosign, sign  # noqa: PLC0415
    from placet.proof.tree import Frontier, inclusion_proofs  # noqa: PLC0415

    sealed = story.events[:-1]
    strangers = [hashlib.sha256(f"other {n}".encode()).digest() for n in range(9)]
    leaves = [*strangers, *(bytes.fromhex(each.leaf) for each in sealed)]
    tree = Frontier()
    for leaf in leaves:
        tree.add(leaf)
    text = Checkpoint("placet.example/ledger", tree.size, tree.root()).text
    key, witness = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    note = Note(
        text,
        (
            sign(text, "placet.example/ledger", key),
            cosign(text, "witness.example", witness, 1_772_500_000),
        ),
    )
    first = len(strangers)
    paths = inclusion_proofs(leaves, range(first, len(leaves)))
    return Proof(
        note=str(note),
        sealed_at=story.events[-1].recorded,
        places={
            each.seq: Place(first + n, tuple(h.hex() for h in paths[first + n]))
            for n, each in enumerate(sealed)
        },
    )
