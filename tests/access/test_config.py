import base64
from pathlib import Path

import pytest

from placet.access.config import RoleFolder, load_roles, roles_from, strangers
from placet.access.opening import ListedAccess
from placet.access.postgres import PostgresAccess
from placet.access.webhook import WebhookAccess
from placet.digest import digest
from placet.directory import load_directory
from placet.domain.access_roles import (
    NoAccountError,
    RoleCatalogue,
    UnknownRoleError,
)
from placet.domain.errors import UnavailableError
from placet.policy.files import FileError, parse

REPOSITORY = Path(__file__).parents[2]
PEOPLE = load_directory(REPOSITORY / "policies" / "directory.yaml")
SECRET = f"whsec_{base64.b64encode(bytes(24)).decode()}"
GOOD = """\
targets:
  shop: {kind: postgres, url_env: SHOP_GRANT_URL, accounts: {alice: alice_db}}
  badge: {kind: webhook, url: "https://doors.example.com/roles", secret_env: BADGE_SECRET}
roles:
  reporting:
    target: shop
    role: reporting_read
    about: Read the figures
    owner: [{role: data-owner}]
    longest: 30d
    permanent: [robot]
  door: {target: badge, role: door-7, about: The door, owner: [{person: bob}], longest: 12h}
"""


def roles(text: str = GOOD) -> RoleCatalogue:
    return roles_from(parse(text, "access-roles.yaml"))


def mistakes(before: str, after: str) -> str:
    """Change something of a good catalogue, and return what is said of it."""
    assert before in GOOD
    with pytest.raises(FileError) as caught:
        roles(GOOD.replace(before, after))
    return str(caught.value)


def test_the_catalogue_says_what_a_person_would_get() -> None:
    reporting = roles().entry("reporting")
    got = reporting.membership_of(PEOPLE.require("alice"))
    assert (got.target, got.role, got.account) == ("shop", "reporting_read", "alice_db")
    assert reporting.role.longest_hours == 720
    door = roles().entry("door").membership_of(PEOPLE.require("dan"))
    assert (door.role, door.account) == ("door-7", "dan@example.com")


def test_who_has_no_account_is_told_where_to_add_it() -> None:
    with pytest.raises(NoAccountError, match=r"Dan Meyer has no account at shop; add dan to"):
        roles().entry("reporting").membership_of(PEOPLE.require("dan"))
    with pytest.raises(UnknownRoleError, match=r"no role 'reportin' .*did you mean 'reporting'"):
        roles().entry("reportin")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("target: shop", "target: shops", "6:5: roles.reporting.target: there is no target"),
        ("reporting_read", "pg_read_all_data", "7:5: roles.reporting.role: 'pg_read_all_data' is"),
        ("reporting_read", "public", "roles.reporting.role: 'public' is Postgres's own"),
        ("alice_db", "pg_monitor", "2:62: targets.shop.accounts.alice: 'pg_monitor' is"),
        ("url_env: SHOP_GRANT_URL", "url_env: 'postgres://x:hunter2@db/x'", "url_env: is no name"),
        ("url_env: SHOP_GRANT_URL", "secret_env: SHOP", "kind postgres needs url_env"),
        ("secret_env: BADGE_SECRET", "url_env: BADGE", "url_env is for postgres"),
        (", secret_env: BADGE_SECRET", "", "webhook needs secret_env"),
        ("https://doors.example.com/roles", "https://me:hunter2@doors.example.com", "wrong form"),
        ("longest: 30d", "longest: 30m", "longest: is less than an hour"),
        ("longest: 30d", "longest: soon", "'soon' is no length of time"),
        ("owner: [{role: data-owner}]", "owner: [{manager_of: requester}]", "an owner is a person"),
        ("owner: [{role: data-owner}]", "owner: []", "owner: needs at least 1"),
        ("about: Read the figures\n", "abuot: Read\n", "did you mean 'about'"),
        ("role: door-7", "role: ''", "role: string should have"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(before: str, after: str, said: str) -> None:
    told = mistakes(before, after)
    assert said in told
    assert told.startswith("access-roles.yaml:")
    assert "hunter2" not in told.replace("https://me:hunter2@doors.example.com", "")


def test_one_role_of_a_target_stands_there_once() -> None:
    assert "is the role 'reporting' already" in mistakes(
        "  door: {target: badge, role: door-7,", "  door: {target: shop, role: reporting_read,"
    )


def test_accounts_of_who_is_not_in_the_directory_are_found(tmp_path: Path) -> None:
    assert list(strangers(tmp_path, PEOPLE)) == []
    path = tmp_path / "access-roles.yaml"
    path.write_text(GOOD.replace("alice: alice_db", "alicia: alice_db"))
    ((_, line),) = strangers(tmp_path, PEOPLE)
    assert line.startswith(f"{path}:2:")
    assert line.endswith("nobody has the id 'alicia'; did you mean 'alice'?")


def test_an_owner_who_is_nobody_is_found(tmp_path: Path) -> None:
    path = tmp_path / "access-roles.yaml"
    path.write_text(GOOD.replace("role: data-owner", "role: data-ownr"))
    ((_, line),) = strangers(tmp_path, PEOPLE)
    assert line.startswith(f"{path}:")
    assert line.endswith(
        "its owner, role data-ownr, is nobody in the directory; did you mean 'data-owner'?"
    )


def test_only_what_people_approve_of_makes_another_digest() -> None:
    first = digest(roles().entry("reporting").frozen())
    same = GOOD.replace("alice_db}", "alice_db, dan: dan_db}").replace("[robot]", "[robot, other]")
    assert digest(roles(same).entry("reporting").frozen()) == first
    for before, after in [
        ("reporting_read", "orders_write"),
        ("SHOP_GRANT_URL", "OTHER_GRANT_URL"),
        ("data-owner", "executive"),
        ("30d", "40d"),
    ]:
        assert digest(roles(GOOD.replace(before, after)).entry("reporting").frozen()) != first


def test_a_change_counts_and_one_that_breaks_the_file_does_not(tmp_path: Path) -> None:
    assert load_roles(tmp_path) == RoleCatalogue()
    folder = RoleFolder(tmp_path)
    assert folder.get().roles == {}
    path = tmp_path / "access-roles.yaml"
    path.write_text(GOOD)
    assert set(folder.get().roles) == {"reporting", "door"}
    path.write_text(GOOD.replace("target: shop", "target: nowhere"))
    assert set(folder.get().roles) == {"reporting", "door"}
    path.unlink()
    assert set(folder.get().roles) == {"reporting", "door"}


def test_the_catalogue_that_comes_with_placet_is_sound() -> None:
    shipped = load_roles(REPOSITORY / "policies")
    assert {entry.name for entry in shipped.entries} == {"reporting", "orders"}
    assert list(strangers(REPOSITORY / "policies", PEOPLE)) == []


def test_a_target_is_opened_with_what_the_environment_holds() -> None:
    secrets = {"SHOP_GRANT_URL": "postgresql://granter@db/shop", "BADGE_SECRET": SECRET}
    listed = ListedAccess(roles, secrets)
    assert isinstance(listed.open("shop"), PostgresAccess)
    assert isinstance(listed.open("badge"), WebhookAccess)


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("shop", {}, "SHOP_GRANT_URL is not set"),
        ("shop", {"SHOP_GRANT_URL": "host=x hunter2"}, "SHOP_GRANT_URL is not a Postgres"),
        ("badge", {"BADGE_SECRET": "hunter2"}, "BADGE_SECRET holds no secret"),
        ("shopp", {}, "lists no target shopp; list it again"),
    ],
)
def test_a_target_that_cannot_be_opened_is_away(
    name: str, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(UnavailableError, match=said) as caught:
        ListedAccess(roles, environment).open(name)
    assert "hunter2" not in str(caught.value)
