"""What a reader sees first: how it ended, and what it was about."""

from datetime import datetime

from placet.domain.plurals import plural
from placet.domain.vocabulary import DecidedBy, Kind, Status
from placet.personal.sealing import ERASED, SEALED
from placet.reporting.document import Block, Code, Facts, Note, Tone, Value
from placet.reporting.reading import revealed, text
from placet.reporting.record.story import Story

BY = {
    DecidedBy.PEOPLE: "by people",
    DecidedBy.RULE: "by a rule of the policy; nobody was asked",
    DecidedBy.TIMEOUT: "by a deadline; not by people alone",
    DecidedBy.SYSTEM: "by the system",
    DecidedBy.BREAK_GLASS: "by breaking the glass, before anybody had reviewed it",
}
_UNTITLED = {
    ERASED: "It was erased; the request's id stands in its place",
    SEALED: "It cannot be opened here; the request's id stands in its place",
}


def opening(story: Story) -> tuple[Block, ...]:
    """Return how the request stands, and what names it."""
    row = story.row
    requester = row.requester_id or "unknown"
    rows: list[tuple[str, Value]] = [
        *([("Title", _UNTITLED[story.untitled])] if story.untitled else []),
        ("Request", Code(row.request)),
        ("Pipeline", row.pipeline),
        ("Requested by", story.person(requester)),
        *([("Amount", str(revealed(row.amount)))] if row.amount else []),
        ("Submitted", story.when(row.submitted_at)),
        *([("Decided", story.when(decided))] if (decided := _decided(story)) else []),
        ("Revision", str(row.revision)),
        *([("Digest of its content", Code(row.digest))] if row.digest else []),
        ("This record tells", _extent(story)),
    ]
    return (_verdict(story), Facts(tuple(rows)))


def outcome(story: Story) -> str:
    """Return how the request ended and by what, in one line; empty while it is open."""
    row = story.row
    if row.outcome_kind is None:
        return ""
    by = next((said for who, said in BY.items() if who == row.outcome_by), f"by {row.outcome_by}")
    return f"{row.outcome_kind.capitalize()} {by}"


def _verdict(story: Story) -> Note:
    row = story.row
    told = outcome(story)
    reason = str(revealed(row.outcome_reason) or "")
    if not told:
        waits = f" in stage {row.stage}" if row.stage else ""
        title = f"Still open: {row.status.replace('_', ' ')}{waits}"
        return Note(title, "It has no outcome yet. This record ends with its newest event.")
    if row.outcome_kind == Status.APPROVED:
        by_people = row.outcome_by == DecidedBy.PEOPLE
        return Note(told, reason, Tone.GOOD if by_people else Tone.WARNING)
    return Note(told, reason, Tone.BAD if row.outcome_kind == Status.FAILED else Tone.PLAIN)


def _decided(story: Story) -> datetime | None:
    return next((event.occurred for event in story.of(Kind.DECIDED)), None)


def _extent(story: Story) -> str:
    events = story.events
    last = story.when(events[-1].recorded).splitlines()[0]
    of_version = text(events[-1].body, "schema")
    sort = f", of the form {of_version}" if of_version else ""
    return f"{plural(len(events), 'event')} of the ledger{sort}; the newest was recorded {last}"
