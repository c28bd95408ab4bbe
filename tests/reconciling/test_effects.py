"""What was done against what the ledger says of it: each kind of effect in each of its states."""

import re
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from placet.reconciling.effects import CONSUMED, DONE, ENDED, ISSUED, STOPPED, differing, states
from placet.reconciling.facts import Counts, EffectRow, Permit, Recorded, Story
from tests.conftest import Database
from tests.reconciling.drawn import REQUEST, digest, recorded

PERMIT, REVISION = digest("permit"), digest("revision")

TABLES = {
    "payment": ("payment", "status"),
    "send": ("mailing", "ending"),
    "publication": ("publication", "state"),
    "export": ("export", "state"),
    "access": ("access_grant", "state"),
    "delete": ("deletion", "state"),
    "erase": ("erasure", "state"),
}

STORIES = [
    ("payment", "written", (DONE,)),
    ("send", "", ()),
    ("send", "done", (DONE,)),
    ("send", "stopped", (STOPPED,)),
    ("publication", "under way", ()),
    ("publication", "done", (DONE,)),
    ("publication", "failed", ()),
    ("export", "running", ()),
    ("export", "ready", (DONE,)),
    ("export", "gone", (DONE, ENDED)),
    ("export", "drifted", (STOPPED,)),
    ("access", "granting", ()),
    ("access", "in force", (DONE,)),
    ("access", "ended", (DONE, ENDED)),
    ("access", "failed", (STOPPED,)),
    ("delete", "running", ()),
    ("delete", "done", (DONE,)),
    ("delete", "in_force", (DONE,)),
    ("delete", "undone", (DONE, ENDED)),
    ("delete", "stopped", (STOPPED,)),
    ("erase", "running", ()),
    ("erase", "erased", ()),
    ("erase", "done", (DONE,)),
]


def story(effect: str, state: str, kinds: tuple[str, ...]) -> Story:
    """Return a request whose effect has come so far, by the row and by the events."""
    told = {"permit": PERMIT, "effect": effect, "digest": REVISION}
    events: list[Recorded] = [
        recorded(number, kind, data=told | ({"rows": 7} if kind == DONE else {}))
        for number, kind in enumerate((ISSUED, CONSUMED, *kinds), start=1)
    ]
    permit = Permit(
        permit=PERMIT,
        request=REQUEST,
        digest=REVISION,
        effect=effect,
        issued_event=events[0].event_id,
        consumed=True,
        consumed_event=events[1].event_id,
        revoked_event=None,
    )
    row = EffectRow(effect, PERMIT, REQUEST, REVISION, state, timedelta(hours=1), {"rows": 7})
    return Story(REQUEST, tuple(events), (permit,), (row,))


def codes(told: Story) -> set[str]:
    """Compare, and return the codes."""
    return {finding.code.value for finding in differing(told, Counts())}


@pytest.mark.parametrize(("effect", "state", "kinds"), STORIES)
def test_an_effect_that_is_as_the_ledger_says_agrees(
    effect: str, state: str, kinds: tuple[str, ...]
) -> None:
    assert codes(story(effect, state, kinds)) == set()


@pytest.mark.parametrize(("effect", "state", "kinds"), STORIES)
def test_an_effect_of_which_the_ledger_says_something_else_is_found(
    effect: str, state: str, kinds: tuple[str, ...]
) -> None:
    wrong = (ENDED,) if kinds != (ENDED,) else ()
    assert codes(story(effect, state, wrong)) == {"effect-differs"}
    assert codes(story(effect, "no state of ours", (DONE,))) == {"effect-differs"}
    unsaid = replace(story(effect, state, kinds), events=story(effect, state, kinds).events[:2])
    allowed = not kinds or (effect, state) in {("send", "done"), ("access", "failed")}
    assert codes(unsaid) == (set() if allowed else {"effect-unrecorded"})


@pytest.mark.parametrize("effect", TABLES)
def test_a_permit_that_was_consumed_for_nothing_is_found(effect: str) -> None:
    nothing = replace(story(effect, "", (STOPPED,)), effects=())
    # Who takes access back before anything was given consumes the permit for nothing.
    assert codes(nothing) == (set() if effect == "access" else {"effect-missing"})
    assert codes(replace(story(effect, "", (DONE,)), effects=())) == {"effect-missing"}


def test_another_number_than_the_ledger_has_is_found() -> None:
    told = story("export", "ready", (DONE,))
    (row,) = told.effects
    assert codes(replace(told, effects=(replace(row, facts={"rows": 8}),))) == {"effect-differs"}
    assert codes(replace(told, effects=(replace(row, digest="other"),))) == {"effect-differs"}
    event = told.events[-1]
    assert event.body is not None
    sealed = {**event.body, "data": {**event.data, "rows": f"sealed:{digest()}"}}
    hidden = (*told.events[:-1], replace(event, body=sealed))
    assert codes(replace(told, events=hidden)) == set()


@pytest.mark.parametrize("effect", TABLES)
def test_every_state_that_the_database_allows_is_known(database: Database, effect: str) -> None:
    table, column = TABLES[effect]
    with psycopg.connect(database.admin_url) as connection:
        rows = connection.execute(
            "select pg_get_constraintdef(c.oid) from pg_constraint c"
            " where c.conrelid = %s::regclass and c.contype = 'c'",
            [f"effect.{table}"],
        ).fetchall()
    lists = [text for (text,) in rows if text.startswith(f"CHECK (({column} = ANY (ARRAY[")]
    allowed = {name for text in lists for name in re.findall(r"'([^']+)'", text)}
    assert allowed
    assert allowed == states(effect) - {""}
