"""Whatever happens to a case, in whatever order: the rules hold and it ends.

A state machine throws everything at one case: reviews by anybody under any of their names, in
batches and alone, early, late, repeated and malformed; people who leave, return, go away and
delegate; hand-overs, changes, edits and withdrawals; timers on time and after an outage.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from placet.domain import lasting, progress
from placet.domain.case import Case, Step
from placet.domain.message import Malformed, Message
from placet.domain.orders import EffectResult, FollowerEnded
from placet.domain.plan import BreakGlass, Edits, Seat
from placet.domain.review import Answer
from placet.domain.stage import OpenStage
from placet.domain.vocabulary import Action, DecidedBy, EffectState, Kind, Refusal, Status
from tests.domain.drawn import (
    Drawn,
    beneficiaries,
    callers,
    glasses,
    keys,
    malformed,
    names,
    others,
    plans,
    reviews,
    shown,
)
from tests.support.cases import World, away, message, person
from tests.support.quorum import Voter, possible

MAX_ROUNDS = 2
GONE = {Refusal.UNKNOWN_PERSON, Refusal.NOT_REVIEWER, Refusal.SEAT_FILLED}


class CaseMachine(RuleBasedStateMachine):
    """One case among people who come and go."""

    @initialize(
        drawn=plans(),
        managed=st.sampled_from(["ann", "bob", None]),
        edits=st.sampled_from(Edits),
        effect_after=st.none() | st.integers(10, 900),
        grace=st.sampled_from([0, 0, 90, 20_000]),
        stoppable=st.booleans(),
        kept_out=beneficiaries,
        glass=glasses,
    )
    def submit(  # noqa: PLR0913 - each is drawn by itself
        self,
        *,
        drawn: Drawn,
        managed: str | None,
        edits: Edits,
        effect_after: int | None,
        grace: int,
        kept_out: list[str],
        glass: BreakGlass | None,
        stoppable: bool,
    ) -> None:
        """Draw a policy and submit the request."""
        self.firsts: dict[str, Answer] = {}
        self.votes: list[Voter] = []
        stages, timers = drawn
        people = {
            "ann": person("ann", groups=["finance"], deputy="dan", delegations=[away(to="eve")]),
            "bob": person("bob", groups=["finance", "legal"], deputy="rita"),
            "cem": person("cem", groups=["legal"], roles=["boss"], delegations=[away(to="eve")]),
            "dan": person("dan", groups=["finance"]),
            "eve": person("eve"),
            "root": person("root", roles=["placet-admin"]),
            "rita": person(
                "rita",
                addresses=["rita@example.com", "rita.two@example.com"],
                groups=["finance"],
                roles=["boss", "placet-admin"],
                manager=managed,
            ),
        }
        self.world = World(
            people,
            stages,
            timers,
            max_rounds=MAX_ROUNDS,
            edits=edits,
            effect_after=effect_after,
            grace=grace,
            stoppable=stoppable,
            kept_out=tuple(kept_out),
            break_glass=glass,
            watch=self.look_at,
        )

    # What people do.

    @rule(sent=st.lists(reviews | malformed, min_size=1, max_size=4), proven=st.booleans())
    def messages(self, sent: list[Message | Malformed], *, proven: bool) -> None:
        """Let anything come in, alone or together."""
        self.remember(self.world.turn(*sent, verified=proven), sent)

    @rule(turn=st.integers(0, 5), act=st.sampled_from(["approve", "approve", "reject"]))
    def somebody_who_is_awaited_decides(self, turn: int, act: str) -> None:
        """Let one of those who are asked decide."""
        awaited = self.world.awaited
        if awaited:
            answer = self.world.send(act, awaited[turn % len(awaited)], verified=True)
            # Unless the directory said meanwhile that they have left.
            assert answer.accepted or answer.refusal in {Refusal.LATE, *GONE}

    @precondition(lambda self: len(self.world.case.awaited) > 1)
    @rule(acts=st.lists(st.sampled_from(["approve"] * 5 + ["reject"]), min_size=2, max_size=4))
    def several_decide_together(self, acts: list[str]) -> None:
        """Let several of them decide in the same turn."""
        awaited = self.world.awaited
        sent = [message(act, who) for act, who in zip(acts, awaited, strict=False)]
        self.world.turn(*sent, verified=True)

    @rule(turn=st.integers(0, 9), act=st.sampled_from(["approve", "reject"]))
    def somebody_acts_for_another(self, turn: int, act: str) -> None:
        """Let a stand-in decide, whether the holder has or not."""
        seats = self.world.case.stage.seats() if self.world.case.stage else []
        stand_ins = [somebody.id for seat in seats for somebody in seat.stand_ins]
        if stand_ins:
            self.world.send(act, stand_ins[turn % len(stand_ins)], verified=True)

    @precondition(lambda self: self.world.case.rounds < MAX_ROUNDS)
    @rule(turn=st.integers(0, 5))
    def changes_are_wanted_and_made(self, turn: int) -> None:
        """Send the request back, and have it resubmitted."""
        awaited = self.world.awaited
        if awaited:
            self.world.send("request_changes", awaited[turn % len(awaited)], verified=True)
        self.world.resubmit("rita")

    @rule(turn=st.integers(0, 5), act=st.sampled_from(["approve", "reject"]))
    def somebody_of_a_later_stage_is_early(self, turn: int, act: str) -> None:
        """Let somebody decide before their stage opens."""
        case = self.world.case
        later = case.known_plan().stages[case.stage_index + 1 :]
        seats = [seat for plan in later for seat in self.world.roster(plan).seats]
        if seats:
            self.world.send(act, seats[turn % len(seats)].holder.id, verified=True)

    @rule(giver=callers, source=st.none() | names, taker=names)
    def reassign(self, giver: str, source: str | None, taker: str) -> None:
        """Let anybody try to hand a seat to anybody."""
        answer = self.world.send("reassign", giver, seat_of=source, to=taker, verified=True)
        if answer.accepted:
            assert not self.world.case.known_plan().is_for(taker)

    @rule(who=callers, key=keys, what=shown)
    def resubmit(self, who: str, key: str | None, what: str | None) -> None:
        """Let anybody try to change the request."""
        before = self.world.case
        answer = self.world.resubmit(who, key, digest=what)
        known = key is not None and key in self.firsts
        if answer.accepted and not known:
            assert before.outcome is None
            assert self.world.case.revision == before.revision + 1
        self.remember([answer], [message("resubmit", who, decision_id=key, request={})])

    @rule(who=callers, key=keys, what=shown, proven=st.booleans())
    def edit(self, who: str, key: str | None, what: str | None, *, proven: bool) -> None:
        """Let anybody try to edit the request."""
        self.edited(who, key, what, proven=proven)

    @rule(turn=st.integers(0, 5), taken_over=st.booleans())
    def somebody_who_is_awaited_edits(self, turn: int, *, taken_over: bool) -> None:
        """Let one of those who are asked edit, and the requester take it over or change it."""
        awaited = self.world.awaited
        if awaited:
            self.edited(awaited[turn % len(awaited)], None, None, proven=True)
            proposal = self.world.case.proposal
            if proposal is not None:
                other = None if taken_over else {"amount": 1}
                assert self.world.resubmit("rita", request=other or {}).accepted
                told = self.world.recorded(Kind.RESUBMITTED)[-1].data
                assert ("edited_by" in told) == taken_over

    def edited(self, who: str, key: str | None, what: str | None, *, proven: bool) -> None:
        """Edit as ``who``; see that an edit which is taken was allowed, and counts once."""
        before = self.world.case
        awaited = {p.id for seat in self._open_seats() for p in seat.people()}
        answer = self.world.edit(who, key, digest=what or before.digest, verified=proven)
        case = self.world.case
        if answer.accepted and (key is None or key not in self.firsts):
            editor = self.world.directory.resolve(who)
            assert editor is not None
            assert not before.known_plan().is_for(editor.id)
            assert editor.id in awaited
            assert before.outcome is None
            assert before.digest == (what or before.digest)
            assert case.rounds == before.rounds + 1
            assert self.world.edits is not Edits.NEVER
            freely = self.world.edits is Edits.FREELY
            assert case.revision == before.revision + freely
            assert (case.proposal is None) == freely
        sent = message("edit", who, decision_id=key, request={}, digest=what or before.digest)
        self.remember([answer], [sent])

    def _open_seats(self) -> list[Seat]:
        stage = self.world.case.stage
        if stage is None:
            return []
        now = self.world.roster(stage.plan)
        return [*now.seats, *(seat for rung in now.ladder for seat in rung)]

    @precondition(lambda self: self.world.case.revision > 1)
    @rule(who=callers)
    def withdraw(self, who: str) -> None:
        """Let anybody try to withdraw it."""
        before = self.world.case
        if self.world.send("withdraw", who).accepted and before.outcome is None:
            assert self.world.ending == ("withdrawn", "people")

    @precondition(lambda self: self.world.case.status is Status.APPROVED)
    @rule(who=callers | st.sampled_from(["rita", "root", "ann", "bob"]))
    def take_back(self, who: str) -> None:
        """Let anybody try to take it back: those who asked, approved or administer may."""
        before = self.world.case
        answer = self.world.send("withdraw", who)
        if answer.accepted:
            assert before.revocable
            approvers = {
                name
                for review in before.reviews
                if review.action is Action.APPROVE and review.counts
                for name in (review.person.id, review.on_behalf_of and review.on_behalf_of.id)
            }
            person = self.world.directory.resolve(who)
            assert person is not None
            assert person.id in {"rita", "root", *approvers, *self.world.kept_out}
        after = self.world.case
        revoked = before.effect is EffectState.WAITING and answer.accepted
        assert (after.effect is EffectState.REVOKED) == (
            revoked or before.effect is EffectState.REVOKED
        )

    @rule(who=callers, proven=st.booleans(), reason=st.sampled_from(["", "it burns"]))
    def break_glass(self, who: str, reason: str, *, proven: bool) -> None:
        """Let anybody try to have it carried out at once."""
        before = self.world.case
        answer = self.world.send("break_glass", who, verified=proven, reason=reason)
        if answer.accepted:
            rule, person = self.world.break_glass, self.world.directory.resolve(who)
            assert rule is not None
            assert person is not None
            assert person.active
            assert person.id == "eve" or any(each.role in person.roles for each in rule.by)
            assert proven or rule.assurance.value == "claimed"
            assert reason
            assert before.status is Status.PENDING
            assert self.world.ending == ("approved", "break-glass")
            assert self.world.case.effect in {EffectState.PENDING, EffectState.WAITING}

    # What becomes of the effect.

    @precondition(lambda self: self.world.case.effect is EffectState.PENDING)
    @rule(lasts=st.none() | st.integers(1, 300), fails=st.booleans())
    def the_effect_runs(self, lasts: int | None, *, fails: bool) -> None:
        """It is done, is in force for some hours, is stopped if somebody wanted that, or fails."""
        case, now = self.world.case, self.world.now
        if fails:
            self.world.take(progress.effect_failed(case, "no", now))
            return
        until = None if lasts is None else now + timedelta(hours=lasts)
        result = EffectResult(summary="done", until=until)
        self.world.take(progress.effect_ended(case, result, now))
        assert self.world.case.effect in {
            EffectState.DONE,
            EffectState.IN_FORCE,
            EffectState.ENDING,
        }

    @precondition(lambda self: self.world.case.effect is EffectState.ENDING)
    @rule(undone=st.booleans(), fails=st.booleans())
    def it_is_ended(self, *, undone: bool, fails: bool) -> None:
        """What was in force ends, is undone, or cannot be ended."""
        case, now = self.world.case, self.world.now
        result = EffectResult(summary="over", undone=undone)
        step = lasting.not_ended(case, "no", now) if fails else lasting.ended(case, result, now)
        self.world.take(step)

    @precondition(lambda self: self.world.case.status is Status.APPROVED)
    @rule(outcome=st.sampled_from(["approved", "rejected"]))
    def a_review_afterwards_ends(self, outcome: str) -> None:
        """Only a yes leaves it in force."""
        before = self.world.case
        report = FollowerEnded(case="r-1", outcome=outcome, reason="so")
        self.world.take(lasting.follower_ended(before, report, self.world.now))
        ended = before.effect is EffectState.IN_FORCE and outcome == "rejected"
        assert (self.world.case.effect is not before.effect) == (
            ended or (before.effect is EffectState.WAITING and outcome == "rejected")
        )
        if before.effect is EffectState.PENDING and outcome == "rejected":
            assert self.world.case.stopping

    # What happens to people.

    @rule(name=others)
    def leave_or_return(self, name: str) -> None:
        """Somebody leaves the company, or comes back."""
        entry = self.world.people[name]
        entry["active"] = not entry.get("active", True)

    @rule(name=others)
    def go_away_or_come_back(self, name: str) -> None:
        """Somebody is absent, or back."""
        entry = self.world.people[name]
        entry["absences"] = [] if entry.get("absences") else [away()]

    @rule(name=names, to=names)
    def delegate(self, name: str, to: str) -> None:
        """Somebody lets somebody act for them, or no longer."""
        entry = self.world.people[name]
        entry["delegations"] = [] if name == to else [away(to=to)]

    @rule(name=others, team=st.sampled_from(["finance", "legal"]))
    def change_teams(self, name: str, team: str) -> None:
        """Somebody changes their group."""
        self.world.people[name]["groups"] = [team]

    # What time does.

    @rule(passed=st.integers(0, 15))
    def time_passes(self, passed: int) -> None:
        """Timers ring when they are due."""
        self.world.after(passed)

    @rule(passed=st.integers(1, 40))
    def nobody_works_for_a_while(self, passed: int) -> None:
        """The timers ring late, all at once."""
        self.world.after_an_outage(passed)

    # What must hold.

    def remember(self, answers: list[Answer], sent: list[Any]) -> None:
        """The same decision id gets the same answer, unless it is used for something else."""
        named = [each.decision_id for each in sent if isinstance(each, Message)]
        for key, answer in zip(named, answers, strict=True):
            if key is None or answer.refusal is Refusal.DECISION_ID_REUSED:
                continue
            assert self.firsts.setdefault(key, answer) == answer

    def look_at(self, before: Case, step: Step) -> None:
        """Follow the votes by what is recorded, and count every stage that people have passed."""
        for record in step.records:
            if record.kind in {Kind.STAGE_OPENED, Kind.RESUBMITTED, Kind.EDITED} or (
                record.kind is Kind.ESCALATED and record.data["mode"] == "replace"
            ):
                self.votes = []
            elif record.kind in {Kind.APPROVED, Kind.REJECTED}:
                assert record.actor is not None
                assert record.actor.person is not None
                name = record.actor.person.id
                given = next(
                    each
                    for each in reversed(step.case.reviews)
                    if (each.person.id, each.stage) == (name, record.stage)
                )
                approves = record.kind is Kind.APPROVED
                self.votes.append(Voter(name, given.seats, approves))
            elif record.kind is Kind.STAGE_PASSED and record.data["by"] == "people":
                self.count(before, step, record.stage)
            elif record.kind is Kind.PERMIT_ISSUED:
                assert step.case.status is Status.APPROVED
        outcome = step.case.outcome
        if outcome is not None and outcome.kind is Status.APPROVED:
            if outcome.by is DecidedBy.PEOPLE:
                assert set(step.case.passed_by) == {DecidedBy.PEOPLE}
            if outcome.by is not DecidedBy.BREAK_GLASS:
                assert len(step.case.passed) == len(step.case.known_plan().stages)

    def count(self, before: Case, step: Step, name: str | None) -> None:
        """A stage that people have passed has its approvals, counted without the code's help."""
        plan = next(each for each in step.case.known_plan().stages if each.name == name)
        table = before.stage if before.stage and before.stage.plan.name == name else None
        if table is None:
            return
        groups = table.groups
        needs = {}
        for each in groups:
            own = [seat for seat in self.seats(table) if seat.group == each.name]
            needs[each.name] = each.approve.of(len(own))
        assert possible(self.votes, needs), (plan.name, needs)
        assert len({vote.person for vote in self.votes}) == len(self.votes)

    def seats(self, table: OpenStage) -> list[Seat]:
        """Return the seats of the groups that decide, as the directory has them at this moment."""
        now = self.world.roster(table.plan)
        names = {each.name for each in table.groups}
        every = [*now.seats, *(seat for rung in now.ladder for seat in rung)]
        return [seat for seat in every if seat.group in names]

    @invariant()
    def a_stage_that_is_open_can_still_be_approved(self) -> None:
        """A stage out of reach is never left waiting: stuck is seen at once."""
        case = self.world.case
        if case.stage is None or case.tally is None:
            return
        voted = [
            Voter(r.person.id, r.seats, r.action is Action.APPROVE)
            for r in case.stage_reviews
            if r.counts and r.action in {Action.APPROVE, Action.REJECT}
        ]
        seats = case.stage.seats()
        there = {p.id for seat in seats for p in seat.reachable()} - {v.person for v in voted}
        hopes = [
            Voter(
                name,
                tuple(seat.key for seat in seats if any(p.id == name for p in seat.people())),
                counts=True,
                must_sit=False,
            )
            for name in sorted(there)
        ]
        assert possible([*voted, *hopes], case.tally.needs(Action.APPROVE))

    @invariant()
    def a_case_that_waits_says_when_it_moves_and_for_whom(self) -> None:
        """Nothing waits without a timer and a person."""
        case = self.world.case
        waits = case.status in {Status.PENDING, Status.CHANGES_REQUESTED}
        assert waits == (case.outcome is None)
        lasts = case.effect in {EffectState.WAITING, EffectState.IN_FORCE}
        assert (case.next_due() is not None) == (waits or lasts)
        assert (case.stage is None) == (not case.waiting_for())

    @invariant()
    def the_ledger_tells_of_one_outcome_at_most(self) -> None:
        """The outcome, and the permit of an approval, are recorded once."""
        decided = self.world.recorded(Kind.DECIDED)
        assert len(decided) == (self.world.case.outcome is not None)
        assert self.world.kinds.count(Kind.PERMIT_ISSUED) == (
            self.world.case.status is Status.APPROVED
        )
        assert self.world.case.rounds <= MAX_ROUNDS

    @invariant()
    def a_permit_is_revoked_or_used(self) -> None:
        """What is revoked never becomes due, and what is due is never revoked."""
        ended = {Kind.EFFECT_DUE, Kind.REVOKED}
        assert sum(kind in ended for kind in self.world.kinds) <= 1
        ends = [record.data.get("effect") for record in self.world.recorded(Kind.STOP_REQUESTED)]
        assert len(ends) == len(set(ends))
        assert self.world.kinds.count(Kind.EFFECT_OVER) + ends.count("ending") <= 1

    @invariant()
    def nobody_reviews_what_is_for_them(self) -> None:
        """Neither who asks nor who gets it is ever awaited."""
        plan = self.world.case.known_plan()
        assert not any(plan.is_for(each) for each in self.world.awaited)

    @invariant()
    def a_proposal_waits_for_the_requester(self) -> None:
        """A change is proposed only while the requester's answer is waited for."""
        case = self.world.case
        assert case.proposal is None or case.status is Status.CHANGES_REQUESTED

    def teardown(self) -> None:
        """Nobody does anything any more: the timers alone bring it to an end, in few steps."""
        world = getattr(self, "world", None)
        if world is None:
            return
        rings = 0
        while (due := world.case.next_due()) is not None:
            rings += 1
            assert rings < 1_000
            world.now = max(world.now, due)
            world.turn()
        assert world.case.outcome is not None
        assert world.case.effect not in {EffectState.WAITING, EffectState.IN_FORCE}


@pytest.mark.rule(number=3)
@pytest.mark.rule(number=6)
@pytest.mark.rule(number=9)
def test_whatever_happens_in_whatever_order_the_rules_hold_and_the_case_ends() -> None:
    run_state_machine_as_test(
        CaseMachine,
        settings=settings(
            max_examples=120,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
