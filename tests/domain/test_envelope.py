"""The body of a ledger event: one key per step, always writable, never too large."""

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from placet.digest import canonical
from placet.domain.case import Case
from placet.domain.envelope import Origin, event, event_id
from placet.domain.ledger import MAX_BODY_BYTES
from placet.domain.message import Malformed, parse
from placet.domain.plan import Assurance
from placet.domain.record import Record
from placet.domain.vocabulary import Kind
from tests.support.cases import BEGIN, World, away, group, message, person, stage
from tests.support.stories import ORIGIN

WIDE = "\N{PILE OF POO}"


def world(**fields: Any) -> World:
    return World({"bob": person("bob")}, (stage("lead", group("lead", "bob")),), **fields)


def body(record: Record, case: Case, waiting: list[Any] | None = None) -> dict[str, Any]:
    return event(case, record, ORIGIN, "1", waiting).body


parts = st.sampled_from(["a", "b", "a:1", "1:a", "", "11", "1", ":"]) | st.text(max_size=4)
origins = st.builds(
    Origin,
    namespace=parts,
    workflow_id=parts,
    first_run_id=parts,
    task_queue=parts,
)


@given(origins, parts, origins, parts)
def test_two_steps_have_the_same_id_only_when_they_are_the_same_step(
    one: Origin, step: str, other: Origin, later: str
) -> None:
    def named(origin: Origin, which: str) -> tuple[str, ...]:
        return (origin.namespace, origin.workflow_id, origin.first_run_id, which)

    same = named(one, step) == named(other, later)
    assert (event_id(one, step) == event_id(other, later)) == same


def test_an_id_is_stable_across_continued_runs_and_releases() -> None:
    continued = ORIGIN.model_copy(update={"task_queue": "other"})
    assert event_id(continued, "7") == event_id(ORIGIN, "7")
    # Changing how ids are made would make every waiting case record its next step twice.
    assert event_id(ORIGIN, "7") == (
        "e00211607cf47cb279b2b13a3ede778e84e7c6588aff57a2be0775230d13e5a7"
    )


def test_the_header_and_the_body_tell_the_same() -> None:
    there = world()
    record = there.records[0]
    made = event(there.case, record, ORIGIN, "1")
    assert (made.kind, made.stream) == (record.kind.value, there.case.request_id)
    assert made.body["kind"] == made.kind
    assert made.body["request"] == made.stream
    assert made.body["occurred"] == "2026-03-02T08:00:00Z"
    assert made.occurred == BEGIN


def test_a_review_says_who_when_why_in_which_part_how_proven_and_of_what() -> None:
    ann = person("ann", delegations=[away(to="dan")])
    people = {"ann": ann, "dan": person("dan", roles=["clerk"], groups=["finance"])}
    there = World(people, (stage("lead", group("lead", "ann")),))
    digest = there.case.digest
    sent = message("approve", "DAN@example.com", reason="fine", decision_id="d1", digest=digest)
    there.turn(sent, verified=True)
    told = body(there.recorded(Kind.APPROVED)[0], there.case)
    assert told["actor"] == {
        "id": "dan",
        "name": "Dan",
        "address": "DAN@example.com",
        "on_behalf_of": "ann",
        "role": "lead",
        "roles": ["clerk", "finance"],
        "assurance": "verified",
        "channel": "signal",
    }
    assert (told["reason"], told["decision_id"], told["stage"]) == ("fine", "d1", "lead")
    assert told["digest_shown"] == told["digest"] == digest
    assert told["policy"] == {"id": "expense", "version": 1, "digest": "p" * 64}


def test_the_state_is_that_of_the_records_own_step_not_of_the_case_it_is_written_with() -> None:
    there = world()
    there.send("approve", "bob")
    opened = there.recorded(Kind.STAGE_OPENED)[0]
    assert there.case.outcome is not None
    told = body(opened, there.case, waiting=[])
    assert told["state"]["status"] == "pending"
    assert told["state"]["stage"] == "lead"
    assert told["waiting_for"] == []


def test_a_record_within_a_step_carries_neither_state_nor_list() -> None:
    there = world()
    assert not {"state", "waiting_for"} & body(there.records[0], there.case, waiting=[]).keys()


def test_an_instant_in_another_zone_is_written_in_utc() -> None:
    there = world()
    berlin = datetime(2026, 7, 1, 10, 0, 0, 250, tzinfo=ZoneInfo("Europe/Berlin"))
    record = there.records[0].model_copy(update={"at": berlin})
    assert body(record, there.case)["occurred"] == "2026-07-01T08:00:00.000250Z"


def test_nothing_of_a_malformed_message_is_in_its_event() -> None:
    there = world()
    broken = parse("sesame", [("json/plain", b'{"actor": "hunter2", "hunter3": "hunter4"}')], "x")
    assert isinstance(broken, Malformed)
    there.turn(broken)
    told = body(there.records[-1], there.case)
    assert b"hunter" not in canonical(told)
    assert told["data"]["sha256"] == broken.sha256


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_people_type_can_be_written_canonically(who: str, why: str) -> None:
    there = world()
    sent = parse(
        "comment", [("json/plain", json.dumps({"actor": who, "reason": why}).encode())], "x"
    )
    there.turn(sent)
    told = body(there.records[-1], there.case)
    assert json.loads(canonical(told)) == told
    assert b"\\u0000" not in canonical(told)


def test_the_largest_sensible_case_stays_far_below_the_ledgers_limit() -> None:
    names = [f"{WIDE * 50}{n}" for n in range(50)]
    people = {
        f"p{n}": person(f"p{n}", name=name, delegations=[away(to=f"p{(n + 1) % 50}")])
        for n, name in enumerate(names)
    }
    groups = [group(f"group-{n}", *people, approve=5, reject=50) for n in range(10)]
    there = World(people, (stage("board", *groups, assurance=Assurance.VERIFIED),))
    long = WIDE * 4_000
    sent = [
        message(
            "approve",
            name,
            reason=long,
            decision_id=f"{name}-" + "x" * 190,
            attestation="s" * 8_192,
        )
        for name in list(people)[:20]
    ]
    there.turn(*sent, verified=True)
    assert len(there.case.reviews) == 20
    for record in there.records:
        waiting = there.case.waiting_for() if record.settles else None
        made = canonical(body(record, there.case, waiting))
        assert len(made) < MAX_BODY_BYTES / 2


def test_a_wide_roster_fits_into_one_event() -> None:
    people = {f"p{n}": person(f"p{n}", name=WIDE * 200, roles=["all"]) for n in range(500)}
    there = World(people, (stage("board", group("board", *list(people)[:50])),))
    opened = there.recorded(Kind.STAGE_OPENED)[0]
    assert len(canonical(body(opened, there.case, there.case.waiting_for()))) < MAX_BODY_BYTES / 4


def test_a_case_that_waited_for_years_is_written_like_any_other() -> None:
    there = world()
    there.now += timedelta(days=3_650)
    there.turn()
    assert there.records[-1].state is not None
    assert canonical(body(there.records[-1], there.case))
