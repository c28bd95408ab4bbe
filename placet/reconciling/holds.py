"""Legal holds that stand against the events that placed and released them."""

from collections.abc import Iterator

from placet.reconciling.facts import Story
from placet.reconciling.finding import Code, Finding

PREFIX = "hold:"
"""Begins the stream of a hold's own story."""

_PLACED, _RELEASED = "person:hold:placed", "person:hold:released"


def differing(story: Story) -> Iterator[Finding]:
    """Yield a hold that stands, or does not, otherwise than its events say."""
    if not (story.whole and story.request.startswith(PREFIX)):
        return
    name, wanted = story.request.removeprefix(PREFIX), None
    for event in story.events:
        if event.kind == _PLACED:
            wanted = {"on_what": event.data.get("on"), "target": event.data.get("target")}
        elif event.kind == _RELEASED:
            wanted = None
    if wanted != story.hold:
        text = (
            "it stands, and no event says so"
            if wanted is None
            else "no event has released it, and it keeps nothing any more"
            if story.hold is None
            else "it is on something else than the event says that placed it"
        )
        yield Finding(Code.LIST_DIFFERS, story.request, f"audit.hold {name}", text)
