"""No body, whatever its writer put there, makes the verifier stumble."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.proof.findings import Code, Findings
from placet.proof.trust import Trust
from placet.proof.verify import verify
from tests.proof.conftest import Codes
from tests.support import ledgers
from tests.support.large import story, tell
from tests.support.ledgers import Ledger, Sealed

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=5)
    | st.just("sealed:" + "0" * 64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
WHO = ("actor", "attestation", "requester", "waiting_for", "service")
WHAT = ("data", "decision_id", "digest", "policy", "revision", "stage", "state")
WHERE = ("kind", "occurred", "request", "schema")
PARTS = st.sampled_from((*WHO, *WHAT, *WHERE))
KINDS = st.sampled_from(
    [kind for kind, _ in story()]
    + ["system:subject:erased", "system:partition:pruned", "reviewer:review:held", "no:such:kind"]
)


@pytest.mark.rule(number=11)
@given(told=st.lists(st.tuples(KINDS, st.dictionaries(PARTS, VALUES)), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_body_is_judged(
    told: list[tuple[str, dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory, pinned: Trust
) -> None:
    ledger = Ledger()
    tell(ledger, "expense-0", 0)
    for kind, body in told:
        ledger.append("expense-0", kind, body)
    ledger.seal()
    bundle = ledger.write(tmp_path_factory.mktemp("body") / "bundle")
    findings = verify(bundle, pinned, processes=1).findings
    assert isinstance(findings, Findings)
    assert all(str(each).isprintable() for each in findings.first)


@pytest.mark.parametrize("plain", [b"7", b"[]", b'"actor.name"', b"[[]]", b"{", b"null", b"\xff"])
def test_what_a_ciphertext_holds_must_say_something(
    plain: bytes, tmp_path: Path, codes: Codes
) -> None:
    ledger = Ledger()
    name = ledger.personal_name("expense-0", "Bob Brown", "actor.name")
    row = ledger.personal.pop()
    ciphertext = AESSIV(row.key or b"").encrypt(plain, None)
    digest = ledgers.sha256(ciphertext)
    ledger.personal.append(Sealed(0, digest, "bob", "k", ciphertext, row.key))
    assert name != f"sealed:{digest}"
    ledger.append("expense-0", "person:case:commented", {"actor": {"name": f"sealed:{digest}"}})
    ledger.seal()
    assert codes(ledger.write(tmp_path / "bundle")) == {Code.PERSONAL_CHANGED}
