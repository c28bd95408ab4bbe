"""A case in Markdown, for Temporal's UI."""

from placet.domain.case import Case
from placet.domain.finding import found_text
from placet.domain.plan import utc


def details(case: Case) -> str:
    """Return what somebody who opens the workflow wants to know first."""
    plan = case.plan
    if plan is None:
        return f"**{case.status.value}**"
    lines = [
        f"**{_safe(plan.title)}** · {plan.amount or ''} · asked by {_safe(plan.requester.name)}",
        "",
        f"- status: **{case.status.value}**, revision {case.revision}, route {_safe(plan.route)}",
    ]
    if case.stage is not None:
        people = ", ".join(_safe(person.name) for person in case.awaited) or "nobody"
        lines.append(f"- stage **{_safe(case.stage.plan.name)}** waits for {people}")
        lines.append(f"- deadline {utc(case.stage.due_deadline)}")
    if case.changes_due is not None:
        lines.append(f"- changes are expected until {utc(case.changes_due)}")
    if case.proposal is not None:
        lines.append(f"- {_safe(case.proposal.by.name)} proposes a change")
    if plan.findings:
        lines.append(f"- {found_text(len(plan.findings))}")
    for review in case.reviews:
        behalf = f" for {_safe(review.on_behalf_of.name)}" if review.on_behalf_of else ""
        lines.append(
            f"- {_safe(review.person.name)}{behalf}: {review.action.value} "
            f"({review.stage}, {review.assurance.value})"
        )
    if case.outcome is not None:
        lines.append(f"- outcome: {case.outcome.kind.value} by {case.outcome.by.value}")
    if case.effect is not None:
        until = f" until {utc(case.effect_due)}" if case.effect_due else ""
        lines.append(f"- {case.effect_name}: {case.effect.value.replace('_', ' ')}{until}")
    return "\n".join(lines)


def _safe(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-.!<>|~" else c for c in text.replace("\n", " "))
