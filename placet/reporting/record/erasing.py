"""What has been erased, what stays in its place, and why that may stay."""

from collections.abc import Iterator

from placet.domain.plurals import plural
from placet.personal.sealing import ERASED, SEALED
from placet.reporting.document import Block, Note, Paragraph, Section, Table, Tone, Value
from placet.reporting.reading import sealable
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
_ERASED = (
    "Each of these events stands in the ledger with the digest of a ciphertext in place of the "
    "text. The ciphertext is gone and its key destroyed, as the person's data was to be erased or "
    "its time was over. Nobody can read it again, and the proof of the ledger holds all the same."
)
_SEALED = (
    "The key that opens them is gone, or is kept elsewhere. Make this record where the keys are, "
    "if you may read it."
)
_PRUNED = (
    "What they said is gone, as it was kept for long enough, and nothing here that an event would "
    "have to say is complete. Their kinds, times, signatures and leaves stay, and whoever has a "
    "copy of what they said can show that it is the one."
)
_WHY = {ERASED: ("have been erased", _ERASED), SEALED: ("cannot be opened here", _SEALED)}


def erased(story: Story) -> Section:
    """Return the section about what can no longer be read."""
    blocks: list[Block] = []
    for mark in _WHY:
        blocks += _unreadable(story, mark)
    blocks += _pruned(story)
    if story.row.digest is not None and story.row.digest not in story.contents:
        blocks.append(Paragraph("The content of the request is not kept any more; its digest is."))
    actions = [event for event in story.events if event.kind.endswith(":erased")]
    if actions:
        done = tuple((story.briefly(event.occurred), told(event)) for event in actions)
        blocks.append(Table("Erasures in this request's story", ("When", "What"), done, (38, 97)))
    if not blocks:
        return Section("What has been erased", (Paragraph("Nothing: all of it can be read."),))
    return Section("What has been erased", (*blocks, Paragraph(_STAYS)))


def _pruned(story: Story) -> Iterator[Block]:
    numbers = [str(event.stream_seq) for event in story.events if event.pruned]
    if numbers:
        title = f"{len(numbers)} of {plural(len(story.events), 'event')} were pruned"
        yield Note(title, f"{_PRUNED} These are the events {', '.join(numbers)}.", Tone.WARNING)


def _unreadable(story: Story, mark: str) -> Iterator[Block]:
    found = story.unreadable(mark)
    if not found:
        return
    what, why = _WHY[mark]
    of = plural(len(story.events), "event")
    yield Note(f"Texts in {len(found)} of {of} {what}", why, Tone.WARNING)
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (str(event.stream_seq), event.kind, ", ".join(_parts(sealable(event.body), mark)))
        for event in found
    )
    heads = ("No.", "Kind of event", "What cannot be read")
    yield Table(f"Events whose texts {what}", heads, rows, (8, 50, 77), frozenset({0}))


def _parts(value: object, mark: str, path: str = "") -> list[str]:
    """Return the paths at which ``mark`` stands in a body."""
    if isinstance(value, dict):
        below = ((f"{path}.{name}" if path else str(name), each) for name, each in value.items())
        return [found for where, each in below for found in _parts(each, mark, where)]
    if isinstance(value, list):
        found = [name for each in value for name in _parts(each, mark, path)]
        return list(dict.fromkeys(found))
    return [path] if value == mark else []
