"""What is known of one request, gathered from the ledger and made readable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import PaymentRow, RequestRow
from placet.domain.policy import PolicySnapshot
from placet.personal.sealing import ERASED, SEALED
from placet.reporting.proof import NOTHING_SEALED, Head, Proof, head_of
from placet.reporting.reading import has, names_in, readable, revealed, sealable, text


@dataclass(frozen=True)
class Story:
    """All that a record of one request is made of.

    Attributes:
        row: How the request stands.
        recorded: Its events in order, at least one, as the ledger's adapter gives them.
        contents: Digest (64 hex) to the bytes of each revision that is still kept.
        policies: Digest to each policy snapshot that is still kept and is what its digest says.
        payments: What was paid for it.
        proof: Where its events are sealed.
        printed: The directory's names, for those whom no event names.
    """

    row: RequestRow
    recorded: Sequence[RecordedEvent]
    contents: Mapping[str, bytes] = field(default_factory=dict)
    policies: Mapping[str, PolicySnapshot] = field(default_factory=dict)
    payments: Sequence[PaymentRow] = ()
    proof: Proof = NOTHING_SEALED
    printed: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def events(self) -> tuple[RecordedEvent, ...]:
        """Return the events as they can be shown."""
        return tuple(readable(event) for event in self.recorded)

    def unreadable(self, mark: str) -> tuple[RecordedEvent, ...]:
        """Return the events of which a text is only there as ``mark``."""
        return tuple(event for event in self.events if has(sealable(event.body), mark))

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Return each person's printed name by id."""
        return {**self.printed, **names_in(self.events)}

    @property
    def title(self) -> str:
        """Return the request's title, or its id where nobody can read the title any more."""
        told = revealed(self.row.title)
        return str(told) if told and self.untitled is None else self.row.request

    @property
    def untitled(self) -> str | None:
        """Return the mark that stands for the title, :data:`ERASED` or :data:`SEALED`, if any."""
        told = revealed(self.row.title)
        return told if told in {ERASED, SEALED} else None

    @cached_property
    def policy(self) -> PolicySnapshot | None:
        """Return the newest policy that its events name and that is still kept."""
        digests = (text(event.body, "policy", "digest") for event in reversed(self.events))
        return next((self.policies[each] for each in digests if each in self.policies), None)

    @cached_property
    def zone(self) -> ZoneInfo | None:
        """Return the organisation's time zone; None when it is UTC or not known."""
        if self.policy is None or self.policy.calendar.time_zone == "UTC":
            return None
        return ZoneInfo(self.policy.calendar.time_zone)

    @cached_property
    def head(self) -> Head | None:
        """Return the newest checkpoint."""
        return head_of(self.proof.note)

    def of(self, *kinds: str) -> Iterator[RecordedEvent]:
        """Yield the events of some kinds, in order."""
        return (event for event in self.events if event.kind in kinds)

    def person(self, key: str) -> str:
        """Return a person's printed name with their id, or the id alone."""
        name = self.names.get(key)
        return f"{name} ({key})" if name and name != key else key

    def when(self, instant: datetime) -> str:
        """Return an instant in UTC and, on a line of its own, in the organisation's zone."""
        utc = f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if self.zone is None:
            return utc
        local = instant.astimezone(self.zone)
        return f"{utc}\n{local:%Y-%m-%d %H:%M:%S} {local:%Z} ({self.zone.key})"

    def briefly(self, instant: datetime) -> str:
        """Return an instant likewise, for a narrow column: the zone by its short name."""
        utc = f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if self.zone is None:
            return utc
        local = instant.astimezone(self.zone)
        same_day = local.date() == instant.astimezone(UTC).date()
        return f"{utc}\n{local:{'' if same_day else '%Y-%m-%d '}%H:%M:%S %Z}"

    def when_told(self, instant: object) -> str:
        """Return an instant that an event tells as text, likewise; as it is if it is none."""
        try:
            return self.when(datetime.fromisoformat(str(instant)))
        except (ValueError, OverflowError):
            return str(instant)
