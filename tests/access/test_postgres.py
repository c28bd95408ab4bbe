import re
from datetime import UTC, datetime

import pytest

from placet.access.postgres import PostgresAccess
from placet.access.target import Change
from placet.domain.errors import InvalidInputError, UnavailableError
from tests.access.staff import Staff

VARIABLE = "SHOP_GRANT_URL"


def target(staff: Staff) -> PostgresAccess:
    return PostgresAccess(staff.granter_url, VARIABLE)


def change(staff: Staff, role: str | None = None, account: str | None = None) -> Change:
    """Return a grant of the role to Alice, or the taking away of it."""
    return Change(
        key="key",
        at=datetime(2026, 3, 2, tzinfo=UTC),
        role=role or staff.role,
        account=account or staff.alice,
        person="alice",
        case="access-1",
    )


async def test_a_role_is_given_and_taken_away_however_often_it_is_said(staff: Staff) -> None:
    at = target(staff)
    assert await at.members(staff.role) == frozenset()
    for _ in range(2):
        await at.grant(change(staff))
        assert staff.has(staff.alice)
        assert await at.members(staff.role) == frozenset({staff.alice})
    assert not staff.has(staff.dan)
    for _ in range(2):
        await at.revoke(change(staff))
        assert not staff.has(staff.alice)
        assert await at.members(staff.role) == frozenset()


async def test_whoever_gets_a_role_may_not_pass_it_on(staff: Staff) -> None:
    await target(staff).grant(change(staff, account=staff.dan))
    dan = PostgresAccess(staff.url(staff.dan), VARIABLE)
    with pytest.raises(InvalidInputError, match="may not grant"):
        await dan.grant(change(staff))
    assert not staff.has(staff.alice)


@pytest.mark.parametrize(
    ("power", "said"),
    [
        ("superuser", "is a superuser"),
        ("createrole", "can create roles"),
        ("bypassrls", "passes by row security"),
        ("replication", "can replicate"),
        ("createdb", "can create databases"),
    ],
)
async def test_a_role_that_gives_too_much_is_never_granted(
    staff: Staff, power: str, said: str
) -> None:
    staff.run(f"alter role {{}} {power}", staff.role)
    with pytest.raises(InvalidInputError, match=said):
        await target(staff).grant(change(staff))
    with pytest.raises(InvalidInputError, match=said):
        await target(staff).check(staff.role)
    assert not staff.has(staff.alice)


async def test_nor_is_one_that_leads_to_such_a_role(staff: Staff) -> None:
    staff.run("grant pg_read_all_data to {}", staff.role)
    with pytest.raises(InvalidInputError, match="Postgres's own roles as a member of pg_read_all"):
        await target(staff).grant(change(staff))
    with pytest.raises(InvalidInputError, match="Postgres's own roles"):
        await target(staff).grant(change(staff, role="pg_monitor"))
    with pytest.raises(InvalidInputError, match="is a superuser"):
        await target(staff).grant(change(staff, role="postgres"))
    with pytest.raises(InvalidInputError, match="may grant roles for Placet"):
        await target(staff).grant(change(staff, role=staff.granter))
    assert not staff.has(staff.alice)


async def test_nor_is_one_with_which_somebody_could_grant_a_role_for_good(staff: Staff) -> None:
    staff.run("grant {} to {} with admin option", staff.orders, staff.role)
    said = f"can grant {re.escape(staff.orders)} to anybody, for ever: it is never granted"
    with pytest.raises(InvalidInputError, match=said):
        await target(staff).check(staff.role)
    with pytest.raises(InvalidInputError, match=said):
        await target(staff).grant(change(staff))
    assert not staff.has(staff.alice)


async def test_a_role_or_an_account_that_does_not_exist_is_said(staff: Staff) -> None:
    with pytest.raises(InvalidInputError, match="there is no role nothing where SHOP_GRANT_URL"):
        await target(staff).grant(change(staff, role="nothing"))
    with pytest.raises(InvalidInputError, match="there is no role nothing"):
        await target(staff).members("nothing")
    with pytest.raises(InvalidInputError, match="there is no account nobody; create it"):
        await target(staff).grant(change(staff, account="nobody"))
    with pytest.raises(InvalidInputError, match="is what Placet connects as"):
        await target(staff).grant(change(staff, account=staff.granter))


async def test_a_granter_without_the_right_is_told_what_it_needs(staff: Staff) -> None:
    staff.run("revoke {} from {}", staff.role, staff.granter)
    with pytest.raises(InvalidInputError, match="WITH ADMIN OPTION"):
        await target(staff).grant(change(staff))
    assert not staff.has(staff.alice)


async def test_taking_away_from_who_is_gone_is_nothing_to_do(staff: Staff) -> None:
    await target(staff).grant(change(staff))
    staff.run("drop role {}", staff.alice)
    await target(staff).revoke(change(staff))
    await target(staff).revoke(change(staff, role="nothing"))


async def test_what_cannot_be_taken_away_is_said_and_not_passed_over(staff: Staff) -> None:
    staff.run("grant {} to {}", staff.role, staff.alice)
    staff.run("revoke admin option for {} from {}", staff.role, staff.granter)
    with pytest.raises(InvalidInputError, match=r"REVOKE .* FROM|ADMIN OPTION"):
        await target(staff).revoke(change(staff))
    assert staff.has(staff.alice)


async def test_a_database_that_is_away_is_away_and_its_url_is_not_told() -> None:
    at = PostgresAccess("postgresql://granter:hunter2@127.0.0.1:9/shop", VARIABLE)
    with pytest.raises(UnavailableError, match="SHOP_GRANT_URL does not answer") as caught:
        await at.members("reporting")
    assert "hunter2" not in str(caught.value)
    assert "granter" not in str(caught.value)
