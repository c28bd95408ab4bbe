"""Bundles that make much of little: what one event or one policy costs is as much as it is long."""

import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from placet.proof.bundle import Bundle
from placet.proof.events import check_events
from placet.proof.findings import Code
from placet.proof.rules.breaches import Breach
from placet.proof.rules.policies import Rulebook
from placet.proof.rules.replay import Replay
from placet.proof.trust import Trust
from placet.proof.verify import verify
from tests.support.ledgers import Ledger, canonical, sha256

MEMORY = 200 << 20
"""Bytes; what was held to the attacks below took gigabytes, or had no end."""
SECONDS = 20.0
"""Of the processor; likewise for hours."""
_REFERENCES = 100_000


@contextmanager
def cheap() -> Iterator[None]:
    """Demand that what is done in it takes little memory and time."""
    began = time.process_time()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    assert time.process_time() - began < SECONDS


def test_a_long_name_above_many_values_is_not_written_out_for_each(pinned: Trust) -> None:
    ledger = Ledger()
    texts = [f"sealed:{'0' * 64}", *[""] * 20_000]
    ledger.append("expense-0", "person:case:commented", {"data": {"k" * 400_000: texts}})
    line = ledger.line(0).encode()
    with cheap():
        [one], _ = check_events([line], [], pinned, 0)
    assert one.lacking == ("0" * 64,)


def test_what_is_no_digest_of_a_policy_is_not_kept(tmp_path: Path, pinned: Trust) -> None:
    ledger = Ledger()
    for number in range(3):
        told = {"policy": {"digest": f"{number}" * (1 << 19)}, "data": {}}
        ledger.append(f"expense-{number}", "person:case:commented", told)
    ledger.seal()
    report = verify(ledger.write(tmp_path / "bundle"), pinned, judges=(), processes=1)
    assert report.findings.counts[Code.POLICY_MISSING] == 3
    assert sum(map(len, report.order.policies)) < 1_000


def _repeated_groups(stage: dict[str, Any]) -> None:
    stage["groups"] = [{"name": "g", "approve": "any", "reject": "any"}] * 10_000


def _repeated_names(stage: dict[str, Any]) -> None:
    stage["distinct_from"] = ["before"] * _REFERENCES


def _long_word(stage: dict[str, Any]) -> None:
    stage["assurance"] = "x" * (1 << 20)


@pytest.mark.parametrize("lengthen", [_repeated_groups, _repeated_names, _long_word])
def test_a_stage_that_a_route_names_over_and_over_is_not_repeated(
    lengthen: Any, tmp_path: Path
) -> None:
    policy = json.loads(Ledger().policies.popitem()[1])
    lengthen(policy["policy"]["stages"]["manager"])
    policy["policy"]["routes"][0]["stages"] = ["manager"] * _REFERENCES
    body = planned(tmp_path, policy)
    with cheap():
        found = [each.code for each in see(tmp_path, body)]
    assert found == [Breach.RULES_DIFFER]


def test_a_policy_is_read_once_however_many_plans_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = json.loads(Ledger().policies.popitem()[1])
    bodies = [planned(tmp_path, policy | {"number": number}) for number in range(200)]
    opened: list[str] = []
    open_ = Bundle.open

    def noted(self: Bundle, name: str) -> BinaryIO:
        opened.append(name)
        return open_(self, name)

    monkeypatch.setattr(Bundle, "open", noted)
    see(tmp_path, *bodies, *bodies)
    assert len(opened) == len(bodies)


class Told:
    """A story that is told to the judge, event by event, as short as it can be."""

    def __init__(self, seats: list[dict[str, Any]], **rule: Any) -> None:
        """Open a stage with these seats, all of which have to approve."""
        self.judge, self.found = Replay(), list[str]()
        self._at = 0
        group = {"name": "g", "approve": {"percent": 100}, "reject": {"count": len(seats) + 1}}
        stage = {"name": "first", "groups": [group], "ladder": [], "distinct_from": []}
        first = stage | {"deadline": "reject", "assurance": "claimed", "when_stuck": "escalate"}
        rules = {"stages": [first | rule, {"name": "later", "assurance": "claimed"}]}
        self.see("requester:request:submitted", actor={"id": "rita"})
        self.see("system:request:planned", data={"rules": rules | {"decision": None}})
        times: dict[str, Any] = {
            "deadline": "2030-01-01T00:00:00Z",
            "final": None,
            "escalations": [],
        }
        self.see("system:stage:opened", stage="first", data={**times, "seats": seats})

    def see(self, kind: str, **body: Any) -> None:
        """Tell the next event."""
        service = {"first_run_id": "run", "workflow_id": "x"}
        known = {"service": service, "requester": "rita", "revision": 1, "digest": "d", "data": {}}
        told = known | {"policy": {"digest": "p"}} | body
        at, self._at = self._at, self._at + 1
        self.found += [each.code for each in self.judge.see(at, "x", at + 1, kind, at, told)]


def _seat(number: int) -> dict[str, Any]:
    stand_ins = [f"p{number + 1}", f"p{number + 2}"]
    return {"group": "g", "holder": f"p{number}", "stand_ins": stand_ins, "present": True}


def test_what_an_event_costs_does_not_grow_with_those_before_it() -> None:
    seats = [_seat(number) for number in range(10_000)]
    with cheap():
        told = Told(seats, distinct_from=["other"] * 100_000)
        for number in range(len(seats)):
            actor = {"id": f"p{number}", "on_behalf_of": None}
            told.see("reviewer:review:held", stage="later", actor=actor)
            told.see("reviewer:review:approved", stage="first", actor=actor, data={"group": "g"})
        told.see("reviewers:stage:passed", stage="first", data={"by": "people"})
    assert told.found == []


def test_a_stage_is_not_counted_anew_each_time_that_it_is_said_to_be_stuck() -> None:
    with cheap():
        told = Told([_seat(number) for number in range(10_000)])
        for _ in range(1_000):
            told.see("system:stage:stuck", stage="first")
    assert told.found.count(Breach.STUCK_UNFOUNDED) == 1_000


def test_a_story_that_cannot_be_read_leaves_others_alone() -> None:
    first, second = (Told([_seat(0)]) for _ in range(2))
    for told in (first, second):
        told.see("reviewer:review:held", stage="later", actor={"id": "ann"})
    actor = {"id": "p0", "on_behalf_of": None}
    data = {"group": "g", "held": True}
    second.see("reviewer:review:approved", stage="first", actor=actor, data=data)
    assert (first.found, second.found) == ([], [Breach.REVIEW_UNTOLD])


def planned(folder: Path, policy: dict[str, Any]) -> dict[str, Any]:
    """Keep a policy, and return the body of a plan by it."""
    text = canonical(policy)
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / f"{sha256(text)}.json").write_bytes(text)
    return {"policy": {"digest": sha256(text)}, "data": {"route": "reviewed", "rules": {}}}


def see(folder: Path, *bodies: dict[str, Any]) -> list[Any]:
    """Return what plans break of the policies in a folder."""
    files = {f"policies/{file.name}": "" for file in (folder / "policies").iterdir()}
    book = Rulebook(0, Bundle(folder, "log", 0, len(bodies), None, len(bodies), files))
    return [
        finding
        for position, body in enumerate(bodies)
        for finding in book.see(position, "expense-0", 2, "system:request:planned", 0, body)
    ]
