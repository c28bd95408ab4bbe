"""Bundles that make much of little: what one event or one policy costs is as much as it is long."""

import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from placet.proof.bundle import Bundle
from placet.proof.events import check_events
from placet.proof.rules.breaches import Breach
from placet.proof.rules.policies import Rulebook
from placet.proof.trust import Trust
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
    monkeypatch.setattr(
        Bundle, "open", lambda self, name: (opened.append(name), open_(self, name))[1]
    )
    see(tmp_path, *bodies, *bodies)
    assert len(opened) == len(bodies)


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
