"""Show cases from the ledger; a worker need not be up."""

import json as jsonlib
from collections import defaultdict
from datetime import datetime
from functools import partial
from typing import Any

from placet.cli import world
from placet.cli.console import as_json, out, pairs, safe, say, table
from placet.cli.following import effect_text, follow_to_end, line, state_of, unknown, watch
from placet.cli.live import advance_in, hindrance_in, live_state, under_way
from placet.cli.showing import show_content, show_plan, show_proposal
from placet.cli.times import until
from placet.connections import open_ledger
from placet.decisions import how_it_ended
from placet.domain.errors import NotFoundError
from placet.domain.ledger_rows import AssignmentRow, PaymentRow, RequestRow, ReviewRow
from placet.ledger.session import MAX_ROWS
from placet.planned import plan_facts, proposal
from placet.ports import Ledger
from placet.settings import Settings

_DID = {"changes_requested": "asked for changes to"}


async def list_cases(  # noqa: PLR0913 - each is one filter of the list
    *,
    reviewer: str | None,
    requester: str | None,
    status: str | None,
    pipeline: str | None,
    limit: int,
    json: bool,
) -> int:
    """Print the cases that fit, the most urgent first for a reviewer, else the newest."""
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        rows = await ledger.requests(
            reviewer=world.person(settings, reviewer).id if reviewer else None,
            requester=world.person(settings, requester).id if requester else None,
            status=status,
            pipeline=pipeline,
            limit=MAX_ROWS if reviewer else limit,
        )
        if reviewer:
            rows = sorted(rows, key=_urgency)[:limit]
        waiting = await _waiting(ledger, rows)
    if json:
        for row in rows:
            shown = [each.model_dump(mode="json") for each in waiting[row.request]]
            as_json({**row.model_dump(mode="json"), "waiting_for": shown})
        return 0
    heads = ("CASE", "STATUS", "AMOUNT", "DUE", "WAITS FOR", "REQUESTER", "TITLE")
    now = world.now()
    table(heads, (_cells(row, waiting[row.request], now) for row in rows))
    if not rows:
        say("there is no such case")
    return 0


def _urgency(row: RequestRow) -> tuple[bool, float, str]:
    return row.due is None, row.due.timestamp() if row.due else 0.0, row.request


async def _waiting(ledger: Ledger, rows: list[RequestRow]) -> dict[str, list[AssignmentRow]]:
    waiting: dict[str, list[AssignmentRow]] = defaultdict(list)
    for row in await ledger.assignments([row.request for row in rows]):
        waiting[row.request].append(row)
    return waiting


def _cells(row: RequestRow, waiting: list[AssignmentRow], now: datetime) -> list[str]:
    return [
        row.request,
        state_of(row),
        row.amount or "",
        until(row.due, now) if row.due else "",
        ", ".join(each.name or each.person for each in waiting),
        row.requester_name or row.requester_id or "",
        row.title or "",
    ]


async def show_case(request_id: str, *, events: bool, json: bool) -> int:
    """Print a case, its request, whom it waits for, its reviews, its payment and its story.

    Args:
        request_id: The case.
        events: Whether to print the whole events instead of a sentence for each.
        json: Whether to print one JSON object.

    Raises:
        NotFoundError: There is no such case.
    """
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        row = await ledger.request(request_id)
        live = await live_state(settings, request_id)
        if row is None:
            return _show_unplanned(request_id, live, json=json)
        waiting = await ledger.assignments([request_id])
        reviews = await ledger.reviews(request_id)
        payments = await ledger.payments(request=request_id)
        story = await ledger.timeline(request_id)
        content = await _content(ledger, row.digest)
        proposed = proposal(story, row)
        change = await _content(ledger, proposed.digest if proposed else None)
    plan = plan_facts(story, row)
    if json:
        as_json(
            {
                **row.model_dump(mode="json"),
                "waiting_for": [each.model_dump(mode="json") for each in waiting],
                "reviews": [each.model_dump(mode="json") for each in reviews],
                "payments": [each.model_dump(mode="json") for each in payments],
                "content": content,
                "findings": [each.model_dump(mode="json") for each in plan.findings],
                "found": plan.found,
                "scope": plan.scope,
                "proposal": proposed and {**proposed._asdict(), "content": change},
                "events": [each.model_dump(mode="json") for each in story],
                "live": live,
            }
        )
        return 0
    _show_state(row, waiting, live)
    show_content(content)
    show_plan(row.pipeline, plan)
    if proposed is not None:
        show_proposal(row, proposed, content, change)
    _show_reviews(reviews)
    _show_payments(payments)
    out("\nWhat happened (UTC, and how long after the first event)")
    for event in story:
        out(f"  {safe(line(event, story[0]))}")
        if events:
            body = jsonlib.dumps(event.body, indent=2, sort_keys=True)
            out("\n".join(f"      {part}" for part in body.splitlines()))
            out(f"      event {event.event_id}, leaf {event.leaf}, number {event.seq}")
    return 0


async def _content(ledger: Ledger, digest: str | None) -> Any:
    """Return what a revision says; None when it was erased or there is none."""
    if digest is None:
        return None
    try:
        return jsonlib.loads(await ledger.get_content(digest))
    except (NotFoundError, ValueError):
        return None


def _show_unplanned(request_id: str, live: dict[str, Any] | None, *, json: bool) -> int:
    """Show a case that Temporal has and the ledger does not have yet."""
    if live is None:
        raise unknown(request_id)
    if json:
        as_json({"request": request_id, "status": "planning", "live": live})
        return 0
    if live["workflow"] != "running":
        out(f"{request_id} was never planned, and Temporal has ended it: {live['workflow']}")
        return 0
    out(f"{request_id} is started and not planned yet")
    if why := hindrance_in(live):
        say(why)
    return 0


def _show_state(row: RequestRow, waiting: list[AssignmentRow], live: dict[str, Any] | None) -> None:
    out(safe(row.title or row.request))
    due = until(row.due, world.now()) if row.due else None
    pairs(
        [
            ("case", row.request),
            ("asked by", row.requester_name or row.requester_id),
            ("amount", row.amount),
            ("status", f"{row.status}, stage {row.stage}" if row.stage else row.status),
            ("waits for", ", ".join(map(_awaited, waiting)) or None),
            ("until", due),
            ("outcome", how_it_ended(row) if row.outcome_kind else None),
            ("effect", row.effect and effect_text(row.effect)),
            ("route", row.route),
            ("revision", f"{row.revision}, digest {row.digest}"),
            ("so far", advance_in(live)),
            ("held up", hindrance_in(live)),
        ]
    )


def _awaited(row: AssignmentRow) -> str:
    name = f"{row.name} ({row.person})" if row.name else row.person
    return f"{name} for {row.on_behalf_of}" if row.on_behalf_of else name


def _show_reviews(reviews: list[ReviewRow]) -> None:
    if not reviews:
        return
    out("\nReviews")
    for each in reviews:
        behalf = f" for {each.on_behalf_of}" if each.on_behalf_of else ""
        did = _DID.get(each.verdict, each.verdict)
        reason = f": {each.reason}" if each.reason else ""
        out(
            safe(
                f"  {each.actor_name or each.actor_id}{behalf} {did} "
                f"revision {each.revision} in stage {each.stage}"
                f" ({each.assurance}, {each.channel}){reason}"
            )
        )


def _show_payments(payments: list[PaymentRow]) -> None:
    for each in payments:
        why = f": {each.status_reason}" if each.status_reason else ""
        out("\nPayment")
        out(
            safe(
                f"  {each.payment_id}: {each.amount} {each.currency} to {each.creditor_name}, "
                f"{each.creditor_iban}, file {each.file_name}, {each.status.value}{why}"
            )
        )


async def watch_case(request_id: str, *, json: bool) -> int:
    """Print a case's events as they come, until it ends."""
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        known = await live_state(settings, request_id) is not None
        look = partial(under_way, settings, request_id)
        return await watch(ledger, request_id, json=json, known=known, look=look)


async def wait_for_case(request_id: str, *, patience: float, json: bool) -> int:
    """Wait for a case's end and say how it ended."""
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        known = await live_state(settings, request_id) is not None
        look = partial(under_way, settings, request_id)
        return await follow_to_end(ledger, request_id, patience, json=json, known=known, look=look)
