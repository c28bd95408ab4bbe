"""Who may review a stage: the four rules without exception, and the selectors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.people import Directory
from placet.domain.plan import (
    DeadlineAction,
    GroupPlan,
    LevelPlan,
    PersonRef,
    Roster,
    Selector,
    StagePlan,
    Threshold,
)
from placet.domain.roster import roster

NOW = datetime(2026, 5, 6, 10, tzinfo=UTC)
ONE = Threshold(count=1)
AWAY = {"from": "2026-05-04", "until": "2026-05-08"}


def person(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "addresses": [f"{name}@example.com"], **fields}


def directory(*people: dict[str, Any]) -> Directory:
    return Directory.model_validate({"people": people})


def stage(
    *selectors: dict[str, str], ladder: tuple[dict[str, str], ...] = (), **fields: Any
) -> StagePlan:
    group = GroupPlan(
        name="reviewers",
        reviewers=tuple(Selector(**each) for each in selectors),
        approve=ONE,
        reject=ONE,
    )
    levels = tuple(
        LevelPlan(name=f"level {place}", to=(Selector(**each),))
        for place, each in enumerate(ladder)
    )
    return StagePlan(
        name="check",
        groups=(group,),
        ladder=levels,
        deadline_action=DeadlineAction.REJECT,
        **fields,
    )


def ask(people: Directory, which: StagePlan, requester: str = "alice", **facts: Any) -> Roster:
    ref = people.require(requester).ref()
    return roster(which, people, requester=ref, pipeline="expense", now=NOW, **facts)


def holders(found: Roster) -> list[str]:
    return [seat.holder.id for seat in found.seats]


def ladders(found: Roster) -> list[list[str]]:
    return [[seat.holder.id for seat in level] for level in found.ladder]


def stand_ins(found: Roster) -> list[str]:
    return [ref.id for seat in found.seats for ref in seat.stand_ins]


COMPANY = directory(
    person("alice", manager="bob"),
    person("bob", manager="erin", deputy="carol", groups=["finance"]),
    person("carol", groups=["finance"], roles=["controller"]),
    person("dave", groups=["finance"], active=False, deputy="frank"),
    person("erin", roles=["executive"], deputy="alice"),
    person("frank"),
)


# Each way to name reviewers, and whom it finds when Alice asks.
@pytest.mark.rule(number=6)
@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ({"person": "Carol@Example.com"}, ["carol"]),
        ({"person": "nobody@example.com"}, []),
        ({"role": "executive"}, ["erin"]),
        ({"group": "finance"}, ["bob", "carol"]),
        ({"manager_of": "requester"}, ["bob"]),
        ({"manager_of": "bob@example.com"}, ["erin"]),
        ({"deputy_of": "bob@example.com"}, ["carol"]),
        ({"manager_of": "erin@example.com"}, []),
        ({"person": "alice@example.com"}, []),
        ({"deputy_of": "erin@example.com"}, []),
    ],
)
def test_each_selector_finds_its_people_and_never_the_requester(
    selector: dict[str, str], found: list[str]
) -> None:
    assert holders(ask(COMPANY, stage(selector))) == found


@pytest.mark.rule(number=6)
def test_somebody_named_twice_holds_one_seat() -> None:
    found = ask(COMPANY, stage({"manager_of": "requester"}, {"group": "finance"}))
    assert holders(found) == ["bob", "carol"]


def test_a_ladder_goes_up_from_the_reviewers_of_its_stage() -> None:
    which = stage(
        {"manager_of": "requester"},
        ladder=({"deputy_of": "reviewers"}, {"manager_of": "reviewers"}),
    )
    found = ask(COMPANY, which)
    assert ladders(found) == [["carol"], ["erin"]]
    assert [level[0].group for level in found.ladder] == ["level 0", "level 1"]


def test_a_ladder_goes_up_only_from_seats_that_are_still_open() -> None:
    which = stage({"person": "bob"}, {"person": "erin"}, ladder=({"deputy_of": "reviewers"},))
    found = ask(COMPANY, which, requester="frank", open_holders=frozenset({"erin"}))
    assert ladders(found) == [["alice"]]


def test_the_deputy_of_a_reviewer_who_left_still_comes_in() -> None:
    found = ask(COMPANY, stage({"person": "dave"}, ladder=({"deputy_of": "reviewers"},)))
    assert holders(found) == []
    assert ladders(found) == [["frank"]]
    which = stage({"group": "finance"}, ladder=({"deputy_of": "reviewers"},))
    # Of those in finance, Bob and Carol have decided; Dave cannot any more.
    assert ladders(ask(COMPANY, which, open_holders=frozenset())) == [["frank"]]


def test_the_deputy_of_somebody_who_reviewed_an_earlier_stage_stays_in() -> None:
    which = stage({"person": "bob"}, ladder=({"deputy_of": "reviewers"},), distinct_from=("first",))
    earlier = {"first": frozenset({"bob"})}
    opened = ask(COMPANY, which, requester="frank", earlier=earlier)
    later = ask(COMPANY, which, requester="frank", earlier=earlier, open_holders=frozenset())
    assert holders(opened) == []
    assert ladders(opened) == ladders(later) == [["carol"]]


@pytest.mark.rule(number=6)
def test_the_requester_is_no_reviewer_whose_deputy_could_decide() -> None:
    which = stage({"group": "finance"}, ladder=({"deputy_of": "reviewers"},))
    found = ask(COMPANY, which, requester="bob")
    assert ladders(found) == [["frank"]]


def test_who_reviewed_a_distinct_stage_neither_reviews_nor_stands_in() -> None:
    people = directory(
        person("alice"),
        person("bob", groups=["finance"]),
        person("carol", groups=["finance"], delegations=[{"to": "bob", **AWAY}]),
    )
    which = stage({"group": "finance"}, distinct_from=("first",))
    found = ask(people, which, earlier={"first": frozenset({"bob"}), "other": frozenset({"carol"})})
    assert holders(found) == ["carol"]
    assert stand_ins(found) == []


@pytest.mark.rule(number=6)
def test_what_the_requester_delegates_gives_nobody_a_seat() -> None:
    people = directory(
        person("alice", groups=["finance"], delegations=[{"to": "bob", **AWAY}]),
        person("bob", delegations=[{"to": "alice", **AWAY}]),
    )
    assert ask(people, stage({"group": "finance"})).seats == ()
    (seat,) = ask(people, stage({"group": "finance"}, {"person": "bob"})).seats
    assert [ref.id for ref in seat.people()] == ["bob"]


def test_an_absent_holder_keeps_the_seat_and_their_delegate_can_fill_it() -> None:
    people = directory(
        person("alice"),
        person("bob", absences=[AWAY], delegations=[{"to": "carol", **AWAY}]),
        person("carol"),
    )
    (seat,) = ask(people, stage({"person": "bob"})).seats
    assert not seat.present
    assert [ref.id for ref in seat.reachable()] == ["carol"]
    assert [ref.id for ref in seat.people()] == ["bob", "carol"]


def test_a_delegation_for_another_pipeline_or_another_time_gives_nothing() -> None:
    people = directory(
        person("alice"),
        person(
            "bob",
            delegations=[
                {"to": "carol", "pipelines": ["export"], **AWAY},
                {"to": "dave", "from": "2026-06-01", "until": "2026-06-02"},
            ],
        ),
        person("carol"),
        person("dave"),
    )
    assert stand_ins(ask(people, stage({"person": "bob"}))) == []


def test_delegation_is_followed_one_step_only() -> None:
    people = directory(
        person("alice"),
        person("bob", delegations=[{"to": "carol", **AWAY}]),
        person("carol", delegations=[{"to": "dave", **AWAY}]),
        person("dave"),
    )
    assert stand_ins(ask(people, stage({"person": "bob"}))) == ["carol"]


def test_a_delegate_who_is_away_or_has_left_does_not_stand_in() -> None:
    people = directory(
        person("alice"),
        person("bob", delegations=[{"to": "carol", **AWAY}, {"to": "dave", **AWAY}]),
        person("carol", absences=[AWAY]),
        person("dave", active=False),
    )
    assert stand_ins(ask(people, stage({"person": "bob"}))) == []


def test_a_seat_handed_over_is_held_by_the_heir() -> None:
    found = ask(COMPANY, stage({"person": "bob"}), reassigned={"bob": "carol", "carol": "frank"})
    assert holders(found) == ["frank"]


# Handing over may neither bring in somebody who may not hold the seat, nor lose the seat.
@pytest.mark.parametrize("heir", ["alice", "dave", "gone"])
def test_a_seat_handed_to_somebody_who_may_not_hold_it_stays_where_it_was(heir: str) -> None:
    assert holders(ask(COMPANY, stage({"person": "bob"}), reassigned={"bob": heir})) == ["bob"]


@pytest.mark.rule(number=6)
def test_what_would_be_the_requesters_seat_cannot_be_handed_on() -> None:
    which = stage({"group": "finance"})
    found = ask(COMPANY, which, requester="bob", reassigned={"bob": "frank"})
    assert holders(found) == ["carol"]


def test_two_people_who_swap_seats_do_not_go_round_for_ever() -> None:
    found = ask(COMPANY, stage({"group": "finance"}), reassigned={"bob": "carol", "carol": "bob"})
    assert sorted(holders(found)) == ["bob", "carol"]


def test_the_next_turn_of_anybody_involved_is_told() -> None:
    people = directory(
        person("alice", absences=[{"from": "2026-05-06", "until": "2026-05-06"}]),
        person("bob", delegations=[{"to": "carol", "from": "2026-05-06", "until": "2026-05-20"}]),
        person("carol", absences=[{"from": "2026-05-11", "until": "2026-05-12"}]),
        person("dave", absences=[{"from": "2026-05-10", "until": "2026-05-10"}]),
        person("erin", absences=[{"from": "2026-05-09", "until": "2026-05-09"}]),
    )
    found = ask(people, stage({"person": "bob"}, ladder=({"person": "dave"},)))
    assert found.changes_at == datetime(2026, 5, 10, tzinfo=UTC)
    assert ask(COMPANY, stage({"person": "bob"})).changes_at is None


NAMES = ["alice", "bob", "carol", "dave", "erin"]
SPELLINGS = [
    "{}@example.com",
    "{}",
    "{}+x@Example.COM",
    " {}@EXAMPLE.com ",
    "second.{}@example.org",
]


@st.composite
def situations(draw: st.DrawFn) -> tuple[Directory, StagePlan, PersonRef, dict[str, Any]]:
    """Draw a company, a stage, a requester under some spelling, and what happened before."""
    name = st.sampled_from(NAMES)
    some = st.lists(name, max_size=3, unique=True)

    def somebody(own: str) -> dict[str, Any]:
        others = [other for other in draw(some) if other != own]
        return person(
            own,
            addresses=[f"{own}@example.com", f"second.{own}@example.org"],
            manager=draw(st.sampled_from([n for n in NAMES if n > own] or [None])),  # type: ignore[list-item]
            deputy=draw(st.sampled_from([n for n in NAMES if n != own])),
            groups=draw(st.lists(st.sampled_from(["finance", "legal"]), unique=True)),
            active=draw(st.booleans()) or draw(st.booleans()),
            absences=draw(st.sampled_from([[], [AWAY]])),
            delegations=[{"to": other, **AWAY} for other in others],
        )

    people = directory(*(somebody(own) for own in NAMES))
    address = st.builds(lambda form, who: form.format(who), st.sampled_from(SPELLINGS), name)
    base = st.one_of(st.just("requester"), address)
    selector = st.one_of(
        st.builds(lambda a: {"person": a}, address),
        st.builds(lambda g: {"group": g}, st.sampled_from(["finance", "legal"])),
        st.builds(lambda kind, a: {kind: a}, st.sampled_from(["manager_of", "deputy_of"]), base),
    )
    up = st.sampled_from([{"manager_of": "reviewers"}, {"deputy_of": "reviewers"}])
    which = stage(
        *draw(st.lists(selector, min_size=1, max_size=4)),
        ladder=tuple(draw(st.lists(st.one_of(selector, up), max_size=2))),
        distinct_from=("first",),
    )
    who = draw(name)
    spelling = draw(st.sampled_from(SPELLINGS)).format(who)
    identity = draw(st.sampled_from([who, spelling, f"account-{who}"]))
    requester = PersonRef(id=identity, name="Somebody", address=spelling)
    before = {
        "earlier": {"first": frozenset(draw(some))},
        "reassigned": draw(st.dictionaries(name, name, max_size=4)),
        "open_holders": draw(st.one_of(st.none(), st.frozensets(name))),
    }
    return people, which, requester, before


@pytest.mark.rule(number=6)
@given(situations())
def test_nobody_reviews_who_may_not(
    situation: tuple[Directory, StagePlan, PersonRef, dict[str, Any]],
) -> None:
    people, which, requester, before = situation
    found = roster(which, people, requester=requester, pipeline="expense", now=NOW, **before)
    asking = people.resolve(requester.address)
    assert asking is not None
    for seats in (found.seats, *found.ladder):
        assert len({seat.holder.id for seat in seats}) == len(seats)
        for seat in seats:
            everybody = [ref.id for ref in seat.people()]
            assert asking.id not in everybody
            assert not before["earlier"]["first"].intersection(everybody)
            assert all(people.require(each).active for each in everybody)
            assert seat.present != people.absent(people.require(seat.holder.id), NOW)
            # Who acts for somebody was named by that holder, never by the requester.
            given_by_holder = people.delegates_of(people.require(seat.holder.id), NOW, "expense")
            assert {ref.id for ref in seat.stand_ins} <= {p.id for p in given_by_holder}
    assert found.changes_at is None or found.changes_at > NOW


@given(situations(), st.integers(min_value=1, max_value=200))
def test_nothing_changes_before_the_roster_says_it_may(
    situation: tuple[Directory, StagePlan, PersonRef, dict[str, Any]], hours: int
) -> None:
    people, which, requester, before = situation
    found = roster(which, people, requester=requester, pipeline="expense", now=NOW, **before)
    later = NOW + timedelta(hours=hours)
    if found.changes_at is None or later < found.changes_at:
        again = roster(which, people, requester=requester, pipeline="expense", now=later, **before)
        assert again == found
