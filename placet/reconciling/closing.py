"""How a workflow closed, and whether the ledger says so."""

from collections.abc import Iterator, Mapping

from placet.reconciling.facts import Looked, Recorded, Story
from placet.reconciling.finding import Code, Finding
from placet.reconciling.lists import projected
from placet.reconciling.remembered import Chain

_UNFINISHED = ("waiting", "pending", "in_force", "ending")


def closed(looked: Looked) -> Iterator[Finding]:
    """Yield workflows that are closed while the ledger has their case go on."""
    story = looked.story
    states = [event for event in story.events if event.state is not None]
    if not story.whole:
        return
    for chain in looked.chains:
        # A workflow under an id that has a story already is refused, and leaves nothing.
        if chain.open or chain.unreadable or chain.newest.after or (states and chain.refused):
            continue
        own = [event for event in states if event.written_by[1] == chain.first_run_id]
        yield from _closed(story, chain, own[-1] if own else None)


def _closed(story: Story, chain: Chain, last: Recorded | None) -> Iterator[Finding]:
    how, where = chain.newest.closed, f"run {chain.first_run_id}"
    state = (last.state if last else None) or {}
    outcome = state.get("outcome")
    if not isinstance(outcome, Mapping):
        status = state.get("status")
        so_far = f"the ledger has it {status}" if status else "it has told the ledger nothing"
        text = f"its workflow is closed ({how}), and {so_far}"
        yield Finding(Code.CLOSED_WITHOUT_OUTCOME, story.request, where, text)
        return
    told = chain.newest.outcome
    if told is not None and told != outcome.get("kind"):
        text = f"its workflow returned {told}, the ledger has {outcome.get('kind')}"
        yield Finding(Code.OUTCOME_DIFFERS, story.request, where, text)
    row = projected(story.request, story.events).request or {}
    if row.get("effect") in _UNFINISHED:
        text = f"its workflow is closed ({how}), and its effect is {row['effect']}"
        yield Finding(Code.CLOSED_BEFORE_EFFECT, story.request, where, text)
