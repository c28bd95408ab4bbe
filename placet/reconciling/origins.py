"""Where events come from: each is a workflow's that Temporal knows, or a program's that may."""

import hashlib
from collections.abc import Iterator

from placet.reconciling.facts import Counts, Looked, Recorded, Story, Terms
from placet.reconciling.finding import Code, Finding
from placet.reconciling.remembered import Chain

_BY_PROGRAM = ("bank:", "caller:message:late", "system:notice:sent")
"""The kinds of a case's events that are appended without a workflow begin with one of these."""

_OF_CASES = (
    "administrator:request:",
    "caller:",
    "directory:",
    "effect:",
    "person:case:",
    "person:effect:",
    "person:glass:",
    "person:seat:",
    "requester:",
    "reviewer:",
    "reviewers:",
    "system:case:",
    "system:notice:",
    "system:permit:",
    "system:request:",
    "system:stage:",
    "timer:",
)
"""How the kinds begin that only a case's workflow writes, but for those above."""

ERASED = "system:subject:erased"
"""What an erasure writes besides what it was told to, as often as there is something to tell."""


def lost(looked: Looked) -> Iterator[Finding]:
    """Yield runs that other runs name, and that Temporal should remember and does not."""
    for chain in looked.chains:
        if chain.lost is not None:
            text = f"Temporal does not remember its run {chain.lost}, as it should"
            where = f"run {chain.first_run_id}"
            yield Finding(Code.NO_SUCH_WORKFLOW, looked.story.request, where, text)


def known_to_temporal(looked: Looked, terms: Terms, counts: Counts) -> Iterator[Finding]:
    """Look whether Temporal knows of each event that names a workflow."""
    story = looked.story
    heard = {chain.first_run_id: chain.heard for chain in looked.chains}
    chains = {chain.first_run_id: chain for chain in looked.chains}
    elsewhere: dict[str, list[Recorded]] = {}
    unknown: dict[str, list[Recorded]] = {}
    for event in story.events:
        named, first, namespace = event.written_by
        if event.body is None or "program" in event.service:
            continue
        if named != story.request or not first:
            text = f"it names {named or 'no workflow'} as who wrote it"
            yield Finding(Code.WRONG_ORIGIN, story.request, event.place, text)
        elif namespace != terms.namespace:
            elsewhere.setdefault(namespace, []).append(event)
        elif first not in chains:
            unknown.setdefault(first, []).append(event)
        elif event.event_id not in heard[first] and not _is_part_of_erasure(event, chains[first]):
            yield from _unheard(story.request, event, chains[first], terms, counts)
    for name, events in elsewhere.items():
        text = f"{_told(events)} names it: look there, by TEMPORAL_NAMESPACE"
        yield Finding(Code.OTHER_NAMESPACE, story.request, f"namespace {name}", text)
    for first, events in unknown.items():
        yield from _forgotten(story.request, first, events, terms, counts)


def _forgotten(
    request: str, first: str, events: list[Recorded], terms: Terms, counts: Counts
) -> Iterator[Finding]:
    """Say whether Temporal may have forgotten the workflow of these events."""
    if min(event.age for event in events) < terms.retention - terms.grace:
        text = f"{_told(events)} names this run of it, which Temporal does not know"
        yield Finding(Code.NO_SUCH_WORKFLOW, request, f"run {first}", text)
    else:
        counts.beyond_retention += len(events)


def _is_part_of_erasure(event: Recorded, chain: Chain) -> bool:
    """Say whether an effect that the chain has ordered makes this event, by its own count."""
    permit, part = event.data.get("permit"), event.data.get("part")
    if event.kind != ERASED or not (isinstance(permit, str) and isinstance(part, int)):
        return False
    told = f"placet-erasure/1 {len(permit)}:{permit}{part - 1}"
    return permit in chain.permits and event.event_id == hashlib.sha256(told.encode()).hexdigest()


def _told(events: list[Recorded]) -> str:
    more = f", with {len(events) - 1} others," if len(events) > 1 else ""
    return f"{events[0].place}, a {events[0].kind}{more}"


def _unheard(
    request: str, event: Recorded, chain: Chain, terms: Terms, counts: Counts
) -> Iterator[Finding]:
    """Say whether an event of a known chain, of which no history has a receipt, is a forgery.

    What a workflow task has written is in no history before the task is done. What an activity has
    written is: the activity was told to.
    """
    steps = [place for run in chain.runs for place in run.steps]
    if chain.unreadable:
        return
    if not chain.whole and (not steps or event.stream_seq < min(steps)):
        counts.beyond_retention += 1
    elif chain.open and (
        event.age < terms.grace
        or (chain.newest.deciding and event.stream_seq > max(steps, default=0))
    ):
        counts.in_flight += 1
    else:
        text = f"no history of its workflow has a receipt for this {event.kind}"
        yield Finding(Code.UNKNOWN_TO_TEMPORAL, request, event.place, text)


def by_programs(story: Story, counts: Counts) -> Iterator[Finding]:
    """Look at what was appended without a workflow: what the bank said, and late decisions."""
    ended = known = False
    for event in story.events:
        if "program" not in event.service:
            known = known or "workflow_id" in event.service
            ended = ended or bool(event.state and event.state.get("outcome"))
            continue
        counts.by_program += 1
        program, where = str(event.service["program"]), event.place
        allowed = event.kind.startswith(_BY_PROGRAM)
        if event.kind.startswith(_OF_CASES) and not allowed:
            text = f"a {event.kind} is a workflow's to write, and this names the program {program}"
            yield Finding(Code.WRONG_ORIGIN, story.request, where, text)
        elif allowed and not known:
            text = f"no workflow has written of this request before this {event.kind}"
            yield Finding(Code.UNKNOWN_REQUEST, story.request, where, text)
        elif allowed and not ended:
            text = f"this {event.kind} came before the case had an outcome"
            yield Finding(Code.LATE_TOO_EARLY, story.request, where, text)
