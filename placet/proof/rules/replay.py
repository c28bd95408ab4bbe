"""Whether the rules were kept: every story is told again from its events, and from nothing else.

What a stage demands stands in the event that planned it, and who may sit there in the event that
opened it. From these and the reviews it follows which stages could pass, which outcome there is,
and what may come of it. An event that does not follow is a finding.

``requests``, ``reviews``, ``stages`` and ``effects`` hold a function for each kind of event; this
module says which kind may come when, and what every event must agree with. It is a second, much
smaller statement of the rules than the one that decides cases, and shares no code with it.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..findings import Finding, shown
from . import effects, requests, reviews, stages
from .breaches import Breach, MisplacedError, Problems
from .keeping import STREAMS, Keeping
from .story import Seen, Story

Handler = Callable[[Story, Seen], Problems]


def _nothing(_: Story, __: Seen) -> Problems:
    """Change nothing."""
    yield from ()


_FIRST: dict[str, Handler] = {
    "requester:request:submitted": requests.submitted,
    "system:request:unplannable": requests.unplannable,
}

_BEFORE: dict[str, Handler] = {
    "requester:request:resubmitted": requests.resubmitted,
    "reviewer:request:edited": requests.edited,
    "reviewer:request:edit_proposed": reviews.edit_proposed,
    "requester:request:withdrawn": requests.withdrawn,
    "administrator:request:withdrawn": requests.cancelled,
    "system:request:planned": requests.planned,
    "system:stage:opened": stages.opened,
    "reviewers:stage:passed": stages.passed,
    "system:stage:stuck": stages.stuck,
    "directory:roster:changed": stages.roster_changed,
    "reviewer:review:approved": reviews.reviewed,
    "reviewer:review:rejected": reviews.reviewed,
    "reviewer:review:changes_requested": reviews.reviewed,
    "reviewer:review:held": reviews.held,
    "person:seat:reassigned": reviews.reassigned,
    "timer:stage:reminded": _nothing,
    "timer:stage:escalated": stages.escalated,
    "timer:stage:extended": stages.extended,
    "timer:stage:deadline_passed": stages.deadline_passed,
    "system:case:failed": requests.failed,
    "system:case:decided": requests.decided,
    "person:glass:broken": requests.glass_broken,
}

_AFTER: dict[str, Handler] = {
    "system:permit:issued": effects.permit_issued,
    "timer:effect:due": effects.due,
    "person:effect:revoked": effects.revoked,
    "person:effect:stop_requested": effects.stop_requested,
    "timer:effect:over": effects.over,
    "system:case:followed": effects.followed,
    "system:case:follower_ended": effects.follower_ended,
    "effect:permit:consumed": effects.consumed,
    "system:subject:erased": effects.erased,
    "effect:run:done": effects.ran,
    "effect:run:stopped": effects.ran,
    "effect:run:ended": effects.ended,
    "effect:run:failed": effects.failed,
    "bank:payment:rejected": effects.bank_said,
    "bank:payment:settled": effects.bank_said,
}

_LATE = "caller:message:late"
_ALWAYS: dict[str, Handler] = {
    "person:case:commented": _nothing,
    "caller:message:refused": _nothing,
    _LATE: _nothing,
    "system:notice:sent": _nothing,
    "system:notice:failed": _nothing,
}

_BY_PROGRAM = {_LATE, "system:notice:sent", "bank:payment:rejected", "bank:payment:settled"}
"""What the command line records, without a workflow."""

_BESIDE = {
    "system:notice:sent",
    "effect:permit:consumed",
    "system:subject:erased",
    "effect:run:done",
    "effect:run:stopped",
    "effect:run:ended",
}
"""What is recorded beside the workflow's steps: it tells an earlier instant than the last step."""

_UNKNOWN = "unknown"
"""Stands for a requester whom nobody knows."""

_NEXT_REVISION = {"requester:request:resubmitted", "reviewer:request:edited"}

_LAGS = {
    "done": {"pending"},
    "in_force": {"pending"},
    "ending": {"pending"},
    "stopped": {"pending"},
    "ended": {"ending"},
    "undone": {"ending"},
}
"""What a state may say of an effect that has come further by itself."""


class Replay:
    """Tells every story again, event by event, in the order of the tree.

    Attributes:
        unjudged: Requests whose story cannot be judged: it begins before the first event, or before
            it is asked for, or lacks bodies that are no longer kept.
    """

    def __init__(self, since: int = 0) -> None:
        """Begin with no story.

        Args:
            since: Stories that begin before this position are not judged: events of that time did
                not tell the rules.
        """
        self._since = since
        self._keeping = Keeping()
        self._stories: dict[str, Story] = {}
        self._last: tuple[int, str] = (-1, "")
        self.unjudged: set[str] = set()

    def see(  # noqa: PLR0913, PLR0917 - an event has that many sides
        self,
        position: int,
        stream: str,
        stream_seq: int,
        kind: str,
        occurred: int,
        body: dict[str, Any] | None,
    ) -> Iterator[Finding]:
        """Yield what the next event breaks.

        Args:
            position: Its place in the tree.
            stream: The request.
            stream_seq: Its place in the request's story, from 1.
            kind: Its kind.
            occurred: Microseconds since 1970.
            body: Its body, which tells the same request, kind and instant; None for one that is
                no longer kept.
        """
        self._last = (position, stream)
        if kind in STREAMS and body is not None:
            problems = self._keeping.see(stream, stream_seq, kind, body)
        else:
            story = self._stories.get(stream)
            is_partial = story is None and (stream_seq != 1 or position < self._since)
            if stream in self.unjudged or body is None or is_partial:
                self.unjudged.add(stream)
                self._stories.pop(stream, None)
                return
            if story is None:
                story = self._stories[stream] = Story(stream)
            problems = _told(story, kind, occurred, body)
        try:
            for code, sentence in problems:
                yield Finding(code, f"position {position}", f"{shown(stream)}: {sentence}")
        except MisplacedError as error:
            yield Finding(error.code, f"position {position}", f"{shown(stream)}: {error}")
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            told = f"{shown(stream)}: {shown(kind)} cannot stand here ({shown(error)})"
            yield Finding(Breach.STORY_UNREADABLE, f"position {position}", told)

    def finish(self) -> Iterator[Finding]:
        """Yield the stories that break off in the middle of a step.

        A step is written whole, so only the very last event may be followed by what is not there
        yet: the tree may end between the two.
        """
        for stream, story in self._stories.items():
            if story.only and stream != self._last[1]:
                told = f"{shown(stream)}: {story.kind} is not followed by what has to follow"
                yield Finding(Breach.STORY_ORDER, "the end", told)


def _told(story: Story, kind: str, at: int, body: dict[str, Any]) -> Problems:
    """Take the story on by one event, and yield what is wrong with that."""
    yield from _origin(story, kind, body)
    by_workflow = kind not in _BESIDE and "program" not in body["service"]
    before, cause = story.kind, story.cause
    if by_workflow:
        if at < story.last:
            yield Breach.STORY_BACKWARDS, "it occurred before what stands before it"
        story.last, story.kind, story.cause = at, sys.intern(kind), None
        if story.table is not None and kind != "timer:stage:escalated":
            story.table.stuck = False
        if kind not in _NEXT_REVISION and before is not None:
            yield from _revision(story, body)
    if story.only and by_workflow:
        if kind not in story.only:
            yield (
                Breach.STORY_ORDER,
                f"after {before} stands {shown(kind)}, not {' or '.join(story.only)}",
            )
        story.only = ()
    event = Seen(kind, at, body, body["data"], body.get("actor") or {}, before, cause)
    handler = _handler(story, event)
    if handler is None:
        yield Breach.STORY_ORDER, f"there can be no {shown(kind)} here"
        return
    yield from handler(story, event)
    if body["requester"] != story.requester:
        yield Breach.REQUESTER_DIFFERS, f"it names {shown(body['requester'])} as its requester"
    if body.get("state") is not None:
        yield from _state(story, body["state"])


def _origin(story: Story, kind: str, body: dict[str, Any]) -> Problems:
    """One workflow tells a story; what is recorded without one is of few kinds."""
    service = body["service"]
    if "program" in service:
        if kind not in _BY_PROGRAM:
            yield Breach.WRITER_OTHER, f"no workflow has written {shown(kind)}"
        return
    if story.chain is None:
        story.chain = service["first_run_id"]
    if service["first_run_id"] != story.chain or service["workflow_id"] != story.request:
        yield Breach.WRITER_OTHER, "another workflow writes than the one that began the story"


def _handler(story: Story, event: Seen) -> Handler | None:
    """Return what takes an event of this kind at this point; None where there can be none."""
    kind = event.kind
    if story.status is None:
        return _FIRST.get(kind)
    if kind == _LATE and not story.is_over and not event.data.get("held"):
        return None
    return _ALWAYS.get(kind) or (_AFTER if story.is_over else _BEFORE).get(kind)


def _revision(story: Story, body: dict[str, Any]) -> Problems:
    if body["revision"] != story.revision or body["digest"] != story.digest:
        told = f"revision {shown(body['revision'])} or its digest is not the one under review"
        yield Breach.REVISION_DIFFERS, told


def _state(story: Story, state: dict[str, Any]) -> Problems:
    """What lists and screens were told is what the events come to."""
    outcome = state["outcome"] or {"kind": None, "by": None}
    table = story.table
    told = (state["status"], state["stage"], outcome["kind"], outcome["by"])
    asks = state["requester"]["id"]
    stage = None if table is None else table.rule["name"]
    meant = (story.status, stage, story.status if story.is_over else None, story.by)
    effect, real = state["effect"], story.effect
    if real == "in_force" and story.ending:
        real = "ending"
    lags = real is not None and effect in _LAGS.get(real, ())
    if asks != (story.requester or _UNKNOWN):
        yield Breach.STATE_DIFFERS, f"the state says that {shown(asks)} asks"
    if told != meant or not (effect == real or lags):
        says = f"the state says {shown((*told, effect))}, it is {(*meant, real)}"
        yield Breach.STATE_DIFFERS, says
