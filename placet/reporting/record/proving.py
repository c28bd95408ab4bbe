"""What proves the record: ids, leaves and places in the sealed tree, and how to check them."""

import shlex
from collections.abc import Iterator, Sequence

from placet.domain.ledger import RecordedEvent
from placet.domain.plurals import plural
from placet.proof.tree import root_from_inclusion
from placet.reporting.document import (
    Block,
    Code,
    Facts,
    Listing,
    Note,
    Paragraph,
    Section,
    Table,
    Tone,
    Value,
)
from placet.reporting.proof import Head, Place, Proof
from placet.reporting.record.story import Story

_HOW = (
    "Whoever doubts this record takes a bundle of the request out of the ledger and checks it on a "
    "machine of their own, with keys that they pinned themselves. The bundle holds the events as "
    "they are stored; compare its leaves with those below."
)


def proven(story: Story) -> Section:
    """Return the section about the proof."""
    blocks: list[Block] = [_sealed(story)]
    if story.head is not None:
        blocks += _checkpoint(story, story.head)
    blocks += (_events(story), Paragraph(_HOW), _commands(story))
    return Section("Proof", tuple(blocks))


def appendix(story: Story) -> Iterator[Section]:
    """Yield the paths from the leaves to the root, when anything is sealed."""
    if story.head is None or not story.proof.places:
        return
    rows: list[tuple[Value, ...]] = []
    for event in story.events:
        place = story.proof.places.get(event.seq)
        if place is not None:
            path = Code("\n".join(place.path) or "none: the tree has one leaf")
            rows.append((str(event.stream_seq), str(place.position), path))
    about = (
        "From each event's leaf these hashes lead to the root of the checkpoint, from the leaf "
        "upwards, as RFC 9162 says in section 2.1.3.2."
    )
    table = Table(
        "Inclusion paths",
        ("No.", "Position", "Hashes, the lowest first"),
        tuple(rows),
        (10, 16, 109),
        frozenset({0, 1}),
    )
    note = Listing("The checkpoint, as it was signed", story.proof.note)
    yield Section("Appendix: paths to the root", (Paragraph(about), table, note), new_page=True)


def fault_of(story: Story) -> str | None:
    """Return what is wrong with the proof of a request's events; None while nothing is."""
    told = [*_damages(story.proof), *_astray(story)]
    if not told:
        return None
    return (
        f"{' '.join(told)} The ledger was changed, or is damaged. Verify a bundle before you rely "
        "on anything here."
    )


def _sealed(story: Story) -> Note:
    places, events = story.proof.places, story.events
    fault = fault_of(story)
    if fault is not None:
        return Note("The proof does not hold", fault, Tone.BAD)
    sealed = [event for event in events if event.seq in places]
    if story.head is None or not sealed:
        return Note(
            "Not sealed yet",
            "None of the events stands in a signed checkpoint, so nothing outside the database "
            "vouches for them yet. Make this record again when the ledger has been sealed.",
            Tone.WARNING,
        )
    lead = "Their leaves lead to the root of the checkpoint below."
    if len(sealed) == len(events):
        every = "Its only event is" if len(events) == 1 else f"All {len(events):,} events are"
        return Note(f"{every} sealed", lead, Tone.GOOD)
    rest = ", ".join(str(event.stream_seq) for event in events if event.seq not in places)
    title = f"{len(sealed)} of {len(events)} events are sealed"
    return Note(title, f"{lead} These are not sealed yet: {rest}.", Tone.WARNING)


def _damages(proof: Proof) -> Iterator[str]:
    if proof.changed:
        yield f"What the ledger now holds of {_numbered(proof.changed)} is not what was recorded."
    if proof.missing:
        verb = "was recorded, and is" if len(proof.missing) == 1 else "were recorded, and are"
        yield f"{_numbered(proof.missing).capitalize()} {verb} not there any more."


def _astray(story: Story) -> Iterator[str]:
    places, head = story.proof.places, story.head
    astray = [
        event.stream_seq
        for event in story.events
        if head and event.seq in places and not _leads(event, places[event.seq], head)
    ]
    if astray:
        verb = "does" if len(astray) == 1 else "do"
        yield f"{_numbered(astray).capitalize()} {verb} not lead to the root of the checkpoint."


def _numbered(numbers: Sequence[int]) -> str:
    return f"event{'s'[: len(numbers) - 1]} {', '.join(map(str, numbers))}"


def _leads(event: RecordedEvent, place: Place, head: Head) -> bool:
    path = [bytes.fromhex(each) for each in place.path]
    try:
        root = root_from_inclusion(bytes.fromhex(event.leaf), place.position, head.size, path)
    except ValueError:
        return False
    return root.hex() == head.root


def _checkpoint(story: Story, head: Head) -> Iterator[Block]:
    sealed_at = story.proof.sealed_at
    yield Facts(
        (
            ("Log", Code(head.origin)),
            ("Size of the tree", plural(head.size, "leaf", "leaves")),
            ("Root", Code(head.root)),
            *([("Sealed", story.when(sealed_at))] if sealed_at else []),
            *(
                ("Time-stamp", f"by {authority}, kept {story.when(kept)}")
                for authority, kept in story.proof.stamps
            ),
        ),
        "The checkpoint",
    )
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            "witness" if each.witnessed else "the log",
            Code(f"{each.name}+{each.key_id}"),
            story.briefly(each.witnessed) if each.witnessed else "",
        )
        for each in head.signatures
    )
    heads = ("By", "Key", "Seen by the witness")
    yield Table("Signatures under it, as it names them", heads, rows, (20, 70, 45))


def _events(story: Story) -> Table:
    rows: list[tuple[Value, ...]] = []
    for event in story.events:
        place = story.proof.places.get(event.seq)
        rows.append(
            (
                str(event.stream_seq),
                str(event.seq),
                str(place.position) if place else "not sealed",
                Code(event.event_id),
                Code(event.leaf),
            )
        )
    return Table(
        "Events and their leaves",
        ("No.", "In the ledger", "In the tree", "Event id", "Leaf"),
        tuple(rows),
        (8, 13, 14, 50, 50),
        frozenset({0, 1, 2}),
    )


def _commands(story: Story) -> Listing:
    request = shlex.quote(story.row.request)
    return Listing(
        "To check it",
        f"python starter.py audit export --request {request} --out bundle/\n"
        "python starter.py audit verify bundle/ --trust trust.json",
    )
