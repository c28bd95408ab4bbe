"""Break-glass: somebody whom the policy permits has a request carried out before it is reviewed.

It is an approval by nobody but them, and it is loud: everybody whose review was waited for or has
come, everybody it is for and whoever the policy names hears of it at once. Its pipeline has it
reviewed afterwards.
"""

from pydantic import JsonValue

from placet.domain.calendar import Span
from placet.domain.deciding import end
from placet.domain.draft import Draft
from placet.domain.plan import BreakGlass, PersonRef
from placet.domain.record import NoticeKind
from placet.domain.review import Call, RefusedError
from placet.domain.vocabulary import DecidedBy, Kind, Refusal, Status
from placet.domain.voting import of_this_revision


def break_glass(draft: Draft, call: Call, person: PersonRef) -> str:
    """Approve the case at once; return what to tell the caller.

    Raises:
        RefusedError: The policy does not let this person do so, or not like this.
    """
    case = draft.case
    plan = case.known_plan()
    rule = plan.break_glass
    if rule is None or not call.actor.breaks_glass:
        allowed = "those whom the policy names" if rule else "nobody"
        raise RefusedError(
            Refusal.BREAK_GLASS_NOT_ALLOWED,
            f"{person.name} cannot break the glass here: {allowed} may; wait for the reviewers, or "
            "ask them",
        )
    if case.status is not Status.PENDING:
        raise RefusedError(
            Refusal.WAITING_FOR_CHANGES,
            f"changes were requested; {plan.requester.name} has to resubmit first",
        )
    of_this_revision(case, call)
    if not call.actor.assurance.satisfies(rule.assurance):
        raise RefusedError(
            Refusal.ASSURANCE,
            "breaking the glass takes a verified message; sign it (break-glass … --key FILE)",
        )
    if not call.message.reason:
        raise RefusedError(
            Refusal.REASON_MISSING, "say why it cannot wait, for those who review it afterwards"
        )
    reviewers = (*case.awaited, *(review.person for review in case.reviews))
    told = (*reviewers, plan.requester, *plan.kept_out, *call.actor.alarms)
    others = tuple({each.id: each for each in told if each.id != person.id}.values())
    # An older worker has recorded only that this person may.
    permitted: list[JsonValue] = list(call.actor.permitted or (person.id,))
    draft.record(
        Kind.GLASS_BROKEN,
        call=call,
        data={"at_most_minutes": rule.at_most_minutes, "permitted": permitted},
    )
    draft.set(broken_by=person)
    reason = f"{person.name} broke the glass: {call.message.reason}"
    end(draft, Status.APPROVED, DecidedBy.BREAK_GLASS, reason)
    # After the end: the stage that was skipped has no deadline any more that anybody should read.
    text = f"{reason}\nIt is carried out now, for at most {_length(rule)}, and reviewed afterwards."
    draft.notify(NoticeKind.GLASS_BROKEN, others, text)
    return "the glass is broken: it is carried out now, and reviewed afterwards"


def _length(rule: BreakGlass) -> str:
    days, minutes = divmod(rule.at_most_minutes, 24 * 60)
    return str(Span(days, minutes))
