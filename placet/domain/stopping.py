"""What stops a case from outside its rules: a cancellation in Temporal, or a part that is gone."""

from datetime import datetime

from placet.domain.case import Case, Step
from placet.domain.deciding import end, too_late, withdraw
from placet.domain.draft import Draft
from placet.domain.record import NoticeKind
from placet.domain.review import Answer
from placet.domain.revoking import take_back
from placet.domain.text import TEXT_LIMIT, clean_text, problem_text
from placet.domain.vocabulary import DecidedBy, Kind, Refusal, Status

CANCELLATION = "temporal-cancel"
"""The channel of a cancellation. Temporal's history names who asked for it; the workflow cannot."""


def cancelled(case: Case, reason: str, decision_id: str, now: datetime) -> Step:
    """Take that an administrator has cancelled the workflow in Temporal.

    A case without an outcome is withdrawn; what waits for its time is revoked, and what runs and
    can be stopped is stopped. Else it is too late: what was decided goes on.
    """
    draft = Draft(case, now)
    told = clean_text(reason, TEXT_LIMIT, truncate=True)
    if not case.revocable:
        text = too_late(case, "the cancellation")
        draft.record(
            Kind.LATE,
            channel=CANCELLATION,
            reason=text,
            data={"refusal": Refusal.LATE.value, "action": "cancel", "said": told},
        )
    elif case.outcome is not None:
        text = take_back(draft, channel=CANCELLATION, reason=told)
    else:
        text = told or "cancelled by an administrator"
        waiting = case.awaited
        draft.record(Kind.CANCELLED, channel=CANCELLATION, reason=told)
        withdraw(draft, text, waiting)
    answer = Answer(
        accepted=case.revocable,
        message=text,
        status=draft.case.status,
        decision_id=decision_id,
        refusal=None if case.revocable else Refusal.LATE,
    )
    return draft.done(answer)


def failed(case: Case, problem: str, now: datetime) -> Step:
    """End a case that cannot go on: what it needs is gone, and asking again is no use (rule 9)."""
    draft = Draft(case, now)
    reason, waiting = problem_text(problem), case.awaited
    draft.record(Kind.FAILED, reason=reason)
    end(draft, Status.FAILED, DecidedBy.SYSTEM, reason)
    draft.notify(NoticeKind.DECIDED, waiting, "failed; nothing is left to do")
    return draft.done()
