"""Permits and what was done under them against the events that say so."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from placet.reconciling.facts import Counts, EffectRow, Permit, Recorded, Story
from placet.reconciling.finding import Code, Finding
from placet.reconciling.telling import is_told

DONE, STOPPED, ENDED = "effect:run:done", "effect:run:stopped", "effect:run:ended"
_RUN = frozenset({DONE, STOPPED, ENDED})

_NONE: frozenset[str] = frozenset()
_JUST = {kind: frozenset({kind}) for kind in _RUN}
_OVER = frozenset({DONE, ENDED})

_TOLD: dict[tuple[str, str], tuple[frozenset[str], ...]] = {
    ("payment", "written"): (_JUST[DONE],),
    ("payment", "rejected"): (_JUST[DONE],),
    ("payment", "settled"): (_JUST[DONE],),
    ("send", ""): (_NONE,),
    # A mail that reached nobody is over, and its effect has failed.
    ("send", "done"): (_JUST[DONE], _NONE),
    ("send", "stopped"): (_JUST[STOPPED],),
    ("publication", "under way"): (_NONE,),
    ("publication", "undoing"): (_NONE,),
    ("publication", "done"): (_JUST[DONE],),
    ("publication", "failed"): (_NONE,),
    ("export", "running"): (_NONE,),
    ("export", "ready"): (_JUST[DONE],),
    ("export", "gone"): (_OVER,),
    ("export", "failed"): (_NONE,),
    ("export", "stopped"): (_JUST[STOPPED],),
    ("export", "drifted"): (_JUST[STOPPED],),
    ("access", "granting"): (_NONE,),
    ("access", "in force"): (_JUST[DONE],),
    ("access", "ending"): (_JUST[DONE],),
    ("access", "ended"): (_OVER,),
    ("access", "failed"): (_NONE, _JUST[STOPPED]),
    ("delete", "running"): (_NONE,),
    ("delete", "stopping"): (_NONE,),
    ("delete", "done"): (_JUST[DONE],),
    ("delete", "stopped"): (_JUST[STOPPED],),
    ("delete", "drifted"): (_JUST[STOPPED],),
    ("delete", "in_force"): (_JUST[DONE],),
    ("delete", "undoing"): (_JUST[DONE],),
    ("delete", "purging"): (_JUST[DONE],),
    ("delete", "undone"): (_OVER,),
    ("delete", "ended"): (_OVER,),
    ("erase", "running"): (_NONE,),
    ("erase", "erased"): (_NONE,),
    ("erase", "done"): (_JUST[DONE],),
}
"""Which events on its course an effect in each state has left; each is written with the state."""

EFFECTS = frozenset(effect for effect, _ in _TOLD)
"""Those that have a table of their own."""

_BANK = {"rejected": "bank:payment:rejected", "settled": "bank:payment:settled"}

ISSUED, CONSUMED = "system:permit:issued", "effect:permit:consumed"
REVOKED = "person:effect:revoked"


def states(effect: str) -> set[str]:
    """Return the states that an effect of this name can be in."""
    return {state for name, state in _TOLD if name == effect}


def differing(story: Story, counts: Counts) -> Iterator[Finding]:
    """Yield how permits and rows of effects differ from what the events say."""
    counts.permits += len(story.permits)
    counts.effects += len(story.effects)
    if not story.whole:
        return
    told: dict[str, dict[str, Recorded]] = {}
    for event in story.events:
        permit = event.data.get("permit")
        if isinstance(permit, str):
            told.setdefault(permit, {}).setdefault(event.kind, event)
    rows = {row.permit: row for row in story.permits}
    for permit in sorted(told.keys() | rows.keys()):
        yield from _permit(story, rows.get(permit), permit, told.get(permit, {}))
    for row in story.effects:
        yield from _effect(story, row, rows.get(row.permit), told.get(row.permit, {}))
    done = {row.permit for row in story.effects}
    for permit, events in told.items():
        held = rows.get(permit)
        if permit in done or held is None or held.effect not in EFFECTS:
            continue
        # Who takes access back before anything was given has consumed the permit to do so.
        if CONSUMED in events and not (held.effect == "access" and STOPPED in events):
            text = f"the permit was consumed, and there is no row of its {held.effect}"
            yield Finding(Code.EFFECT_MISSING, story.request, _place(permit), text)


def _permit(
    story: Story, row: Permit | None, permit: str, events: dict[str, Recorded]
) -> Iterator[Finding]:
    where, issued = _place(permit), events.get(ISSUED)
    if row is None:
        if events:
            kind = next(iter(events))
            text = f"a {kind} names it, and there is no such permit"
            yield Finding(Code.PERMIT_MISSING, story.request, where, text)
        return
    if issued is None:
        text = "it is there, and no event has issued it"
        yield Finding(Code.PERMIT_UNRECORDED, story.request, where, text)
    else:
        wanted = (issued.event_id, issued.data.get("digest"), issued.data.get("effect"))
        if wanted != (row.issued_event, row.digest, row.effect) or row.request != story.request:
            text = "request, digest, effect or event are not those with which it was issued"
            yield Finding(Code.PERMIT_DIFFERS, story.request, where, text)
    # A row says that a permit was consumed beside the event that did it.
    pairs = (
        ("consumed", row.consumed, row.consumed_event, events.get(CONSUMED)),
        ("revoked", row.revoked_event is not None, row.revoked_event, events.get(REVOKED)),
    )
    for what, is_so, by, event in pairs:
        if is_so and event is None:
            text = f"it is {what}, and no event says so"
            yield Finding(Code.PERMIT_UNRECORDED, story.request, where, text)
        elif event is not None and not is_so:
            text = f"an event says that it was {what} (event {event.stream_seq}), and it is not"
            yield Finding(Code.PERMIT_DIFFERS, story.request, where, text)
        elif event is not None and by != event.event_id:
            text = f"it names another event by which it was {what}"
            yield Finding(Code.PERMIT_DIFFERS, story.request, where, text)


def _effect(
    story: Story, row: EffectRow, permit: Permit | None, events: dict[str, Recorded]
) -> Iterator[Finding]:
    where = f"{row.effect} {row.permit[:16]}"
    digest = row.digest if permit is None or row.digest is None else permit.digest
    if (row.request, row.digest) != (story.request, digest):
        text = "request or digest are not those of its permit"
        yield Finding(Code.EFFECT_DIFFERS, story.request, where, text)
    if CONSUMED not in events:
        text = f"there is a {row.effect}, and no event has consumed its permit"
        yield Finding(Code.EFFECT_UNRECORDED, story.request, where, text)
        return
    allowed = _TOLD.get((row.effect, row.state), ())
    found = _RUN & events.keys()
    if found not in allowed:
        said = ", ".join(sorted(found)) or "nothing of how it went"
        state = row.state or "under way"
        text = f"it is {state}, the ledger says {said}"
        code = Code.EFFECT_DIFFERS if found else Code.EFFECT_UNRECORDED
        yield Finding(code, story.request, where, text)
    yield from _bank(story, row, where)
    event = events.get(DONE) or events.get(STOPPED)
    if event is None:
        return
    for name, value in row.facts.items():
        # What is personal stands in the event as ciphertext, which the lists do not open.
        if name in event.data and not _same(value, event.data[name]):
            text = f"its {name} is {value}, event {event.stream_seq} says {event.data[name]}"
            yield Finding(Code.EFFECT_DIFFERS, story.request, where, text)


def _bank(story: Story, row: EffectRow, where: str) -> Iterator[Finding]:
    """Hold what the bank has said of a payment against the events."""
    if row.effect != "payment":
        return
    payment = row.facts.get("payment")
    said = {
        event.kind
        for event in story.events
        if event.kind in _BANK.values() and event.data.get("payment") == payment
    }
    wanted = {_BANK[row.state]} if row.state in _BANK else set()
    if said != wanted:
        told = ", ".join(sorted(said)) or "nothing from the bank"
        text = f"it is {row.state}, the ledger has {told}"
        code = Code.EFFECT_DIFFERS if said else Code.EFFECT_UNRECORDED
        yield Finding(code, story.request, where, text)


def _same(row: Any, told: Any) -> bool:
    if isinstance(row, str) and isinstance(told, str) and row != told:
        return is_told(row, told) or _same_amount(row, told)
    return is_told(row, told)


def _same_amount(one: str, other: str) -> bool:
    """Say whether two amounts are equal, however their zeros are written."""
    first, second = one.split(" "), other.split(" ")
    try:
        return first[1:] == second[1:] and Decimal(first[0]) == Decimal(second[0])
    except InvalidOperation:
        return False


def _place(permit: str) -> str:
    return f"permit {permit[:16]}"
