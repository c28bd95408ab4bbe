"""Takes an approval back: what waits never runs, what runs is stopped, what is in force ends."""

from pydantic import JsonValue

from placet.domain.case import Case, Ending
from placet.domain.deciding import permit_id
from placet.domain.draft import Draft
from placet.domain.plan import PersonRef
from placet.domain.record import NoticeKind
from placet.domain.review import ADMINISTRATOR, Call, RefusedError
from placet.domain.vocabulary import Action, EffectState, EndReason, Kind, Refusal


def take_back(
    draft: Draft, call: Call | None = None, *, channel: str | None = None, reason: str = ""
) -> str:
    """Revoke what waits, stop what runs, end what is in force; the case is revocable.

    Args:
        draft: The step.
        call: Who asked, when a message did.
        channel: How it came, when it was no message.
        reason: Why, when it was no message.

    Returns:
        What to tell the caller.
    """
    case = draft.case
    said = reason or (call.message.reason if call else "")
    ending = Ending(at=draft.now, why=EndReason.WITHDRAWN, reason=said)
    data: dict[str, JsonValue] = {"permit": permit_id(case)}
    if case.effect is EffectState.WAITING:
        draft.set(effect=EffectState.REVOKED)
        data["effect"] = EffectState.REVOKED.value
        draft.record(Kind.REVOKED, call=call, channel=channel, reason=reason, data=data)
        text = f"revoked: {said}" if said else "revoked"
        draft.notify(NoticeKind.REVOKED, concerned(case), text)
        return "the approval is revoked; nothing will be carried out"
    if case.effect is EffectState.IN_FORCE:
        draft.set(effect=EffectState.ENDING, ending=ending)
        data["effect"] = EffectState.ENDING.value
        draft.record(Kind.STOP_REQUESTED, call=call, channel=channel, reason=reason, data=data)
        return "it is being ended"
    # Should it be done and last before it is stopped, it ends.
    draft.set(stopping=True, ending=ending)
    draft.record(Kind.STOP_REQUESTED, call=call, channel=channel, reason=reason, data=data)
    return "it is being stopped; what has been done until then stays"


def may_take_back(case: Case, call: Call) -> None:
    """Let only those take an approval back who asked for it, gave it, got it, or administer.

    Raises:
        RefusedError: The caller is none of them.
    """
    allowed = {person.id for person in concerned(case)}
    person = call.actor.person
    if person is None or (person.id not in allowed and ADMINISTRATOR not in call.actor.roles):
        raise RefusedError(
            Refusal.NOT_REQUESTER,
            "only the requester, whom it is for, somebody who approved it, or an administrator can "
            f"take the approval back; ask {case.known_plan().requester.name}",
        )


def concerned(case: Case) -> tuple[PersonRef, ...]:
    """Return who asked, whom it is for, and those whose approval counted, for others or not."""
    plan = case.known_plan()
    people = [plan.requester, *plan.kept_out]
    for review in case.reviews:
        if review.counts and review.action is Action.APPROVE:
            people += [review.person, *([review.on_behalf_of] if review.on_behalf_of else [])]
    return tuple({person.id: person for person in people}.values())
