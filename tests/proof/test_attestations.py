"""Decisions that people signed: no key of the service can make or change one."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from placet.proof.findings import Code
from tests.proof.conftest import Codes
from tests.support.ledgers import Ledger, attestation, private_key

DIGEST = hashlib.sha256(b"revision").hexdigest()
CLAIMS = {
    "sub": "bob@example.com",
    "req": "expense-0",
    "rev": 1,
    "dig": DIGEST,
    "stage": "manager",
    "verdict": "approve",
    "iat": 1,
    "jti": "d-1",
}


def decided(path: Path, kind: str = "reviewer:review:approved", **others: Any) -> Path:
    """Write a ledger with one decision; all of it is signed by the service, whatever it says."""
    body = {
        "actor": {"id": "bob", "assurance": "verified"},
        "decision_id": "d-1",
        "digest": DIGEST,
        "stage": "manager",
        "data": {},
        "attestation": attestation(CLAIMS),
    } | others
    ledger = Ledger()
    ledger.append("expense-0", kind, {k: v for k, v in body.items() if v is not None})
    ledger.seal()
    return ledger.write(path)


def test_a_signed_decision_is_verified(tmp_path: Path, codes: Codes) -> None:
    assert codes(decided(tmp_path / "bundle")) == set()


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(
    ("others", "code"),
    [
        ({"attestation": None}, Code.ATTESTATION_MISSING),
        ({"attestation": "a.b"}, Code.ATTESTATION_FALSE),
        ({"attestation": "a.b.c"}, Code.ATTESTATION_FALSE),
        ({"attestation": 7}, Code.ATTESTATION_FALSE),
        ({"attestation": attestation(CLAIMS)[:-2] + "AA"}, Code.ATTESTATION_FALSE),
        ({"attestation": attestation(CLAIMS) + "="}, Code.ATTESTATION_FALSE),
        ({"attestation": attestation(CLAIMS, private_key("eve"))}, Code.ATTESTATION_FALSE),
        ({"attestation": attestation({"req": "expense-0"})}, Code.ATTESTATION_FALSE),
        ({"actor": {"id": "carol", "assurance": "verified"}}, Code.ATTESTATION_UNKNOWN_KEY),
        ({"actor": "bob"}, Code.ATTESTATION_UNKNOWN_KEY),
        ({"digest": "0" * 64}, Code.ATTESTATION_OTHER),
        ({"stage": "finance"}, Code.ATTESTATION_OTHER),
        ({"decision_id": "d-2"}, Code.ATTESTATION_OTHER),
        ({"kind": "reviewer:review:rejected"}, Code.ATTESTATION_OTHER),
        ({"attestation": attestation(CLAIMS | {"req": "expense-1"})}, Code.ATTESTATION_OTHER),
    ],
)
def test_a_decision_that_was_not_signed_like_this_is_found(
    others: dict[str, Any], code: Code, tmp_path: Path, codes: Codes
) -> None:
    assert codes(decided(tmp_path / "bundle", **others)) == {code}


def test_an_edit_is_signed_over_what_was_shown(tmp_path: Path, codes: Codes) -> None:
    signed = attestation(CLAIMS | {"verdict": "edit"})
    told = {"attestation": signed, "digest": "1" * 64, "data": {"replaces": DIGEST}}
    assert codes(decided(tmp_path / "bundle", "reviewer:request:edited", **told)) == set()


def test_a_held_review_says_its_verdict_in_its_data(tmp_path: Path, codes: Codes) -> None:
    kind = "reviewer:review:held"
    assert codes(decided(tmp_path / "a", kind, data={"verdict": "approve"})) == set()
    found = codes(decided(tmp_path / "b", kind, data={"verdict": "reject"}))
    assert found == {Code.ATTESTATION_OTHER}


def test_a_remark_is_only_bound_to_its_request_and_its_id(tmp_path: Path, codes: Codes) -> None:
    signed = attestation(CLAIMS | {"verdict": "comment"})
    told = {"stage": None, "digest": "1" * 64, "attestation": signed}
    assert codes(decided(tmp_path / "a", "person:case:commented", **told)) == set()
    told["decision_id"] = "d-2"
    found = codes(decided(tmp_path / "b", "person:case:commented", **told))
    assert found == {Code.ATTESTATION_OTHER}


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("person:glass:broken", "break_glass"),
        ("person:seat:reassigned", "reassign"),
        ("person:case:commented", "comment"),
        ("requester:request:resubmitted", "resubmit"),
        ("requester:request:withdrawn", "withdraw"),
        ("person:effect:revoked", "withdraw"),
        ("person:effect:stop_requested", "withdraw"),
    ],
)
def test_what_somebody_signed_cannot_be_told_as_something_else_that_they_did(
    kind: str, verdict: str, tmp_path: Path, codes: Codes
) -> None:
    signed = attestation(CLAIMS | {"verdict": verdict})
    assert codes(decided(tmp_path / "honest", kind, attestation=signed)) == set()
    for number, other in enumerate(("reject", "approve", "comment", "reassign")):
        if other != verdict:
            stolen = attestation(CLAIMS | {"verdict": other})
            found = codes(decided(tmp_path / str(number), kind, attestation=stolen))
            assert found == {Code.ATTESTATION_OTHER}, other


@pytest.mark.rule(number=11)
def test_a_glass_is_broken_for_the_revision_that_was_signed(tmp_path: Path, codes: Codes) -> None:
    told = {"attestation": attestation(CLAIMS | {"verdict": "break_glass"}), "digest": "1" * 64}
    found = codes(decided(tmp_path / "bundle", "person:glass:broken", **told))
    assert found == {Code.ATTESTATION_OTHER}


@pytest.mark.parametrize("shown", [True, False])
def test_a_decision_id_that_is_sealed_is_compared_when_it_is_shown(
    *, shown: bool, tmp_path: Path, codes: Codes
) -> None:
    ledger = Ledger()
    name = ledger.personal_name("expense-0", "d-1", "decision_id")
    body = {
        "actor": {"id": "bob", "assurance": "verified"},
        "decision_id": name,
        "digest": DIGEST,
        "stage": "manager",
        "data": {},
        "attestation": attestation(CLAIMS),
    }
    if not shown:
        ledger.personal = [row._replace(key=None) for row in ledger.personal]
    ledger.append("expense-0", "reviewer:review:approved", body)
    ledger.seal()
    assert codes(ledger.write(tmp_path / "bundle")) == set()


@pytest.mark.rule(number=11)
def test_a_missing_signature_is_not_excused_by_a_sealed_decision_id(
    tmp_path: Path, codes: Codes
) -> None:
    ledger = Ledger()
    name = ledger.personal_name("expense-0", "d-1", "decision_id")
    ledger.personal = [row._replace(key=None) for row in ledger.personal]
    actor = {"id": "bob", "assurance": "verified"}
    told = {"actor": actor, "attestation": None, "decision_id": name, "data": {}}
    ledger.append("expense-0", "reviewer:review:approved", told)
    ledger.seal()
    assert codes(ledger.write(tmp_path / "bundle")) == {Code.ATTESTATION_MISSING}
