"""Hold what is known of one request against each other. Pure."""

from collections.abc import Callable, Iterator

from placet.reconciling import closing, effects, files, holds, leaves, lists, messages, origins
from placet.reconciling.facts import Counts, Looked, Terms
from placet.reconciling.finding import Code, Finding

TORN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading something of another form comes to."""


def compare(looked: Looked, terms: Terms, counts: Counts) -> Iterator[Finding]:
    """Yield everything in which ledger, histories, effects and lists of one request differ.

    Args:
        looked: What was read, Postgres in one instant and Temporal after it.
        terms: What to go by.
        counts: Is added to.
    """
    story = looked.story
    counts.requests += bool(story.events)
    counts.workflows += len(looked.chains)
    counts.runs += sum(len(chain.runs) for chain in looked.chains)
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("events", lambda: leaves.within(story, counts)),
        ("receipts", lambda: leaves.kept_by_temporal(looked, counts)),
        ("runs", lambda: origins.lost(looked)),
        ("workflows", lambda: origins.known_to_temporal(looked, terms, counts)),
        ("programs", lambda: origins.by_programs(story, counts)),
        ("outcome", lambda: closing.closed(looked)),
        ("messages", lambda: messages.unrecorded(looked, counts)),
        ("effects", lambda: effects.differing(story, counts)),
        ("files", lambda: files.differing(looked, terms, counts)),
        ("lists", lambda: lists.differing(story)),
        ("holds", lambda: holds.differing(story)),
    )
    for what, check in checks:
        try:
            yield from check()
        except TORN as error:
            # Somebody wrote it who wants nothing to be found: neither here nor anywhere else.
            yield unreadable(story.request, what, error)


def unreadable(request: str, what: str, error: Exception) -> Finding:
    """Return that something of a request cannot be compared, as it has another form."""
    why = f"{type(error).__name__}: {error}"[:200]
    return Finding(Code.UNREADABLE_STORY, request, what, f"they cannot be compared ({why})")
