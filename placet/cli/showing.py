"""Show what a request says, what its plan says of it, and what a reviewer would make of it."""

import shlex
from typing import Any

from placet.cli.console import out, safe
from placet.domain.ledger_rows import RequestRow
from placet.planned import PlanFacts, Proposed
from placet.policy.explain import scope_lines


def show_content(content: Any) -> None:
    """Print a request: a JSON object, or None when it was erased."""
    if isinstance(content, dict):
        out("\nThe request")
        for each in _told(content):
            out(f"  {safe(each)}")


def show_plan(plan: PlanFacts) -> None:
    """Print what the checks found and what the effect will touch, where there is any of it."""
    if plan.findings:
        out(f"\nThe checks found {plan.found}")
        for finding in plan.findings:
            out(f"  {safe(f'{finding.where}: {finding.message} ({finding.kind})')}")
    if plan.scope:
        out("\nIt will touch")
        for each in scope_lines(plan.scope):
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
    command = f"placet agree {shlex.quote(row.request)} --as WHO"
    out(f"  {safe(f'the requester takes it over: {command}')}")


def _told(content: Any) -> list[str]:
    """Return what a JSON object says, a line for each of its values."""
    lines = []
    for name, value in content.items() if isinstance(content, dict) else ():
        label = str(name).replace("_", " ")
        if isinstance(value, list):
            numbered = enumerate(value, start=1)
            lines += [f"{label} {number}: {_inline(item)}" for number, item in numbered]
        elif value is not None:
            lines.append(f"{label}: {_inline(value)}")
    return lines


def _inline(value: Any) -> str:
    """Return a JSON value on one line: money as money, a stored file by its name and digest."""
    if isinstance(value, list):
        return ", ".join(_inline(item) for item in value)
    if not isinstance(value, dict):
        return str(value)
    if value.keys() == {"amount", "currency"}:
        return f"{value['amount']} {value['currency']}"
    if "sha256" in value:
        return f"{value.get('name') or 'file'} (sha256 {str(value['sha256'])[:12]}…)"
    return ", ".join(_inline(item) for item in value.values() if item is not None)
