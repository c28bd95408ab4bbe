"""A reviewer edits the request: who may, what comes of it, and what the requester makes of it."""

from typing import Any

import pytest

from placet.domain import reception
from placet.domain.message import Malformed, parse
from placet.domain.plan import Assurance, DeadlineAction, Edits, RuleDecision
from placet.domain.record import NoticeKind
from placet.domain.review import Call
from placet.domain.vocabulary import Kind, Refusal, Status
from tests.support.cases import World, away, digest, group, level, message, person, stage


def office(edits: Edits = Edits.FREELY, **fields: Any) -> World:
    """Two of finance's three decide, then cleo decides with a proven identity."""
    people = {
        "bob": person("bob"),
        "ann": person("ann", delegations=[away(to="dan")]),
        "cem": person("cem"),
        "dan": person("dan"),
        "cleo": person("cleo"),
        "rita": person("rita", addresses=["rita@example.com", "r.smith@example.com"]),
    }
    stages = (
        stage("finance", group("finance", "bob", "ann", "cem", approve=2, reject=2)),
        stage("lead", group("lead", "cleo"), assurance=Assurance.VERIFIED),
    )
    return World(people, stages, edits=edits, **fields)


BOTH = [Edits.FREELY, Edits.WITH_AUTHOR]


@pytest.mark.rule(number=4)
def test_a_free_edit_is_a_new_revision_on_which_all_vote_anew() -> None:
    world = office()
    world.send("approve", "ann")
    world.send("approve", "cleo", verified=True)
    answer = world.edit("bob", reason="the tip is missing")
    assert answer.accepted
    assert "revision 2" in answer.message
    case = world.case
    assert (case.revision, case.digest, case.status) == (2, digest(2), Status.PENDING)
    assert (case.reviews, case.held, case.rounds) == ((), (), 1)
    assert world.awaited == ["bob", "ann", "dan", "cem"]
    (told,) = world.recorded(Kind.EDITED)
    assert told.actor is not None
    assert told.actor.person is not None
    assert (told.actor.person.id, told.stage) == ("bob", "finance")
    assert (told.data["replaces"], told.data["voided_reviews"]) == (digest(1), 2)
    assert told.digest_shown == digest(1)


def test_the_requester_is_told_of_a_free_edit() -> None:
    world = office()
    world.edit("bob", reason="the tip is missing")
    (notice,) = [each for each in world.notices if each.kind is NoticeKind.EDITED]
    assert [p.id for p in notice.to] == ["rita"]
    assert "Bob changed it: the tip is missing" in notice.text


def test_an_edit_by_a_delegate_names_whose_seat_it_is() -> None:
    world = office()
    assert world.edit("dan").accepted
    (told,) = world.recorded(Kind.EDITED)
    assert told.on_behalf_of is not None
    assert told.on_behalf_of.id == "ann"
    assert told.data["group"] == "finance"


def test_an_edit_with_the_author_waits_for_the_author() -> None:
    world = office(Edits.WITH_AUTHOR)
    world.send("approve", "ann")
    answer = world.edit("bob", reason="the tip is missing")
    assert answer.status is Status.CHANGES_REQUESTED
    case = world.case
    assert case.proposal is not None
    assert (case.proposal.digest, case.proposal.by.id) == (digest(2), "bob")
    assert (case.revision, case.digest, case.stage) == (1, digest(1), None)
    assert world.recorded(Kind.EDIT_PROPOSED)[0].data["proposal"] == digest(2)
    assert world.notices[-1].kind is NoticeKind.EDIT_PROPOSED
    assert [p.id for p in world.notices[-1].to] == ["rita"]


@pytest.mark.rule(number=4)
def test_a_proposal_that_the_author_takes_over_names_its_editor() -> None:
    world = office(Edits.WITH_AUTHOR)
    world.send("approve", "ann")
    world.edit("bob")
    world.resubmit("rita")
    (told,) = world.recorded(Kind.RESUBMITTED)
    assert (told.data["edited_by"], told.data["voided_reviews"]) == ("bob", 1)
    assert (world.case.digest, world.case.revision) == (digest(2), 2)
    assert (world.case.proposal, world.case.reviews) == (None, ())


def test_an_author_may_answer_a_proposal_with_another_request() -> None:
    world = office(Edits.WITH_AUTHOR)
    world.edit("bob")
    assert world.resubmit("rita", request={"amount": 7}).accepted
    (told,) = world.recorded(Kind.RESUBMITTED)
    assert "edited_by" not in told.data
    assert world.case.proposal is None


@pytest.mark.rule(number=9)
def test_a_proposal_that_nobody_answers_expires() -> None:
    world = office(Edits.WITH_AUTHOR)
    world.edit("bob")
    world.after(15 * 24)
    assert world.ending == ("expired", "timeout")
    assert world.case.proposal is None


def test_an_author_may_answer_a_proposal_by_withdrawing() -> None:
    world = office(Edits.WITH_AUTHOR)
    world.edit("bob")
    assert world.send("withdraw", "rita").accepted
    assert world.case.proposal is None


@pytest.mark.parametrize("who", ["rita", "r.smith@example.com"])
@pytest.mark.parametrize("edits", BOTH)
@pytest.mark.rule(number=6)
def test_the_requester_does_not_edit_their_own_request(edits: Edits, who: str) -> None:
    world = office(edits)
    answer = world.edit(who)
    assert answer.refusal is Refusal.OWN_REQUEST
    assert "resubmit" in answer.message


def test_nobody_edits_where_the_policy_allows_no_edits() -> None:
    world = office(Edits.NEVER)
    answer = world.edit("bob")
    assert answer.refusal is Refusal.EDITS_NOT_ALLOWED
    assert "ask for changes" in answer.message
    assert world.case.revision == 1


@pytest.mark.parametrize("edits", BOTH)
def test_only_who_could_review_the_open_stage_edits(edits: Edits) -> None:
    world = office(edits)
    world.people["eve"] = person("eve")
    # Cleo's stage has not opened: a vote would be kept, an edit is not.
    for who in ("eve", "cleo"):
        assert world.edit(who, verified=True).refusal is Refusal.NOT_REVIEWER
    assert world.edit("mallory").refusal is Refusal.UNKNOWN_PERSON
    world.send("approve", "bob")
    assert world.edit("bob").refusal is Refusal.ALREADY_REVIEWED
    assert world.edit("dan").accepted


@pytest.mark.parametrize("edits", BOTH)
def test_a_seat_that_is_filled_gives_nobody_an_edit(edits: Edits) -> None:
    world = office(edits)
    world.send("approve", "dan")
    assert world.edit("ann").refusal is Refusal.SEAT_FILLED


@pytest.mark.parametrize("edits", BOTH)
def test_a_stage_that_takes_only_proven_reviews_takes_only_proven_edits(edits: Edits) -> None:
    world = office(edits)
    world.send("approve", "bob")
    world.send("approve", "cem")
    assert world.edit("cleo").refusal is Refusal.ASSURANCE
    assert world.edit("cleo", verified=True).accepted


@pytest.mark.parametrize("edits", BOTH)
@pytest.mark.rule(number=4)
def test_an_edit_of_what_it_was_before_is_refused(edits: Edits) -> None:
    world = office(edits)
    world.resubmit("rita")
    answer = world.edit("bob", digest=digest(1))
    assert answer.refusal is Refusal.OTHER_REVISION
    assert "revision 2" in answer.message


def test_of_two_edits_at_once_the_second_does_not_undo_the_first() -> None:
    world = office()
    shown = world.case.digest
    assert world.edit("bob", digest=shown).accepted
    assert world.edit("cem", digest=shown, request={"mine": 1}).refusal is Refusal.OTHER_REVISION
    assert world.case.digest == digest(2)


def test_of_two_proposals_at_once_the_author_is_asked_about_the_first() -> None:
    world = office(Edits.WITH_AUTHOR)
    world.edit("bob")
    answer = world.edit("cem", request={"mine": 1})
    assert answer.refusal is Refusal.WAITING_FOR_CHANGES
    assert world.case.proposal is not None
    assert world.case.proposal.by.id == "bob"


@pytest.mark.parametrize("edits", BOTH)
def test_nobody_edits_while_changes_are_awaited(edits: Edits) -> None:
    world = office(edits)
    world.send("request_changes", "ann")
    assert world.edit("bob").refusal is Refusal.WAITING_FOR_CHANGES


@pytest.mark.parametrize("edits", BOTH)
@pytest.mark.rule(number=9)
def test_an_edit_counts_as_a_round(edits: Edits) -> None:
    world = office(edits, max_rounds=1)
    world.edit("bob")
    if world.case.proposal is not None:
        world.resubmit("rita")
    for answer in (world.edit("ann"), world.send("request_changes", "ann")):
        assert answer.refusal is Refusal.ROUNDS_EXHAUSTED
        assert "approve or reject" in answer.message


@pytest.mark.parametrize("edits", BOTH)
@pytest.mark.rule(number=3)
def test_the_same_edit_twice_counts_once(edits: Edits) -> None:
    world = office(edits)
    shown = world.case.digest
    first = world.edit("bob", "e1", digest=shown)
    count = len(world.records)
    assert world.edit("bob", "e1", digest=shown) == first
    assert len(world.records) == count
    other = world.edit("bob", "e1", digest=shown, request={"another": 1})
    assert other.refusal is Refusal.DECISION_ID_REUSED


@pytest.mark.rule(number=7)
def test_an_edit_after_the_outcome_is_late() -> None:
    world = office()
    world.send("withdraw", "rita")
    assert world.edit("bob").refusal is Refusal.LATE


def test_an_edit_that_nobody_would_vote_on_is_refused() -> None:
    world = office()
    sent = message("edit", "bob", request={}, digest=digest(1))
    call = Call(message=sent, decision_id="e1", actor=world.assess([sent]).actors[0])
    plan = world.plan().model_copy(
        update={"stages": (), "decision": RuleDecision(approve=True, reason="Small.")}
    )
    step = world.take(reception.changed(world.case, call, plan, digest(2), world.now))
    assert step.answer is not None
    assert step.answer.refusal is Refusal.BAD_REQUEST
    assert (world.case.revision, world.case.status) == (1, Status.PENDING)


def test_who_takes_over_from_somebody_who_is_gone_may_be_the_first_to_edit() -> None:
    """As with every message: the edit finds the stage stuck, and its sender in the next level."""
    stages = (
        stage(
            "finance",
            group("finance", "bob"),
            ladder=(level("lead", "cleo"),),
            deadline_action=DeadlineAction.EXPIRE,
        ),
    )
    world = World({"bob": person("bob"), "cleo": person("cleo")}, stages, edits=Edits.FREELY)
    world.people["bob"]["active"] = False
    assert world.edit("cleo").accepted
    assert world.kinds.count(Kind.ESCALATED) == 2


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ('{"actor": "bob", "request": {}}', 'edit needs "digest"'),
        ('{"actor": "bob"}', 'edit needs "request"'),
    ],
)
def test_an_edit_says_what_it_changes_and_into_what(sent: str, says: str) -> None:
    understood = parse("edit", [("json/plain", sent.encode())], "signal")
    assert isinstance(understood, Malformed)
    assert says in understood.problem
