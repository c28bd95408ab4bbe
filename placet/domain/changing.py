"""How a request becomes another one under review: its requester resubmits, or a reviewer edits it.

Both bring the whole changed request, which has been planned, and both make a new revision on which
everybody votes anew. An edit with the author is only proposed: it waits for the requester, who
takes it over by resubmitting exactly that.
"""

from pydantic import JsonValue

from placet.domain.case import Proposal
from placet.domain.deciding import changes_wanted
from placet.domain.draft import Draft
from placet.domain.plan import Edits, PersonRef, Plan, Seat
from placet.domain.progress import decide_by_rule, record_plan
from placet.domain.record import NoticeKind
from placet.domain.review import Call, RefusedError
from placet.domain.vocabulary import Kind, Refusal, Status
from placet.domain.voting import may_review, may_sit, no_reviewer


def may_edit(draft: Draft, call: Call, person: PersonRef) -> None:
    """Refuse an edit by somebody who could not review the open stage now.

    Raises:
        RefusedError: They may not, or the policy lets no reviewer edit.
    """
    case = draft.case
    plan = case.known_plan()
    if person.id == plan.requester.id:
        raise RefusedError(Refusal.OWN_REQUEST, "it is your own request; resubmit it, changed")
    if plan.edits is Edits.NEVER:
        raise RefusedError(
            Refusal.EDITS_NOT_ALLOWED,
            "the policy lets no reviewer change this request; ask for changes instead",
        )
    may_review(case, call, person)
    votes = case.tally
    if votes is None or not votes.seats_of(person.id):
        raise no_reviewer(case, person)
    may_sit(case, votes, call, person)


def edited(draft: Draft, call: Call, person: PersonRef, plan: Plan, digest: str) -> str:
    """Take a reviewer's edit, which ``may_edit`` has let through; return what to tell them.

    Args:
        draft: Of the case that is edited.
        call: The edit.
        person: Whose it is.
        plan: Of the changed request.
        digest: SHA-256 (64 hex) of the changed request.

    Raises:
        RefusedError: Nobody would vote on it.
    """
    case, requester = draft.case, plan.requester
    seat = _seat(draft, person)
    behalf = None if seat.holder.id == person.id else seat.holder
    told: dict[str, JsonValue] = {**_described(plan), "group": seat.group}
    because = f": {call.message.reason}" if call.message.reason else ""
    if case.known_plan().edits is Edits.WITH_AUTHOR:
        draft.set(proposal=Proposal(digest=digest, by=person, at=draft.now))
        draft.record(
            Kind.EDIT_PROPOSED, call=call, on_behalf_of=behalf, data={**told, "proposal": digest}
        )
        reason = f"{person.name} proposes a change{because}"
        changes_wanted(draft, reason, NoticeKind.EDIT_PROPOSED)
        return f"your change is proposed to {requester.name}; it counts when they take it over"
    if plan.decision is not None:
        # The requester has not asked for this, and nobody but the editor would have seen it.
        raise RefusedError(
            Refusal.BAD_REQUEST,
            "the policy would decide the changed request by rule, and nobody would vote on your "
            "edit; ask for changes instead, or reject",
        )
    stage = draft.open_stage().plan.name
    void = _replan(draft, plan, digest)
    draft.set(rounds=case.rounds + 1)
    draft.record(
        Kind.EDITED,
        call=call,
        on_behalf_of=behalf,
        stage=stage,
        data={**told, "replaces": case.digest, "voided_reviews": void},
    )
    record_plan(draft, plan)
    draft.notify(NoticeKind.EDITED, (requester,), f"{person.name} changed it{because}")
    return _said(draft)


def resubmitted(draft: Draft, call: Call, plan: Plan, digest: str) -> str:
    """Take the requester's changed request; return what to tell them."""
    before = draft.case
    void = _replan(draft, plan, digest)
    data: dict[str, JsonValue] = {
        **_described(plan),
        "replaces": before.digest,
        "voided_reviews": void,
    }
    if before.proposal is not None and before.proposal.digest == digest:
        data["edited_by"] = before.proposal.by.id
    draft.record(Kind.RESUBMITTED, call=call, data=data)
    record_plan(draft, plan)
    decide_by_rule(draft, plan)
    return _said(draft)


def _replan(draft: Draft, plan: Plan, digest: str) -> int:
    """Begin a new revision, on which nobody has voted yet; return how many reviews are void."""
    case = draft.case
    # Whom it is for now may have handed seats on while it was for somebody else.
    same = case.known_plan().kept_out == plan.kept_out
    draft.set(
        plan=plan,
        digest=digest,
        status=Status.PENDING,
        revision=case.revision + 1,
        stage=None,
        stage_index=0,
        reviews=(),
        held=(),
        passed=(),
        passed_by=(),
        handovers=case.handovers if same else {},
        changes_due=None,
        proposal=None,
    )
    return len(case.reviews) + len(case.held)


def _seat(draft: Draft, person: PersonRef) -> Seat:
    """Return the seat in the open stage that lets this person edit."""
    votes = draft.case.tally
    assert votes is not None  # noqa: S101 - may_edit has looked
    return votes.seats[votes.seated_with(person.id)[person.id]]


def _described(plan: Plan) -> dict[str, JsonValue]:
    return {"title": plan.title, "amount": plan.amount}


def _said(draft: Draft) -> str:
    case = draft.case
    return (
        f"it is now revision {case.revision}; earlier votes are void, and the case is {case.status}"
    )
