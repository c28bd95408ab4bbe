"""Bundles of one request, and of a ledger from a position on."""

import json
from pathlib import Path

import pytest

from placet.proof.findings import Code, UnusableError
from tests.proof.conftest import Codes
from tests.support import ledgers
from tests.support.ledgers import Ledger


def change_proof(bundle: Path, part: str, value: object) -> None:
    (bundle / "proof.json").write_bytes(ledgers.canonical({part: value}) + b"\n")
    ledgers.refreshed(bundle)


@pytest.mark.rule(number=11)
def test_a_request_is_proved_by_itself(ledger: Ledger, tmp_path: Path, codes: Codes) -> None:
    bundle = ledger.write(tmp_path / "bundle", request="expense-2")
    assert codes(bundle) == set()
    told = (bundle / "events.jsonl").read_text(encoding="utf-8")
    assert "expense-2" in told
    assert not any(f"expense-{other}" in told for other in (0, 1, 3))


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("first", range(1, 20))
def test_the_rest_of_a_ledger_is_proved_from_any_position(
    first: int, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    assert codes(ledger.write(tmp_path / "bundle", first=first)) == set()


def test_a_path_of_another_event_proves_nothing(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle", request="expense-2")
    paths = json.loads((bundle / "proof.json").read_bytes())["paths"]
    change_proof(bundle, "paths", [paths[1], paths[0], *paths[2:]])
    assert codes(bundle) == {Code.PROOF_FALSE}
    change_proof(bundle, "paths", paths[:-1])
    assert codes(bundle) == {Code.PROOF_FALSE}
    change_proof(bundle, "paths", [*paths, paths[0]])
    assert codes(bundle) == {Code.PROOF_FALSE}


def test_an_event_of_the_request_that_is_left_out_in_between_is_found(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    ledger.skip.add(10)
    assert codes(ledger.write(tmp_path / "bundle", request="expense-2")) == {Code.STREAM_GAP}


def test_an_edited_event_of_a_request_is_found(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    event = ledger.events[10]
    body = event.body.replace(b"120.00", b"920.00")
    ledger.events[10] = ledgers.resigned(event._replace(body=body), ledgers.KEYS.writer)
    bundle = ledger.write(tmp_path / "bundle", request="expense-2")
    assert codes(bundle) == {Code.LEAF_CHANGED, Code.PROOF_FALSE}


def test_a_request_may_not_bring_events_of_another(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle", request="expense-2")
    path = bundle / "bundle.json"
    told = json.loads(path.read_bytes()) | {"request": "expense-1"}
    path.write_bytes(ledgers.canonical(told) + b"\n")
    assert codes(bundle) == {Code.OTHER_REQUEST}


def test_a_false_frontier_leads_to_another_root(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle", first=7)
    nodes = json.loads((bundle / "proof.json").read_bytes())["frontier"]
    change_proof(bundle, "frontier", [*nodes[:-1], "00" * 32])
    assert codes(bundle) == {Code.ROOT_DIFFERS}


@pytest.mark.parametrize("nodes", [[], ["00"], ["zz"], [7], "00", [None]])
def test_what_is_no_frontier_cannot_be_used(
    nodes: object, ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle", first=8)
    change_proof(bundle, "frontier", nodes)
    with pytest.raises(UnusableError):
        codes(bundle)


def test_a_kept_note_is_compared_where_the_part_allows(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    part = ledger.write(tmp_path / "part", first=8)
    request = ledger.write(tmp_path / "request", request="expense-2")
    notes = ledger.checkpoints
    assert codes(part, notes[0]) == {Code.HELD_UNPROVED}
    assert codes(part, notes[1]) == set()
    assert codes(part, notes[3]) == set()
    assert codes(request, notes[3]) == {Code.HELD_UNPROVED}
    assert codes(request, notes[4]) == set()


def test_a_kept_note_that_proves_nothing_cannot_be_used(
    ledger: Ledger, tmp_path: Path, codes: Codes
) -> None:
    bundle = ledger.write(tmp_path / "bundle")
    with pytest.raises(UnusableError, match="held"):
        codes(bundle, ledger.checkpoints[0].replace("\n4\n", "\n5\n"))
