"""What a case asks of activities: the orders, made of where it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from placet.domain.case import Case
    from placet.domain.message import Message, read_json
    from placet.domain.orders import (
        Assessment,
        AssessOrder,
        Claim,
        OpenOrder,
        PlanOrder,
    )
    from placet.domain.review import Actor

from workflows.inbox import Entry
from workflows.raw import SEVERAL, plain


def plan(case: Case, start: RawValue, now: datetime) -> PlanOrder:
    """Ask for the plan of a new case; ``start`` is what its workflow was started with.

    Raises:
        ValueError: That is not one JSON value.
    """
    return PlanOrder(pipeline=case.pipeline, request=_request(start), now=now)


def plan_again(case: Case, request: JsonValue, now: datetime) -> PlanOrder:
    """Ask for the plan of a changed request."""
    known = case.known_plan()
    return PlanOrder(
        pipeline=case.pipeline,
        request=request,
        now=now,
        policy=known.policy.digest,
        requester=known.requester.id,
        replaces=case.digest,
    )


def open_stage(case: Case, now: datetime) -> OpenOrder:
    """Ask who may review the next stage, and until when."""
    return OpenOrder(
        pipeline=case.pipeline,
        plan=case.known_plan(),
        stage=case.stage_index,
        now=now,
        earlier=case.reviewers_by_stage,
        reassigned={holder: person.id for holder, person in case.reassigned.items()},
    )


def assess(case: Case, batch: Sequence[Entry], now: datetime) -> AssessOrder | None:
    """Ask who these callers are and who may review now; None when there is nothing to ask."""
    claims = tuple(_claim(e.content) for e in batch if isinstance(e.content, Message))
    if not claims and case.stage is None:
        return None
    known = case.plan
    return AssessOrder(
        pipeline=case.pipeline,
        request_id=case.request_id,
        digest=case.digest,
        requester=known.requester if known else None,
        kept_out=known.kept_out if known else (),
        break_glass=known.break_glass if known else None,
        stages=known.stages[case.stage_index :] if known and case.outcome is None else (),
        is_open=case.stage is not None,
        now=now,
        earlier=case.reviewers_by_stage,
        reassigned={holder: person.id for holder, person in case.reassigned.items()},
        open_holders=case.stage.open_holders(case.stage_reviews) if case.stage else None,
        reached=case.stage.reached if case.stage else (),
        claims=claims,
    )


def strangers(order: AssessOrder, problem: str) -> Assessment:
    """Return what is known of callers when nobody can be asked who they are."""
    return Assessment(
        actors=tuple(Actor(claimed=claim.actor, problem=problem) for claim in order.claims)
    )


def _claim(message: Message) -> Claim:
    return Claim(
        actor=message.actor,
        action=message.action,
        decision_id=message.decision_id,
        attestation=message.attestation,
        seat_of=message.seat_of,
        to=message.to,
    )


def _request(start: RawValue) -> Any:
    """Return the JSON the workflow was started with."""
    encoding, data = plain(start)
    if encoding == SEVERAL:
        count = data.decode("ascii", "replace")[:10]
        raise ValueError(f"started with {count} arguments; start it with one JSON object")
    if encoding != "json/plain":
        got = f"with encoding {encoding}" if encoding else "without a request"
        raise ValueError(f"started {got}; start it with one JSON object")
    try:
        return read_json(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"started with what is not valid JSON ({error}); start it with one JSON object"
        ) from error
