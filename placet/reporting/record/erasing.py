"""What has been erased, what stays in its place, and why that may stay."""

from placet.reporting.document import Block, Note, Paragraph, Section, Table, Tone, Value
from placet.reporting.reading import has_erased
from placet.reporting.record.happening import told
from placet.reporting.record.story import Story

_STAYS = (
    "What stays are the kinds and times of the events, the verdicts, the amounts, the digests, the "
    "signatures and the ids by which the organisation's directory knows its people. They say that "
    "a decision was made, when, and by which account; without the directory they name nobody. They "
    "may stay where the law demands that decisions can be accounted for, and for legal claims "
    "(GDPR, article 17, paragraph 3, letters b and e). Taking them out would also break the proof "
    "for every other request."
)
_WHY = (
    "Each event stands in the ledger with the digest of a ciphertext in place of the text. The key "
    "was destroyed, as the person's data was to be erased or its time was over; nobody can read it "
    "again, and the proof of the ledger holds all the same."
)


def erased(story: Story) -> Section:
    """Return the section about what can no longer be read."""
    gone = story.with_erased
    missing = story.row.digest is not None and story.row.digest not in story.contents
    actions = [event for event in story.events if event.kind.startswith("eraser:")]
    if not gone and not missing and not actions:
        return Section("What has been erased", (Paragraph("Nothing: all of it can be read."),))
    blocks: list[Block] = []
    if gone:
        blocks.append(
            Note(
                f"Texts in {len(gone)} of {len(story.events)} events have been erased",
                _WHY,
                Tone.WARNING,
            )
        )
        rows: tuple[tuple[Value, ...], ...] = tuple(
            (str(event.stream_seq), event.kind, ", ".join(_parts(event.body))) for event in gone
        )
        heads = ("No.", "Kind of event", "What can no longer be read")
        blocks.append(Table("Events without their texts", heads, rows, (7, 50, 70), frozenset({0})))
    if missing:
        blocks.append(Paragraph("The content of the request is not kept any more; its digest is."))
    if actions:
        done = tuple((story.when(event.occurred), told(event)) for event in actions)
        blocks.append(Table("Erasures in the ledger", ("When", "What"), done, (38, 97)))
    return Section("What has been erased", (*blocks, Paragraph(_STAYS)))


def _parts(value: object, path: str = "") -> list[str]:
    """Return the paths of what has been erased in a body."""
    if isinstance(value, dict):
        below = ((f"{path}.{name}" if path else str(name), each) for name, each in value.items())
        return [found for where, each in below for found in _parts(each, where)]
    if isinstance(value, list):
        found = [name for each in value for name in _parts(each, path)]
        return list(dict.fromkeys(found))
    return [path] if has_erased(value) else []
