import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from placet.cli.records import LocalFiles
from placet.digest import digest, read_json
from placet.domain.deletion import DeleteRequest, Scope
from placet.domain.errors import InvalidInputError, PlacetError, UnavailableError
from placet.domain.plan import PersonRef, Plan, Selector
from placet.pipelines.delete import DOOR, owners
from placet.pipelines.pipeline import Prepared, Surroundings, Viewed
from placet.policy.loader import load_policies
from placet.policy.service import make_plan
from placet.sources.catalogue import load_catalogue
from placet.sources.postgres import PostgresSources
from tests.conftest import Sample
from tests.policy.example import SHIPPED

POLICY = load_policies(SHIPPED).for_pipeline("delete").snapshot
NOW = datetime(2026, 3, 2, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "requester": "alice@example.com",
    "dataset": "customers",
    "filters": [{"column": "country", "op": "eq", "value": "PT"}],
    "reason": "They moved away.",
}
ALICE = PersonRef(id="alice", name="Alice", address="alice@example.com")


def surroundings(sample: Sample | None) -> Surroundings:
    """Return what a deletion is understood by."""
    return Surroundings(
        NOW,
        POLICY.rates,
        POLICY.policy,
        LocalFiles(()),
        catalogue=lambda: load_catalogue(SHIPPED),
        sources=PostgresSources(sample.environment) if sample else None,
    )


async def prepared(sample: Sample | None, **changes: Any) -> Prepared:
    """Understand a deletion."""
    return await DOOR.prepare({**GOOD, **changes}, surroundings(sample))


async def refusal(sample: Sample | None, **changes: Any) -> list[str]:
    """Return the lines of the error that refuses a deletion, after the heading."""
    with pytest.raises(InvalidInputError) as caught:
        await prepared(sample, **changes)
    heading, *lines = str(caught.value).splitlines()
    assert heading == "this deletion cannot be accepted:"
    return [line.strip() for line in lines]


async def planned(sample: Sample, **changes: Any) -> Plan:
    """Return the plan by the policy that is shipped."""
    found = await prepared(sample, **changes)
    return make_plan(POLICY, found, DOOR.facts, requester=ALICE)


def by(column: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"column": column, "op": op, "value": value}


async def test_a_deletion_is_understood_and_its_selection_frozen(sample: Sample) -> None:
    found = await prepared(sample, reference="moved-1")
    scope = Scope.model_validate(found.scope)

    assert found.title == "Delete 100 rows of customers"
    assert found.facts == {
        "dataset": "customers",
        "rows": 100,
        "everything": False,
        "share": 20,
        "mode": "soft",
        "personal": 4,
        "requester": "alice@example.com",
        "findings": 1,
        "finding_kinds": ["changes-more"],
    }
    assert set(found.facts) == set(DOOR.facts)
    assert (found.reference, found.effect_after) == ("moved-1", timedelta(0))
    assert found.owners == (Selector(role="data-owner"),)
    assert (scope.rows, scope.total, scope.mode, scope.purge) == (100, 480, "soft", True)
    assert str(scope.undo) == "7d"
    assert scope.tolerance == 1
    kept = {file.sha256: file.content for file in found.made}
    assert {*scope.parts, scope.catalogue, scope.survey} == set(kept)
    assert b"Ada" not in kept[scope.survey]
    assert scope.catalogue == digest(load_catalogue(SHIPPED).entry("customers"))

    again = Scope.model_validate((await prepared(sample)).scope)
    assert again == scope


async def test_a_frozen_selection_tells_any_other_from_itself(sample: Sample) -> None:
    first = Scope.model_validate((await prepared(sample)).scope)
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute(
            "update shop.customer set country = case id when 4 then 'DE' else 'PT' end "
            "where id in (4, 5)"
        )
    other = Scope.model_validate((await prepared(sample)).scope)
    assert other.rows == first.rows
    assert other.selection != first.selection
    assert other.parts != first.parts


async def test_a_hard_deletion_waits_for_its_grace(sample: Sample) -> None:
    found = await prepared(sample, dataset="visits", filters=[by("page", "eq", "/basket")])
    assert found.effect_after == timedelta(days=2)
    assert found.facts["mode"] == "hard"
    assert found.findings == ()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"dataset": "customer"}, "dataset: there is no data set 'customer'; did you mean"),
        ({"dataset": "orders"}, "dataset: nothing of this data set can be deleted"),
        ({"filters": []}, "the whole: it has no filters, so it would delete every row"),
        ({"filters": [by("nation", "eq", "PT")]}, "filters[0].column: there is no column 'nation'"),
        ({"filters": [by("email", "eq", "x")]}, "filters[0].column: this data set is not filtered"),
        ({"filters": [by("id", "eq")]}, "filters[0]: 'eq' needs a value"),
        ({"reason": " "}, "reason: it is empty; say why the rows have to go"),
        ({"requester": ""}, "requester: it is empty; write an address"),
        ({"where": "1=1"}, "where: there is no such field"),
        ({"filters": [by("country", "eq", "XX")]}, "filters: no row fits them"),
        ({"filters": [by("id", "gt", 0)]}, "filters: all 480 rows fit them"),
        ({"everything": True}, "everything: the filters select 100 of 480 rows"),
    ],
)
async def test_what_cannot_be_accepted_says_what_to_do(
    sample: Sample, changes: dict[str, Any], line: str
) -> None:
    (found,) = await refusal(sample, **changes)
    assert found.startswith(line)


async def test_no_reason_and_no_object_are_refused(sample: Sample) -> None:
    with pytest.raises(InvalidInputError, match="reason: it is missing"):
        await DOOR.prepare({k: v for k, v in GOOD.items() if k != "reason"}, surroundings(sample))
    with pytest.raises(InvalidInputError, match="not a JSON object"):
        await DOOR.prepare(["delete"], surroundings(sample))


async def test_a_value_that_the_column_does_not_take_names_the_filter(sample: Sample) -> None:
    with pytest.raises(InvalidInputError, match=r"filters\[0\].value: id is at most ten"):
        await prepared(sample, filters=[by("id", "le", "ten")])


async def test_without_a_source_what_only_it_knows_is_left_out() -> None:
    found = await prepared(None)
    assert found.title == "Delete rows of customers"
    assert set(found.facts) == set(DOOR.facts)
    assert [each.kind for each in found.findings] == ["not-counted"]
    assert (found.scope, found.made) == ({}, ())
    viewed = Viewed(
        request=found.request.model_dump(mode="json"),
        digest=digest(found.request),
        case=None,
        facts=found.facts,
        findings=(),
        scope={},
        effect_at=None,
    )
    assert DOOR.preview is not None
    with pytest.raises(InvalidInputError, match="cannot be asked from here"):
        await DOOR.preview(viewed, LocalFiles(()))


async def test_a_source_nobody_has_named_is_waited_for(sample: Sample) -> None:
    unnamed = sample._replace(environment={})
    with pytest.raises(UnavailableError, match="set PLACET_SAMPLE_DELETE_URL"):
        await prepared(unnamed)
    only_read = {
        key: url for key, url in sample.environment.items() if key == "PLACET_SAMPLE_READ_URL"
    }
    with pytest.raises(UnavailableError, match="set PLACET_SAMPLE_DELETE_URL"):
        await prepared(sample._replace(environment=only_read))


async def test_a_selection_larger_than_the_policy_allows_is_to_be_split(sample: Sample) -> None:
    assert POLICY.policy.data is not None
    data = POLICY.policy.data.model_copy(update={"most_rows": 99})
    told = surroundings(sample)
    told = replace(told, policy=told.policy.model_copy(update={"data": data}))
    with pytest.raises(InvalidInputError, match="more than 99 rows"):
        await DOOR.prepare(GOOD, told)


async def test_what_cannot_be_deleted_by_this_role_is_refused_before_anybody_is_asked(
    sample: Sample,
) -> None:
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute("revoke update (deleted_at) on shop.customer from sample_deleter")
    with pytest.raises(PlacetError, match=r"grant update \(deleted_at\) on shop.customer"):
        await prepared(sample)


async def test_what_refers_to_the_rows_is_a_finding(sample: Sample) -> None:
    with psycopg.connect(sample.admin_url) as connection:
        connection.execute(
            "create table shop.note (customer bigint references shop.customer on delete cascade)"
        )
        connection.execute("create table shop.debt (customer bigint references shop.customer)")
    found = await prepared(sample)
    assert [(each.kind, each.where) for each in found.findings] == [
        ("held", "shop.debt"),
        ("deletes-more", "shop.note"),
        ("changes-more", "shop.order"),
    ]


async def test_the_shipped_policy_asks_the_owner_and_somebody_else(sample: Sample) -> None:
    plan = await planned(sample)
    assert (plan.route, [stage.name for stage in plan.stages]) == (
        "everything else",
        ["owner", "data-protection"],
    )
    assert plan.stages[0].groups[0].reviewers == (Selector(role="data-owner"),)
    assert plan.stages[1].distinct_from == ("owner",)

    most = await planned(sample, filters=[by("country", "in", ["PT", "DE", "FR"])])
    assert [stage.name for stage in most.stages] == ["owner", "data-protection", "executive"]
    whole = await planned(sample, filters=[], everything=True)
    assert whole.decision is not None
    assert not whole.decision.approve
    assert [finding.kind for finding in whole.findings] == ["everything", "changes-more"]


def test_the_owners_of_all_that_can_be_deleted_are_known() -> None:
    assert owners(SHIPPED) == (Selector(role="data-owner"),)


async def test_the_page_for_reviewers_says_what_goes_and_until_when_it_can_come_back(
    sample: Sample,
) -> None:
    found = await prepared(sample, reason="<b>They</b> moved away.")
    assert isinstance(found.request, DeleteRequest)
    viewed = Viewed(
        request=found.request.model_dump(mode="json"),
        digest=digest(found.request),
        case="delete-1",
        facts=found.facts,
        findings=found.findings,
        scope=found.scope,
        effect_at=None,
    )
    assert DOOR.preview is not None
    page = (await DOOR.preview(viewed, LocalFiles(found.made))).decode()
    for told in (
        "Delete 100 rows of customers",
        "People who have bought something from us",
        "country is PT",
        "deleted_at is not set",
        "100 of 480 rows (20.8%)",
        "marked as deleted; for 7d that can be undone, then the rows are deleted for good",
        "changed by more than 1%",
        "&lt;b&gt;They&lt;/b&gt; moved away.",
        "name (personal)",
        "rows of shop.order that refer to these lose that",
        Scope.model_validate(found.scope).selection,
        viewed.digest,
    ):
        assert told in page, told
    assert "@example" not in page.replace("alice@example.com", "")
    assert "<script" not in page
    heads, first = _cells(page, "th"), _cells(page, "td")
    catalogue = load_catalogue(SHIPPED).entry("customers").dataset
    assert [head.removesuffix(" (personal)") for head in heads] == [*catalogue.columns]
    shown = dict(zip(heads, first, strict=True))
    assert (shown["country"], shown["newsletter"]) == ("PT", "false")


def _cells(page: str, tag: str) -> list[str]:
    """Return what stands in the first row of the sample that has cells of a kind."""
    rows = page.partition('<table class="rows">')[2].partition("</table>")[0].split("</tr>")
    row = next(each for each in rows if f"<{tag}>" in each)
    return re.findall(rf"<{tag}>(.*?)</{tag}>", row)


@pytest.mark.parametrize(
    ("example", "title"),
    [
        ("delete-customers.json", "Delete 67 rows of customers"),
        ("delete-visits.json", "Delete 875 rows of visits"),
    ],
)
async def test_the_examples_can_be_asked_for(sample: Sample, example: str, title: str) -> None:
    raw = read_json((SHIPPED.parent / "examples" / example).read_bytes())
    found = await DOOR.prepare(raw, surroundings(sample))
    assert found.title == title
