"""What Temporal remembers of a request: its runs, the leaves they hold, and what came for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A leaf that Temporal holds; the numbers are None where the history does not name them."""

    event_id: str
    leaf: str
    seq: int | None = None
    stream_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """An event that an activity was told to write.

    Attributes:
        event: The whole event, as the workflow made it.
        exact: Whether the activity may add nothing to it.
        done: Whether the activity has completed, and must have written it.
    """

    event_id: str
    event: Json
    exact: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True)
class Came:
    """A signal or an update that Temporal has accepted for a workflow.

    Attributes:
        name: ``signal approve``, ``update decide``.
        decision_id: Under which the gate takes it; None for one that nobody can understand.
        sha256: Of what nobody can understand; else None.
        place: The run and the event in it.
    """

    name: str
    decision_id: str | None
    sha256: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow, as its history tells it.

    Attributes:
        closed: How it closed: ``completed``, ``terminated``…; None while it is open.
        before: The run that it continues; None for a chain's first.
        after: The run that continues it, if any.
        bases: Runs of which resets have made this one.
        deciding: Whether a workflow task waits or is under way.
        working: Whether an activity is.
        steps: Places in the story of the events that steps have written.
        outcome: What the workflow has returned, as far as its kind of result says it.
        unreadable: Why the history cannot be understood; None when it can.
    """

    workflow_id: str
    run_id: str
    first_run_id: str
    started: datetime
    closed: str | None = None
    before: str | None = None
    after: str | None = None
    bases: tuple[str, ...] = ()
    deciding: bool = False
    working: bool = False
    kept: tuple[Kept, ...] = ()
    ordered: tuple[Ordered, ...] = ()
    came: tuple[Came, ...] = ()
    steps: tuple[int, ...] = ()
    outcome: str | None = None
    unreadable: str | None = None

    @property
    def busy(self) -> bool:
        """Say whether anything is under way."""
        return self.deciding or self.working


@dataclass(frozen=True, slots=True)
class Chain:
    """The runs of one execution chain that Temporal remembers, the oldest first.

    Attributes:
        first_run_id: What names the chain in the events.
        runs: At least one; side lines that a reset has left come first.
        line: Those that lead to the newest one, without side lines.
        whole: Whether every run since the first is known.
        lost: A run that should be remembered and is not; None when there is none.
    """

    first_run_id: str
    runs: tuple[Run, ...]
    line: tuple[Run, ...]
    whole: bool = True
    lost: str | None = None

    @property
    def newest(self) -> Run:
        """Return the run that is open, or was the last one."""
        return self.line[-1]

    @property
    def open(self) -> bool:
        """Say whether it still runs."""
        return self.newest.closed is None

    @property
    def heard(self) -> frozenset[str]:
        """Return the ids of all events that its histories know of."""
        kept = {kept.event_id for run in self.runs for kept in run.kept}
        return frozenset(kept | {order.event_id for run in self.runs for order in run.ordered})

    @property
    def permits(self) -> frozenset[str]:
        """Return the permits of the effects that it has ordered."""
        told = (order.event.get("body") for run in self.runs for order in run.ordered)
        data = (body.get("data") for body in told if isinstance(body, Mapping))
        permits = (each.get("permit") for each in data if isinstance(each, Mapping))
        return frozenset(permit for permit in permits if isinstance(permit, str))

    @property
    def refused(self) -> bool:
        """Say whether the ledger refused it, as it does a second story under one id."""
        return self.newest.closed == "failed" and not any(run.kept for run in self.runs)

    @property
    def unreadable(self) -> str | None:
        """Return why one of its histories cannot be understood."""
        return next((run.unreadable for run in self.runs if run.unreadable), None)
