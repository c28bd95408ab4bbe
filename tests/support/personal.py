"""Watches what events hold: of each text somebody has said whether it is personal."""

from collections.abc import Sequence
from typing import Any

from placet.domain.ledger import LedgerEvent
from placet.ledger.encoding import Encoded, Encoder
from placet.personal.paths import undeclared


class Declared(Encoder):
    """Writes events, and notes what is in them and stands in no table.

    Attributes:
        undeclared: Kinds with the names of fields in their data.
    """

    undeclared: set[tuple[str, str]]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.undeclared = set()

    def encode(self, events: Sequence[LedgerEvent], *, at_once: bool = False) -> Encoded:
        """Note what is undeclared, and write the events."""
        for event in events:
            self.undeclared |= {(event.kind, name) for name in undeclared(event)}
        return super().encode(events, at_once=at_once)
