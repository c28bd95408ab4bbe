"""Every signature: who by printed name, when, and what it means (21 CFR 11.50)."""

import base64
import json

from placet.domain.ledger import RecordedEvent
from placet.domain.vocabulary import Kind
from placet.reporting.document import Block, Code, Facts, Paragraph, Section, Value
from placet.reporting.reading import part, text
from placet.reporting.record.story import Story

MEANINGS = {
    Kind.APPROVED: ("Approved", "agreed to exactly the content with the digest below"),
    Kind.REJECTED: ("Rejected", "refused the content with the digest below"),
    Kind.CHANGES_REQUESTED: ("Asked for changes", "wants it changed before it goes on"),
    Kind.EDITED: ("Changed it", "brought another revision, on which everybody votes anew"),
    Kind.EDIT_PROPOSED: ("Proposed a change", "wants the requester to take it over"),
    Kind.GLASS_BROKEN: ("Broke the glass", "had it carried out before it was reviewed"),
    Kind.REVOKED: ("Revoked the approval", "took the approval back while it waited"),
}

_ASSURANCE = {
    "claimed": "claimed: the message named this person, and nothing proved that it was they",
    "verified": "verified: a login or a signature proved that it was they",
}


def reviewed(story: Story) -> Section:
    """Return the section with every decision that a person signed."""
    blocks: tuple[Block, ...] = tuple(_signed(story, each) for each in story.of(*MEANINGS))
    if not blocks:
        blocks = (Paragraph("Nobody has reviewed it."),)
    return Section("Decisions by people", blocks)


def _signed(story: Story, event: RecordedEvent) -> Facts:
    body = event.body
    meaning, in_words = MEANINGS[Kind(event.kind)]
    who = text(body, "actor", "id") or text(body, "actor", "address") or "unknown"
    name = text(body, "actor", "name") or story.person(who)
    address = text(body, "actor", "address")
    rows: list[tuple[str, Value]] = [
        ("Signed by", f"{story.person(who)}{f', as {address}' if address != who else ''}"),
        ("On", story.when(event.occurred)),
        ("Meaning", f"{meaning}: {in_words}"),
    ]
    if behalf := _behalf(story, event):
        rows.append(("On behalf of", behalf))
    rows += _standing(event)
    rows.append(("Reason", text(body, "reason") or "none was given"))
    shown, of_event = text(body, "digest_shown"), text(body, "digest")
    if shown:
        rows.append(("Was shown", Code(shown)))
    elif of_event:
        rows.append(("Content at that time", Code(of_event)))
    if isinstance(revision := part(body, "revision"), int) and revision < story.row.revision:
        rows.append(("Counts", "no longer: the request was changed afterwards"))
    rows.append(("Event", f"number {event.stream_seq} of this request"))
    return Facts(tuple(rows), f"{meaning}: {name}")


def _behalf(story: Story, event: RecordedEvent) -> str:
    told = part(event.body, "actor", "on_behalf_of")
    behalf = (
        text(told, "id") if isinstance(told, dict) else text(event.body, "actor", "on_behalf_of")
    )
    return story.person(behalf) if behalf else ""


def _standing(event: RecordedEvent) -> list[tuple[str, Value]]:
    """Return in what capacity somebody acted, and how sure it is that it was they."""
    body = event.body
    roles = part(body, "actor", "roles")
    named = ", ".join(map(str, roles)) if isinstance(roles, list) else ""
    told = text(body, "actor", "assurance")
    assurance = _ASSURANCE.get(told, told or "not said")
    if key := _key_of(text(body, "attestation")):
        assurance += f"; signed with the key {key}"
    rows = (
        (
            "Stage and group",
            " / ".join(filter(None, (text(body, "stage"), text(body, "actor", "role")))),
        ),
        ("Roles at that time", named),
        ("Assurance", assurance),
        ("Came by", text(body, "channel") or text(body, "actor", "channel")),
    )
    return [(label, value) for label, value in rows if value]


def _key_of(attestation: str) -> str:
    """Return which key a compact JWS says it was made with; empty without a signature."""
    if not attestation:
        return ""
    header = attestation.partition(".")[0]
    try:
        told = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValueError:
        return "that it does not name"
    return text(told, "kid") or "that it does not name"
