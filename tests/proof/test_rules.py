"""What the verifier finds in a story: nothing in one that happened, its code in a broken one."""

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.domain.ledger import LedgerEvent
from placet.domain.vocabulary import Kind
from placet.proof.rules.breaches import Breach
from placet.proof.rules.replay import Replay
from tests.proof.broken import BROKEN
from tests.proof.recorded import recorded_stories
from tests.proof.told import TOLD
from tests.support.stories import judged


@cache
def stories() -> dict[str, list[LedgerEvent]]:
    """Return every story there is, by its name."""
    return {**recorded_stories(), **{tell.__name__: tell() for tell in TOLD}}


NOT_RECORDED = {
    # No recorded history has one; tests of their own judge real ones.
    Kind.PAYMENT_REJECTED,
    Kind.SUBJECT_ERASED,
    Kind.HOLD_PLACED,
    Kind.HOLD_RELEASED,
    Kind.LOSS_ACCEPTED,
    Kind.PARTITION_PRUNED,
}


@pytest.mark.rule(number=11)
def test_nothing_is_found_in_what_has_happened() -> None:
    for name, story in stories().items():
        assert judged(story) == [], name
    assert {each.kind for story in stories().values() for each in story} >= (
        set(Kind) - NOT_RECORDED
    )


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("name", BROKEN)
def test_a_story_that_breaks_a_rule_is_found_by_its_code(name: str) -> None:
    how, code, also = BROKEN[name]
    broken = {
        which: changed for which, story in stories().items() if (changed := how(story)) is not None
    }
    assert broken, "no story can be broken like this"
    for which, story in broken.items():
        found = [finding.code for finding in judged(story)]
        assert found, which
        assert found[0] is code, (which, judged(story))
        assert set(found) <= {code, *also}, (which, judged(story))


def test_every_code_is_found_somewhere() -> None:
    assert {each.code for each in BROKEN.values()} == set(Breach) - {
        Breach.HOLD_UNFOUNDED,
        Breach.RULES_DIFFER,
    }


PROGRAM = {"program": "placet audit"}


def _held(who: str, service: Any = PROGRAM) -> dict[str, Any]:
    return {"actor": {"id": who}, "service": service, "data": {"hold": "1", "on": "subject"}}


# Each row: who places a hold where and what writes it, who releases it, and what is found.
@pytest.mark.parametrize(
    ("stream", "service", "releases", "found"),
    [
        ("hold:1", PROGRAM, "bob", []),
        ("hold:1", PROGRAM, "ann", [Breach.HOLD_UNFOUNDED]),
        ("expense-1", PROGRAM, "bob", [Breach.WRITER_OTHER, Breach.WRITER_OTHER]),
        ("hold:1", {"workflow_id": "w"}, "bob", [Breach.WRITER_OTHER]),
    ],
)
def test_a_hold_is_released_by_somebody_else_and_once(
    stream: str, service: Any, releases: str, found: list[Breach]
) -> None:
    replay = Replay()
    placed, released = "person:hold:placed", "person:hold:released"
    told = [
        *replay.see(0, stream, 1, placed, 0, _held("ann", service)),
        *replay.see(1, stream, 2, released, 0, _held(releases)),
    ]
    assert [finding.code for finding in told] == found
    again = [
        *replay.see(2, stream, 3, released, 0, _held("eve")),
        *replay.see(3, stream, 4, placed, 0, _held("eve")),
    ]
    assert Breach.HOLD_UNFOUNDED in {finding.code for finding in again}
    (unread,) = replay.see(4, "hold:2", 1, released, 0, {})
    assert unread.code is Breach.STORY_UNREADABLE


@pytest.mark.parametrize(
    ("stream", "service", "found"),
    [
        ("place:shelf", PROGRAM, []),
        ("hold:1", PROGRAM, [Breach.WRITER_OTHER]),
        ("place:attic", PROGRAM, [Breach.WRITER_OTHER]),
        ("place:shelf", {"workflow_id": "w"}, [Breach.WRITER_OTHER]),
    ],
)
def test_a_loss_is_accepted_by_the_command_line_alone(
    stream: str, service: Any, found: list[Breach]
) -> None:
    body = _held("ann", service) | {"data": {"place": "shelf", "held": 3, "found": 0}}
    told = Replay().see(0, stream, 1, "person:loss:accepted", 0, body)
    assert [finding.code for finding in told] == found


@pytest.mark.rule(number=11)
def test_a_hold_is_not_released_in_the_story_of_another() -> None:
    replay, real = Replay(), _held("ann") | {"data": {"hold": "real", "on": "subject"}}
    assert not [*replay.see(0, "hold:real", 1, "person:hold:placed", 0, real)]
    assert not [*replay.see(1, "hold:1", 1, "person:hold:placed", 0, _held("eve"))]
    stolen = _held("bob") | {"data": real["data"]}
    (found,) = replay.see(2, "hold:1", 2, "person:hold:released", 0, stolen)
    assert found.code is Breach.HOLD_UNFOUNDED


def test_somebody_is_erased_between_the_permit_and_the_end() -> None:
    story = recorded("expense-approved-and-paid")
    place = next(i for i, each in enumerate(story) if each.kind == Kind.EFFECT_DONE)
    erased = story[place].model_copy(update={"kind": "system:subject:erased"})
    before, then = story[:place], story[place:]
    assert judged([*before, erased, erased, *then]) == []
    late = judged([*before, *then, erased])
    assert [finding.code for finding in late] == [Breach.EFFECT_UNFOUNDED]


def test_a_story_that_breaks_off_in_a_step_is_found_unless_it_is_the_last() -> None:
    story = stories()["a_hand_over"]
    replay = Replay()
    other = recorded("expense-waiting")
    assert judged(story[:1], replay) == []
    assert list(replay.finish()) == []
    assert judged(other[:1], replay) == []
    assert [finding.code for finding in replay.finish()] == [Breach.STORY_ORDER]


def recorded(name: str) -> list[LedgerEvent]:
    """Return one recorded story."""
    return recorded_stories()[name]


def test_a_story_that_is_not_all_there_is_not_judged() -> None:
    replay = Replay()
    first, second, *_ = recorded("expense-waiting")
    assert list(replay.see(0, "late", 2, second.kind, 0, second.body)) == []
    assert list(replay.see(1, "pruned", 1, first.kind, 0, None)) == []
    assert list(replay.see(2, "pruned", 2, second.kind, 0, second.body)) == []
    assert replay.unjudged == {"late", "pruned"}
    older = Replay(since=8)
    assert list(older.see(7, "old", 1, second.kind, 0, second.body)) == []
    assert list(older.see(8, "old", 2, first.kind, 0, first.body)) == []
    assert older.unjudged == {"old"}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_a_body_says_it_is_read_or_found(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(stories())))
    story = list(stories()[name])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(story) - 1))
        body = deepcopy(story[place].body)
        inner: Any = body
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            key = data.draw(st.sampled_from(keys))
            deeper = isinstance(inner[key], dict | list) and bool(inner[key])
            if not deeper or data.draw(st.integers(0, 3)) == 0:
                break
            inner = inner[key]
        if data.draw(st.booleans()):
            inner[key] = data.draw(values)
        else:
            del inner[key]
        story[place] = story[place].model_copy(update={"body": body})
    judged(story)
