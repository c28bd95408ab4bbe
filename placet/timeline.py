"""Tell a case's story from its ledger events: one plain sentence an event.

The sentences carry what people typed, so whoever shows them makes them safe for the place first.
"""

from collections.abc import Callable, Mapping
from typing import Any

from placet.domain.finding import found_text
from placet.domain.lasting import REVIEW_AFTERWARDS
from placet.domain.ledger import RecordedEvent
from placet.domain.stopping import CANCELLATION
from placet.domain.vocabulary import EffectState, Kind


def sentence(event: RecordedEvent) -> str:
    """Return what happened, in one line; an unknown kind of event is named as it is."""
    if event.pruned:
        return f"{event.kind} (pruned: what it said is gone, that it was recorded is still proved)"
    tell = _TOLD.get(event.kind)
    if tell is None:
        return event.kind
    return " ".join(tell(_Told(event.body)).split())


class _Told:
    """An event's body, read without trusting its shape: another version may have written it."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._data = _object(body.get("data"))

    @property
    def who(self) -> str:
        """Return who acted, and for whom."""
        actor = _object(self._body.get("actor"))
        cancelled = self._body.get("channel") == CANCELLATION
        reviewed = self._body.get("channel") == REVIEW_AFTERWARDS
        nobody = "the review afterwards" if reviewed else "somebody"
        nobody = "an administrator, in Temporal," if cancelled else nobody
        name = actor.get("name") or actor.get("address") or nobody
        behalf = actor.get("on_behalf_of")
        behalf = behalf.get("id") if isinstance(behalf, dict) else behalf
        return f"{name} for {behalf}" if behalf else str(name)

    @property
    def how(self) -> str:
        """Return how the actor came, and how sure it is that it was they."""
        actor = _object(self._body.get("actor"))
        told = (actor.get("assurance"), self._body.get("channel"))
        return ", ".join(str(part) for part in told if part)

    @property
    def because(self) -> str:
        """Return the reason with a colon before it; nothing when there is none."""
        return self.after(self._body.get("reason"))

    @property
    def policy(self) -> str:
        """Return the policy's name and version."""
        policy = _object(self._body.get("policy"))
        return f"policy {policy.get('id', '?')} version {policy.get('version', '?')}"

    def field(self, name: str) -> str:
        """Return a part of the body."""
        return str(self._body.get(name) or "?")

    def data(self, name: str) -> str:
        """Return a part of the event's data."""
        return str(self._data.get(name) or "?")

    def named(self, name: str) -> str:
        """Return a list in the event's data as names with commas."""
        found = self._data.get(name)
        return ", ".join(map(str, found)) if isinstance(found, list) and found else "nobody"

    def count(self, name: str) -> int:
        """Return how many entries a list in the event's data has."""
        found = self._data.get(name)
        return len(found) if isinstance(found, list) else 0

    def holders(self) -> str:
        """Return who holds the seats in the event's data."""
        seats = self._data.get("seats")
        listed = seats if isinstance(seats, list) else []
        return ", ".join(_seat(_object(seat)) for seat in listed) or "nobody"

    @staticmethod
    def after(reason: object) -> str:
        """Return a reason with a colon before it."""
        return f": {reason}" if reason else ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _seat(seat: Mapping[str, Any]) -> str:
    away = "" if seat.get("present", True) else " (away)"
    stand_ins = seat.get("stand_ins")
    others = f" or {' or '.join(map(str, stand_ins))}" if stand_ins else ""
    return f"{seat.get('holder', '?')}{away}{others}"


def _reviewed(verb: str) -> Callable[[_Told], str]:
    return lambda told: (
        f"{told.who} {verb} in stage {told.field('stage')} ({told.how}){told.because}"
    )


def _refused(told: _Told) -> str:
    if told.data("refusal") == "malformed":
        return f"a message '{told.data('name')}' nobody can understand was refused{told.because}"
    return f"{told.who}: {told.data('action')} was refused{told.because}"


def _resubmitted(told: _Told) -> str:
    edited = told.data("edited_by")
    whose = f", taking over the change by {edited}" if edited != "?" else ""
    return (
        f"{told.who} resubmitted it as revision {told.field('revision')}{whose}: "
        f"{_amounted(told)}; earlier votes are void"
    )


def _planned(told: _Told) -> str:
    found = told.count("findings")
    findings = f"; {found_text(found)}" if found else ""
    route, why = told.data("route"), told.data("why")
    return f"planned by {told.policy}: route {route}, as {why}{findings}"


def _to_stop(told: _Told) -> str:
    return "end" if told.data("effect") == EffectState.ENDING.value else "stop"


def _done(told: _Told) -> str:
    until = told.data("until")
    return told.data("summary") + (f"; until {until}" if until != "?" else "")


def _amounted(told: _Told) -> str:
    amount = told.data("amount")
    return told.data("title") + (f", {amount}" if amount != "?" else "")


_TOLD: dict[str, Callable[[_Told], str]] = {
    Kind.SUBMITTED: lambda t: f"submitted: {_amounted(t)}",
    Kind.RESUBMITTED: _resubmitted,
    Kind.EDITED: lambda t: (
        f"{t.who} changed it in stage {t.field('stage')} ({t.how}){t.because}; it is now "
        f"revision {t.field('revision')}: {_amounted(t)}; earlier votes are void"
    ),
    Kind.EDIT_PROPOSED: lambda t: (
        f"{t.who} proposed to change it in stage {t.field('stage')} ({t.how}) "
        f"to {_amounted(t)}{t.because}"
    ),
    Kind.WITHDRAWN: lambda t: f"{t.who} withdrew it{t.because}",
    Kind.CANCELLED: lambda t: f"an administrator cancelled it in Temporal{t.because}",
    Kind.PLANNED: _planned,
    Kind.UNPLANNABLE: lambda t: f"cannot be planned{t.because}",
    Kind.STAGE_OPENED: lambda t: (
        f"stage {t.field('stage')} opened for {t.holders()}, until {t.data('deadline')}"
    ),
    Kind.STAGE_PASSED: lambda t: f"stage {t.field('stage')} passed, by {t.data('by')}",
    Kind.STAGE_STUCK: lambda t: f"stage {t.field('stage')} is stuck{t.because}",
    Kind.ROSTER_CHANGED: lambda t: f"the reviewers changed: now {t.holders()}",
    Kind.APPROVED: _reviewed("approved"),
    Kind.REJECTED: _reviewed("rejected"),
    Kind.CHANGES_REQUESTED: _reviewed("asked for changes"),
    Kind.HELD: lambda t: (
        f"{t.who}: {t.data('verdict')} is kept until stage {t.field('stage')} opens{t.because}"
    ),
    Kind.COMMENTED: lambda t: f"{t.who} commented{t.because}",
    Kind.REASSIGNED: lambda t: (
        f"{t.who} handed the seat of {t.data('from')} to {t.data('to')}{t.because}"
    ),
    Kind.REFUSED: _refused,
    Kind.LATE: lambda t: f"{t.who}: {t.data('action')} came too late{t.because}",
    Kind.REMINDED: lambda t: f"reminded {t.named('to')}",
    Kind.ESCALATED: lambda t: f"escalated to {t.data('level')}: {t.named('to')}{t.because}",
    Kind.EXTENDED: lambda t: f"the deadline was extended until {t.data('until')}",
    Kind.DEADLINE_PASSED: lambda t: f"the deadline passed; the policy says: {t.data('then')}",
    Kind.FAILED: lambda t: f"it cannot go on{t.because}",
    Kind.DECIDED: lambda t: f"{t.data('outcome')} by {t.data('by')}{t.because}",
    Kind.PERMIT_ISSUED: lambda t: f"a permit was issued for the {t.data('effect')}",
    Kind.EFFECT_DUE: lambda _: "its time has come",
    Kind.REVOKED: lambda t: f"{t.who} revoked the approval{t.because}",
    Kind.STOP_REQUESTED: lambda t: f"{t.who} asked to {_to_stop(t)} it{t.because}",
    Kind.EFFECT_OVER: lambda _: "its time is over",
    Kind.GLASS_BROKEN: lambda t: f"{t.who} broke the glass ({t.how}){t.because}",
    Kind.FOLLOWED: lambda t: f"{t.data('case')} has come of it{t.because}",
    Kind.FOLLOWER_ENDED: lambda t: f"{t.data('case')} was {t.data('outcome')}{t.because}",
    Kind.NOTIFIED: lambda t: f"wrote to {t.named('to')}: {t.data('notice').replace('_', ' ')}",
    Kind.NOTICE_FAILED: lambda t: f"could not write to {t.named('to')}{t.because}",
    Kind.PERMIT_CONSUMED: lambda _: "the permit was used",
    Kind.EFFECT_DONE: _done,
    Kind.EFFECT_STOPPED: lambda t: f"stopped: {t.data('summary')}",
    Kind.EFFECT_ENDED: lambda t: f"it has ended: {t.data('summary')}",
    Kind.EFFECT_FAILED: lambda t: f"it could not be carried out{t.because}",
    Kind.PAYMENT_REJECTED: lambda t: f"the bank rejected the payment{t.because}",
    Kind.PAYMENT_SETTLED: lambda _: "the bank has settled the payment",
    Kind.SUBJECT_ERASED: lambda t: (
        f"what was personal about {t.data('subject')} is gone (part {t.data('part')} of "
        f"{t.data('parts')})"
    ),
    Kind.HOLD_PLACED: lambda t: (
        f"{t.who} placed a legal hold on {t.data('on')} {t.data('target')}{t.because}"
    ),
    Kind.HOLD_RELEASED: lambda t: (
        f"{t.who} released the legal hold on {t.data('on')} {t.data('target')}{t.because}"
    ),
    Kind.LOSS_ACCEPTED: lambda t: (
        f"{t.who} accepted that {t.data('place')} has lost the checkpoints up to "
        f"{t.data('held')} events{t.because}"
    ),
    Kind.PARTITION_PRUNED: lambda t: (
        f"the bodies of {t.data('count')} events before {t.data('before')} were pruned{t.because}"
    ),
}
