"""Everything a person can ask of a case."""

from collections.abc import Callable
from typing import Any

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
    SeatOf,
    Stage,
    To,
    Who,
    example,
)
from placet.domain.vocabulary import Action

_REVIEWS = (
    (Action.APPROVE, "Approve a case.", "within budget"),
    (Action.REJECT, "Reject a case.", "no receipt"),
    (Action.REQUEST_CHANGES, "Ask for a changed request.", "add the receipt"),
)
_WHAT_COUNTS = "What counts is the revision that is stored now, or the one that --digest names."
_CASE = "expense-dinner-1f"
_BOB, _ALICE = "--as bob@example.com", "--as alice@example.com"


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for action, about, reason in _REVIEWS:
        name = action.value.replace("_", "-")
        said = f'{name} {_CASE} {_BOB} --reason "{reason}"'
        signed = f"{name} {_CASE} {_BOB} --key ~/.placet-key.json"
        about_it = f"{about}\n\n{_WHAT_COUNTS}"
        app.command(name, help=about_it, epilog=example(said, signed))(_reviews(action))
    for command, line in (
        (comment, f'{_CASE} {_BOB} --reason "who was there?"'),
        (reassign, f"{_CASE} {_BOB} --to carol@example.com"),
        (withdraw, f'{_CASE} {_ALICE} --reason "paid twice"'),
        (break_glass, f'access-orders-1f {_ALICE} --key alice.jwk --reason "the shop is down"'),
        (resubmit, f"{_CASE} changed.json {_ALICE}"),
        (edit, f'{_CASE} changed.json {_BOB} --reason "the tip was missing"'),
        (agree, f"{_CASE} {_ALICE}"),
    ):
        name = command.__name__.replace("_", "-")
        app.command(name, epilog=example(f"{name} {line}"))(command)


def _reviews(action: Action) -> Callable[..., int]:
    def review(
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
        signed = {"digest": digest, "key": key, "stage": stage}
        return _send(action, case, who, reason, decision_id, no_wait, json, **signed)

    return review


def comment(
    case: Case,
    who: Who,
    reason: Reason,
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Comment on a case; it decides nothing."""
    return _send(Action.COMMENT, case, who, reason, decision_id, no_wait, json)


def reassign(
    case: Case,
    who: Who,
    to: To,
    seat_of: SeatOf = None,
    reason: Reason = "",
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Let somebody else review.

    It is your own seat, or with the role placet-admin anybody's.
    """
    seat = {"to": to, "seat_of": seat_of}
    return _send(Action.REASSIGN, case, who, reason, decision_id, no_wait, json, **seat)


def withdraw(
    case: Case,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Take your own request back.

    After the approval it revokes what waits for its time, stops what can be stopped half-way, and
    ends what is in force: the requester, whom it is for, who approved it and the role placet-admin
    may do so.
    """
    return _send(Action.WITHDRAW, case, who, reason, decision_id, no_wait, json)


def break_glass(
    case: Case,
    who: Who,
    reason: Reason,
    decision_id: DecisionId = None,
    digest: Digest = None,
    key: Key = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Have a case carried out before anybody has reviewed it.

    Those whom its policy names may do so; everybody concerned is alarmed, and a review afterwards
    ends it unless it is approved.
    """
    signed = {"digest": digest, "key": key}
    return _send(Action.BREAK_GLASS, case, who, reason, decision_id, no_wait, json, **signed)


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
    return _send(Action.RESUBMIT, case, who, reason, decision_id, no_wait, json, file=file)


def edit(
    case: Case,
    file: RequestFile,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    digest: Digest = None,
    key: Key = None,
    stage: Stage = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Change a request that you review.

    Where the policy allows it, it counts at once, or when its author agrees. It becomes a new
    revision, on which earlier votes are void.
    """
    changed = {"file": file, "digest": digest, "key": key, "stage": stage}
    return _send(Action.EDIT, case, who, reason, decision_id, no_wait, json, **changed)


def agree(
    case: Case,
    who: Who,
    reason: Reason = "",
    decision_id: DecisionId = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Take over what a reviewer proposes to make of your request.

    It becomes a new revision, on which earlier votes are void.
    """
    return _send(Action.RESUBMIT, case, who, reason, decision_id, no_wait, json, agrees=True)


def _send(
    action: Action,
    case: str,
    who: str,
    reason: str,
    decision_id: str | None,
    no_wait: bool,
    json: bool,
    **more: Any,
) -> int:
    """Send what every command says, and what this one says ``more``, by the name in ``Wish``."""
    from placet.cli.deciding import Wish, carry_out
    from placet.cli.world import go

    return go(
        carry_out(
            Wish(
                action=action,
                request_id=case,
                actor=who,
                reason=reason,
                decision_id=decision_id,
                wait=not no_wait,
                json=json,
                **more,
            )
        )
    )
