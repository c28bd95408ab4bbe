"""The steps a case makes: what moves it beside people, and how two steps are made one. All pure."""

from collections.abc import Sequence
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from placet.domain import lasting, progress, reception, stopping
    from placet.domain.case import Case, Step
    from placet.domain.message import Malformed
    from placet.domain.orders import EffectResult, Followed, FollowerEnded, Given
    from placet.domain.plan import Opening, PersonRef
    from placet.domain.record import Undelivered
    from placet.domain.vocabulary import EffectState

from workflows.inbox import Cancellation, Entry, Tick


def moved(case: Case, entry: Entry, now: datetime) -> Step:  # noqa: PLR0911 - one for each kind
    """Take what comes from no person who could be asked who they are."""
    match entry.content:
        case Malformed() as malformed:
            return reception.misunderstood(case, malformed, entry.decision_id, now)
        case Cancellation() as asked:
            return stopping.cancelled(case, asked.reason, entry.decision_id, now)
        case EffectResult() as result:
            done = lasting.ended if _is_ending(case) else progress.effect_ended
            return done(case, result, now)
        case ApplicationError() as error:
            failed = lasting.not_ended if _is_ending(case) else progress.effect_failed
            return failed(case, error.message, now)
        case Followed() as by:
            return lasting.followed(case, by, now)
        case FollowerEnded() as report:
            return lasting.follower_ended(case, report, now)
        case Undelivered() as notice:
            return progress.notice_failed(case, notice, now)
        case Tick():
            seen = progress.looked_over(case, now)
            return joined(seen, progress.timers_fired(seen.case, now))
    problem = f"{entry.key} was taken and not read"
    raise TypeError(problem)


def _is_ending(case: Case) -> bool:
    return case.effect is EffectState.ENDING


def joined(first: Step, then: Step) -> Step:
    """Return both steps as one."""
    return then.model_copy(
        update={
            "records": (*first.records, *then.records),
            "notices": (*first.notices, *then.notices),
        }
    )


def opened(step: Step, opening: Opening | None, now: datetime) -> Step:
    """Open the first stage in the same breath, where there is one."""
    if opening is None:
        return step
    return joined(step, progress.opened(step.case, opening, now)).model_copy(
        update={"answer": step.answer}
    )


def answered(entry: Entry, step: Step, before: int = 0, given: Sequence[Given] = ()) -> Given:
    """Find the record that ``step``'s answer is about, ``before`` records being ahead of it."""
    answer = step.answer
    assert answer is not None  # noqa: S101 - the callers have looked
    for index, record in enumerate(step.records):
        if record.decision_id == answer.decision_id:
            return Given(key=entry.key, answer=answer, place=before + index)
    # The same decision id came twice in one batch: both get the receipt of the first.
    same = [each for each in given if each.answer == answer]
    return Given(key=entry.key, answer=answer, place=same[0].place if same else None)


def asked_by(error: Exception) -> PersonRef | None:
    """Return whom the activity that refused to plan a request knows as its requester."""
    told = error.details[0] if isinstance(error, ApplicationError) and error.details else None
    return PersonRef.model_validate(told) if told is not None else None


def problem_of(error: Exception) -> str:
    """Return what an error says."""
    return getattr(error, "message", None) or str(error)
