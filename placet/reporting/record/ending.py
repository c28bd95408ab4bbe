"""The outcome, the permit, the effect, and what the outside world said of it."""

from collections.abc import Iterator

from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import PaymentRow
from placet.domain.vocabulary import Kind
from placet.reporting.document import (
    Block,
    Code,
    Facts,
    Note,
    Paragraph,
    Section,
    Table,
    Tone,
    Value,
)
from placet.reporting.reading import part, revealed, text
from placet.reporting.record.happening import told
from placet.reporting.record.opening import outcome
from placet.reporting.record.story import Story
from placet.told import told_pairs

_EFFECT = (
    Kind.EFFECT_DUE,
    Kind.PERMIT_CONSUMED,
    Kind.EFFECT_DONE,
    Kind.STOP_REQUESTED,
    Kind.EFFECT_STOPPED,
    Kind.EFFECT_OVER,
    Kind.EFFECT_ENDED,
    Kind.EFFECT_FAILED,
    Kind.REVOKED,
    Kind.PAYMENT_REJECTED,
    Kind.PAYMENT_SETTLED,
    Kind.FOLLOWED,
    Kind.FOLLOWER_ENDED,
)
_ASIDE = {"permit", "effect", "summary"}


def ended(story: Story) -> Section:
    """Return the section about how the request ended and what came of it."""
    return Section("Outcome and effect", (*_outcome(story), *_permits(story), *_effects(story)))


def _outcome(story: Story) -> Iterator[Block]:
    row = story.row
    if not (said := outcome(story)):
        yield Paragraph("There is no outcome yet.")
        return
    rows: list[tuple[str, Value]] = [
        ("Outcome", said),
        *([("Reason", str(revealed(row.outcome_reason)))] if row.outcome_reason else []),
    ]
    for event in story.of(Kind.DECIDED):
        rows.append(("Decided", story.when(event.occurred)))
        if digest := text(event.body, "digest"):
            rows.append(("Decided about", Code(digest)))
        rows.append(("Event", f"number {event.stream_seq} of this request"))
    if row.effect:
        rows.append(("Effect", row.effect.replace("_", " ")))
    yield Facts(tuple(rows))


def _permits(story: Story) -> Iterator[Block]:
    for event in story.of(Kind.PERMIT_ISSUED):
        data = part(event.body, "data")
        yield Facts(
            (
                ("Permit", Code(text(data, "permit"))),
                ("Good once for", text(data, "effect")),
                ("Of exactly", Code(text(data, "digest"))),
                ("Issued", story.when(event.occurred)),
                ("Expires", _until(story, part(data, "expires"))),
                ("Used", _used(story, text(data, "permit"))),
            ),
            "The permit",
        )


def _until(story: Story, expires: object) -> str:
    return story.when_told(expires) if expires else "never"


def _used(story: Story, permit: str) -> str:
    for event in story.of(Kind.PERMIT_CONSUMED, Kind.REVOKED):
        if text(event.body, "data", "permit") == permit:
            how = "used" if event.kind == Kind.PERMIT_CONSUMED else "revoked"
            return f"{how} {story.when(event.occurred)}"
    return "not used"


def _effects(story: Story) -> Iterator[Block]:
    if any(story.of(Kind.EFFECT_FAILED)):
        yield Note("The effect failed", "What was approved was not carried out.", Tone.BAD)
    rows = tuple(_row(story, event) for event in story.of(*_EFFECT))
    if rows:
        heads = ("No.", "When", "What", "Facts")
        yield Table("What came of it", heads, rows, (8, 35, 42, 50), frozenset({0}))
    elif story.row.outcome_kind is not None:
        yield Paragraph("Nothing was carried out.")
    for payment in story.payments:
        yield _payment(story, payment)


def _row(story: Story, event: RecordedEvent) -> tuple[Value, ...]:
    data = part(event.body, "data")
    told_of = data.items() if isinstance(data, dict) else ()
    facts = told_pairs({name: value for name, value in told_of if name not in _ASIDE})
    shown = "\n".join(f"{name}: {value}" for name, value in facts)
    return str(event.stream_seq), story.briefly(event.occurred), told(event), shown


def _payment(story: Story, payment: PaymentRow) -> Facts:
    why = f": {payment.status_reason}" if payment.status_reason else ""
    return Facts(
        (
            ("Payment", Code(payment.payment_id)),
            ("Amount", f"{payment.amount} {payment.currency}"),
            ("To", str(revealed(payment.creditor_name))),
            ("Account", str(revealed(payment.creditor_iban))),
            ("End-to-end id", Code(payment.end_to_end_id)),
            ("File", payment.file_name),
            ("SHA-256 of the file", Code(payment.file_sha256)),
            ("Recorded", story.when(payment.created_at)),
            ("The bank says", f"{_BANK[payment.status.value]}{why}"),
        ),
        "The payment",
    )


_BANK = {
    "written": "nothing yet: the order is written",
    "rejected": "rejected",
    "settled": "settled",
}
