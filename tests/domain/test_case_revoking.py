"""An approval that waits for its time can be taken back, and an effect that runs can be stopped."""

from datetime import timedelta

import pytest

from placet.domain import progress, stopping
from placet.domain.orders import EffectResult
from placet.domain.record import NoticeKind
from placet.domain.vocabulary import EffectState, Kind, Refusal
from tests.support.cases import BEGIN, World, away, group, message, people, person, stage


def approved(effect_after: float | None = 72, *, stoppable: bool = False) -> World:
    """Return a case that Ann approved for Bob; Cem has not voted, and Root administers."""
    world = World(
        people(
            "cem",
            ann=person("ann"),
            bob=person("bob", absences=[away()], delegations=[away(to="ann")]),
            root=person("root", roles=["placet-admin"]),
        ),
        (stage("first", group("first", "bob", "cem")),),
        effect_after=effect_after,
        stoppable=stoppable,
    )
    assert world.send("approve", "ann").accepted
    return world


def test_what_is_approved_before_its_time_waits_and_then_becomes_due() -> None:
    world = approved(72)
    assert world.case.summary()["effect"] == "waiting"
    assert world.case.next_due() == BEGIN + timedelta(hours=72)
    assert world.case.summary()["due"] == "2026-03-05T08:00:00Z"
    assert "waits until 2026-03-05T08:00:00Z" in world.notices[-1].text
    world.after(71)
    assert Kind.EFFECT_DUE not in world.kinds
    world.after(1)
    assert world.case.effect is EffectState.PENDING
    assert world.kinds[-1] is Kind.EFFECT_DUE
    assert world.case.next_due() is None


def test_what_is_approved_at_or_after_its_time_does_not_wait() -> None:
    assert approved(0).case.effect is EffectState.PENDING
    assert approved(None).case.effect is EffectState.PENDING


@pytest.mark.parametrize("who", ["rita", "ann", "bob", "root"])
def test_the_requester_an_approver_their_principal_and_an_administrator_may_revoke(
    who: str,
) -> None:
    world = approved()
    answer = world.send("withdraw", who, reason="the date is wrong")
    assert answer.accepted
    assert "revoked" in answer.message
    assert world.case.effect is EffectState.REVOKED
    assert world.ending == ("approved", "people")
    (revoked,) = world.recorded(Kind.REVOKED)
    (issued,) = world.recorded(Kind.PERMIT_ISSUED)
    assert revoked.data["permit"] == issued.data["permit"]
    assert revoked.reason == "the date is wrong"
    told = world.notices[-1]
    assert (told.kind, sorted(p.id for p in told.to)) == (
        NoticeKind.REVOKED,
        ["ann", "bob", "rita"],
    )
    assert "the date is wrong" in told.text


@pytest.mark.parametrize(
    ("who", "refusal"),
    [("cem", Refusal.NOT_REQUESTER), ("mallory", Refusal.UNKNOWN_PERSON)],
)
def test_nobody_else_may(who: str, refusal: Refusal) -> None:
    world = approved()
    assert world.send("withdraw", who).refusal is refusal
    assert world.case.effect is EffectState.WAITING


def test_what_is_revoked_stays_so_and_says_so_to_whoever_comes_later() -> None:
    world = approved()
    world.send("withdraw", "rita")
    again = world.send("withdraw", "ann")
    assert again.refusal is Refusal.LATE
    assert "revoked since" in again.message
    world.after(1_000)
    assert world.case.effect is EffectState.REVOKED
    assert Kind.EFFECT_DUE not in world.kinds


@pytest.mark.rule(number=7)
def test_whoever_revokes_in_the_moment_it_becomes_due_wins() -> None:
    world = approved()
    world.now = BEGIN + timedelta(hours=72)
    world.turn(message("withdraw", "rita"))
    assert world.case.effect is EffectState.REVOKED
    assert Kind.EFFECT_DUE not in world.kinds


def test_a_cancellation_revokes_what_waits() -> None:
    world = approved()
    step = world.take(stopping.cancelled(world.case, "wrong page", "c-1", world.now))
    assert step.answer is not None
    assert step.answer.accepted
    assert world.case.effect is EffectState.REVOKED
    (told,) = world.recorded(Kind.REVOKED)
    assert (told.channel, told.reason, told.actor) == ("temporal-cancel", "wrong page", None)


def test_what_runs_can_be_stopped_once_where_it_can_be_stopped_at_all() -> None:
    world = approved(None)
    assert world.send("withdraw", "rita").refusal is Refusal.LATE
    world = approved(None, stoppable=True)
    assert world.send("withdraw", "cem").refusal is Refusal.NOT_REQUESTER
    assert world.send("withdraw", "ann", reason="the wrong list").accepted
    assert (world.case.effect, world.case.stopping) == (EffectState.PENDING, True)
    assert world.recorded(Kind.STOP_REQUESTED)[0].reason == "the wrong list"
    again = world.send("withdraw", "rita")
    assert again.refusal is Refusal.LATE
    assert "is being stopped" in again.message
    late = world.take(stopping.cancelled(world.case, "", "c-1", world.now)).answer
    assert late is not None
    assert late.refusal is Refusal.LATE


@pytest.mark.parametrize(
    ("stopped", "state", "notice"),
    [
        (True, EffectState.STOPPED, NoticeKind.EFFECT_STOPPED),
        (False, EffectState.DONE, NoticeKind.EFFECT_DONE),
    ],
)
def test_those_concerned_hear_what_a_stop_came_to(
    stopped: bool,  # noqa: FBT001 - a parameter of the test
    state: EffectState,
    notice: NoticeKind,
) -> None:
    world = approved(None, stoppable=True)
    world.take(stopping.cancelled(world.case, "", "c-1", world.now))
    result = EffectResult(summary="3 sent, 97 not", stopped=stopped)
    world.take(progress.effect_ended(world.case, result, world.now))
    assert world.case.effect is state
    told = world.notices[-1]
    assert told.kind is notice
    assert sorted(p.id for p in told.to) == ["ann", "bob", "rita"]
    assert "3 sent, 97 not" in told.text
    assert world.send("withdraw", "rita").refusal is Refusal.LATE
