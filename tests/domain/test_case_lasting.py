"""What was done can last: it is in force until its time or somebody ends it."""

from datetime import timedelta
from itertools import islice

import pytest

from placet.domain import lasting, progress, stopping
from placet.domain.case import Case, Ending
from placet.domain.orders import EffectResult, Followed, FollowerEnded
from placet.domain.record import NoticeKind
from placet.domain.vocabulary import EffectState, EndReason, Kind, Refusal
from tests.support.cases import BEGIN, World, group, message, people, person, stage

UNTIL = BEGIN + timedelta(hours=8)
DONE = EffectResult(summary="Gil has the role", until=UNTIL)


def in_force(**fields: object) -> World:
    """Return a case that Ann approved, and that gives Gil something for eight hours."""
    world = approved(**fields)
    world.take(progress.effect_ended(world.case, DONE, world.now))
    return world


def approved(**fields: object) -> World:
    world = World(
        people("ann", "cem", "gil", root=person("root", roles=["placet-admin"])),
        (stage("first", group("first", "ann", "cem")),),
        kept_out=("gil",),
        **{"stoppable": True, **fields},  # type: ignore[arg-type]
    )
    assert world.send("approve", "ann").accepted
    return world


def test_what_lasts_is_in_force_until_its_time_and_those_concerned_hear_of_it() -> None:
    world = in_force()
    assert world.case.effect is EffectState.IN_FORCE
    assert world.case.next_due() == UNTIL
    assert world.case.summary()["due"] == "2026-03-02T16:00:00Z"
    told = world.notices[-1]
    assert told.kind is NoticeKind.IN_FORCE
    assert sorted(each.id for each in told.to) == ["ann", "gil", "rita"]
    assert "Gil has the role; until 2026-03-02T16:00:00Z" in told.text


def test_when_its_time_is_over_it_ends_even_if_no_worker_was_there() -> None:
    world = in_force()
    world.after_an_outage(300)
    assert world.kinds[-1] is Kind.EFFECT_OVER
    assert world.case.effect is EffectState.ENDING
    assert world.case.ending is not None
    # Not when it was noticed: a second try must say the same.
    assert (world.case.ending.at, world.case.ending.why) == (UNTIL, EndReason.EXPIRED)
    assert world.case.next_due() is None

    result = EffectResult(summary="the role is gone")
    ended = world.take(lasting.ended(world.case, result, world.now)).case
    assert ended.effect is EffectState.ENDED
    assert world.notices[-1].kind is NoticeKind.EFFECT_ENDED
    assert world.ending == ("approved", "people")


@pytest.mark.parametrize("who", ["rita", "ann", "gil", "root"])
def test_who_asked_who_got_it_who_approved_and_an_administrator_may_end_it(who: str) -> None:
    world = in_force()
    world.after(1)
    answer = world.send("withdraw", who, reason="not needed")
    assert answer.accepted
    assert world.case.effect is EffectState.ENDING
    assert world.case.ending is not None
    assert world.case.ending.why is EndReason.WITHDRAWN
    assert world.case.ending.reason == "not needed"
    assert world.recorded(Kind.STOP_REQUESTED)[0].data["effect"] == "ending"
    again = world.send("withdraw", "rita")
    assert again.refusal is Refusal.LATE
    assert "ending since" in again.message


def test_nobody_else_may_end_it() -> None:
    world = in_force()
    assert world.send("withdraw", "cem").refusal is Refusal.NOT_REQUESTER
    assert world.case.effect is EffectState.IN_FORCE


@pytest.mark.rule(number=7)
def test_whoever_ends_it_in_the_moment_its_time_is_over_is_heard_first() -> None:
    world = in_force()
    world.now = UNTIL
    world.turn(message("withdraw", "rita"))
    assert world.case.ending is not None
    assert world.case.ending.why is EndReason.WITHDRAWN
    assert Kind.EFFECT_OVER not in world.kinds


def test_a_cancellation_ends_it() -> None:
    world = in_force()
    step = world.take(stopping.cancelled(world.case, "audit", "c-1", world.now))
    assert step.answer is not None
    assert step.answer.accepted
    assert world.case.ending is not None
    assert world.case.ending.reason == "audit"


def test_what_was_undone_says_so() -> None:
    world = in_force()
    world.send("withdraw", "rita")
    result = EffectResult(summary="12 rows are back", undone=True)
    world.take(lasting.ended(world.case, result, world.now))
    assert world.case.effect is EffectState.UNDONE
    assert "12 rows are back" in world.notices[-1].text


def test_who_asked_to_stop_it_too_late_wants_it_ended() -> None:
    world = approved()
    assert world.send("withdraw", "rita", reason="wrong person").accepted
    assert (world.case.effect, world.case.stopping) == (EffectState.PENDING, True)
    world.take(progress.effect_ended(world.case, DONE, world.now))
    assert world.case.effect is EffectState.ENDING
    assert world.case.ending is not None
    assert world.case.ending.why is EndReason.WITHDRAWN


def test_what_was_to_be_stopped_ends_with_the_instant_and_the_reason_of_who_asked() -> None:
    world = approved()
    world.after(1)
    asked = world.now
    world.send("withdraw", "rita", reason="wrong person")
    world.after(1)
    # Not when the effect was heard of, which is another instant after a reset.
    world.take(progress.effect_ended(world.case, DONE, world.now))
    assert world.case.ending == Ending(at=asked, why=EndReason.WITHDRAWN, reason="wrong person")


def test_what_cannot_be_ended_fails_loudly() -> None:
    world = in_force()
    world.after(8)
    world.take(lasting.not_ended(world.case, "the role is not ours to take", world.now))
    assert world.case.effect is EffectState.FAILED
    (failed,) = world.recorded(Kind.EFFECT_FAILED)
    assert failed.reason == "the role is not ours to take"
    assert sorted(each.id for each in world.notices[-1].to) == ["ann", "gil", "rita"]
    assert "it was not ended" in world.notices[-1].text


def test_a_grace_counts_from_the_approval_and_the_later_of_two_times_wins() -> None:
    world = approved(grace=120)
    assert world.case.summary()["effect"] == "waiting"
    assert world.case.next_due() == BEGIN + timedelta(hours=2)
    world.after(2)
    assert world.case.summary()["effect"] == "pending"
    assert approved(grace=120, effect_after=1).case.next_due() == BEGIN + timedelta(hours=2)
    assert approved(grace=120, effect_after=9).case.next_due() == BEGIN + timedelta(hours=9)
    world = approved(grace=120)
    assert world.send("withdraw", "gil").accepted
    assert world.case.effect is EffectState.REVOKED


@pytest.mark.rule(number=10)
def test_what_waits_since_before_a_grace_was_known_still_has_its_time() -> None:
    stored = approved(effect_after=9).case.model_dump(mode="json")
    del stored["effect_from"]
    assert Case.model_validate(stored).next_due() == BEGIN + timedelta(hours=9)


def test_a_review_afterwards_that_says_yes_changes_nothing() -> None:
    world = in_force()
    world.take(lasting.followed(world.case, Followed(case="r-1", why="reviewed"), world.now))
    report = FollowerEnded(case="r-1", outcome="approved", reason="it had to be")
    world.take(lasting.follower_ended(world.case, report, world.now))
    assert world.case.effect is EffectState.IN_FORCE
    assert world.recorded(Kind.FOLLOWED)[0].data == {"case": "r-1"}
    assert world.recorded(Kind.FOLLOWER_ENDED)[0].data == {"case": "r-1", "outcome": "approved"}


@pytest.mark.parametrize("outcome", ["rejected", "expired", "withdrawn", "failed"])
def test_a_review_afterwards_without_a_yes_ends_it(outcome: str) -> None:
    world = in_force()
    report = FollowerEnded(case="r-1", outcome=outcome, reason="no reason for it")
    world.take(lasting.follower_ended(world.case, report, world.now))
    assert world.case.effect is EffectState.ENDING
    assert world.case.ending is not None
    assert f"r-1 was {outcome}: no reason for it" in world.case.ending.reason


@pytest.mark.rule(number=9)
def test_a_review_afterwards_without_a_yes_is_not_lost_on_what_runs_and_cannot_be_stopped() -> None:
    world = approved(stoppable=False)
    report = FollowerEnded(case="r-1", outcome="rejected", reason="no reason for it")
    world.take(lasting.follower_ended(world.case, report, world.now))
    assert world.case.summary()["effect"] == "pending"
    world.take(progress.effect_ended(world.case, DONE, world.now))
    assert world.case.effect is EffectState.ENDING
    assert world.case.ending is not None
    assert "r-1 was rejected: no reason for it" in world.case.ending.reason


def test_a_review_that_comes_after_the_end_is_only_recorded() -> None:
    world = in_force()
    world.after(8)
    report = FollowerEnded(case="r-1", outcome="rejected", reason="no")
    world.take(lasting.follower_ended(world.case, report, world.now))
    assert world.case.ending is not None
    assert world.case.ending.why is EndReason.EXPIRED
    assert Kind.STOP_REQUESTED not in world.kinds


# Each row: a case, what comes of it, and the first ids that may have.
@pytest.mark.parametrize(
    ("case", "what", "ids"),
    [
        ("delete-1", "again", ["delete-1-again", "delete-1-again-2", "delete-1-again-3"]),
        ("delete-1-again", "again", ["delete-1-again-2", "delete-1-again-3", "delete-1-again-4"]),
        ("delete-1-again-9", "again", ["delete-1-again-10", "delete-1-again-11"]),
        ("access-1", "review", ["access-1-review", "access-1-review-2"]),
        ("access-again", "review", ["access-again-review", "access-again-review-2"]),
    ],
)
def test_what_comes_of_a_case_is_named_after_it(case: str, what: str, ids: list[str]) -> None:
    assert list(islice(lasting.follower_ids(case, what), len(ids))) == ids


@pytest.mark.parametrize("letter", ["x", "\N{SLICE OF PIZZA}"])
def test_what_comes_of_a_case_has_an_id_that_is_short_enough_and_its_own(letter: str) -> None:
    long = letter * (1_000 // len(letter.encode()))
    (one, two), (other,) = (
        list(islice(lasting.follower_ids(name, "review"), much))
        for name, much in ((long, 2), (f"{long[:-1]}y", 1))
    )
    assert max(len(each.encode()) for each in (one, two, other)) <= 1_000
    assert len({one, two, other}) == 3


@pytest.mark.rule(number=3)
def test_what_came_of_the_effect_is_told_with_the_same_instant_in_every_try() -> None:
    world = approved()
    for late in (0, 7):
        step = progress.effect_ended(world.case, DONE, world.now + timedelta(hours=late))
        assert [notice.at for notice in step.notices] == [BEGIN]
    world.take(progress.effect_ended(world.case, DONE, world.now))
    world.after_an_outage(300)
    for late in (0, 7):
        result = EffectResult(summary="the role is gone")
        step = lasting.ended(world.case, result, world.now + timedelta(hours=late))
        assert [notice.at for notice in step.notices] == [UNTIL]
