"""Everything a person can ask of a case."""

from pathlib import Path
from typing import Annotated

import typer

from placet.cli.options import (
    Case,
    DecisionId,
    Digest,
    Json,
    Key,
    NoWait,
    Reason,
    RequestFile,
    Stage,
    Who,
    example,
)

To = Annotated[str, typer.Option("--to", metavar="WHO", help="Who reviews instead.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="WHO", help="Whose seat; your own when it is not said."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    bob = "--as bob@example.com"
    app.command(
        "approve", epilog=example(f'approve expense-dinner-1f {bob} --reason "within budget"')
    )(approve)
    app.command("reject", epilog=example(f'reject expense-dinner-1f {bob} --reason "no receipt"'))(
        reject
    )
    app.command(
        "request-changes",
        epilog=example(f'request-changes expense-dinner-1f {bob} --reason "add the receipt"'),
    )(request_changes)
    app.command(
        "comment", epilog=example(f'comment expense-dinner-1f {bob} --reason "who was there?"')
    )(comment)
    app.command(
        "reassign", epilog=example(f"reassign expense-dinner-1f {bob} --to carol@example.com")
    )(reassign)
    app.command(
        "withdraw",
        epilog=example('withdraw expense-dinner-1f --as alice@example.com --reason "paid twice"'),
    )(withdraw)
    app.command(
        "resubmit", epilog=example("resubmit expense-dinner-1f changed.json --as alice@example.com")
    )(resubmit)


def approve(
    case: Case,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    digest: Digest = None,
    key: Key = None,
    stage: Stage = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Approve a case.

    What counts is the revision that is stored now, or the one that --digest names.
    """
    return _send(
        "approve",
        case,
        who,
        reason=reason,
        decision_id=decision_id,
        digest=digest,
        key=key,
        stage=stage,
        wait=not no_wait,
        json=json,
    )


def reject(
    case: Case,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    digest: Digest = None,
    key: Key = None,
    stage: Stage = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Reject a case.

    What counts is the revision that is stored now, or the one that --digest names.
    """
    return _send(
        "reject",
        case,
        who,
        reason=reason,
        decision_id=decision_id,
        digest=digest,
        key=key,
        stage=stage,
        wait=not no_wait,
        json=json,
    )


def request_changes(
    case: Case,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    digest: Digest = None,
    key: Key = None,
    stage: Stage = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Ask for a changed request."""
    return _send(
        "request_changes",
        case,
        who,
        reason=reason,
        decision_id=decision_id,
        digest=digest,
        key=key,
        stage=stage,
        wait=not no_wait,
        json=json,
    )


def comment(
    case: Case,
    who: Who,
    reason: Reason,
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Comment on a case; it decides nothing."""
    return _send(
        "comment", case, who, reason=reason, decision_id=decision_id, wait=not no_wait, json=json
    )


def reassign(
    case: Case,
    who: Who,
    to: To,
    seat_of: From = None,
    reason: Reason = "",
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Let somebody else review.

    It is your own seat, or with the role placet-admin anybody's.
    """
    return _send(
        "reassign",
        case,
        who,
        reason=reason,
        decision_id=decision_id,
        to=to,
        seat_of=seat_of,
        wait=not no_wait,
        json=json,
    )


def withdraw(
    case: Case,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Take your own request back."""
    return _send(
        "withdraw", case, who, reason=reason, decision_id=decision_id, wait=not no_wait, json=json
    )


def resubmit(
    case: Case,
    file: RequestFile,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Submit your request again, changed.

    It becomes a new revision, on which earlier votes are void.
    """
    return _send(
        "resubmit",
        case,
        who,
        reason=reason,
        decision_id=decision_id,
        file=file,
        wait=not no_wait,
        json=json,
    )


def _send(
    action: str,
    case: str,
    who: str,
    *,
    reason: str,
    decision_id: str | None,
    digest: str | None = None,
    key: Path | None = None,
    stage: str | None = None,
    to: str | None = None,
    seat_of: str | None = None,
    file: str | None = None,
    wait: bool,
    json: bool,
) -> int:
    from placet.cli.deciding import Wish, carry_out
    from placet.cli.world import go
    from placet.domain.vocabulary import Action

    wish = Wish(
        action=Action(action),
        request_id=case,
        actor=who,
        reason=reason,
        decision_id=decision_id,
        digest=digest,
        key=key,
        stage=stage,
        to=to,
        seat_of=seat_of,
        file=file,
        wait=wait,
        json=json,
    )
    return go(carry_out(wish))
