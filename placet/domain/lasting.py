"""An effect that lasts is in force, once it is done, until its time or somebody ends it.

Each public function is a transition ``(case, input, now) -> Step``.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import count

from placet.domain.case import Case, Step
from placet.domain.deciding import permit_id
from placet.domain.draft import Draft
from placet.domain.orders import EffectResult, Followed, FollowerEnded
from placet.domain.record import NoticeKind
from placet.domain.revoking import concerned, take_back
from placet.domain.text import problem_text
from placet.domain.vocabulary import EffectState, Kind, Status

REVIEW_AFTERWARDS = "review-afterwards"
"""The channel by which the outcome of a review after the fact comes."""

MAX_EVENTS = 20_000
"""For how many events of history a review afterwards is waited for.

A run that waits for one is not continued as a new one, and Temporal ends a run of 51,200 events:
whoever filled it with comments could keep what is in force.
"""

_MAX_ID = 1_000
"""How many bytes a workflow's id may have, in Temporal and in the ledger."""


def follower_ids(case: str, what: str) -> Iterator[str]:
    """Yield the ids that a case that comes of ``case`` may have, the best first.

    They are ``…-again``, ``…-again-2`` and so on, and go on where ``case`` itself is one of them.
    """
    found = re.search(rf"-{re.escape(what)}(?:-(\d+))?\Z", case)
    stem, first = (case[: found.start()], int(found[1] or 1) + 1) if found else (case, 1)
    for number in count(first):
        end = f"-{what}" if number == 1 else f"-{what}-{number}"
        if len(f"{stem}{end}".encode()) > _MAX_ID:
            end = f"-{hashlib.sha256(stem.encode()).hexdigest()[:12]}{end}"
        yield stem.encode()[: _MAX_ID - len(end.encode())].decode(errors="ignore") + end


def ended(case: Case, result: EffectResult, now: datetime) -> Step:
    """Take that what was in force has ended; its own transaction has recorded it."""
    draft = Draft(case, case.effect_told_at or now)
    draft.set(effect=EffectState.UNDONE if result.undone else EffectState.ENDED)
    draft.notify(NoticeKind.EFFECT_ENDED, concerned(case), result.summary)
    return draft.done()


def not_ended(case: Case, problem: str, now: datetime) -> Step:
    """Record that what was in force cannot be ended by Placet, and tell everybody concerned."""
    draft = Draft(case, now)
    reason = problem_text(problem)
    draft.set(effect=EffectState.FAILED)
    draft.record(
        Kind.EFFECT_FAILED,
        reason=reason,
        data={"permit": permit_id(case), "effect": EffectState.FAILED.value},
    )
    draft.notify(NoticeKind.EFFECT_FAILED, concerned(case), f"it was not ended: {reason}")
    return draft.done()


def followed(case: Case, by: Followed, now: datetime) -> Step:
    """Record that another case has come of this one."""
    draft = Draft(case, now)
    draft.record(Kind.FOLLOWED, reason=by.why, data={"case": by.case})
    return draft.done()


def follower_ended(case: Case, report: FollowerEnded, now: datetime) -> Step:
    """Take the outcome of the review after the fact: without a yes, what is in force ends.

    What still runs is stopped, or ends as soon as it is in force.
    """
    draft = Draft(case, now)
    draft.record(
        Kind.FOLLOWER_ENDED,
        reason=report.reason,
        data={"case": report.case, "outcome": report.outcome},
    )
    to_come = case.effect is EffectState.PENDING and not case.stopping
    if report.outcome != Status.APPROVED.value and (case.revocable or to_come):
        reason = f"{report.case} was {report.outcome}: {report.reason}"
        take_back(draft, channel=REVIEW_AFTERWARDS, reason=reason)
    return draft.done()
