"""Policies, exchange rates and the directory that change on disk while cases wait."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from temporalio.client import Client

from tests.cli.office import Office, an_expense, start
from tests.support.waiting import PATIENCE_SECONDS

BOB = ("--as", "bob@example.com")
ALICE = ("--as", "alice@example.com")
BROKEN = "id: expense\nroutes: [\n"


@pytest.fixture(scope="module")
def shop(service: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give the service with a worker whose policies may be changed."""
    policies = tmp_path_factory.mktemp("shop") / "policies"
    shutil.copytree(service.policies, policies)
    shop = Shop(**{**vars(service), "policies": policies})
    worker = start("worker.py", env=shop.environment(PLACET_LOG_LEVEL="ERROR"))
    try:
        # It has read its files when it has planned something.
        shop.until_pending(shop.submit("open"))
        yield shop
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_SECONDS)
    assert worker.returncode == 0


class Shop(Office):
    """The service, with a task queue of its own."""

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment in which only this service can be found."""
        return super().environment(PLACET_TASK_QUEUE="changed-files", **more)


@pytest.fixture(autouse=True)
def _restored(shop: Office, service: Office) -> Iterator[None]:
    """Put the files back as they were."""
    yield
    for file in service.policies.iterdir():
        shutil.copyfile(file, shop.policies / file.name)


def edit(path: Path) -> tuple[YAML, Any]:
    yaml = YAML()
    return yaml, yaml.load(path)


def refuse_everything(shop: Office) -> None:
    """Write a policy that approves nothing, and double the dollar."""
    yaml, policy = edit(shop.policies / "expense.yaml")
    policy["version"] = 2
    policy["routes"] = [{"name": "shut", "when": "true", "reject": "Nothing is paid any more."}]
    policy["stages"] = {}
    yaml.dump(policy, shop.policies / "expense.yaml")
    yaml, rates = edit(shop.policies / "rates.yaml")
    rates["rates"]["USD"] = "0.5860"
    yaml.dump(rates, shop.policies / "rates.yaml")


def ended(shop: Office, case: str) -> dict[str, Any]:
    """Return a case once it has ended."""
    shop.placet("wait", case, "--timeout", "30")
    shown: dict[str, Any] = shop.placet("show", case, "--json").document
    return shown


@pytest.mark.rule(number=10)
def test_a_case_that_waits_keeps_its_policy_and_its_rates_and_a_new_one_has_the_new(
    shop: Office,
) -> None:
    kept, changed = (shop.submit(name, amount="117.20 USD") for name in ("kept", "changed"))
    for case in (kept, changed):
        shop.until_pending(case)
    refuse_everything(shop)

    new = ended(shop, shop.submit("new", amount="117.20 USD"))
    assert (new["outcome_kind"], new["outcome_by"]) == ("rejected", "rule")
    assert (new["outcome_reason"], new["amount"]) == ("Nothing is paid any more.", "200.00 EUR")

    smaller = json.dumps(an_expense("changed", amount="58.60 USD"))
    said = shop.placet("resubmit", changed, "-", *ALICE, stdin=smaller)
    assert said.code == 0, said.err
    for case, amount in ((kept, "100.00"), (changed, "50.00")):
        said = shop.placet("approve", case, *BOB)
        assert said.code == 0, said.err
        shown = ended(shop, case)
        assert (shown["outcome_kind"], shown["effect"]) == ("approved", "done")
        assert [payment["amount"] for payment in shown["payments"]] == [amount]
        policies = [e["body"]["policy"] for e in shown["events"] if "policy" in e["body"]]
        assert {(policy["version"], policy["digest"]) for policy in policies} == {
            (1, policies[0]["digest"])
        }


@pytest.mark.rule(number=10)
def test_who_stands_in_for_somebody_counts_for_a_case_that_waits(shop: Office) -> None:
    case = shop.submit("away")
    shop.until_pending(case)
    dan = ("approve", case, "--as", "dan@example.com")
    assert shop.placet(*dan).code == 4
    yaml, directory = edit(shop.policies / "directory.yaml")
    today = datetime.now(UTC).date()
    span = {"from": str(today - timedelta(days=2)), "until": str(today + timedelta(days=2))}
    (bob,) = (entry for entry in directory["people"] if entry["id"] == "bob")
    bob["absences"], bob["delegations"] = [span], [{"to": "dan", **span}]
    yaml.dump(directory, shop.policies / "directory.yaml")

    said = shop.placet(*dan)
    assert said.code == 0, said.err
    shown = ended(shop, case)
    assert [(r["actor_id"], r["on_behalf_of"]) for r in shown["reviews"]] == [("dan", "bob")]
    assert (shown["outcome_kind"], shown["effect"]) == ("approved", "done")


@pytest.mark.rule(number=10)
@pytest.mark.parametrize("name", ["expense.yaml", "rates.yaml", "directory.yaml"])
@pytest.mark.parametrize("how", ["broken", "gone"])
def test_a_file_that_breaks_stops_no_case_that_waits(shop: Office, name: str, how: str) -> None:
    case = shop.submit(f"{name}-{how}")
    shop.until_pending(case)
    file = shop.policies / name
    file.write_text(BROKEN) if how == "broken" else file.unlink()

    said = shop.placet("approve", case, *BOB)
    assert said.code == 0, said.err
    shown = ended(shop, case)
    assert (shown["outcome_kind"], shown["effect"]) == ("approved", "done")


@pytest.mark.parametrize("how", ["broken", "gone"])
async def test_a_request_that_nobody_checked_is_planned_by_the_last_good_policy(
    shop: Office, how: str
) -> None:
    file = shop.policies / "expense.yaml"
    file.write_text(BROKEN) if how == "broken" else file.unlink()
    client = await Client.connect(shop.address)
    case = f"expense-last-good-{how}"
    queue = shop.environment()["PLACET_TASK_QUEUE"]
    await client.start_workflow("expense", an_expense(case), id=case, task_queue=queue)
    await asyncio.to_thread(shop.until_pending, case)


@pytest.mark.parametrize("name", ["expense.yaml", "rates.yaml", "directory.yaml"])
def test_a_new_request_that_cannot_be_checked_starts_nothing_and_says_why(
    shop: Office, service: Office, name: str
) -> None:
    (shop.policies / name).write_text(BROKEN)
    text = json.dumps(an_expense(f"unchecked-{name}"))
    said = shop.placet("expense", "-", stdin=text)
    assert said.code == 2
    assert f"{shop.policies / name}:3:1:" in said.err
    assert "Traceback" not in said.err
    shutil.copyfile(service.policies / name, shop.policies / name)
    assert "submitted for" in shop.placet("expense", "-", stdin=text).err


def test_a_worker_does_not_begin_with_a_broken_policy_and_says_where_it_is(shop: Office) -> None:
    (shop.policies / "expense.yaml").write_text(BROKEN)
    worker = start("worker.py", env=shop.environment())
    _, err = worker.communicate(timeout=PATIENCE_SECONDS)
    assert worker.returncode == 2
    assert f"{shop.policies / 'expense.yaml'}:3:1:" in err
