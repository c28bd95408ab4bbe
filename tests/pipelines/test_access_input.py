from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.access.config import roles_from
from placet.cli.records import LocalFiles
from placet.digest import digest
from placet.directory import load_directory
from placet.domain.access import AccessRequest, Scope, hours_text
from placet.domain.errors import InvalidInputError, UnavailableError
from placet.domain.grants import GrantRow, GrantState, Membership
from placet.domain.plan import Selector
from placet.pipelines import access, access_review
from placet.pipelines.pipeline import Door, Prepared, Surroundings
from placet.policy.files import parse
from placet.policy.loader import load_policies

REPOSITORY = Path(__file__).parents[2]
POLICIES = load_policies(REPOSITORY / "policies")
PEOPLE = load_directory(REPOSITORY / "policies" / "directory.yaml")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
ROLES = roles_from(
    parse(
        """\
targets:
  shop: {kind: postgres, url_env: SHOP_URL,
    accounts: {alice: alice_db, judy: judy_db, bob: ops_db, carol: ops_db}}
  badge: {kind: webhook, url: "https://doors.example.com", secret_env: BADGE_SECRET,
    accounts: {carol: A.Novak@Example.com}}
roles:
  reporting: {target: shop, role: reporting_read, about: Figures, longest: 3d,
    owner: [{role: data-owner}]}
  door: {target: badge, role: door-7, about: A door, longest: 12h, owner: [{person: bob}]}
""",
        "access-roles.yaml",
    )
)
GOOD: dict[str, Any] = {
    "requester": "a.novak@example.com",
    "role": "reporting",
    "hours": 8,
    "reason": "The figures of March",
}
REVIEW: dict[str, Any] = {
    "requester": "bob@example.com",
    "case": "access-1",
    "asked_by": "dan@example.com",
    "person": "alice",
    "role": "reporting",
    "minutes": 240,
    "why": "Bob Okafor broke the glass: the shop is down",
}


class Granted(LocalFiles):
    """What is recorded: one grant."""

    def __init__(self, *grants: GrantRow) -> None:
        super().__init__(())
        self._grants = grants

    async def open_grants(self, of: Membership) -> list[GrantRow]:
        """Return the grants that fit."""
        return [
            grant for grant in self._grants if Membership.model_validate(grant.model_dump()) == of
        ]


def surroundings(*grants: GrantRow, pipeline: str = "access") -> Surroundings:
    """Return what a request for access is understood by."""
    policy = POLICIES.for_pipeline(pipeline).snapshot
    return Surroundings(
        NOW,
        policy.rates,
        policy.policy,
        Granted(*grants),
        roles=lambda: ROLES,
        people=lambda: PEOPLE,
    )


async def prepared(*grants: GrantRow, **changes: Any) -> Prepared:
    """Understand a request."""
    told = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return await access.DOOR.prepare(told, surroundings(*grants))


async def refusal(**changes: Any) -> list[str]:
    """Return the lines of the error that refuses a request, after the heading."""
    with pytest.raises(InvalidInputError) as caught:
        await prepared(**changes)
    heading, *lines = str(caught.value).splitlines()
    assert heading == "this request for access cannot be accepted:"
    return [line.strip() for line in lines]


def grant(state: GrantState, account: str = "alice_db") -> GrantRow:
    """Return a grant of the reporting role."""
    began = state is GrantState.IN_FORCE
    return GrantRow(
        target="shop",
        role="reporting_read",
        account=account,
        permit_id="permit-1",
        request="access-0",
        person="alice",
        state=state,
        was_member=False,
        began_at=NOW,
        granted_at=NOW if began else None,
        until=NOW.replace(day=3) if began else None,
        ended_at=None,
        ended_why=None,
    )


async def test_a_request_is_understood_and_says_what_the_policy_wants_to_know() -> None:
    found = await prepared(reference="march-1")
    assert found.title == "reporting for Alice Novak, 8 hours"
    assert found.facts == {
        "role": "reporting",
        "target": "shop",
        "person": "alice@example.com",
        "hours": 8,
        "for_requester": True,
        "extension": False,
        "requester": "alice@example.com",
    }
    assert found.facts.keys() == access.DOOR.facts.keys()
    assert found.reference == "march-1"
    assert found.owners == (Selector(role="data-owner"),)
    assert found.kept_out == ("alice@example.com",)
    scope = Scope.model_validate(found.scope)
    assert scope.membership == Membership(target="shop", role="reporting_read", account="alice_db")
    assert scope.entry == digest(ROLES.entry("reporting").frozen())
    assert (scope.name, scope.kind, scope.person, scope.hours) == (
        "reporting",
        "postgres",
        "alice",
        8,
    )


async def test_somebody_asks_for_somebody_else_under_any_spelling() -> None:
    found = await prepared(requester="bob@example.com", person="A.Novak@Example.com")
    assert found.facts["for_requester"] is False
    assert found.facts["person"] == "alice@example.com"
    assert found.kept_out == ("alice@example.com",)
    own = await prepared(requester="alice@example.com", person="alice+work@example.com")
    assert own.facts["for_requester"] is True


@pytest.mark.rule(number=6)
@pytest.mark.parametrize(
    ("changes", "kept_out"),
    [
        # Two people use one account.
        ({"person": "bob"}, ("bob@example.com", "carol@example.com")),
        # A server knows Alice by each of her addresses, and Carol was given one of them.
        ({"person": "carol", "role": "door"}, ("carol@example.com", "alice@example.com")),
        ({"person": "alice", "role": "door"}, ("alice@example.com",)),
    ],
)
async def test_whoever_shares_the_account_gets_the_role_too_and_is_kept_out(
    changes: dict[str, Any], kept_out: tuple[str, ...]
) -> None:
    assert (await prepared(requester="dan@example.com", **changes)).kept_out == kept_out
    review = await access_review.DOOR.prepare(
        REVIEW | changes | {"requester": "grace"}, surroundings(pipeline="access-review")
    )
    assert review.kept_out == (*kept_out, "dan@example.com")


async def test_whoever_has_the_role_already_asks_for_an_extension() -> None:
    assert (await prepared(grant(GrantState.IN_FORCE))).facts["extension"] is True
    assert (await prepared(grant(GrantState.GRANTING))).facts["extension"] is False
    assert (await prepared(grant(GrantState.IN_FORCE, "dan_db"))).facts["extension"] is False


@pytest.mark.parametrize(("said", "hours"), [("8h", 8), ("2d", 48), ("1d4h", 28), ("120m", 2)])
async def test_a_duration_is_the_same_request_as_its_hours(said: str, hours: int) -> None:
    found = await prepared(**{"hours": None, "for": said})
    assert digest(found.request) == digest((await prepared(hours=hours)).request)
    assert isinstance(found.request, AccessRequest)
    assert found.request.hours == hours


async def test_a_webhook_takes_the_address_of_who_has_no_account_there() -> None:
    found = await prepared(role="door", person="dan@example.com")
    assert Scope.model_validate(found.scope).account == "dan@example.com"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"role": "reportin"}, "role: there is no role 'reportin' to ask for; did you mean"),
        ({"role": None}, "role: it is missing; add it"),
        ({"hours": 73}, "hours: 73 hours is longer than 3 days, for which reporting is granted"),
        ({"hours": 0}, "hours: input should be greater than or equal to 1"),
        ({"hours": None}, "hours: it is missing; add it"),
        ({"for": "8h"}, "it says both for and hours; write one of them"),
        ({"hours": None, "for": "90m"}, "for is no number of whole hours; write it as 8h or 2d"),
        ({"hours": None, "for": "soon"}, "'soon' is no length of time"),
        ({"hours": None, "for": 8}, "for is no number of whole hours"),
        ({"reason": " \n"}, "reason: it is empty; say what the role is needed for"),
        ({"reason": None}, "reason: it is missing; add it"),
        ({"person": "eve@example.com"}, "person: nobody in the directory has the address"),
        ({"requester": "eve@example.com"}, "requester: nobody in the directory has the address"),
        ({"person": "judy@example.com"}, "person: Judy Moreau ('judy@example.com') is not active"),
        ({"person": "dan@example.com"}, "person: Dan Meyer has no account at shop"),
        ({"account": "postgres"}, "account: there is no such field"),
        ({"role": "reporting\n; drop role x"}, "role: there is no role"),
    ],
)
async def test_what_cannot_be_granted_is_refused_with_its_field(
    changes: dict[str, Any], said: str
) -> None:
    (line,) = await refusal(**changes)
    assert said in line


async def test_what_is_said_of_an_endless_duration_is_short() -> None:
    (line,) = await refusal(**{"hours": None, "for": "1h" * 50_000})
    assert len(line) < 200


async def test_what_is_no_object_is_refused() -> None:
    for door, pipeline in ((access.DOOR, "access"), (access_review.DOOR, "access-review")):
        with pytest.raises(InvalidInputError, match="it is not a JSON object"):
            await door.prepare(["access"], surroundings(pipeline=pipeline))


async def test_without_a_directory_it_is_not_guessed_who_somebody_is() -> None:
    policy = POLICIES.for_pipeline("access").snapshot
    bare = Surroundings(NOW, policy.rates, policy.policy, LocalFiles(()))
    with pytest.raises(UnavailableError, match="no directory of people"):
        await access.DOOR.prepare(GOOD, bare)


async def test_a_review_is_asked_by_who_broke_the_glass_and_kept_from_who_has_the_role() -> None:
    found = await access_review.DOOR.prepare(REVIEW, surroundings(pipeline="access-review"))
    assert found.title == "reporting for Alice Novak, taken by breaking the glass"
    assert found.requester == "bob@example.com"
    assert found.kept_out == ("alice@example.com", "dan@example.com")
    assert found.owners == (Selector(role="data-owner"),)
    assert found.facts.keys() == access_review.DOOR.facts.keys()
    assert found.scope == {"case": "access-1"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"role": "gone"}, "role: there is no role 'gone'"),
        ({"person": "eve"}, "person: nobody in the directory"),
        ({"case": ""}, "case: it is empty"),
        ({"hours": 4}, "hours: there is no such field"),
    ],
)
async def test_a_review_of_what_is_not_known_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match="this review cannot be accepted") as caught:
        await access_review.DOOR.prepare(REVIEW | changes, surroundings(pipeline="access-review"))
    assert said in str(caught.value)


@pytest.mark.parametrize("door", [access.DOOR, access_review.DOOR])
def test_everybody_who_owns_a_role_is_known_to_the_check_of_policies(door: Door) -> None:
    assert door.owners is not None
    assert door.owners(REPOSITORY / "policies") == (Selector(role="data-owner"),)


@pytest.mark.parametrize(
    ("hours", "said"),
    [(1, "1 hour"), (8, "8 hours"), (24, "1 day"), (72, "3 days"), (25, "25 hours")],
)
def test_hours_are_said_as_people_say_them(hours: int, said: str) -> None:
    assert hours_text(hours) == said
