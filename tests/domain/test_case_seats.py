"""Who may vote: seats, delegates, hand-overs, and people who come and go."""

import pytest

from placet.domain.plan import Selector
from placet.domain.record import NoticeKind
from placet.domain.vocabulary import Kind, Refusal
from tests.support.cases import (
    World,
    away,
    group,
    level,
    message,
    people,
    person,
    stage,
)

APPROVED = ("approved", "people")


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


@pytest.mark.rule(number=7)
def test_whoever_spoke_before_they_were_found_away_is_heard() -> None:
    lead = stage("lead", group("lead", "bob"))
    world = World(people("bob"), (lead,))
    world.people["bob"] = person("bob", absences=[away()])
    assert world.turn(message("approve", "bob"))[0].accepted
    assert world.ending == APPROVED


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
