"""What has come in and has not been taken: one queue for people, timers and effects.

Messages are taken in batches of a bounded size, because a batch becomes one append to the ledger,
and an append may have to travel through Temporal's history.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from placet.domain.message import UNNAMED, Malformed, Message, parse
    from placet.domain.orders import EffectResult, Followed, FollowerEnded
    from placet.domain.record import Undelivered
    from placet.domain.review import Answer

BATCH_ENTRIES = 50
BATCH_BYTES = 256 * 1024
CARRIED_BYTES = 256 * 1024
"""How much may be unread when a run is continued: it travels in the new run's start."""


class Tick:
    """The timer has rung. It stands in the queue behind whoever came in the same task."""


@dataclass(frozen=True)
class Cancellation:
    """The workflow was cancelled in Temporal. It goes before everything that is not yet written."""

    reason: str


@dataclass(frozen=True)
class Unread:
    """A message as it came. Reading takes time, so it is read when its turn comes.

    A workflow task can bring thousands of messages, and has two seconds.
    """

    name: str
    arguments: tuple[tuple[str, bytes], ...]
    channel: str

    @property
    def size(self) -> int:
        """Return how many bytes came."""
        return sum(len(data) for _, data in self.arguments)


@dataclass
class Entry:
    """Something that came in, and the answer once it has one.

    Attributes:
        content: What came.
        key: What names it: the same however often the workflow task that brings it is tried.
        size: In bytes, as it came.
        answer: What the caller is told.
    """

    content: (
        Unread
        | Message
        | Malformed
        | EffectResult
        | ApplicationError
        | Tick
        | Cancellation
        | Undelivered
        | Followed
        | FollowerEnded
    )
    key: str
    size: int = 0
    answer: Answer | None = None

    def read(self) -> None:
        """Understand what came, or find out that nobody can."""
        if isinstance(self.content, Unread):
            came = self.content
            self.content = parse(came.name, list(came.arguments), came.channel)

    @property
    def decision_id(self) -> str:
        """Return the caller's key for a decision, or one made from the entry's."""
        told = self.content.decision_id if isinstance(self.content, Message) else None
        return told or f"{UNNAMED}{self.key}"[:200]

    @property
    def changes(self) -> bool:
        """Say whether this is a changed request, which has to be planned."""
        return isinstance(self.content, Message) and self.content.action.changes


class Inbox:
    """The queue of a case."""

    def __init__(self) -> None:
        """Begin empty."""
        self._entries: deque[Entry] = deque()

    def __bool__(self) -> bool:
        """Say whether anything waits."""
        return bool(self._entries)

    def put(self, entry: Entry) -> None:
        """Add what has come in."""
        self._entries.append(entry)

    @property
    def cancellation(self) -> Entry | None:
        """Return the cancellation that waits, if one does."""
        return next((e for e in self._entries if isinstance(e.content, Cancellation)), None)

    def remove(self, keys: Collection[str]) -> list[Entry]:
        """Take out the entries with these keys, wherever they stand."""
        taken = [entry for entry in self._entries if entry.key in keys]
        self._entries = deque(entry for entry in self._entries if entry.key not in keys)
        return taken

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Return what was taken too early to the front, in its order."""
        self._entries.extendleft(reversed(entries))

    def take(self) -> deque[Entry]:
        """Take the next batch in order: a changed request alone, or what can go together."""
        batch: deque[Entry] = deque()
        size = 0
        while self._entries and len(batch) < BATCH_ENTRIES:
            entry = self._entries[0]
            size += entry.size
            if batch and size > BATCH_BYTES:
                break
            entry.read()
            if batch and (entry.changes or batch[0].changes):
                break
            batch.append(self._entries.popleft())
        return batch

    @property
    def can_be_carried(self) -> bool:
        """Say whether a continued run can be given all that is here."""
        carried = (Unread, Message, Malformed, Tick)
        return (
            all(isinstance(entry.content, carried) for entry in self._entries)
            and sum(entry.size for entry in self._entries) <= CARRIED_BYTES
        )

    def read_all(self) -> None:
        """Read what waits, to carry it into the next run; ``can_be_carried`` bounds the work."""
        for entry in self._entries:
            entry.read()

    def messages(self) -> tuple[tuple[str, Message | Malformed], ...]:
        """Return the messages that wait, understood or not, each with its key."""
        return tuple(
            (e.key, e.content) for e in self._entries if isinstance(e.content, (Message, Malformed))
        )
