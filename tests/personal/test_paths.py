import re
from pathlib import Path

import pytest

from placet.domain.vocabulary import Kind
from placet.personal.paths import (
    PERSONAL,
    PLAIN,
    personal_values,
    subject_of_request,
    undeclared,
)
from tests.docs.markdown import REPOSITORY
from tests.ledger.stories import event, person, state

EVENTS = REPOSITORY / "docs" / "events.md"
PAGE = REPOSITORY / "docs" / "personal-data.md"
ACTOR = {"id": "bob", "name": "Bob Birch", "address": "bob@example.com", "assurance": "claimed"}


def about(subject: str, **told: object) -> dict[str, object]:
    found = event(**told)  # type: ignore[arg-type]
    return {
        ".".join(map(str, path)): value
        for path, whose, value in personal_values(found)
        if whose == subject and value is not None
    }


def documented(page: Path) -> dict[str, set[str]]:
    """Return the fields that a page names for each kind of event."""
    rows = re.findall(r"(?m)^\| `([a-z_]+:[a-z_]+:[a-z_]+)` \| .*? \|(.*)\|$", page.read_text())
    return {kind: set(re.findall(r"`([a-z_]+)`", cell)) for kind, cell in rows}


def test_each_kind_of_event_has_its_plain_fields() -> None:
    assert [*PLAIN] == [*Kind]


@pytest.mark.parametrize("kind", Kind)
def test_what_the_page_says_is_in_an_event_is_declared(kind: Kind) -> None:
    told = documented(EVENTS)[kind]
    values = {
        "null",
        "person",
        "holder",
        "subject",
        "request",
        "people",
        "rule",
        "timeout",
        "in_force",
        "ending",
        "deleted",
        "spared",
        "blocked",
    }
    assert told - values - PLAIN[kind] - PERSONAL.keys() == set()


def test_nothing_is_both_plain_and_personal() -> None:
    assert {name for fields in PLAIN.values() for name in fields} & PERSONAL.keys() == set()


def test_the_page_lists_every_personal_field() -> None:
    page = PAGE.read_text()
    assert [name for name in PERSONAL if f"`data.{name}`" not in page] == []


def test_what_an_actor_is_called_and_says_is_theirs() -> None:
    told = about("bob", actor=ACTOR, reason="fine", data={"said": "ok", "verdict": "approve"})
    assert told == {
        "actor.name": "Bob Birch",
        "actor.address": "bob@example.com",
        "reason": "fine",
        "data.said": "ok",
    }


def test_what_describes_a_request_is_its_requesters() -> None:
    told = about(
        "alice",
        kind="system:request:planned",
        state=state(outcome={"kind": "rejected", "by": "people", "reason": "too dear"}),
        data={"route": "manager", "facts": {"total": 120}, "why": "total > 100", "stages": ["m"]},
    )
    assert told == {
        "state.title": "Team dinner",
        "state.requester.name": "Alice Ash",
        "state.outcome.reason": "too dear",
        "data.facts": {"total": 120},
        "data.why": "total > 100",
    }


def test_digests_of_a_requests_own_files_stay_plain_and_nothing_else_of_its_scope() -> None:
    digest = "ab" * 32
    told = about(
        "alice",
        kind="system:request:planned",
        state=state(),
        data={
            "scope": {
                "version": digest,
                "parts": [digest, digest],
                "catalogue": digest,
                "survey": "Alice Ash",
                "sample": [digest, "Alice Ash"],
                "recipient": "zoe@example.net",
                "rows": 7,
                "undo": None,
            }
        },
    )
    assert {path: said for path, said in told.items() if path.startswith("data.")} == {
        "data.scope.catalogue": digest,
        "data.scope.survey": "Alice Ash",
        "data.scope.sample": [digest, "Alice Ash"],
        "data.scope.recipient": "zoe@example.net",
        "data.scope.rows": 7,
    }


def test_whom_a_request_waits_for_are_named_for_themselves() -> None:
    waiting = [person("bob"), person("carol")]
    assert about("carol", state=state(), waiting_for=waiting) == {
        "waiting_for.1.name": waiting[1]["name"]
    }


def test_the_account_of_a_granted_role_is_of_whom_it_is_for() -> None:
    data = {"person": "dave", "account": "dave.dean", "target": "crm", "role": "reader"}
    kind = Kind.EFFECT_DONE.value
    assert about("dave", kind=kind, requester="alice", data={**data, "summary": "granted"}) == {
        "data.account": "dave.dean"
    }


def test_what_nobody_known_has_said_belongs_to_the_request() -> None:
    stranger = {"id": None, "name": None, "address": "mallory@example.net"}
    told = about(
        subject_of_request("expense-1"), actor=stranger, reason="let me", requester="alice"
    )
    assert told == {"actor.address": "mallory@example.net", "reason": "let me"}


def test_a_request_with_a_long_name_is_a_subject_too() -> None:
    subject = subject_of_request("x" * 1_000)
    assert len(subject) < 100
    assert subject != subject_of_request("x" * 999 + "y")


def test_a_field_that_nobody_has_declared_is_personal() -> None:
    new = event(Kind.APPROVED.value, requester="alice", data={"nickname": "Al", "tries": 3})
    assert undeclared(new) == ["nickname"]
    assert ("alice", "Al") in {(each.subject, each.value) for each in personal_values(new)}
    assert 3 not in [each.value for each in personal_values(new)]
