"""Stories for what no recorded case does: verified stages, stand-ins, ladders, banks."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from placet.bank_reports import report_event
from placet.domain.ledger import LedgerEvent
from placet.domain.ledger_rows import PaymentReport, PaymentRow, PaymentStatus, RequestRow
from placet.domain.orders import EffectResult
from placet.domain.plan import (
    Assurance,
    BreakGlass,
    DeadlineAction,
    Selector,
    StuckAction,
    TakeOver,
)
from placet.domain.progress import effect_ended
from placet.late import late_event
from tests.support.cases import (
    BEGIN,
    Timers,
    World,
    away,
    group,
    level,
    message,
    people,
    person,
    stage,
)

Story = list[LedgerEvent]


def _carry_out(world: World) -> None:
    """Let the effect run."""
    done = effect_ended(world.case, EffectResult(summary="paid"), world.now)
    world.take(done)


def a_verified_stage_of_two() -> Story:
    """Two people sign, after another has reviewed for them that is away."""
    world = World(
        people("ann", "bob", "cem", dan=person("dan", delegations=[away(to="bob")])),
        [
            stage("first", group("leads", "ann", "cem"), group("money", "dan", "bob", approve=1)),
            stage(
                "second",
                group("board", "ann", "bob", "dan", approve="60%", reject="60%"),
                assurance=Assurance.VERIFIED,
            ),
        ],
    )
    world.send("comment", "cem", reason="looks fine")
    world.send("approve", "ann", verified=True)
    world.send("approve", "bob")
    world.send("approve", "ann", verified=True)
    world.send("reject", "dan", verified=True, reason="too much")
    world.send("approve", "bob", verified=True, digest=world.case.digest)
    _carry_out(world)
    return world.story.events


def other_people_in_each_stage() -> Story:
    """The second stage needs somebody who has not reviewed the first; one comes early."""
    world = World(
        people("ann", "bob", "cem", "root"),
        [
            stage("first", group("leads", "ann", "bob")),
            stage("second", group("board", "ann", "bob", "cem"), distinct_from=("first",)),
        ],
    )
    world.send("approve", "ann")
    world.send("approve", "cem")
    _carry_out(world)
    return world.story.events


def a_ladder() -> Story:
    """Nobody answers, a level joins; it is a tie, and another level takes over."""
    world = World(
        people("ann", "bob", "eve", "max"),
        [
            stage(
                "first",
                group("leads", "ann", "bob", approve="100%", reject=2),
                ladder=(level("friends", "eve"), level("chief", "max", mode=TakeOver.REPLACE)),
            )
        ],
        {"first": Timers(deadline=100, escalations=(10, None))},
    )
    world.after(11)
    world.send("approve", "eve")
    world.send("reject", "bob", reason="no")
    world.send("reject", "ann", reason="no")
    return world.story.events


def a_tie_that_the_chief_breaks() -> Story:
    """One approves, one rejects, both were needed: the next level decides."""
    world = World(
        people("ann", "bob", "max"),
        [
            stage(
                "first",
                group("leads", "ann", "bob", approve=2, reject=2),
                ladder=(level("chief", "max", mode=TakeOver.REPLACE),),
            )
        ],
        {"first": Timers(deadline=100, escalations=(50,))},
    )
    world.send("approve", "ann")
    world.send("reject", "bob", reason="no")
    world.send("approve", "max")
    _carry_out(world)
    return world.story.events


def a_stage_that_passes_when_it_is_stuck() -> Story:
    """Too few are there, and the policy then approves."""
    world = World(
        people("ann", "bob"),
        [
            stage(
                "first",
                group("leads", "ann", "bob", approve=2, reject=2),
                when_stuck=StuckAction.APPROVE,
            )
        ],
    )
    world.send("reject", "ann", reason="no")
    _carry_out(world)
    return world.story.events


def a_pair_of_whom_one_stands_in() -> Story:
    """Both have seats, and one could have filled the other's too."""
    world = World(
        people("bob", ann=person("ann", delegations=[away(to="bob")])),
        [stage("pair", group("pair", "ann", "bob", approve=2))],
    )
    world.send("approve", "bob")
    world.send("approve", "ann")
    return world.story.events


def a_hand_over() -> Story:
    """A holder gives their seat away."""
    world = World(people("ann", "bob", "cem"), [stage("first", group("leads", "ann", "cem"))])
    world.send("reassign", "ann", to="bob")
    world.send("approve", "bob")
    return world.story.events


def a_broken_glass_that_waits() -> Story:
    """What somebody has carried out at once waits for its grace, is taken back then."""
    world = World(
        people("ann", boss=person("boss", roles=["boss"])),
        [stage("first", group("leads", "ann"))],
        grace=90,
        break_glass=BreakGlass(by=(Selector(role="boss"),), at_most_minutes=60),
    )
    world.send("break_glass", "boss", verified=True, reason="it burns")
    world.send("withdraw", "rita", reason="it rains")
    return world.story.events


def a_deadline_that_approves() -> Story:
    """Nobody answers until the second deadline, and the policy approves; it is for somebody."""
    world = World(
        people("ann", "bob", "cem"),
        [
            stage(
                "first",
                group("leads", "ann"),
                deadline_action=DeadlineAction.EXTEND,
                final_action=DeadlineAction.APPROVE,
            )
        ],
        {"first": Timers(deadline=10, final=20)},
        grace=60,
        kept_out=("cem",),
    )
    world.after(30)
    _carry_out(world)
    return world.story.events


def changes_twice() -> Story:
    """Changes are asked for as often as the policy allows, and a proposal is taken over."""
    world = World(
        people("ann", "bob"),
        [stage("first", group("leads", "ann", "bob", approve=2))],
        max_rounds=1,
    )
    world.send("approve", "ann")
    world.send("request_changes", "bob", reason="more")
    world.resubmit("rita")
    world.send("approve", "ann")
    world.send("approve", "bob")
    _carry_out(world)
    return world.story.events


def changes_that_never_came() -> Story:
    """Changes are asked for, and the requester does not answer."""
    world = World(people("ann"), [stage("first", group("leads", "ann"))])
    world.send("request_changes", "ann", reason="more")
    world.after(15 * 24)
    return world.story.events


def a_payment_that_the_bank_has_made() -> Story:
    """The bank has the last word; somebody still comes late."""
    story = other_people_in_each_stage()
    last = story[-1]
    digest = str(last.body["digest"])
    row = RequestRow(
        request=last.stream,
        pipeline="expense",
        revision=1,
        digest=digest,
        title=None,
        requester_id="rita",
        requester_name=None,
        status="approved",
        stage=None,
        due=None,
        outcome_kind="approved",
        outcome_by="people",
        outcome_reason=None,
        amount=None,
        route=None,
        effect="done",
        submitted_at=BEGIN,
        updated_at=BEGIN,
    )
    payment = PaymentRow(
        payment_id="p",
        permit_id="p",
        request=last.stream,
        digest=digest,
        msg_id="m",
        end_to_end_id="m",
        amount=Decimal(120),
        currency="EUR",
        creditor_name="Rita",
        creditor_iban="DE02120300000000202051",
        file_name="p.xml",
        file_sha256=digest,
        status=PaymentStatus.SETTLED,
        status_reason=None,
        created_at=BEGIN,
    )
    report = PaymentReport(msg_id="m", end_to_end_id="m", status=PaymentStatus.SETTLED, reason=None)
    later = last.occurred + timedelta(days=1)
    late = message("approve", "bob", decision_id="d1")
    return [
        *story,
        report_event(report, payment, row, later),
        late_event(row, late, "it came too late", later),
    ]


TOLD: tuple[Callable[[], Story], ...] = (
    a_verified_stage_of_two,
    other_people_in_each_stage,
    a_ladder,
    a_tie_that_the_chief_breaks,
    a_stage_that_passes_when_it_is_stuck,
    a_pair_of_whom_one_stands_in,
    a_hand_over,
    a_broken_glass_that_waits,
    a_deadline_that_approves,
    changes_twice,
    changes_that_never_came,
    a_payment_that_the_bank_has_made,
)
