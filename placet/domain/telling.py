"""What events tell of a plan and of a stage's seats, so that a stranger can judge what follows.

Whoever verifies an exported ledger has its events and nothing else: no database, no directory, no
policy engine. ``placet.proof.rules.replay`` reads what is written here.
"""

from pydantic import JsonValue

from placet.domain.plan import BreakGlass, GroupPlan, LevelPlan, Plan, Seat, StagePlan, Threshold
from placet.domain.stage import OpenStage


def rules_told(plan: Plan) -> dict[str, JsonValue]:
    """Return the rules of a plan: all that decides whether an approval was allowed."""
    decision = plan.decision
    return {
        "stages": [_stage(stage) for stage in plan.stages],
        "decision": None if decision is None else ("approve" if decision.approve else "reject"),
        "max_rounds": plan.max_rounds,
        "changes_within_hours": plan.changes_within_hours,
        "edits": plan.edits.value,
        "break_glass": _break_glass(plan.break_glass),
    }


def seats_told(stage: OpenStage) -> list[JsonValue]:
    """Return who may fill which of the seats that count now.

    A ``guest`` is brought in by an escalation: their seat raises no threshold.
    """
    own = {seat.key for seat in stage.own_seats()}
    return [_seat(seat, guest=seat.key not in own) for seat in stage.seats()]


def is_other(before: OpenStage, now: OpenStage) -> bool:
    """Say whether other seats count than before.

    A roster that an older worker has recorded does not show when a guest becomes a member, and
    nothing else changes: a replay has to decide as it did then.
    """
    if now.roster.tells_guests:
        return seats_told(before) != seats_told(now)
    return [_seat(seat) for seat in before.seats()] != [_seat(seat) for seat in now.seats()]


def _stage(stage: StagePlan) -> JsonValue:
    return {
        "name": stage.name,
        "groups": [_group(group) for group in stage.groups],
        "ladder": [{**_group(level), "mode": level.mode.value} for level in stage.ladder],
        "assurance": stage.assurance.value,
        "distinct_from": list(stage.distinct_from),
        "deadline": stage.deadline_action.value,
        "finally": stage.final_action.value if stage.final_action else None,
        "when_stuck": stage.when_stuck.value,
    }


def _group(group: GroupPlan | LevelPlan) -> dict[str, JsonValue]:
    return {
        "name": group.name,
        "approve": _threshold(group.approve),
        "reject": _threshold(group.reject),
    }


def _threshold(threshold: Threshold) -> JsonValue:
    if threshold.count is not None:
        return {"count": threshold.count}
    return {"percent": threshold.percent}


def _break_glass(rule: BreakGlass | None) -> JsonValue:
    if rule is None:
        return None
    return {"assurance": rule.assurance.value, "at_most_minutes": rule.at_most_minutes}


def _seat(seat: Seat, *, guest: bool = False) -> JsonValue:
    told: dict[str, JsonValue] = {
        "group": seat.group,
        "holder": seat.holder.id,
        "present": seat.present,
        "stand_ins": [person.id for person in seat.stand_ins],
    }
    return {**told, "guest": True} if guest else told
