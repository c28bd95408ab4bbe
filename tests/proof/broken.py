"""Every way in which a story is broken, and what is then found first."""

from collections.abc import Callable
from typing import Any, NamedTuple

from placet.domain.vocabulary import Kind
from placet.proof.rules.breaches import Breach
from tests.proof.mutations import (
    Body,
    Mutation,
    a_moment_earlier,
    a_permit_after_a_rejection,
    after,
    approval,
    by_whoever_spoke_before,
    changed,
    dropped,
    earlier,
    having,
    lacking,
    moved,
    rules,
    told_at,
    twice,
    with_one_stage,
    without_the_approval,
    without_the_first_stage,
)

ZEROS = "0" * 64
MALLORY = "mallory"


class Broken(NamedTuple):
    """One way to break stories.

    Attributes:
        how: Breaks a story.
        code: What is found first.
        also: What may be found beside it, because it follows.
    """

    how: Mutation
    code: Breach
    also: frozenset[Breach] = frozenset()


# An approval that does not count is missing: its stage lacks it, and its author has no say later.
_UNCOUNTED = frozenset({Breach.QUORUM_MISSING, Breach.WITHDRAWAL_FORBIDDEN})
# Where a step is missing, nothing of what comes of it has a ground.
_ASTRAY = frozenset(Breach)
_TOLD = frozenset({Breach.STATE_DIFFERS})


def _says(name: str, value: Any) -> Callable[[Body], bool]:
    return lambda body: bool(body["data"].get(name) == value)


def _signed(body: Body) -> bool:
    return bool(body["actor"]["assurance"] == "verified" and body["stage"] == "second")


def _by_a_person(body: Body) -> bool:
    return "actor" in body and "placet-admin" not in body["actor"]["roles"]


def _is_the_board(body: Body) -> bool:
    stages = body["data"]["rules"]["stages"]
    return len(stages) == 2 and stages[1]["assurance"] == "verified"


def _approves_by_time(body: Body) -> bool:
    return any("approve" in (s["deadline"], s["finally"]) for s in body["data"]["rules"]["stages"])


def _first_revision(body: Body) -> bool:
    return bool(body["revision"] == 1)


def _requester(body: Body) -> Any:
    return body["requester"]


REVIEWS = {
    "an approval is left out": Broken(without_the_approval, Breach.QUORUM_MISSING, _UNCOUNTED),
    "a stranger approves": Broken(
        approval(("actor.id", MALLORY)), Breach.REVIEW_BY_STRANGER, _UNCOUNTED
    ),
    "somebody approves for a stranger": Broken(
        approval(("actor.on_behalf_of", MALLORY)), Breach.REVIEW_BY_STRANGER, _UNCOUNTED
    ),
    "the requester approves": Broken(
        approval(("actor.id", lambda story, _: story[0].body["requester"])),
        Breach.REVIEW_OF_OWN,
        _UNCOUNTED,
    ),
    "whom it is for approves": Broken(
        having(
            Kind.PLANNED,
            approval(("actor.id", lambda story, _: story[1].body["data"]["kept_out"][0])),
            lambda body: bool(body["data"].get("kept_out")),
        ),
        Breach.REVIEW_OF_OWN,
        _UNCOUNTED,
    ),
    "one person approves twice": Broken(by_whoever_spoke_before, Breach.REVIEW_TWICE, _UNCOUNTED),
    "somebody approves where other people were to": Broken(
        rules("stages.1.distinct_from", ["first"], _is_the_board),
        Breach.REVIEW_TWICE,
        _UNCOUNTED,
    ),
    "a seat is filled twice": Broken(
        changed(Kind.APPROVED, "actor.on_behalf_of", "ann", lambda body: body["stage"] == "pair"),
        Breach.SEAT_TAKEN,
        _UNCOUNTED,
    ),
    "who approves was shown another revision": Broken(
        approval(("digest_shown", ZEROS)), Breach.REVISION_DIFFERS, _UNCOUNTED
    ),
    "what is approved is another revision": Broken(
        approval(("digest", ZEROS)), Breach.REVISION_DIFFERS, _UNCOUNTED
    ),
    "an approval stands after the request was to change": Broken(
        after(Kind.CHANGES_REQUESTED, Kind.APPROVED, where=_first_revision), Breach.STAGE_ORDER
    ),
    "an approval counts again after the request has changed": Broken(
        having(
            Kind.RESUBMITTED,
            after(Kind.STAGE_OPENED, Kind.APPROVED, where=_first_revision),
        ),
        Breach.REVISION_DIFFERS,
        _TOLD | {Breach.STAGE_ORDER},
    ),
    "an approval is claimed where it was to be proved": Broken(
        changed(Kind.APPROVED, "actor.assurance", "claimed", _signed),
        Breach.REVIEW_UNPROVED,
        _UNCOUNTED,
    ),
    "nobody knew of a review that was kept": Broken(
        approval(("data.held", True)), Breach.REVIEW_UNTOLD, _UNCOUNTED
    ),
    "the requester has a seat": Broken(
        changed(Kind.STAGE_OPENED, "data.seats.0.stand_ins", lambda body: [_requester(body)]),
        Breach.SEAT_FORBIDDEN,
    ),
    "a seat is of a group that was not to be asked": Broken(
        changed(Kind.STAGE_OPENED, "data.seats.0.group", "friends"),
        Breach.SEAT_FORBIDDEN,
        _ASTRAY,
    ),
    "a stranger hands a seat over": Broken(
        changed(Kind.REASSIGNED, "actor.id", MALLORY), Breach.HANDOVER_FORBIDDEN
    ),
    "a seat is handed to the requester": Broken(
        changed(Kind.REASSIGNED, "data.to", _requester),
        Breach.HANDOVER_FORBIDDEN,
        _UNCOUNTED | {Breach.REVIEW_BY_STRANGER},
    ),
}

STAGES = {
    "the first stage is skipped": Broken(without_the_first_stage, Breach.STAGE_ORDER, _ASTRAY),
    "a stage is opened that was not planned": Broken(
        changed(Kind.STAGE_OPENED, "stage", "friends"), Breach.STAGE_ORDER, _ASTRAY
    ),
    "a rejection that decides does not count": Broken(
        rules("stages.1.groups.0.reject", {"count": 1}, _is_the_board), Breach.REJECTION_IGNORED
    ),
    "a stage passes by a rule that there is not": Broken(
        changed(Kind.STAGE_PASSED, "data.by", "rule", _says("by", "people")),
        Breach.PASSAGE_UNFOUNDED,
        frozenset({Breach.OUTCOME_UNFOUNDED}),
    ),
    "a stage passes by a deadline that has not come": Broken(
        dropped(Kind.DEADLINE_PASSED, where=_says("then", "approve")), Breach.PASSAGE_UNFOUNDED
    ),
    "the deadline passes too early": Broken(earlier(Kind.DEADLINE_PASSED), Breach.TIMER_EARLY),
    "the deadline is extended too early": Broken(earlier(Kind.EXTENDED), Breach.TIMER_EARLY),
    "the deadline approves where the policy rejects": Broken(
        having(
            Kind.DEADLINE_PASSED,
            changed(
                Kind.PLANNED,
                "data.rules.stages",
                lambda body: [
                    {**each, "deadline": "reject", "finally": None}
                    for each in body["data"]["rules"]["stages"]
                ],
                _approves_by_time,
            ),
            _says("then", "approve"),
        ),
        Breach.DEADLINE_DIFFERS,
    ),
    "a stage is called stuck that is not": Broken(
        having(Kind.STAGE_STUCK, dropped(Kind.REJECTED)), Breach.STUCK_UNFOUNDED, _ASTRAY
    ),
    "a level comes in before its time": Broken(
        earlier(Kind.ESCALATED), Breach.ESCALATION_UNFOUNDED
    ),
    "a level comes in that was not planned": Broken(
        changed(Kind.ESCALATED, "data.level", "strangers"), Breach.ESCALATION_UNFOUNDED, _ASTRAY
    ),
}

REQUESTS = {
    "a story tells no rules": Broken(
        changed(Kind.PLANNED, "data.rules", {}), Breach.STORY_UNREADABLE, _ASTRAY
    ),
    "nothing was planned": Broken(dropped(Kind.PLANNED), Breach.STORY_ORDER, _ASTRAY),
    "nothing was submitted": Broken(dropped(Kind.SUBMITTED), Breach.STORY_ORDER, _ASTRAY),
    "there is no outcome": Broken(
        having(Kind.PERMIT_ISSUED, dropped(Kind.DECIDED)), Breach.STORY_ORDER, _ASTRAY
    ),
    "somebody was late before the outcome": Broken(
        moved(Kind.LATE, Kind.DECIDED), Breach.STORY_ORDER, _ASTRAY
    ),
    "an event occurred before the one before it": Broken(
        told_at(Kind.STAGE_PASSED, a_moment_earlier), Breach.STORY_BACKWARDS
    ),
    "the state says something else": Broken(
        changed(Kind.PERMIT_ISSUED, "state.status", "rejected"), Breach.STATE_DIFFERS
    ),
    "the state says that somebody else asks": Broken(
        changed(Kind.PERMIT_ISSUED, "state.requester.id", MALLORY), Breach.STATE_DIFFERS
    ),
    "another workflow writes": Broken(
        changed(Kind.DECIDED, "service.first_run_id", "other"), Breach.WRITER_OTHER
    ),
    "no workflow writes": Broken(
        changed(Kind.DECIDED, "service", {"program": "placet"}), Breach.WRITER_OTHER, _ASTRAY
    ),
    "another person asks": Broken(
        changed(Kind.DECIDED, "requester", MALLORY, lambda body: body["requester"] is not None),
        Breach.REQUESTER_DIFFERS,
    ),
    "another person resubmits": Broken(
        changed(Kind.RESUBMITTED, "actor.id", MALLORY), Breach.REQUESTER_DIFFERS
    ),
    "a revision does not follow": Broken(
        changed(Kind.RESUBMITTED, "data.replaces", ZEROS), Breach.REVISION_DIFFERS
    ),
    "a stage is of another revision": Broken(
        changed(Kind.STAGE_OPENED, "revision", 7), Breach.REVISION_DIFFERS
    ),
    "the policy is another one after a change": Broken(
        changed(Kind.PLANNED, "policy.digest", ZEROS, nth=1), Breach.RULES_REPLACED
    ),
    "changes are asked for too often": Broken(
        having(Kind.CHANGES_REQUESTED, rules("max_rounds", 0)), Breach.ROUNDS_EXCEEDED
    ),
    "a reviewer edits against the policy": Broken(
        having(Kind.EDITED, rules("edits", "never")), Breach.EDIT_FORBIDDEN
    ),
    "a reviewer proposes an edit against the policy": Broken(
        having(Kind.EDIT_PROPOSED, rules("edits", "freely")), Breach.EDIT_FORBIDDEN
    ),
    "a stranger edits": Broken(
        changed(Kind.EDITED, "actor.id", MALLORY), Breach.EDIT_FORBIDDEN, _UNCOUNTED
    ),
    "what is taken over was proposed by nobody": Broken(
        changed(Kind.RESUBMITTED, "data.edited_by", MALLORY), Breach.EDIT_FORBIDDEN
    ),
    "a stranger withdraws": Broken(
        changed(Kind.WITHDRAWN, "actor.id", MALLORY), Breach.WITHDRAWAL_FORBIDDEN
    ),
    "the policy lets nobody break the glass": Broken(
        having(Kind.GLASS_BROKEN, rules("break_glass", None)), Breach.GLASS_FORBIDDEN
    ),
    "a stranger breaks the glass": Broken(
        changed(Kind.GLASS_BROKEN, "actor.id", MALLORY), Breach.GLASS_FORBIDDEN
    ),
    "nobody says why the glass is broken": Broken(
        changed(Kind.GLASS_BROKEN, "reason", ""), Breach.GLASS_FORBIDDEN
    ),
    "nobody has approved and no stage has passed": Broken(
        with_one_stage(
            having(
                Kind.DECIDED,
                dropped(Kind.APPROVED, Kind.STAGE_PASSED),
                lambda body: body["data"] == {"outcome": "approved", "by": "people"},
            )
        ),
        Breach.OUTCOME_UNFOUNDED,
        _UNCOUNTED | {Breach.STUCK_UNFOUNDED, Breach.STORY_ORDER},
    ),
    "what was rejected is approved": Broken(
        changed(Kind.DECIDED, "data.outcome", "approved", _says("outcome", "rejected")),
        Breach.OUTCOME_UNFOUNDED,
        _TOLD,
    ),
    "nobody has rejected it": Broken(
        having(
            Kind.DECIDED,
            dropped(Kind.REJECTED),
            lambda body: body["data"] == {"outcome": "rejected", "by": "people"},
        ),
        Breach.OUTCOME_UNFOUNDED,
    ),
    "changes are given up too early": Broken(
        having(Kind.CHANGES_REQUESTED, earlier(Kind.DECIDED)), Breach.OUTCOME_UNFOUNDED
    ),
}

EFFECTS = {
    "a permit follows a rejection": Broken(a_permit_after_a_rejection, Breach.PERMIT_UNFOUNDED),
    "there are two permits": Broken(twice(Kind.PERMIT_ISSUED), Breach.PERMIT_TWICE),
    "a permit is for something else": Broken(
        changed(Kind.PERMIT_ISSUED, "data.digest", ZEROS), Breach.PERMIT_DIFFERS
    ),
    "a permit has another id": Broken(
        changed(Kind.PERMIT_ISSUED, "data.permit", ZEROS), Breach.PERMIT_DIFFERS
    ),
    "something else is carried out": Broken(
        changed(Kind.PERMIT_CONSUMED, "digest", ZEROS), Breach.PERMIT_DIFFERS
    ),
    "the effect runs by another permit": Broken(
        changed(Kind.EFFECT_DONE, "data.permit", ZEROS), Breach.PERMIT_DIFFERS
    ),
    "a permit is used twice": Broken(twice(Kind.PERMIT_CONSUMED), Breach.PERMIT_TWICE),
    "the effect runs without its permit": Broken(
        having(Kind.EFFECT_DONE, dropped(Kind.PERMIT_CONSUMED)),
        Breach.EFFECT_UNFOUNDED,
    ),
    "a permit is used that was not issued": Broken(
        lacking(
            Kind.EFFECT_DUE,
            lacking(Kind.NOTICE_FAILED, having(Kind.PERMIT_CONSUMED, dropped(Kind.PERMIT_ISSUED))),
        ),
        Breach.PERMIT_DIFFERS,
        _ASTRAY,
    ),
    "a permit is used before its time": Broken(
        moved(Kind.PERMIT_CONSUMED, Kind.EFFECT_DUE), Breach.EFFECT_UNFOUNDED
    ),
    "a permit is used after it was revoked": Broken(
        after(Kind.REVOKED, Kind.PERMIT_ISSUED, Kind.PERMIT_CONSUMED),
        Breach.EFFECT_UNFOUNDED,
        _TOLD,
    ),
    "the effect runs twice": Broken(twice(Kind.EFFECT_DONE), Breach.EFFECT_TWICE),
    "the effect ends twice": Broken(twice(Kind.EFFECT_ENDED), Breach.EFFECT_TWICE),
    "the effect waits too short": Broken(earlier(Kind.EFFECT_DUE), Breach.TIMER_EARLY),
    "the effect is over too early": Broken(earlier(Kind.EFFECT_OVER), Breach.TIMER_EARLY),
    "what is in force ends by itself": Broken(
        having(Kind.EFFECT_ENDED, dropped(Kind.EFFECT_OVER)), Breach.EFFECT_UNFOUNDED, _TOLD
    ),
    "a stranger revokes": Broken(
        changed(Kind.REVOKED, "actor.id", MALLORY, _by_a_person), Breach.WITHDRAWAL_FORBIDDEN
    ),
    "a stranger stops the effect": Broken(
        changed(Kind.STOP_REQUESTED, "actor.id", MALLORY, _by_a_person),
        Breach.WITHDRAWAL_FORBIDDEN,
    ),
    "the bank speaks of what was not paid": Broken(
        having(Kind.PAYMENT_SETTLED, dropped(Kind.EFFECT_DONE)), Breach.EFFECT_UNFOUNDED
    ),
    "the bank speaks twice": Broken(twice(Kind.PAYMENT_SETTLED), Breach.EFFECT_TWICE),
}

BROKEN = {**REVIEWS, **STAGES, **REQUESTS, **EFFECTS}
