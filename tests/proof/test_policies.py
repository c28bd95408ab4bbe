"""The rules that a story tells, derived a second time from the policy that it names."""

import json
from pathlib import Path
from typing import Any

import pytest

from placet.domain.plan import PersonRef, Plan, Selector
from placet.domain.planning import plan
from placet.domain.telling import rules_told
from placet.policy.loader import LoadedPolicy, load_policies
from placet.proof.rules.breaches import Breach
from placet.proof.rules.policies import rules_of
from placet.proof.trust import Trust
from placet.proof.verify import verify
from tests.policy.example import SHIPPED
from tests.proof.recorded import recorded_stories
from tests.support import ledgers
from tests.support.large import story, tell
from tests.support.ledgers import KEYS, Ledger, resigned

RECORDED = Path(__file__).parents[1] / "workflows" / "policies"
POLICIES = load_policies(SHIPPED).policies
ROUTES = [
    (name, at) for name, kept in POLICIES.items() for at in range(len(kept.snapshot.policy.routes))
]


def planned(policy: LoadedPolicy, route: int) -> Plan:
    """Return the plan of a request that goes by a route."""
    wanted = policy.snapshot.policy.routes[route].when
    tried: list[str] = []

    def holds(text: str, _: object) -> bool:
        tried.append(text)
        return len(tried) == route + 1 and text == wanted

    return plan(
        policy.snapshot,
        policy.ref.digest,
        {},
        title="it",
        amount=None,
        requester=PersonRef(id="rita", name="Rita", address="rita@example.com"),
        holds=holds,
        owners=[Selector(person="ann@example.com")],
    )


@pytest.mark.parametrize(("name", "route"), ROUTES)
def test_the_verifier_derives_the_rules_that_plans_tell(name: str, route: int) -> None:
    policy = POLICIES[name]
    made = planned(policy, route)
    text = json.loads(policy.kept.content)["policy"]
    assert rules_of(text, made.route) == json.loads(json.dumps(rules_told(made)))


def test_recorded_cases_tell_the_rules_of_their_policies() -> None:
    known = {
        name: json.loads(kept.kept.content)["policy"]
        for name, kept in load_policies(RECORDED).policies.items()
    }
    compared = 0
    for name, events in recorded_stories().items():
        for each in events:
            if each.kind == "system:request:planned":
                body: Any = each.body
                told, route = body["data"]["rules"], body["data"]["route"]
                # Some of these cases were recorded with a policy that lets reviewers edit.
                mine = rules_of(known[body["policy"]["id"]], route) | {"edits": told["edits"]}
                assert mine == told, name
                compared += 1
    assert compared > 50


def _gentler(data: dict[str, Any]) -> None:
    data["rules"]["stages"][0]["groups"][0]["approve"] = {"count": 0}


def _unproved(data: dict[str, Any]) -> None:
    data["rules"]["stages"][0]["assurance"] = "verified"


def _no_stage(data: dict[str, Any]) -> None:
    data["rules"]["stages"] = []


def _other_route(data: dict[str, Any]) -> None:
    data["route"] = "petty cash"


def _no_route(data: dict[str, Any]) -> None:
    data["route"] = ["reviewed"]


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("change", [_gentler, _unproved, _no_stage, _other_route, _no_route])
def test_other_rules_than_the_policys_are_found(change: Any, tmp_path: Path, pinned: Trust) -> None:
    ledger = Ledger()
    for step in range(len(story())):
        tell(ledger, "expense-0", step)
    ledger.seal()
    honest = ledger.write(tmp_path / "honest")
    assert not verify(honest, pinned, processes=1).findings.counts
    at = next(n for n, each in enumerate(ledger.events) if each.kind == "system:request:planned")
    body = json.loads(ledger.events[at].body)
    change(body["data"])
    told = ledger.events[at]._replace(body=ledgers.canonical(body))
    ledger.events[at] = resigned(told, KEYS.writer)
    ledger.rebuild()
    found = verify(ledger.write(tmp_path / "attacked"), pinned, processes=1).findings.counts
    assert Breach.RULES_DIFFER in found


@pytest.mark.parametrize("text", [b"[]", b"{}", b"no", b"[" * 100_000, b'{"policy":7}'])
def test_a_policy_that_is_none_is_found(text: bytes, tmp_path: Path, pinned: Trust) -> None:
    ledger = Ledger()
    for step in range(len(story())):
        tell(ledger, "expense-0", step)
    digest = ledgers.sha256(text)
    ledger.policies = {digest: text}
    for at, event in enumerate(ledger.events):
        body = event.body.replace(ledgers.POLICY_DIGEST.encode(), digest.encode())
        ledger.events[at] = resigned(event._replace(body=body), KEYS.writer)
    ledger.rebuild()
    found = verify(ledger.write(tmp_path / "bundle"), pinned, processes=1).findings.counts
    assert set(found) == {Breach.RULES_DIFFER}
