"""What happened, in order; what nudged people; and the messages that changed nothing."""

from placet.domain.ledger import RecordedEvent
from placet.domain.plurals import plural
from placet.domain.vocabulary import Kind
from placet.reporting.document import Note, Paragraph, Section, Table, Tone, Value
from placet.reporting.reading import text
from placet.reporting.record.story import Story
from placet.timeline import sentence

_NUDGES = (
    Kind.REMINDED,
    Kind.ESCALATED,
    Kind.EXTENDED,
    Kind.STAGE_STUCK,
    Kind.REASSIGNED,
    Kind.DEADLINE_PASSED,
)
_CHANGED_NOTHING = (Kind.REFUSED, Kind.LATE)
_HEADS = ("No.", "When", "What")
_WIDTHS = (8, 35, 92)


def happened(story: Story) -> Section:
    """Return the section with every event, a sentence each."""
    rows = tuple(_row(story, event) for event in story.events)
    return Section(
        "What happened",
        (
            Paragraph("Every event of the request in the order in which the ledger took it."),
            Table("All events", _HEADS, rows, _WIDTHS, frozenset({0})),
        ),
    )


def nudged(story: Story) -> Section:
    """Return the section about reminders, escalations and moved deadlines."""
    rows = tuple(_row(story, event) for event in story.of(*_NUDGES))
    table = Table(
        "Reminders, escalations, deadlines and seats handed over",
        _HEADS,
        rows,
        _WIDTHS,
        frozenset({0}),
        empty="There were none.",
    )
    return Section("Reminders and escalations", (table,))


def messages(story: Story) -> Section:
    """Return the section about what was refused or came too late."""
    found = list(story.of(*_CHANGED_NOTHING))
    own = [each for each in found if text(each.body, "data", "refusal") == "own_request"]
    table = Table(
        "Messages that were refused or came too late",
        ("No.", "When", "Refused as", "What"),
        tuple(_refused(story, event) for event in found),
        (8, 35, 28, 64),
        frozenset({0}),
        empty="There were none.",
    )
    if not own:
        return Section("Messages that changed nothing", (table,))
    note = Note(
        "Somebody tried to decide about their own request",
        f"{plural(len(own), 'such message')} came; each was refused.",
        Tone.WARNING,
    )
    return Section("Messages that changed nothing", (note, table))


def told(event: RecordedEvent) -> str:
    """Return an event's sentence, which begins like one."""
    said = sentence(event)
    begins_with_address = "@" in said.partition(" ")[0]
    return said if begins_with_address else said[:1].upper() + said[1:]


def _row(story: Story, event: RecordedEvent) -> tuple[Value, ...]:
    return str(event.stream_seq), story.briefly(event.occurred), told(event)


def _refused(story: Story, event: RecordedEvent) -> tuple[Value, ...]:
    why = text(event.body, "data", "refusal").replace("_", " ")
    return str(event.stream_seq), story.briefly(event.occurred), why, told(event)
