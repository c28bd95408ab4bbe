"""How a case goes its way: votes, ties, timers, escalations, hand-overs, and who is there."""

import cProfile

import pytest

from placet.domain import progress, reception
from placet.domain.plan import DeadlineAction, RuleDecision, Selector, StuckAction, TakeOver
from placet.domain.record import NoticeKind
from placet.domain.review import Call
from placet.domain.vocabulary import Kind, Refusal, Status
from tests.support.cases import (
    BEGIN,
    Person,
    Timers,
    World,
    away,
    digest,
    group,
    level,
    message,
    person,
    stage,
)

APPROVED = ("approved", "people")
REJECTED = ("rejected", "people")


def people(*names: str, **special: Person) -> dict[str, Person]:
    return {**{name: person(name) for name in names}, **special}


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
    world.take(progress.unplannable(unplanned, "\ud800\x00" + "wrong " * 500_000, BEGIN))
    assert world.ending == ("failed", "rule")
    assert world.kinds[-2:] == [Kind.UNPLANNABLE, Kind.DECIDED]


# Several seats, several hats.


@pytest.mark.rule(number=6)
def test_one_person_in_two_groups_fills_one_seat() -> None:
    both = (group("finance", "ann", "bob"), group("legal", "ann", "cem"))
    world = World(people("ann", "bob", "cem"), (stage("review", *both),))
    world.send("approve", "ann")
    assert world.ending is None
    assert world.send("approve", "ann").refusal is Refusal.ALREADY_REVIEWED
    # Her vote counts for the group that has nobody else's.
    world.send("approve", "bob")
    assert world.ending == APPROVED


@pytest.mark.rule(number=6)
def test_a_delegate_votes_and_the_holder_finds_the_seat_filled() -> None:
    ann = person("ann", delegations=[away(to="dan")])
    finance = group("finance", "ann", "bob", approve=2)
    world = World(people("bob", "dan", ann=ann), (stage("finance", finance),))
    world.send("approve", "dan")
    assert world.records[-1].on_behalf_of is not None
    assert world.records[-1].on_behalf_of.id == "ann"
    assert world.send("approve", "ann").refusal is Refusal.SEAT_FILLED
    assert world.awaited == ["bob"]


def test_a_delegate_of_two_makes_room_when_one_of_them_votes() -> None:
    ann = person("ann", delegations=[away(to="dan")])
    bob = person("bob", delegations=[away(to="dan")])
    finance = group("finance", "ann", "bob", "cem", approve=3)
    world = World(people("cem", "dan", ann=ann, bob=bob), (stage("finance", finance),))
    world.send("approve", "dan")
    # Dan sits for Ann, who may still come: he would then sit for Bob.
    assert world.awaited == ["ann", "bob", "cem"]
    world.send("approve", "ann")
    assert world.records[-1].data["moved"] == [
        {"person": "dan", "group": "finance", "holder": "bob"}
    ]
    behalf = {r.person.id: r.on_behalf_of for r in world.case.reviews}
    assert behalf["dan"] is not None
    assert behalf["dan"].id == "bob"
    assert world.awaited == ["cem"]
    assert world.send("approve", "bob").refusal is Refusal.SEAT_FILLED
    world.send("approve", "cem")
    assert world.ending == APPROVED


def test_a_delegate_acts_for_the_holder_whose_seat_is_left() -> None:
    ann = person("ann", delegations=[away(to="dan")])
    bob = person("bob", delegations=[away(to="dan")])
    finance = group("finance", "ann", "bob", approve=2)
    world = World(people("dan", ann=ann, bob=bob), (stage("finance", finance),))
    world.send("approve", "ann")
    world.send("approve", "dan")
    (mine,) = [r for r in world.recorded(Kind.APPROVED) if r.actor and r.actor.claimed == "dan"]
    assert mine.on_behalf_of is not None
    assert mine.on_behalf_of.id == "bob"


@pytest.mark.rule(number=6)
def test_the_requesters_delegate_gets_no_seat_from_them() -> None:
    rita = person("rita", groups=["finance"], delegations=[away(to="dan")])
    stages = (stage("finance", group("finance", Selector(group="finance"))),)
    bob = person("bob", groups=["finance"], delegations=[away(to="rita")])
    world = World(people("dan", bob=bob, rita=rita), stages)
    assert world.send("approve", "dan").refusal is Refusal.NOT_REVIEWER
    assert world.send("approve", "rita").refusal is Refusal.OWN_REQUEST
    assert world.awaited == ["bob"]


@pytest.mark.rule(number=6)
def test_whoever_reviewed_a_stage_or_was_stood_in_for_is_kept_out_of_one_that_must_differ() -> None:
    ann = person("ann", delegations=[away(to="dan")])
    stages = (
        stage("first", group("first", "ann")),
        stage("second", group("second", "ann", "dan", "eve"), distinct_from=("first",)),
    )
    world = World(people("dan", "eve", ann=ann), stages)
    world.send("approve", "dan")
    assert world.awaited == ["eve"]
    assert world.send("approve", "dan").refusal is Refusal.NOT_REVIEWER
    assert world.send("approve", "ann").refusal is Refusal.NOT_REVIEWER
    world.send("approve", "eve")
    assert world.ending == APPROVED


# People come and go.


def test_somebody_removed_before_voting_cannot_and_is_replaced() -> None:
    role = Selector(role="lead")
    bob = person("bob", roles=["lead"])
    world = World(people("cem", bob=bob), (stage("lead", group("lead", role)),))
    world.people["bob"]["roles"] = []
    world.people["cem"]["roles"] = ["lead"]
    assert world.send("approve", "bob").refusal is Refusal.NOT_REVIEWER
    assert world.awaited == ["cem"]
    assert [n.kind for n in world.notices if n.to[0].id == "cem"] == [NoticeKind.REVIEW_WANTED]


def test_somebody_removed_after_voting_keeps_their_vote_and_their_seat() -> None:
    everybody = group("finance", "ann", "bob", "cem", approve="100%")
    world = World(people("ann", "bob", "cem"), (stage("finance", everybody),))
    world.send("approve", "ann")
    world.people["ann"]["active"] = False
    world.send("approve", "bob")
    assert world.ending is None
    world.send("approve", "cem")
    assert world.ending == APPROVED


def test_all_means_all_who_are_left_when_somebody_leaves_without_voting() -> None:
    everybody = group("finance", "ann", "bob", "cem", approve="100%")
    world = World(people("ann", "bob", "cem"), (stage("finance", everybody),))
    world.send("approve", "ann")
    world.send("approve", "bob")
    assert world.ending is None
    world.people["cem"]["active"] = False
    world.after(24)
    assert world.ending == APPROVED


@pytest.mark.rule(number=9)
def test_an_absence_that_leaves_nobody_is_seen_at_the_hour_it_begins() -> None:
    bob = person("bob", absences=[{"from": "2026-03-03T09:00Z", "until": "2026-03-20T09:00Z"}])
    lead = stage("lead", group("lead", "bob"), ladder=(level("deputy", "cem"),))
    world = World(people("cem", bob=bob), (lead,))
    assert world.awaited == ["bob"]
    world.after(25)
    assert world.awaited == ["cem"]
    # Who is away may still decide.
    assert world.send("approve", "bob").accepted


@pytest.mark.rule(number=9)
def test_a_joined_level_that_nobody_is_left_of_is_seen_too() -> None:
    bob = person("bob", absences=[away()])
    ladder = (level("deputy", "cem"), level("top", "eve"))
    world = World(
        people("cem", "eve", bob=bob), (stage("lead", group("lead", "bob"), ladder=ladder),)
    )
    assert world.awaited == ["cem"]
    world.people["cem"]["active"] = False
    world.after(24)
    assert world.awaited == ["eve"]
    assert world.kinds[-3:] == [Kind.ROSTER_CHANGED, Kind.STAGE_STUCK, Kind.ESCALATED]


# Stuck.


@pytest.mark.parametrize(
    ("when_stuck", "ending"),
    [
        # Nobody is there, and the ladder is empty: the request ends, it does not hang.
        (StuckAction.ESCALATE, ("rejected", "rule")),
        (StuckAction.REJECT, ("rejected", "rule")),
        # The policy may say so; it is then approved by rule, never by people.
        (StuckAction.APPROVE, ("approved", "rule")),
    ],
)
@pytest.mark.rule(number=9)
def test_a_stage_that_nobody_can_decide_ends_at_once_by_the_policys_rule(
    when_stuck: StuckAction, ending: tuple[str, str]
) -> None:
    lead = stage("lead", group("lead", "rita"), when_stuck=when_stuck)
    world = World({}, (lead,))
    assert world.ending == ending
    assert Kind.STAGE_STUCK in world.kinds


def test_a_stage_with_too_few_people_for_its_quorum_climbs_until_there_are_enough() -> None:
    ladder = (level("nobody", "rita"), level("deputy", "cem"), level("spare", "eve"))
    finance = group("finance", "ann", approve=2)
    world = World(people("ann", "cem", "eve"), (stage("finance", finance, ladder=ladder),))
    assert world.kinds[-3:] == [Kind.STAGE_STUCK, Kind.ESCALATED, Kind.ESCALATED]
    assert world.awaited == ["ann", "cem"]
    # Each hears of it once: cem by the escalation, ann as a reviewer.
    assert [[p.id for p in notice.to] for notice in world.notices] == [["cem"], ["ann"]]


def test_an_approval_by_people_needs_people_in_every_stage() -> None:
    stages = (
        stage("first", group("first", "rita"), when_stuck=StuckAction.APPROVE),
        stage("second", group("second", "bob")),
    )
    world = World(people("bob"), stages)
    world.send("approve", "bob")
    assert world.ending == ("approved", "rule")
    assert world.case.outcome is not None
    assert "stage first was passed by rule" in world.case.outcome.reason


# Escalation.


@pytest.mark.rule(number=6)
def test_an_escalation_never_lets_the_requester_in() -> None:
    rita = person("rita", roles=["boss"])
    boss = Selector(role="boss")
    bob = person("bob", deputy="rita", absences=[away()])
    ladder = (level("deputy", Selector(deputy_of="reviewers")), level("boss", boss))
    world = World(people(bob=bob, rita=rita), (stage("lead", group("lead", "bob"), ladder=ladder),))
    assert world.ending == ("rejected", "rule")
    assert world.case.reviews == ()


def test_a_take_over_voids_the_votes_and_lets_only_its_people_decide() -> None:
    finance = group("finance", "ann", "bob", approve=2, reject=2)
    board = level("board", "cem", "ann", mode=TakeOver.REPLACE, approve=2)
    timers = {"finance": Timers(escalations=(10,))}
    world = World(
        people("ann", "bob", "cem"), (stage("finance", finance, ladder=(board,)),), timers
    )
    world.send("approve", "ann")
    world.after(10)
    assert world.kinds[-1] is Kind.ESCALATED
    assert [review.counts for review in world.case.reviews] == [False]
    assert world.send("approve", "bob").refusal is Refusal.NOT_REVIEWER
    # Ann belongs to the board as well and may vote anew.
    world.send("approve", "cem")
    assert world.ending is None
    world.send("approve", "ann")
    assert world.ending == APPROVED


def test_a_take_over_leaves_the_reviews_of_earlier_stages_alone() -> None:
    board = level("board", "ann", "cem", mode=TakeOver.REPLACE)
    stages = (
        stage("first", group("first", "ann")),
        stage("second", group("second", "bob"), ladder=(board,), distinct_from=("first",)),
    )
    timers = {"second": Timers(escalations=(10,))}
    world = World(people("ann", "bob", "cem"), stages, timers)
    world.send("approve", "ann")
    world.after(10)
    assert world.awaited == ["cem"]
    world.after(24)
    assert world.awaited == ["cem"]


def test_people_who_join_raise_no_threshold_also_when_they_are_no_longer_named() -> None:
    names = ("ann", "bob", "cem")
    managers = {name: person(name, deputy=f"{name}-d") for name in names}
    deputies = people(*(f"{name}-d" for name in names))
    board = group("board", *names, approve="100%", reject=3)
    ladder = (level("deputies", Selector(deputy_of="reviewers")),)
    timers = {"board": Timers(escalations=(10,))}
    world = World({**managers, **deputies}, (stage("board", board, ladder=ladder),), timers)
    world.after(10)
    world.send("approve", "ann-d")
    world.send("approve", "ann")
    # Ann's seat is filled, so the level no longer names her deputy, whose vote stands.
    assert world.awaited == ["bob", "cem", "bob-d", "cem-d"]
    world.send("approve", "bob-d")
    assert world.ending == APPROVED


def test_two_levels_may_bring_in_the_same_person() -> None:
    ladder = (level("deputy", "cem"), level("spare", "cem"))
    timers = {"lead": Timers(escalations=(1, 2))}
    lead = stage("lead", group("lead", "bob", approve="100%"), ladder=ladder)
    world = World(people("bob", "cem"), (lead,), timers)
    world.after(3)
    assert world.awaited == ["bob", "cem"]
    assert len(world.case.waiting_for()) == 2
    world.send("approve", "cem")
    assert world.ending == APPROVED


# Timers.


@pytest.mark.parametrize(
    ("action", "final", "kinds", "ending"),
    [
        # Silence is approval, rejection or expiry, as the policy says; never by people.
        (DeadlineAction.APPROVE, None, [Kind.DEADLINE_PASSED], ("approved", "timeout")),
        (DeadlineAction.REJECT, None, [Kind.DEADLINE_PASSED], ("rejected", "timeout")),
        (DeadlineAction.EXPIRE, None, [Kind.DEADLINE_PASSED], ("expired", "timeout")),
        # Extended once; then the final action.
        (
            DeadlineAction.EXTEND,
            DeadlineAction.APPROVE,
            [Kind.EXTENDED, Kind.DEADLINE_PASSED],
            ("approved", "timeout"),
        ),
        # Escalated at the first deadline; the second one ends it.
        (
            DeadlineAction.ESCALATE,
            DeadlineAction.EXPIRE,
            [Kind.EXTENDED, Kind.ESCALATED, Kind.DEADLINE_PASSED],
            ("expired", "timeout"),
        ),
        # A policy that forgot to say how it ends: it ends all the same.
        (
            DeadlineAction.EXTEND,
            None,
            [Kind.EXTENDED, Kind.DEADLINE_PASSED],
            ("expired", "timeout"),
        ),
    ],
)
@pytest.mark.rule(number=9)
def test_silence_ends_a_stage_by_its_deadlines_action(
    action: DeadlineAction,
    final: DeadlineAction | None,
    kinds: list[Kind],
    ending: tuple[str, str],
) -> None:
    lead = stage(
        "lead",
        group("lead", "bob"),
        ladder=(level("deputy", "cem"),),
        deadline_action=action,
        final_action=final,
    )
    last = 30 if action in {DeadlineAction.EXTEND, DeadlineAction.ESCALATE} else None
    world = World(people("bob", "cem"), (lead,), {"lead": Timers(deadline=20, final=last)})
    begun = len(world.records)
    world.after(20 - 0.01)
    assert world.ending is None
    world.after(20)
    assert world.ending == ending
    moved = [r.kind for r in world.records[begun:] if r.kind.startswith("timer:")]
    assert moved == kinds
    assert world.send("approve", "bob").refusal is Refusal.LATE


def test_a_deadline_that_escalates_with_an_empty_ladder_still_gives_more_time() -> None:
    lead = stage("lead", group("lead", "bob"), deadline_action=DeadlineAction.ESCALATE)
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20, final=30)})
    world.after(25)
    assert world.kinds[-1] is Kind.EXTENDED
    assert world.notices[-1].kind is NoticeKind.REMINDER
    world.send("approve", "bob")
    assert world.ending == APPROVED


def test_a_worker_that_was_down_past_both_deadlines_does_not_extend() -> None:
    lead = stage(
        "lead",
        group("lead", "bob"),
        deadline_action=DeadlineAction.EXTEND,
        final_action=DeadlineAction.REJECT,
    )
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20, final=30)})
    world.after_an_outage(31)
    assert Kind.EXTENDED not in world.kinds
    assert world.ending == ("rejected", "timeout")


def test_a_worker_that_was_down_reminds_once() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,), {"lead": Timers(reminders=(1, 2, 3, 30))})
    world.after_an_outage(10)
    assert world.kinds.count(Kind.REMINDED) == 1
    assert world.case.stage is not None
    assert world.case.stage.schedule.reminders == (BEGIN + 30 * (world.now - BEGIN) / 10,)


def test_reminders_that_a_passed_deadline_overtook_are_dropped() -> None:
    lead = stage(
        "lead",
        group("lead", "bob"),
        deadline_action=DeadlineAction.EXTEND,
        final_action=DeadlineAction.REJECT,
    )
    timers = Timers(deadline=20, final=40, reminders=(10, 15, 30))
    world = World(people("bob"), (lead,), {"lead": timers})
    world.after_an_outage(21)
    assert world.kinds.count(Kind.REMINDED) == 0
    world.after(10)
    assert world.kinds.count(Kind.REMINDED) == 1


@pytest.mark.rule(number=7)
def test_a_decision_that_comes_with_the_deadline_wins() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20)})
    world.now = BEGIN.replace(day=9)
    world.send("approve", "bob")
    assert world.ending == APPROVED
    assert Kind.DEADLINE_PASSED not in world.kinds


@pytest.mark.rule(number=7)
def test_a_decision_after_the_deadline_is_recorded_as_late() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,), {"lead": Timers(deadline=20)})
    world.after(20)
    assert world.send("approve", "bob").refusal is Refusal.LATE
    assert world.ending == ("rejected", "timeout")
    assert world.case.reviews == ()


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


# Hand-overs.


def test_a_seat_that_is_handed_over_stays_so_when_the_directory_is_asked_again() -> None:
    world = World(people("ann", "bob", "cem"), (stage("first", group("first", "ann")),))
    assert world.send("reassign", "ann", to="bob").accepted
    assert [(n.kind, n.to[0].id) for n in world.notices[-1:]] == [(NoticeKind.REVIEW_WANTED, "bob")]
    assert world.send("comment", "ann").accepted
    assert world.awaited == ["bob"]
    assert world.send("approve", "ann").refusal is Refusal.NOT_REVIEWER
    world.send("approve", "bob")
    assert world.ending == APPROVED


def test_a_seat_can_be_handed_back() -> None:
    world = World(people("ann", "bob", "cem"), (stage("first", group("first", "ann")),))
    for giver, taker in (("ann", "bob"), ("bob", "cem"), ("cem", "ann")):
        assert world.send("reassign", giver, to=taker).accepted
        world.send("comment", "cem")
        assert world.awaited == [taker]


def test_a_hand_over_is_good_for_its_stage_only() -> None:
    stages = (stage("first", group("first", "ann")), stage("second", group("second", "ann")))
    world = World(people("ann", "bob"), stages)
    world.send("reassign", "ann", to="bob")
    world.send("approve", "bob")
    assert world.awaited == ["ann"]


def test_a_seat_handed_to_somebody_who_was_needed_elsewhere_shows_at_once() -> None:
    ann = person("ann", absences=[away()], delegations=[away(to="cem")])
    finance = group("finance", "ann", "bob", approve=2)
    lead = stage("finance", finance, ladder=(level("lead", "eve"),))
    world = World(people("bob", "cem", "eve", ann=ann), (lead,))
    assert world.awaited == ["cem", "bob"]
    # Cem can now fill Bob's seat or stand in for Ann, and not both.
    assert world.send("reassign", "bob", to="cem").accepted
    assert world.kinds[-2:] == [Kind.STAGE_STUCK, Kind.ESCALATED]
    assert world.awaited == ["cem", "eve"]


def test_an_administrator_hands_over_the_seat_of_somebody_who_is_ill() -> None:
    root = person("root", roles=["placet-admin"])
    world = World(people("ann", "bob", root=root), (stage("first", group("first", "ann")),))
    assert world.send("reassign", "root", seat_of="ann", to="bob").accepted
    record = world.recorded(Kind.REASSIGNED)[0]
    assert record.data == {"from": "ann", "to": "bob"}


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
    done = progress.effect_done(world.case, world.now)
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


def test_whoever_an_escalation_has_just_called_is_not_reminded_in_the_same_breath() -> None:
    lead = stage("lead", group("lead", "bob"), ladder=(level("deputy", "cem"),))
    timers = Timers(reminders=(2, 3), escalations=(2,), deadline=20)
    world = World(people("bob", "cem"), (lead,), {"lead": timers})
    world.after_an_outage(2)
    last = {notice.kind: [p.id for p in notice.to] for notice in world.notices[-2:]}
    assert last == {NoticeKind.ESCALATION: ["cem"], NoticeKind.REMINDER: ["bob"]}
    world.after(1)
    assert [p.id for p in world.notices[-1].to] == ["bob", "cem"]


@pytest.mark.rule(number=7)
def test_whoever_spoke_before_they_were_found_away_is_heard() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,))
    world.people["bob"] = person("bob", absences=[away()])
    assert world.turn(message("approve", "bob"))[0].accepted
    assert world.ending == APPROVED
