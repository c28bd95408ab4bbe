"""The rules in force: which policy, which route and why, and who had to agree in each stage."""

from collections.abc import Iterator
from typing import Any

from placet.domain.ledger import RecordedEvent
from placet.domain.policy import PolicySnapshot, threshold_text
from placet.domain.scope import scope_sentences
from placet.domain.vocabulary import Kind
from placet.reporting.document import Block, Code, Facts, Note, Paragraph, Section, Value
from placet.reporting.reading import items, part, text
from placet.reporting.record.story import Story

_CLOSED = {
    Kind.STAGE_PASSED: "passed",
    Kind.DECIDED: "ended with the case",
    Kind.RESUBMITTED: "left, as the request was changed",
    Kind.EDITED: "left, as the request was changed",
}


def ruled(story: Story) -> Section:
    """Return the section about the policy and its stages."""
    blocks: list[Block] = [*_policies(story), *_plan(story)]
    stages = [_stage(story, event) for event in story.of(Kind.STAGE_OPENED)]
    blocks += stages
    if not stages:
        blocks.append(Paragraph("No stage was opened, so no person had to agree."))
    return Section("The rules in force, and who had to agree", tuple(blocks))


def _policies(story: Story) -> Iterator[Block]:
    seen: dict[str, tuple[str, str, str]] = {}
    for event in story.events:
        digest = text(event.body, "policy", "digest")
        if digest and digest not in seen:
            revision = text(event.body, "revision")
            policy = part(event.body, "policy")
            seen[digest] = (text(policy, "id"), text(policy, "version"), revision)
    for digest, (name, version, revision) in seen.items():
        kept = "kept, and what its digest says" if digest in story.policies else "not kept any more"
        yield Facts(
            (
                ("Policy", f"{name}, version {version}"),
                ("Applied from revision", revision),
                ("SHA-256 of its snapshot", Code(digest)),
                ("The snapshot is", kept),
            )
        )
    if not seen:
        yield Note("No policy was applied", "The request ended before it could be planned.")


def _plan(story: Story) -> Iterator[Block]:
    planned = list(story.of(Kind.PLANNED))
    if not planned:
        return
    newest = planned[-1].body
    rows: list[tuple[str, Value]] = [
        ("Route", text(newest, "data", "route")),
        ("Because", text(newest, "data", "why")),
        ("Stages to pass", ", ".join(map(str, items(newest, "data", "stages"))) or "none"),
    ]
    found = items(newest, "data", "findings")
    rows += [
        (f"Finding {number}", f"{text(each, 'where')}: {text(each, 'message')}")
        for number, each in enumerate(found, start=1)
    ]
    scope = part(newest, "data", "scope")
    if isinstance(scope, dict) and scope:
        rows.append(("It will touch", "\n".join(scope_sentences(text(newest, "pipeline"), scope))))
    yield Facts(tuple(rows), f"The plan of revision {text(newest, 'revision')}")


def _stage(story: Story, opened: RecordedEvent) -> Block:
    name = text(opened.body, "stage")
    how, ended = _closing(story, opened)
    policy = story.policies.get(text(opened.body, "policy", "digest"))
    rows: list[tuple[str, Value]] = [
        ("Opened", story.when(opened.occurred)),
        ("Deadline", story.when_told(part(opened.body, "data", "deadline"))),
        *_groups(story, policy, name, opened),
    ]
    changed = [
        event
        for event in story.of(Kind.ROSTER_CHANGED)
        if opened.stream_seq < event.stream_seq < ended and text(event.body, "stage") == name
    ]
    if changed:
        seats = _seats(story, items(changed[-1].body, "data", "seats"))
        rows.append(("Seats in the end", seats))
    rows.append(("How it ended", how))
    return Facts(tuple(rows), f"Stage {name}, revision {text(opened.body, 'revision')}")


def _closing(story: Story, opened: RecordedEvent) -> tuple[str, int]:
    """Return how a stage was left, and the number of the event that says so."""
    for event in story.events:
        if event.stream_seq <= opened.stream_seq or event.kind not in _CLOSED:
            continue
        how = _CLOSED[Kind(event.kind)]
        by = text(event.body, "data", "by") if event.kind == Kind.STAGE_PASSED else ""
        passed = f"{how} by {by}" if by else how
        return f"{passed} {story.when(event.occurred).splitlines()[0]}", event.stream_seq
    return "still open", story.events[-1].stream_seq + 1


def _groups(
    story: Story, policy: PolicySnapshot | None, stage: str, opened: RecordedEvent
) -> Iterator[tuple[str, Value]]:
    seats = items(opened.body, "data", "seats")
    for group in dict.fromkeys(text(seat, "group") for seat in seats):
        mine = [seat for seat in seats if text(seat, "group") == group]
        threshold = _threshold(policy, stage, group)
        yield f"Group {group}", f"{threshold}\nSeats: {_seats(story, mine)}"
    if not seats:
        yield "Seats", "nobody had one when it opened"


def _threshold(policy: PolicySnapshot | None, stage: str, group: str) -> str:
    """Return how many must approve and how many must reject; unknown without the snapshot."""
    rule = policy.policy.stages.get(stage) if policy else None
    asked = next((each for each in rule.groups if each.name == group), None) if rule else None
    if asked is None:
        return "How many had to agree is not known: the policy's snapshot does not say"
    approve, reject = threshold_text(asked.approve), threshold_text(asked.reject)
    return f"Needed to approve: {approve}; to reject: {reject}"


def _seats(story: Story, seats: list[Any]) -> str:
    return "; ".join(_seat(story, seat) for seat in seats) or "nobody"


def _seat(story: Story, seat: Any) -> str:
    away = "" if part(seat, "present") is not False else ", away"
    stand_ins = [story.person(str(each)) for each in items(seat, "stand_ins")]
    others = f", or {' or '.join(stand_ins)} for them" if stand_ins else ""
    return f"{story.person(text(seat, 'holder'))}{away}{others}"
