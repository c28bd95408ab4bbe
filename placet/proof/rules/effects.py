"""What must hold of what was approved: one permit, used once, for exactly what was decided."""

import hashlib
from sys import intern

from ..findings import shown
from .breaches import Breach, Problems
from .reviews import ADMINISTRATOR
from .story import Seen, Story
from .values import instant

_DONE = {"done", "in_force", "stopped"}


def permit(story: Story, effect: str) -> str:
    """Return the id of the one permit that a decided revision can have."""
    told = "\x1f".join((story.request, str(story.revision), str(story.digest), effect))
    return hashlib.sha256(f"placet-permit/1\x1f{told}".encode()).hexdigest()


def permit_issued(story: Story, event: Seen) -> Problems:
    """A permit follows an approval, for exactly its digest."""
    if story.effect is not None:
        yield Breach.PERMIT_TWICE, "there is a permit already"
    elif story.status != "approved" or event.before != "system:case:decided":
        yield Breach.PERMIT_UNFOUNDED, "no approval has led to this permit"
    named = permit(story, event.data["effect"])
    if event.data["digest"] != story.digest or event.data["permit"] != named:
        yield Breach.PERMIT_DIFFERS, "the permit is for something else than what was decided"
    story.permit = event.data["permit"]
    story.effect = "pending" if story.due is None else "waiting"


def due(story: Story, event: Seen) -> Problems:
    """What waits begins when its time has come."""
    if story.effect != "waiting":
        yield Breach.EFFECT_UNFOUNDED, "nothing waits for its time"
    elif story.due is not None and event.at < story.due:
        yield Breach.TIMER_EARLY, "the time of the effect has not come yet"
    story.effect, story.due = "pending", None


def consumed(story: Story, event: Seen) -> Problems:
    """A permit is used once, when its effect may run."""
    yield from _same_permit(story, event)
    if story.consumed:
        yield Breach.PERMIT_TWICE, "the permit is used a second time"
    elif story.effect != "pending":
        yield Breach.EFFECT_UNFOUNDED, "a permit is used that is not there, or not yet, or no more"
    story.consumed = True


def erased(story: Story, event: Seen) -> Problems:
    """What an erasure destroys is told before it is done, and only with its permit used."""
    yield from _same_permit(story, event)
    if not story.consumed or story.effect != "pending":
        yield Breach.EFFECT_UNFOUNDED, "somebody was erased without a permit"


def _same_permit(story: Story, event: Seen) -> Problems:
    if event.data["permit"] != story.permit or event.body["digest"] != story.digest:
        yield Breach.PERMIT_DIFFERS, "it is about something else than what was decided"


def ran(story: Story, event: Seen) -> Problems:
    """An effect has run, or was stopped, once, and has used its permit for it."""
    yield from _same_permit(story, event)
    if story.effect in {"done", "in_force", "stopped", "ended", "undone"}:
        yield Breach.EFFECT_TWICE, "the effect has run already"
    elif not story.consumed or story.effect != "pending":
        yield Breach.EFFECT_UNFOUNDED, "the effect ran without a permit"
    story.effect = intern(event.data["effect"])
    if story.effect not in _DONE:
        yield Breach.EFFECT_UNFOUNDED, f"no effect comes to {shown(story.effect)}"
    until = event.data.get("until")
    story.due = instant(until) if until else None


def failed(story: Story, event: Seen) -> Problems:
    """An effect that cannot be carried out, or ended, was to be."""
    yield from _same_permit(story, event)
    if story.effect in {None, "waiting", "revoked", "failed", "ended", "undone"}:
        yield Breach.EFFECT_UNFOUNDED, "there was nothing to carry out"
    story.effect = "failed"


def revoked(story: Story, event: Seen) -> Problems:
    """Only what waits is revoked, by whom it concerns; nothing comes of it any more."""
    yield from _same_permit(story, event)
    yield from _taken_back(story, event)
    if story.effect != "waiting":
        yield Breach.EFFECT_UNFOUNDED, "what does not wait is revoked"
    story.effect, story.due = "revoked", None


def stop_requested(story: Story, event: Seen) -> Problems:
    """What runs or is in force is ended by whom it concerns."""
    yield from _same_permit(story, event)
    yield from _taken_back(story, event)
    wanted = {"in_force"} if event.data.get("effect") == "ending" else {"pending", *_DONE}
    if story.effect not in wanted:
        yield Breach.EFFECT_UNFOUNDED, "there is nothing to stop"
    story.ending = True


def _taken_back(story: Story, event: Seen) -> Problems:
    channel = event.body.get("channel")
    if channel == "temporal-cancel" and not event.actor:
        return
    if channel == "review-afterwards" and event.cause and event.cause[0] == "review":
        return
    if event.who not in story.concerned and ADMINISTRATOR not in event.actor.get("roles", ()):
        yield Breach.WITHDRAWAL_FORBIDDEN, f"{shown(event.who)} takes back what is not theirs"


def over(story: Story, event: Seen) -> Problems:
    """What is in force is over when its time is."""
    if story.effect != "in_force" or story.due is None:
        yield Breach.EFFECT_UNFOUNDED, "nothing is in force"
    elif event.at < story.due:
        yield Breach.TIMER_EARLY, "the time of the effect is not over yet"
    story.ending = True


def ended(story: Story, event: Seen) -> Problems:
    """What was in force ends once, after its time or because somebody wanted it."""
    yield from _same_permit(story, event)
    if story.effect in {"ended", "undone"}:
        yield Breach.EFFECT_TWICE, "it has ended already"
    elif story.effect != "in_force" or not story.ending:
        yield Breach.EFFECT_UNFOUNDED, "what is not in force, or was not to end, ends"
    story.effect = intern(event.data["effect"])
    story.due, story.concerned = None, ()
    if story.effect not in {"ended", "undone"}:
        yield Breach.EFFECT_UNFOUNDED, f"nothing ends as {shown(story.effect)}"


def bank_said(story: Story, event: Seen) -> Problems:
    """The bank speaks once, of a payment that was made."""
    if story.bank:
        yield Breach.EFFECT_TWICE, "the bank has said otherwise before"
    elif story.effect not in {"done", "failed"} or not story.consumed:
        yield Breach.EFFECT_UNFOUNDED, "there is no payment of which the bank could speak"
    if event.body["digest"] != story.digest:
        yield Breach.PERMIT_DIFFERS, "it is about something else than what was decided"
    story.bank = True


def followed(story: Story, _: Seen) -> Problems:
    """Another case comes only of what was approved."""
    if story.status != "approved":
        yield Breach.STORY_ORDER, "another case comes of what was not approved"


def follower_ended(story: Story, event: Seen) -> Problems:
    """A review after the fact that did not say yes takes the approval back."""
    yield from followed(story, event)
    if event.data["outcome"] != "approved":
        story.cause = ("review", event.data["outcome"])
