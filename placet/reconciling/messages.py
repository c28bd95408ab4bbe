"""Signals and updates that Temporal has accepted, and that left nothing in the ledger.

The gate takes everything that comes, in order, and a step that takes a message leaves an event with
its decision id: it counted, or it was held, refused or late. What nobody can understand leaves its
SHA-256. Only the repetition of a decision leaves nothing, because the first one did. What has
not been taken yet is carried into the next run. So of a workflow that has nothing to do, or is
closed, each message must stand in the ledger.
"""

from collections.abc import Iterable, Iterator

from placet.reconciling.facts import Counts, Looked
from placet.reconciling.finding import Code, Finding


def unrecorded(looked: Looked, counts: Counts) -> Iterator[Finding]:
    """Yield the messages that are certain to be nowhere."""
    story = looked.story
    if not story.whole:
        return
    decided = _texts(event.body.get("decision_id") for event in story.events if event.body)
    digests = _texts(event.data.get("sha256") for event in story.events)
    for chain in looked.chains:
        came = [message for run in chain.line for message in run.came]
        counts.messages += len(came)
        if chain.unreadable or chain.lost or chain.newest.after or chain.newest.busy:
            continue
        if chain.refused:
            continue
        for message in came:
            if message.decision_id in decided or (message.sha256 and message.sha256 in digests):
                continue
            key = message.decision_id or f"sha256 {message.sha256}"
            text = f"{message.name} ({key}) reached the workflow and is nowhere in the ledger"
            yield Finding(Code.UNRECORDED_MESSAGE, story.request, message.place, text)


def _texts(values: Iterable[object]) -> set[str]:
    """Return those that are texts: who changed a body by hand may have put anything there."""
    return {value for value in values if isinstance(value, str)}
