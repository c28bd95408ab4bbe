"""What a request's events say of its plan, and of a change that waits for its author."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from placet.domain.errors import NotFoundError
from placet.domain.finding import Finding
from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import RequestRow
from placet.domain.vocabulary import Kind, Status


class PlanFacts(NamedTuple):
    """What a reviewer should know of the plan of a revision.

    Attributes:
        found: How many things the checks found.
        findings: The first of them.
        scope: What the effect will touch, as it was when the plan was made.
    """

    found: int = 0
    findings: tuple[Finding, ...] = ()
    scope: Mapping[str, Any] = {}


class Proposed(NamedTuple):
    """A reviewer's change that its author has not answered: its digest, by whom, and why."""

    digest: str
    by: str
    reason: str | None


def plan_facts(story: Sequence[RecordedEvent], row: RequestRow) -> PlanFacts:
    """Return what the plan of the current revision says; nothing when it was never planned."""
    event = _newest(story, row, Kind.PLANNED)
    if event is None:
        return PlanFacts()
    data = _data(event)
    # What was erased is a text that says so, and neither a list nor an object any more.
    found, facts, scope = data.get("findings"), data.get("facts"), data.get("scope")
    listed = found if isinstance(found, list) else ()
    findings = tuple(Finding.model_validate(each) for each in listed)
    counted = facts.get("findings", len(findings)) if isinstance(facts, dict) else len(findings)
    return PlanFacts(int(counted), findings, scope if isinstance(scope, dict) else {})


def proposal(story: Sequence[RecordedEvent], row: RequestRow) -> Proposed | None:
    """Return the change that a reviewer proposes, while its author's answer is waited for."""
    event = _newest(story, row, Kind.EDIT_PROPOSED)
    if event is None or row.status != Status.CHANGES_REQUESTED:
        return None
    actor: Any = event.body.get("actor")
    reason = event.body.get("reason")
    return Proposed(
        digest=str(_data(event)["proposal"]),
        by=str(actor["name"] or actor["address"]),
        reason=None if reason is None else str(reason),
    )


def require_proposal(story: Sequence[RecordedEvent], row: RequestRow) -> Proposed:
    """Return what :func:`proposal` does.

    Raises:
        NotFoundError: Nobody proposes a change.
    """
    found = proposal(story, row)
    if found is None:
        raise NotFoundError(
            f"nobody proposes a change of {row.request}; look at it: placet show {row.request}"
        )
    return found


def _newest(story: Sequence[RecordedEvent], row: RequestRow, kind: Kind) -> RecordedEvent | None:
    """Return the last event of a kind about the current revision."""
    return next(
        (
            event
            for event in reversed(story)
            if event.kind == kind and event.body.get("revision") == row.revision
        ),
        None,
    )


def _data(event: RecordedEvent) -> dict[str, Any]:
    data = event.body.get("data")
    return data if isinstance(data, dict) else {}
