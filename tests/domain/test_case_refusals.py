"""Everything a case refuses, with the reason above each row; a refusal changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from placet.domain import reception
from placet.domain.case import REMEMBERED_ANSWERS
from placet.domain.message import Malformed, Message, parse
from placet.domain.plan import Assurance, Selector
from placet.domain.review import Actor, Call
from placet.domain.vocabulary import Action, Kind, Refusal, Status
from tests.support.cases import World, away, digest, group, message, person, stage

Before = Callable[[World], object]


def office(**fields: Any) -> World:
    """Two of finance's three decide, then cleo decides with a proven identity."""
    people = {
        "bob": person("bob", addresses=["bob@example.com", "robert@example.com"]),
        "ann": person("ann", delegations=[away(to="dan")]),
        "cem": person("cem"),
        "dan": person("dan"),
        "eve": person("eve"),
        "cleo": person("cleo"),
        "root": person("root", roles=["placet-admin"]),
        "gone": person("gone", active=False),
        "rita": person(
            "rita", addresses=["rita@example.com", "r.smith@example.com"], roles=["placet-admin"]
        ),
    }
    stages = (
        stage("finance", group("finance", "bob", "ann", "cem", approve=2, reject=2)),
        stage("lead", group("lead", "cleo", "eve"), assurance=Assurance.VERIFIED),
    )
    return World(people, stages, **fields)


def sends(action: str, who: str, **fields: Any) -> Before:
    return lambda world: world.send(action, who, **fields)


def withdrawn(world: World) -> None:
    world.send("withdraw", "rita")


def signed_badly(world: World, sent: Message) -> None:
    bob = world.directory.require("bob").ref()
    actor = Actor(claimed="bob", person=bob, problem="it is of another key")
    world.take(
        reception.received(world.case, Call(message=sent, decision_id="x", actor=actor), world.now)
    )


ROWS: list[tuple[Refusal, list[Before], Message]] = [
    # The case has its outcome, so nothing can change it any more.
    (Refusal.LATE, [withdrawn], message("approve", "bob")),
    # The same for its requester, who has already taken it back.
    (Refusal.LATE, [withdrawn], message("withdraw", "rita")),
    # A name that is not in the directory is nobody, however plausible.
    (Refusal.UNKNOWN_PERSON, [], message("approve", "bob@example.org")),
    # Whoever has left is nobody either.
    (Refusal.UNKNOWN_PERSON, [], message("approve", "gone@example.com")),
    # Strangers may not even comment: the ledger is no place for them to write.
    (Refusal.UNKNOWN_PERSON, [], message("comment", "mallory@example.com", reason="hi")),
    # The stage was passed on to a reviewer who must prove who they are.
    (
        Refusal.ASSURANCE,
        [sends("approve", "bob"), sends("approve", "ann")],
        message("approve", "cleo"),
    ),
    # A review kept for such a stage must prove it already, or it could never count.
    (Refusal.ASSURANCE, [], message("approve", "cleo")),
    # Nobody reviews their own request.
    (Refusal.OWN_REQUEST, [], message("approve", "rita@example.com")),
    # Not by another of their addresses, in other letters, with a tag.
    (Refusal.OWN_REQUEST, [], message("reject", " R.Smith+x@EXAMPLE.com")),
    # In the directory, but with no seat in any stage.
    (Refusal.NOT_REVIEWER, [], message("approve", "root")),
    # Changes can be asked for by the stage that is open only.
    (Refusal.NOT_REVIEWER, [], message("request_changes", "cleo")),
    # Only who asked can take it back.
    (Refusal.NOT_REQUESTER, [], message("withdraw", "bob")),
    # The reviewer looked at something else.
    (Refusal.OTHER_REVISION, [], message("approve", "bob", digest=digest(7))),
    # One person has one vote.
    (Refusal.ALREADY_REVIEWED, [sends("approve", "bob")], message("approve", "robert@example.com")),
    # And keeps it: the first review stands.
    (Refusal.ALREADY_REVIEWED, [sends("approve", "bob")], message("reject", "bob")),
    # A delegate has filled the holder's only seat.
    (Refusal.SEAT_FILLED, [sends("approve", "dan")], message("approve", "ann")),
    # The holder has voted, so the delegate's is left without a seat.
    (Refusal.SEAT_FILLED, [sends("reject", "ann")], message("approve", "dan")),
    # There is nothing to review until the requester resubmits.
    (Refusal.WAITING_FOR_CHANGES, [sends("request_changes", "bob")], message("approve", "ann")),
    # The policy allows to ask so often and no more.
    (
        Refusal.ROUNDS_EXHAUSTED,
        [sends("request_changes", "bob"), lambda w: w.resubmit("rita")],
        message("request_changes", "ann"),
    ),
    # The id stands for an approval.
    (
        Refusal.DECISION_ID_REUSED,
        [sends("approve", "bob", decision_id="d1")],
        message("reject", "bob", decision_id="d1"),
    ),
    # Nor may somebody else use it.
    (
        Refusal.DECISION_ID_REUSED,
        [sends("approve", "bob", decision_id="d1")],
        message("approve", "ann", decision_id="d1"),
    ),
    # A seat is handed over by its holder.
    (Refusal.BAD_REASSIGNMENT, [], message("reassign", "bob", seat_of="ann", to="eve")),
    # Who holds no seat has none to give; to stand in for somebody is not to hold.
    (Refusal.BAD_REASSIGNMENT, [], message("reassign", "dan", to="eve")),
    # The requester would be choosing who reviews, whatever roles they have.
    (Refusal.BAD_REASSIGNMENT, [], message("reassign", "rita", seat_of="bob", to="eve")),
    # Or be the reviewer.
    (Refusal.BAD_REASSIGNMENT, [], message("reassign", "bob", to="r.smith@example.com")),
    # Nobody goes by this name.
    (Refusal.BAD_REASSIGNMENT, [], message("reassign", "bob", to="nobody@example.com")),
    # Somebody who left does not come back to review.
    (Refusal.BAD_REASSIGNMENT, [], message("reassign", "bob", to="gone")),
    # One person, one seat.
    (Refusal.BAD_REASSIGNMENT, [], message("reassign", "bob", to="cem")),
    # Whoever has voted in somebody's place may not be given a seat as well.
    (
        Refusal.BAD_REASSIGNMENT,
        [sends("approve", "dan")],
        message("reassign", "bob", to="dan"),
    ),
    # The vote is cast; a second one for the same seat would count twice.
    (Refusal.BAD_REASSIGNMENT, [sends("approve", "bob")], message("reassign", "bob", to="eve")),
    # The same when it was a delegate who cast it.
    (Refusal.BAD_REASSIGNMENT, [sends("approve", "dan")], message("reassign", "ann", to="eve")),
    # Not even an administrator can give away a seat that is filled.
    (
        Refusal.BAD_REASSIGNMENT,
        [sends("approve", "dan")],
        message("reassign", "root", seat_of="ann", to="eve"),
    ),
    # No stage is open.
    (
        Refusal.BAD_REASSIGNMENT,
        [sends("request_changes", "bob")],
        message("reassign", "ann", to="eve"),
    ),
]


@pytest.mark.parametrize(("refusal", "before", "sent"), ROWS)
def test_a_refused_message_is_recorded_answered_and_changes_nothing(
    refusal: Refusal, before: list[Before], sent: Message
) -> None:
    world = office(max_rounds=1)
    for step in before:
        step(world)
    earlier, count = world.case, len(world.records)
    answer = world.turn(sent)[0]
    assert (answer.accepted, answer.refusal) == (False, refusal)
    assert answer.message
    assert world.case.with_(answers={}) == earlier.with_(answers={})
    (record,) = world.records[count:]
    assert record.kind is (Kind.LATE if refusal is Refusal.LATE else Kind.REFUSED)
    assert record.data["refusal"] == refusal.value
    assert record.actor is not None
    assert record.actor.claimed == sent.actor


def test_a_bad_signature_does_not_fall_back_to_a_claim() -> None:
    world = office()
    signed_badly(world, message("approve", "bob"))
    assert world.case.reviews == ()
    assert world.records[-1].data["refusal"] == Refusal.BAD_ATTESTATION.value


@pytest.mark.rule(number=8)
def test_a_malformed_message_is_recorded_and_changes_nothing() -> None:
    world = office()
    earlier = world.case
    broken = parse("approve", [("json/plain", b'["secret"]')], "signal")
    assert isinstance(broken, Malformed)
    assert world.turn(broken) == []
    assert world.case == earlier
    assert world.records[-1].data["refusal"] == Refusal.MALFORMED.value
    assert "secret" not in world.records[-1].model_dump_json()


@pytest.mark.parametrize(
    ("who", "fields", "refusal"),
    [
        # Only the requester changes the request.
        ("bob", {}, Refusal.NOT_REQUESTER),
        # Two people at two screens: the second would undo what the first changed.
        ("rita", {"digest": digest(9)}, Refusal.OTHER_REVISION),
        # The id stands for bob's approval.
        ("rita", {"decision_id": "d1"}, Refusal.DECISION_ID_REUSED),
        # Nobody by that name.
        ("mallory", {}, Refusal.UNKNOWN_PERSON),
    ],
)
def test_a_resubmission_is_refused_before_it_is_planned(
    who: str, fields: dict[str, Any], refusal: Refusal
) -> None:
    world = office()
    world.send("approve", "bob", decision_id="d1")
    answer = world.resubmit(who, **fields)
    assert (answer.accepted, answer.refusal) == (False, refusal)
    assert world.case.revision == 1
    assert len(world.case.reviews) == 1


def test_a_resubmission_after_the_outcome_is_late() -> None:
    world = office()
    withdrawn(world)
    assert world.resubmit("rita").refusal is Refusal.LATE
    assert world.kinds[-1] is Kind.LATE


def test_a_resubmission_that_cannot_be_planned_leaves_the_case_as_it_was() -> None:
    world = office()
    world.send("approve", "bob")
    sent = message("resubmit", "rita", request={}, decision_id="again")
    call = Call(message=sent, decision_id="again", actor=world.assess([sent]).actors[0])
    problem = "line 3: \x00 \ud800 is no amount" + "!" * 100_000
    step = world.take(reception.not_planned(world.case, call, problem, world.now))
    assert step.answer is not None
    assert step.answer.refusal is Refusal.BAD_REQUEST
    assert len(step.answer.message) <= 4_000
    assert (world.case.status, len(world.case.reviews)) == (Status.PENDING, 1)


def test_a_resubmission_that_was_not_planned_does_not_pass_for_a_comment() -> None:
    world = office()
    assert world.send("resubmit", "rita", request={}).refusal is Refusal.BAD_REQUEST


def test_a_comment_after_the_outcome_is_recorded_and_nothing_else() -> None:
    world = office()
    withdrawn(world)
    assert world.send("comment", "bob", reason="a pity").accepted
    assert world.kinds[-1] is Kind.COMMENTED


def test_every_refusal_has_a_row_or_a_test_of_its_own() -> None:
    others = {
        Refusal.MALFORMED,
        Refusal.BAD_ATTESTATION,
        Refusal.BAD_REQUEST,
        Refusal.EDITS_NOT_ALLOWED,
        Refusal.BREAK_GLASS_NOT_ALLOWED,
        Refusal.REASON_MISSING,
    }
    assert {row[0] for row in ROWS} | others == set(Refusal)


# The same decision id gives the same answer.


@pytest.mark.rule(number=3)
def test_a_repeated_decision_id_gets_the_first_answer_and_leaves_nothing() -> None:
    world = office()
    first = world.send("approve", "bob", decision_id="d1")
    count = len(world.records)
    assert world.send("approve", "BOB@example.com", decision_id="d2").refusal
    assert world.send("approve", "bob", decision_id="d1", reason="once more") == first
    world.send("withdraw", "rita")
    assert world.send("approve", "bob", decision_id="d1") == first
    assert [record.decision_id for record in world.records[count:]].count("d1") == 0


def test_a_refused_decision_id_stays_refused() -> None:
    world = office()
    first = world.send("approve", "eve", decision_id="d1")
    world.people["eve"]["groups"] = ["finance"]
    world.send("reassign", "bob", to="eve")
    assert world.send("approve", "eve", decision_id="d1") == first
    assert world.send("approve", "eve", decision_id="d2").accepted


@pytest.mark.rule(number=3)
def test_a_reused_decision_id_does_not_change_what_the_first_got() -> None:
    world = office()
    first = world.send("approve", "bob", decision_id="d1")
    other = world.send("reject", "bob", decision_id="d1")
    receipt = other.model_copy(update={"event": "e" * 64})
    world.case = reception.receipted(world.case, receipt)
    assert world.send("approve", "bob", decision_id="d1") == first


def test_a_repeated_decision_gets_the_receipt_of_the_first() -> None:
    world = office()
    first = world.send("approve", "bob", decision_id="d1")
    receipt = first.model_copy(update={"event": "e" * 64, "leaf": "f" * 64, "seq": 7})
    world.case = reception.receipted(world.case, receipt)
    assert world.send("approve", "bob", decision_id="d1") == receipt


def test_a_changed_resubmission_under_the_same_id_is_refused() -> None:
    world = office()
    world.send("request_changes", "bob")
    first = world.resubmit("rita", "r1")
    assert world.resubmit("rita", "r1") == first
    assert world.case.revision == 2
    other = message("resubmit", "rita", decision_id="r1", request={"amount": 1})
    call = Call(message=other, decision_id="r1", actor=world.assess([other]).actors[0])
    step = reception.may_change(world.case, call, world.now)
    assert step.answer is not None
    assert step.answer.refusal is Refusal.DECISION_ID_REUSED


def test_a_flood_of_answers_is_forgotten_but_never_a_vote() -> None:
    world = office()
    world.send("approve", "bob", decision_id="vote")
    actor = world.assess([message("comment", "eve")]).actors[0]
    for number in range(REMEMBERED_ANSWERS + 20):
        sent = message("comment", "eve", decision_id=f"c{number}", reason="hello")
        call = Call(message=sent, decision_id=f"c{number}", actor=actor)
        world.case = reception.received(world.case, call, world.now).case
    assert len(world.case.answers) == REMEMBERED_ANSWERS
    assert "vote" in world.case.answers
    assert "c0" not in world.case.answers
    assert world.send("approve", "bob", decision_id="vote").accepted


def test_the_longest_answers_fit_into_a_continued_run() -> None:
    world = office()
    actor = Actor(claimed="\N{PILE OF POO}" * 320)
    for number in range(REMEMBERED_ANSWERS):
        key = f"{number:03}" + "x" * 197
        sent = message("approve", actor.claimed, decision_id=key)
        call = Call(message=sent, decision_id=key, actor=actor)
        world.case = reception.received(world.case, call, world.now).case
    assert len(world.case.model_dump_json().encode()) < 1_000_000


def test_actions_are_named_by_what_they_do() -> None:
    assert {action for action in Action if action.reviews} == {
        Action.APPROVE,
        Action.REJECT,
        Action.REQUEST_CHANGES,
        Action.EDIT,
    }


def test_a_seat_in_a_proven_stage_is_handed_over_only_by_who_proves_it() -> None:
    world = office()
    world.send("approve", "bob")
    world.send("approve", "cem")
    assert world.send("reassign", "cleo", to="dan").refusal is Refusal.ASSURANCE
    assert world.send("reassign", "cleo", to="dan", verified=True).accepted


@pytest.mark.rule(number=6)
def test_a_seat_is_not_handed_to_whoever_reviewed_a_stage_it_must_differ_from() -> None:
    people = {name: person(name) for name in ("bob", "cem", "eve")}
    stages = (
        stage("first", group("first", "bob")),
        stage("second", group("second", Selector(person="cem")), distinct_from=("first",)),
    )
    world = World(people, stages)
    world.send("approve", "bob")
    # Both in one turn, before the directory is asked again.
    handed, approved = world.turn(
        message("reassign", "cem", to="bob"), message("approve", "bob", reason="again")
    )
    assert handed.refusal is Refusal.BAD_REASSIGNMENT
    assert approved.refusal is Refusal.NOT_REVIEWER
    assert world.send("reassign", "cem", to="eve").accepted
