"""Hold what is known of one request against each other. Pure."""

from collections.abc import Iterator

from placet.reconciling import closing, effects, files, leaves, lists, messages, origins
from placet.reconciling.facts import Counts, Looked, Terms
from placet.reconciling.finding import Finding


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
    yield from leaves.within(story, counts)
    yield from leaves.kept_by_temporal(looked, counts)
    yield from origins.lost(looked)
    yield from origins.known_to_temporal(looked, terms, counts)
    yield from origins.by_programs(story, counts)
    yield from closing.closed(looked)
    yield from messages.unrecorded(looked, counts)
    yield from effects.differing(story, counts)
    yield from files.differing(looked, terms, counts)
    yield from lists.differing(story)
