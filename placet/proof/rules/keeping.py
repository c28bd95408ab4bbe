"""What must hold of what is done to the ledger itself: holds, pruning, and losses of checkpoints.

These events are written by the command line and belong to no request; each hold, each part that is
pruned, and each place outside has a stream of its own.
"""

from typing import Any

from ..findings import shown
from .breaches import Breach, Problems

STREAMS = {
    "person:hold:placed": "hold:",
    "person:hold:released": "hold:",
    "person:loss:accepted": "place:",
    "system:partition:pruned": "retention:",
}
"""The kinds, and how their streams begin."""


class Keeping:
    """Follows what is done to the ledger."""

    def __init__(self) -> None:
        """Begin without any hold."""
        self._placed: dict[str, object] = {}

    def see(self, stream: str, stream_seq: int, kind: str, body: dict[str, Any]) -> Problems:
        """Yield what is wrong with an event of one of the kinds in ``STREAMS``."""
        if not stream.startswith(STREAMS[kind]) or "program" not in body["service"]:
            yield Breach.WRITER_OTHER, f"no {shown(kind)} belongs here"
        elif STREAMS[kind] == "hold:" and stream != f"hold:{body['data']['hold']}":
            # Else one that somebody has placed themselves would release another's.
            yield Breach.HOLD_UNFOUNDED, "it is about a hold that has another story"
        elif kind == "person:loss:accepted" and stream != f"place:{body['data']['place']}":
            yield Breach.WRITER_OTHER, "it is about a place that has another story"
        who = body["actor"]["id"]
        if kind == "person:hold:placed":
            if stream_seq != 1:
                yield Breach.HOLD_UNFOUNDED, "a hold is placed a second time"
            self._placed[stream] = who
        elif kind == "person:hold:released":
            # One whose beginning lies before the first event is not known here.
            placed = self._placed.pop(stream, None)
            if stream_seq != 2 or placed == who:  # noqa: PLR2004 - after it was placed
                yield Breach.HOLD_UNFOUNDED, f"{shown(who)} releases what they may not"
