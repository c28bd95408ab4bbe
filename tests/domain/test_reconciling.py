from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placet.domain.grants import GrantRow, GrantState
from placet.domain.reconciling import AccessFinding, FindingKind, RoleSeen, reconcile

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
GRANTING, IN_FORCE = GrantState.GRANTING, GrantState.IN_FORCE
ENDING, ENDED, FAILED = GrantState.ENDING, GrantState.ENDED, GrantState.FAILED


def grant(state: GrantState = IN_FORCE, **changes: Any) -> GrantRow:
    """Return a grant of the reporting role to Alice."""
    began = state not in {GRANTING, FAILED}
    told = {
        "permit_id": "permit-1",
        "request": "access-1",
        "target": "shop",
        "role": "reporting_read",
        "account": "alice_db",
        "person": "alice",
        "state": state,
        "was_member": False,
        "began_at": NOW - timedelta(hours=1),
        "granted_at": NOW - timedelta(hours=1) if began else None,
        "until": NOW + timedelta(hours=1) if began else None,
        "ended_at": NOW if state.over else None,
        "ended_why": "expired" if state.over else None,
    }
    return GrantRow.model_validate(told | changes)


def found(
    *members: str,
    grants: list[GrantRow],
    before: list[GrantRow] | None = None,
    **changes: Any,
) -> list[AccessFinding]:
    """Compare one role with what was granted of it."""
    role = {"target": "shop", "role": "reporting_read", "members": members, **changes}
    seen = [RoleSeen.model_validate(role)]
    return reconcile(seen, grants if before is None else before, grants, NOW)


def kinds(findings: list[AccessFinding]) -> list[tuple[FindingKind, str | None, str | None]]:
    return [(each.kind, each.account, each.case) for each in findings]


@pytest.mark.parametrize(
    ("state", "members"),
    [
        (IN_FORCE, ["alice_db"]),
        # On its way in or out, the account may have the role or not.
        (GRANTING, ["alice_db"]),
        (GRANTING, []),
        (ENDING, ["alice_db"]),
        (ENDING, []),
        (ENDED, []),
        (FAILED, []),
    ],
)
def test_what_is_as_it_was_granted_is_no_finding(state: GrantState, members: list[str]) -> None:
    assert found(*members, grants=[grant(state)]) == []


def test_what_was_taken_away_outside_is_found() -> None:
    assert kinds(found(grants=[grant()])) == [(FindingKind.MISSING, "alice_db", "access-1")]


@pytest.mark.parametrize("state", [ENDED, FAILED])
def test_what_is_still_there_after_its_grant_is_found(state: GrantState) -> None:
    older = grant(ENDED, permit_id="permit-0", request="access-0", ended_at=NOW - timedelta(days=9))
    assert kinds(found("alice_db", grants=[older, grant(state)])) == [
        (FindingKind.ENDED_BUT_PRESENT, "alice_db", "access-1")
    ]


def test_whom_placet_never_gave_the_role_is_found_unless_an_operator_knows() -> None:
    assert kinds(found("alice_db", "eve", grants=[grant()])) == [
        (FindingKind.UNKNOWN_MEMBER, "eve", None)
    ]
    assert found("alice_db", "eve", grants=[grant()], permanent=("eve",)) == []


def test_a_role_that_another_grant_explains_is_no_finding() -> None:
    other = grant(ENDED, permit_id="permit-0", request="access-0")
    assert found("alice_db", grants=[other, grant()]) == []


@pytest.mark.parametrize(
    ("before", "after", "members"),
    [
        # It came into force, or ended, between the two looks; the members were seen in between.
        (GRANTING, IN_FORCE, []),
        (IN_FORCE, ENDED, ["alice_db"]),
        (IN_FORCE, ENDED, []),
    ],
)
def test_what_changes_meanwhile_is_no_finding(
    before: GrantState, after: GrantState, members: list[str]
) -> None:
    assert found(*members, before=[grant(before)], grants=[grant(after)]) == []


def test_a_grant_that_begins_meanwhile_is_no_finding() -> None:
    assert found("alice_db", before=[], grants=[grant()]) == []
    assert found(before=[], grants=[grant()]) == []


@pytest.mark.parametrize("state", [IN_FORCE, ENDING])
def test_a_grant_whose_time_is_long_over_is_found(state: GrantState) -> None:
    late = grant(state, until=NOW - timedelta(minutes=16))
    assert kinds(found("alice_db", grants=[late])) == [
        (FindingKind.OVERDUE, "alice_db", "access-1")
    ]
    just_over = grant(state, until=NOW - timedelta(minutes=14))
    assert found("alice_db", grants=[just_over]) == []


def test_a_grant_that_was_to_end_early_and_has_not_is_found_long_before_its_time() -> None:
    stuck = grant(ENDING, ending_at=NOW - timedelta(minutes=16))
    assert kinds(found("alice_db", grants=[stuck])) == [
        (FindingKind.OVERDUE, "alice_db", "access-1")
    ]
    assert found("alice_db", grants=[grant(ENDING, ending_at=NOW - timedelta(minutes=14))]) == []


def test_what_cannot_be_looked_at_is_said_and_nothing_is_concluded_from_it() -> None:
    away = found(grants=[grant()], members=None, away="the shop does not answer")
    assert kinds(away) == [(FindingKind.UNREACHABLE, None, None)]
    assert away[0].text == "the shop does not answer"
    assert found(grants=[grant()], members=None) == []


def test_a_role_that_must_not_be_granted_is_found_beside_the_rest() -> None:
    assert kinds(found("eve", grants=[], unusable="it is a superuser")) == [
        (FindingKind.UNUSABLE, None, None),
        (FindingKind.UNKNOWN_MEMBER, "eve", None),
    ]


def test_grants_of_another_role_explain_nothing() -> None:
    for other in (grant(role="orders_write"), grant(target="other"), grant(account="dan_db")):
        assert kinds(found("alice_db", grants=[other]))[-1] == (
            FindingKind.UNKNOWN_MEMBER,
            "alice_db",
            None,
        )
