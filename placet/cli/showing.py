"""Show what a request says, what its plan says of it, and what a reviewer would make of it."""

import shlex
from typing import Any

from placet.cli.console import out, safe
from placet.domain.finding import found_text
from placet.domain.ledger_rows import RequestRow
from placet.domain.scope import scope_sentences
from placet.planned import PlanFacts, Proposed
from placet.registry import pipeline_named
from placet.told import told_pairs


def show_content(content: Any) -> None:
    """Print a request: a JSON object, or None when it was erased."""
    if isinstance(content, dict):
        out("\nThe request")
        for each in _told(content):
            out(f"  {safe(each)}")


def show_plan(pipeline: str, plan: PlanFacts) -> None:
    """Print what the checks found and what the effect will touch, where there is any of it."""
    if plan.findings:
        out(f"\n{found_text(plan.found).capitalize()}")
        for finding in plan.findings:
            out(f"  {safe(f'{finding.where}: {finding.message} ({finding.kind})')}")
    if plan.scope:
        out("\nIt will touch")
        for each in scope_sentences(pipeline, plan.scope):
            out(f"  {safe(each)}")


def show_proposal(row: RequestRow, proposed: Proposed, content: Any, change: Any) -> None:
    """Print what a proposed change takes out of the request, and what it brings in."""
    before, after = _told(content), _told(change)
    why = f": {proposed.reason}" if proposed.reason else ""
    out(f"\n{safe(f'{proposed.by} proposes a change{why}')}")
    gone = [f"- {each}" for each in before if each not in after]
    new = [f"+ {each}" for each in after if each not in before]
    for each in (*gone, *new):
        out(f"  {safe(each)}")
    case = shlex.quote(row.request)
    if _can_be_previewed(row):
        out(f"  {safe(f'look at it: placet preview {case} --proposal')}")
    out(f"  {safe(f'the requester takes it over: placet agree {case} --as WHO')}")


def _can_be_previewed(row: RequestRow) -> bool:
    kind = pipeline_named(row.pipeline)
    return kind is not None and kind.door.preview is not None


def _told(content: Any) -> list[str]:
    """Return what a JSON object says, a line for each of its values."""
    return [f"{name}: {value}" for name, value in told_pairs(content)]
