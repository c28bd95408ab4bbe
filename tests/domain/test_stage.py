"""An open stage: its tally against counting every possibility, its thresholds and its timers."""

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from placet.domain.plan import (
    Opening,
    PersonRef,
    Roster,
    Schedule,
    Seat,
    StagePlan,
    TakeOver,
    Threshold,
)
from placet.domain.review import Review
from placet.domain.stage import OpenStage
from placet.domain.tally import Tally
from placet.domain.vocabulary import Action
from tests.support.cases import BEGIN, Timers, group, level, stage
from tests.support.quorum import SeatKey, Voter, possible

NAMES = ("ann", "bob", "cem", "dan", "eve", "fay")
GROUPS = ("finance", "legal")


def ref(name: str) -> PersonRef:
    return PersonRef(id=name, name=name.title(), address=f"{name}@example.com")


def opened(plan: StagePlan, roster: Roster, timers: Timers | None = None) -> OpenStage:
    schedule = (timers or Timers()).at(BEGIN)
    return OpenStage.at(plan, Opening(roster=roster, schedule=schedule), BEGIN)


@st.composite
def tables(draw: st.DrawFn, groups: tuple[str, ...]) -> tuple[OpenStage, tuple[Review, ...]]:
    """Draw a stage with some votes, each cast by somebody who was admitted then."""
    share = st.integers(1, 3) | st.sampled_from(["1%", "50%", "67%", "100%"])
    plan = stage(
        "review", *(group(name, approve=draw(share), reject=draw(share)) for name in groups)
    )
    seats = []
    for name in groups:
        for holder in draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True)):
            others = [other for other in NAMES if other != holder]
            stand_ins = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
            seats.append(
                Seat(
                    group=name,
                    holder=ref(holder),
                    present=draw(st.booleans()),
                    stand_ins=tuple(ref(other) for other in stand_ins),
                )
            )
    roster = Roster(seats=tuple(seats))
    table = opened(plan, roster)
    reviews: list[Review] = []
    actions = st.sampled_from([Action.APPROVE, Action.REJECT])
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=5, unique=True)):
        tally = Tally(table, reviews)
        if tally.admits(name):
            reviews.append(vote(name, draw(actions), tally.seats_of(name)))
    gone = draw(st.sets(st.sampled_from(NAMES), max_size=1))
    left = tuple(seat for seat in seats if seat.holder.id not in gone)
    return table.with_roster(Roster(seats=left), BEGIN), tuple(reviews)


def vote(name: str, action: Action, seats: tuple[SeatKey, ...]) -> Review:
    return Review(
        person=ref(name), action=action, stage="review", seats=seats, channel="signal", at=BEGIN
    )


def voters(reviews: tuple[Review, ...], action: Action) -> list[Voter]:
    return [Voter(r.person.id, r.seats, r.action is action) for r in reviews]


def hopeful(table: OpenStage, reviews: tuple[Review, ...]) -> list[Voter]:
    voted = {review.person.id for review in reviews}
    there = {p.id for seat in table.seats() for p in seat.reachable()} - voted
    return [
        Voter(
            name,
            tuple(s.key for s in table.seats() if any(p.id == name for p in s.people())),
            counts=True,
            must_sit=False,
        )
        for name in sorted(there)
    ]


Table = tuple[OpenStage, tuple[Review, ...]]


@given(tables(GROUPS))
@pytest.mark.rule(number=6)
def test_no_threshold_is_met_without_its_votes_on_seats_of_their_own(drawn: Table) -> None:
    table, reviews = drawn
    tally = Tally(table, reviews)
    if tally.approved:
        assert possible(voters(reviews, Action.APPROVE), tally.needs(Action.APPROVE))
    if tally.rejected:
        needs = tally.needs(Action.REJECT)
        assert any(
            possible(voters(reviews, Action.REJECT), {name: count}) for name, count in needs.items()
        )


@given(tables(GROUPS))
def test_what_is_called_reachable_can_still_be_approved(drawn: Table) -> None:
    table, reviews = drawn
    tally = Tally(table, reviews)
    if tally.reachable:
        everybody = [*voters(reviews, Action.APPROVE), *hopeful(table, reviews)]
        assert possible(everybody, tally.needs(Action.APPROVE))


@given(tables(GROUPS[:1]))
def test_with_one_group_every_threshold_that_is_met_is_seen(drawn: Table) -> None:
    table, reviews = drawn
    tally = Tally(table, reviews)
    approve, reject = tally.needs(Action.APPROVE), tally.needs(Action.REJECT)
    assert tally.approved == possible(voters(reviews, Action.APPROVE), approve)
    assert tally.rejected == possible(voters(reviews, Action.REJECT), reject)
    everybody = [*voters(reviews, Action.APPROVE), *hopeful(table, reviews)]
    assert tally.reachable == possible(everybody, approve)


@given(tables(GROUPS))
def test_groups_without_a_person_in_common_are_counted_exactly(drawn: Table) -> None:
    table, reviews = drawn
    mixed = [r for r in reviews if len({name for name, _ in r.seats}) > 1]
    hopes = hopeful(table, reviews)
    assume(not mixed and all(len({name for name, _ in h.seats}) == 1 for h in hopes))
    tally = Tally(table, reviews)
    needs = tally.needs(Action.APPROVE)
    assert tally.approved == possible(voters(reviews, Action.APPROVE), needs)
    assert tally.reachable == possible([*voters(reviews, Action.APPROVE), *hopes], needs)


@given(tables(GROUPS))
def test_everybody_who_is_awaited_would_find_a_seat_and_nobody_else_who_is_there(
    drawn: Table,
) -> None:
    table, reviews = drawn
    tally = Tally(table, reviews)
    awaited = {somebody.id for somebody in tally.awaited}
    for hope in hopeful(table, reviews):
        one_more = hope._replace(must_sit=True)
        fits = possible([*voters(reviews, Action.APPROVE), one_more], {})
        assert (hope.person in awaited) == fits
    assert all(tally.places_of(name) for name in awaited)


@given(tables(GROUPS))
def test_everybody_who_has_voted_sits(drawn: Table) -> None:
    table, reviews = drawn
    seated = Tally(table, reviews).seated
    assert set(seated.by_person) == {review.person.id for review in reviews}
    assert {seat: name for name, seat in seated.by_person.items()} == seated.by_seat


def test_a_seat_that_a_rejection_fills_is_not_approved_by_its_holder_as_well() -> None:
    finance, legal = group("finance", reject=2), group("legal", reject=2)
    holders = (("finance", "ann"), ("finance", "bob"), ("legal", "ann"), ("legal", "cem"))
    seats = tuple(seat(name, holder) for name, holder in holders)
    table = opened(stage("review", finance, legal), Roster(seats=seats))
    reviews = (
        # Dan could act for Ann in legal, and nowhere else.
        vote("dan", Action.REJECT, (("legal", "ann"),)),
        vote("ann", Action.APPROVE, (("finance", "ann"), ("legal", "ann"))),
        vote("bob", Action.APPROVE, (("finance", "bob"),)),
    )
    assert not Tally(table, reviews).approved
    assert Tally(table, reviews).reachable
    agreed = (*reviews, vote("cem", Action.APPROVE, (("legal", "cem"),)))
    assert Tally(table, agreed).approved


@pytest.mark.parametrize(
    ("threshold", "seats", "needed"),
    [
        # A number is that number, however many there are: too few people are stuck, not fewer.
        (Threshold(count=2), 1, 2),
        (Threshold(count=1), 0, 1),
        # A part is rounded up, exactly.
        (Threshold(percent=50), 3, 2),
        (Threshold(percent=34), 3, 2),
        (Threshold(percent=33), 3, 1),
        (Threshold(percent=7), 100, 7),
        (Threshold(percent=67), 3, 3),
        (Threshold(percent=66), 3, 2),
        # All is all, and one vote at least when nobody is left: no vote approves nothing.
        (Threshold(percent=100), 7, 7),
        (Threshold(percent=100), 0, 1),
        (Threshold(percent=1), 10, 1),
    ],
)
def test_thresholds_are_rounded_up_and_need_a_vote(
    threshold: Threshold, seats: int, needed: int
) -> None:
    assert threshold.of(seats) == needed


@given(st.integers(1, 100), st.integers(0, 10_000))
def test_a_percentage_is_the_least_number_that_reaches_it(percent: int, seats: int) -> None:
    needed = Threshold(percent=percent).of(seats)
    assert needed == max(1, next(n for n in range(seats + 1) if n * 100 >= seats * percent))


# Levels.


def seat(name: str, holder: str, **more: bool) -> Seat:
    return Seat(group=name, holder=ref(holder), **more)


def test_a_level_that_joins_sits_in_every_group_and_one_that_replaces_in_its_own() -> None:
    plan = stage(
        "review",
        group("finance"),
        group("legal"),
        ladder=(level("deputies"), level("board", mode=TakeOver.REPLACE), level("spare")),
    )
    ladder = ((seat("deputies", "dan"),), (seat("board", "eve"),), (seat("spare", "fay"),))
    roster = Roster(seats=(seat("finance", "ann"), seat("legal", "bob")), ladder=ladder)
    table = opened(plan, roster)
    assert [s.key for s in table.seats()] == [("finance", "ann"), ("legal", "bob")]
    table = table.escalated(0)
    assert [s.key for s in table.seats()][2:] == [("finance", "dan"), ("legal", "dan")]
    table = table.escalated(1)
    assert [s.key for s in table.seats()] == [("board", "eve")]
    table = table.escalated(2)
    assert [s.key for s in table.seats()] == [("board", "eve"), ("board", "fay")]
    assert table.next_level() is None


def test_a_guest_who_becomes_a_member_counts_as_one_also_after_leaving() -> None:
    plan = stage("review", group("finance", approve="100%"), ladder=(level("deputies"),))
    ladder = ((seat("deputies", "dan"),),)
    table = opened(plan, Roster(seats=(seat("finance", "ann"),), ladder=ladder)).escalated(0)
    member = Roster(seats=(seat("finance", "ann"), seat("finance", "dan")), ladder=ladder)
    table = table.with_roster(member, BEGIN)
    reviews = (vote("dan", Action.APPROVE, (("finance", "dan"),)),)
    left = table.with_roster(Roster(seats=(seat("finance", "ann"),)), BEGIN)
    assert Tally(left, reviews).needs(Action.APPROVE) == {"finance": 2}


def test_a_guest_who_has_voted_and_is_no_longer_named_raises_no_threshold() -> None:
    plan = stage("review", group("finance", approve="100%"), ladder=(level("deputies"),))
    ladder = ((seat("deputies", "dan"),),)
    seats = (seat("finance", "ann"), seat("finance", "bob"))
    table = opened(plan, Roster(seats=seats, ladder=ladder)).escalated(0)
    reviews = (vote("dan", Action.APPROVE, (("finance", "dan"),)),)
    left = table.with_roster(Roster(seats=seats, ladder=((),)), BEGIN)
    assert Tally(left, reviews).needs(Action.APPROVE) == {"finance": 2}


# Timers.


def test_the_next_due_instant_is_the_first_of_all_that_can_happen() -> None:
    plan = stage("review", group("finance"), ladder=(level("a"), level("b")))
    timers = Timers(deadline=50, final=60, reminders=(5, 9), escalations=(3, None), recheck=24)
    table = opened(plan, Roster(), timers)

    def due(now: OpenStage) -> float:
        return (now.next_due() - BEGIN) / timedelta(hours=1)

    assert due(table) == 3
    table = table.escalated(0)
    assert due(table) == 5
    table = table.without_reminders_until(BEGIN + timedelta(hours=5))
    assert due(table) == 9
    table = table.without_reminders_until(BEGIN + timedelta(hours=10))
    assert due(table) == 24
    table = table.with_roster(Roster(), BEGIN + timedelta(hours=40))
    assert due(table) == 50
    table = table.model_copy(update={"extended": True})
    assert due(table) == 60


def test_a_change_the_directory_knows_of_is_looked_at_when_it_comes() -> None:
    change = BEGIN + timedelta(hours=2)
    schedule = Schedule(deadline=BEGIN + timedelta(days=9))
    opening = Opening(roster=Roster(changes_at=change), schedule=schedule)
    table = OpenStage.at(stage("review", group("finance")), opening, BEGIN)
    assert table.next_due() == change
    assert table.with_roster(Roster(changes_at=change), change).next_due() > change
