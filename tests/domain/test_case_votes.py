"""What votes come to: thresholds, reviews before their stage, changes, and what is recorded."""

import cProfile

import pytest

from placet.domain import progress, reception
from placet.domain.orders import EffectResult
from placet.domain.plan import RuleDecision, TakeOver
from placet.domain.record import NoticeKind
from placet.domain.review import Call
from placet.domain.vocabulary import Kind, Refusal, Status
from tests.support.cases import (
    BEGIN,
    Person,
    World,
    away,
    digest,
    group,
    level,
    message,
    people,
    person,
    stage,
)

APPROVED = ("approved", "people")
REJECTED = ("rejected", "people")


# Thresholds.


@pytest.mark.parametrize(
    ("approve", "reject", "votes", "ending"),
    [
        # Any one decides.
        (1, 1, "a", APPROVED),
        (1, 1, "r", REJECTED),
        # Two of four; one is not enough.
        (2, 2, "a", None),
        (2, 2, "ara", APPROVED),
        (2, 2, "arr", REJECTED),
        # All of four.
        ("100%", 1, "aaa", None),
        ("100%", 1, "aaaa", APPROVED),
        ("100%", 1, "aaar", REJECTED),
        # A percentage is rounded up: 51% of four is three, 50% is two, 1% is one.
        ("51%", 1, "aa", None),
        ("51%", 1, "aaa", APPROVED),
        ("50%", 1, "aa", APPROVED),
        ("1%", 1, "a", APPROVED),
        # One who rejects does not, when it takes a majority.
        (3, "51%", "rar", None),
    ],
)
def test_a_stage_ends_when_a_threshold_is_met_and_not_before(
    approve: int | str, reject: int | str, votes: str, ending: tuple[str, str] | None
) -> None:
    names = ("ann", "bob", "cem", "dan")
    finance = group("finance", *names, approve=approve, reject=reject)
    top = level("top", "eve")
    world = World(people(*names, "eve"), (stage("finance", finance, ladder=(top,)),))
    for name, vote in zip(names, votes, strict=False):
        assert world.ending is None
        world.send("approve" if vote == "a" else "reject", name)
    assert world.ending == ending


def test_every_group_has_to_approve_and_any_may_reject() -> None:
    both = (group("finance", "ann"), group("legal", "bob"))
    world = World(people("ann", "bob"), (stage("review", *both),))
    world.send("approve", "ann")
    assert world.ending is None
    world.send("reject", "bob", reason="not lawful")
    assert world.ending == REJECTED
    assert world.case.outcome is not None
    assert world.case.outcome.reason == "not lawful"


@pytest.mark.rule(number=9)
def test_a_tie_that_nobody_can_break_escalates_at_once() -> None:
    board = group("board", "ann", "bob", approve="100%", reject="100%")
    chair = level("chair", "cem", mode=TakeOver.REPLACE)
    world = World(people("ann", "bob", "cem"), (stage("board", board, ladder=(chair,)),))
    world.send("approve", "ann")
    world.send("reject", "bob")
    assert world.kinds[-2:] == [Kind.STAGE_STUCK, Kind.ESCALATED]
    assert world.awaited == ["cem"]


def test_a_tie_without_a_ladder_ends_at_once() -> None:
    board = group("board", "ann", "bob", approve="100%", reject="100%")
    world = World(people("ann", "bob"), (stage("board", board),))
    world.send("approve", "ann")
    world.send("reject", "bob")
    assert world.ending == ("rejected", "rule")


@pytest.mark.rule(number=3)
def test_two_hundred_approvals_of_one_case_count_once() -> None:
    world = World(people("bob"), (stage("lead", group("lead", "bob")),))
    answers = world.turn(*[message("approve", "bob") for _ in range(200)])
    assert sum(answer.accepted for answer in answers) == 1
    assert world.ending == APPROVED
    assert world.kinds.count(Kind.PERMIT_ISSUED) == 1
    assert world.kinds.count(Kind.LATE) == 199


def test_of_an_approval_and_a_rejection_together_the_first_counts() -> None:
    world = World(people("ann", "bob"), (stage("lead", group("lead", "ann", "bob")),))
    world.turn(message("reject", "bob"), message("approve", "ann"))
    assert world.ending == REJECTED
    assert world.kinds[-1] is Kind.LATE


def test_a_rule_decides_without_people() -> None:
    world = World(people("bob"), (stage("lead", group("lead", "bob")),))
    decision = RuleDecision(approve=True, reason="at most 50 EUR")
    plan = world.plan().model_copy(update={"stages": (), "decision": decision})
    case = progress.planned(world.case.with_(plan=None, stage=None), plan, digest(1), BEGIN).case
    assert case.outcome is not None
    assert (case.outcome.kind, case.outcome.by.value) == (Status.APPROVED, "rule")


def test_a_request_that_cannot_be_planned_ends_whatever_is_wrong_with_it() -> None:
    world = World(people("bob"), (stage("lead", group("lead", "bob")),))
    unplanned = world.case.with_(plan=None, stage=None, status=Status.PLANNING, digest=None)
    world.case = unplanned
    world.take(progress.unplannable(unplanned, "\ud800\x00" + "wrong " * 500_000, None, BEGIN))
    assert world.ending == ("failed", "rule")
    assert world.kinds[-2:] == [Kind.UNPLANNABLE, Kind.DECIDED]


# Too early.


def held_world(**special: Person) -> World:
    stages = (
        stage("first", group("first", "ann")),
        stage("second", group("second", "bob", "cem", approve=2), distinct_from=("first",)),
    )
    return World(people("ann", "bob", "cem", "dan") | special, stages)


@pytest.mark.rule(number=7)
def test_a_review_before_its_stage_is_kept_and_counted_on_the_record() -> None:
    world = held_world()
    assert world.send("approve", "bob", decision_id="early", reason="fine").accepted
    assert world.kinds[-1] is Kind.HELD
    early = world.now
    world.now = BEGIN.replace(hour=12)
    world.send("approve", "ann")
    (counted,) = [r for r in world.recorded(Kind.APPROVED) if r.stage == "second"]
    assert counted.decision_id == "early"
    assert counted.actor is not None
    assert counted.actor.person is not None
    assert (counted.actor.person.id, counted.reason) == ("bob", "fine")
    assert (counted.data["held"], counted.data["received"]) == (True, f"{early:%Y-%m-%dT%H:%M:%SZ}")
    assert world.awaited == ["cem"]
    assert world.send("approve", "bob").refusal is Refusal.ALREADY_REVIEWED
    world.send("approve", "cem")
    assert world.ending == APPROVED


def test_a_review_is_kept_once() -> None:
    world = held_world()
    world.send("approve", "bob")
    assert world.send("reject", "bob").refusal is Refusal.ALREADY_REVIEWED
    assert len(world.case.held) == 1


def test_a_kept_review_of_somebody_who_has_left_since_is_refused_on_the_record() -> None:
    world = held_world()
    world.send("approve", "bob", decision_id="early")
    world.people["bob"]["active"] = False
    world.people["dan"] = person("dan")
    world.send("approve", "ann")
    record = next(r for r in world.recorded(Kind.REFUSED) if r.decision_id == "early")
    assert record.data["held"] is True
    assert record.stage == "second"


def test_a_kept_review_by_a_delegate_says_for_whom() -> None:
    bob = person("bob", delegations=[away(to="dan")])
    world = held_world(bob=bob)
    world.send("approve", "dan")
    world.send("approve", "ann")
    assert world.case.reviews[-1].on_behalf_of is not None
    assert world.case.reviews[-1].on_behalf_of.id == "bob"


def test_of_kept_reviews_the_first_that_decides_does_and_the_rest_are_late() -> None:
    stages = (
        stage("first", group("first", "ann")),
        stage("second", group("second", "bob", "cem")),
    )
    world = World(people("ann", "bob", "cem"), stages)
    world.send("approve", "bob")
    world.send("reject", "cem", decision_id="slow")
    world.send("approve", "ann")
    assert world.ending == APPROVED
    assert [r.decision_id for r in world.recorded(Kind.LATE)] == ["slow"]


@pytest.mark.rule(number=4)
def test_kept_reviews_are_void_with_the_revision_they_were_of() -> None:
    world = held_world()
    world.send("approve", "bob")
    world.send("request_changes", "ann")
    world.resubmit("rita")
    world.send("approve", "ann")
    assert world.awaited == ["bob", "cem"]
    assert world.recorded(Kind.RESUBMITTED)[0].data["voided_reviews"] == 2


# Changes.


@pytest.mark.rule(number=4)
def test_a_changed_request_starts_again_from_nothing() -> None:
    stages = (stage("first", group("first", "ann")), stage("second", group("second", "bob")))
    world = World(people("ann", "bob"), stages)
    world.send("approve", "ann")
    world.send("request_changes", "bob", reason="which project?")
    assert world.case.status is Status.CHANGES_REQUESTED
    assert world.notices[-1].kind is NoticeKind.CHANGES_REQUESTED
    answer = world.resubmit("rita", "r1", digest=digest(1))
    assert answer.accepted
    assert (world.case.revision, world.case.reviews, world.awaited) == (2, (), ["ann"])
    record = world.recorded(Kind.RESUBMITTED)[0]
    assert (record.decision_id, record.digest_shown) == ("r1", digest(1))
    assert world.send("approve", "ann", digest=digest(1)).refusal is Refusal.OTHER_REVISION
    assert world.send("approve", "ann", digest=digest(2)).accepted


@pytest.mark.rule(number=9)
def test_changes_that_do_not_come_in_time_expire_the_case() -> None:
    world = World(people("ann"), (stage("first", group("first", "ann")),))
    world.send("request_changes", "ann")
    world.after(14 * 24)
    assert world.ending == ("expired", "timeout")


def test_a_withdrawal_tells_those_who_were_waited_for() -> None:
    world = World(people("ann", "bob"), (stage("first", group("first", "ann", "bob")),))
    world.send("withdraw", "rita")
    assert world.ending == ("withdrawn", "people")
    assert {p.id for p in world.notices[-1].to} == {"ann", "bob"}
    assert Kind.PERMIT_ISSUED not in world.kinds


# The ledger's side.


def test_each_transition_keeps_the_state_it_led_to() -> None:
    stages = (stage("first", group("first", "ann")), stage("second", group("second", "bob")))
    world = World(people("ann", "bob"), stages)
    world.send("approve", "ann")
    world.send("approve", "bob")
    told = [(r.state["stage"], r.state["status"]) for r in world.records if r.state is not None]
    assert told == [
        (None, "pending"),
        ("first", "pending"),
        (None, "pending"),
        ("second", "pending"),
        (None, "approved"),
    ]


def test_a_verified_review_keeps_its_signature_and_a_claimed_one_does_not() -> None:
    world = World(people("ann", "bob"), (stage("first", group("first", "ann", "bob", approve=2)),))
    world.turn(message("approve", "ann", attestation="a.b.c"), verified=True)
    assert world.recorded(Kind.APPROVED)[0].attestation == "a.b.c"
    assert world.records[0].attestation is None


def test_the_effects_report_is_all_that_follows_an_approval() -> None:
    world = World(people("ann"), (stage("first", group("first", "ann")),))
    world.send("approve", "ann")
    done = progress.effect_ended(world.case, EffectResult(summary="paid"), world.now)
    assert done.records == ()
    failed = progress.effect_failed(world.case, "\ud800" * 9_000_000, world.now)
    assert failed.case.outcome == world.case.outcome
    assert [record.kind for record in failed.records] == [Kind.EFFECT_FAILED]


# Time in the worker.


@pytest.mark.parametrize("delegating", [False, True])
def test_two_hundred_reviews_of_fifty_people_are_little_work(*, delegating: bool) -> None:
    names = [f"p{number}" for number in range(50)]
    everybody = {
        name: person(name, delegations=[away(to=names[place - 1])] if delegating else [])
        for place, name in enumerate(names)
    }
    board = group("board", *names, approve="100%", reject="60%")
    world = World(everybody, (stage("board", board),))
    # The last of them never comes, so that the case stays open for all that follows.
    sent = [message("approve", names[number % 49]) for number in range(200)]
    actors = world.assess(sent).actors
    case = world.case
    with cProfile.Profile() as profile:
        for number, (each, actor) in enumerate(zip(sent, actors, strict=True)):
            call = Call(message=each, decision_id=f"unnamed-{number}", actor=actor)
            case = reception.received(case, call, world.now).case
    assert len(case.reviews) == 49
    # Work is counted in calls, which are the same on every machine; these take about 0.1 s, where
    # a workflow task may take two.
    calls = sum(entry.callcount for entry in profile.getstats())
    assert calls < 1_000_000
