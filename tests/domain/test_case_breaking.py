"""Break-glass: a permitted person has it carried out at once, and everybody hears of it."""

from typing import Any

import pytest

from placet.domain.plan import Assurance, BreakGlass, Selector
from placet.domain.record import NoticeKind
from placet.domain.vocabulary import EffectState, Kind, Refusal
from tests.support.cases import World, group, people, person, stage

RULE = BreakGlass(
    by=(Selector(role="on-call"),),
    at_most_minutes=240,
    tell=(Selector(group="security"),),
)


def world(rule: BreakGlass | None = RULE) -> World:
    return World(
        people(
            "ann",
            "gil",
            rita=person("rita", roles=["on-call"]),
            sam=person("sam", groups=["security"]),
            lee=person("lee", roles=["on-call"], active=False),
        ),
        (stage("owner", group("owner", "ann", "gil")),),
        kept_out=("gil",),
        break_glass=rule,
    )


@pytest.mark.rule(number=6)
def test_who_it_is_for_holds_no_seat_and_cannot_review_or_be_handed_one() -> None:
    case = world()
    assert case.awaited == ["ann"]
    assert case.send("approve", "gil").refusal is Refusal.OWN_REQUEST
    assert case.send("reassign", "ann", to="gil").refusal is Refusal.BAD_REASSIGNMENT
    assert case.case.status.value == "pending"


# Each row: who hands the seat on while the request is for somebody else, and whose it is.
@pytest.mark.rule(number=6)
@pytest.mark.parametrize(("who", "fields"), [("cem", {}), ("root", {"from": "cem"})])
def test_who_it_becomes_for_has_chosen_no_reviewer_before(who: str, fields: dict[str, Any]) -> None:
    root = person("root", roles=["placet-admin"])
    case = World(
        people("ann", "cem", "eve", "gil", root=root),
        (stage("owner", group("owner", "ann")),),
        kept_out=("gil",),
    )
    assert case.send("reassign", "ann", to="cem").accepted
    assert case.send("reassign", who, to="eve", **fields).accepted
    assert case.resubmit("rita").accepted
    assert case.awaited == ["eve"]
    case.kept_out = (who,)
    assert case.resubmit("rita").accepted
    assert case.awaited == ["ann"]


def test_a_permitted_person_breaks_the_glass_loudly_and_for_themselves_too() -> None:
    case = world()
    answer = case.send("break_glass", "rita", verified=True, reason="the shop is down")
    assert answer.accepted
    assert case.ending == ("approved", "break-glass")
    assert case.case.effect is EffectState.PENDING
    (broken,) = case.recorded(Kind.GLASS_BROKEN)
    assert broken.reason == "the shop is down"
    assert broken.data == {"at_most_minutes": 240, "permitted": ["rita"]}
    alarm = next(each for each in case.notices if each.kind is NoticeKind.GLASS_BROKEN)
    assert sorted(each.id for each in alarm.to) == ["ann", "gil", "sam"]
    assert "the shop is down" in alarm.text
    assert "for at most 4h, and reviewed afterwards" in alarm.text
    assert alarm.due is None
    assert case.case.outcome is not None
    assert case.case.outcome.reason == "Rita broke the glass: the shop is down"
    assert case.case.broken_by is not None
    assert case.case.broken_by.id == "rita"


# Each row: who, how, what is missing.
@pytest.mark.parametrize(
    ("who", "verified", "reason", "refusal"),
    [
        ("ann", True, "now", Refusal.BREAK_GLASS_NOT_ALLOWED),  # a reviewer, but not on call
        ("lee", True, "now", Refusal.UNKNOWN_PERSON),  # has left
        ("rita", False, "now", Refusal.ASSURANCE),  # only says that they are Rita
        ("rita", True, "", Refusal.REASON_MISSING),
    ],
)
def test_nobody_else_and_nothing_less_will_do(
    who: str,
    verified: bool,  # noqa: FBT001 - a parameter of the test
    reason: str,
    refusal: Refusal,
) -> None:
    case = world()
    assert case.send("break_glass", who, verified=verified, reason=reason).refusal is refusal
    assert case.ending is None
    assert Kind.GLASS_BROKEN not in case.kinds


def test_a_policy_without_the_rule_lets_nobody() -> None:
    case = world(None)
    answer = case.send("break_glass", "rita", verified=True, reason="now")
    assert answer.refusal is Refusal.BREAK_GLASS_NOT_ALLOWED


def test_a_policy_may_take_a_claim() -> None:
    case = world(RULE.model_copy(update={"assurance": Assurance.CLAIMED}))
    assert case.send("break_glass", "rita", reason="now").accepted


@pytest.mark.rule(number=4)
def test_it_is_bound_to_the_revision_that_was_shown() -> None:
    case = world()
    answer = case.send("break_glass", "rita", verified=True, reason="now", digest="0" * 64)
    assert answer.refusal is Refusal.OTHER_REVISION


def test_it_waits_for_a_changed_request_like_everybody() -> None:
    case = world()
    case.send("request_changes", "ann", reason="which role?")
    answer = case.send("break_glass", "rita", verified=True, reason="now")
    assert answer.refusal is Refusal.WAITING_FOR_CHANGES


@pytest.mark.rule(number=7)
def test_after_the_outcome_it_comes_too_late() -> None:
    case = world()
    case.send("reject", "ann", reason="no")
    answer = case.send("break_glass", "rita", verified=True, reason="now")
    assert answer.refusal is Refusal.LATE
    assert case.ending == ("rejected", "people")
