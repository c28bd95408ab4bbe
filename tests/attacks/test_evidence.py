"""Evidence that is not what it is given out for: receipts and signatures."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.attestation import Claims, new_key, sign
from placet.digest import digest
from placet.ledger import PostgresLedger
from tests.workflows.office import Office, expense

ALICE, BOB, GRACE = "alice@example.com", "bob@example.com", "grace@example.com"


def with_receipt(sha256: str) -> dict[str, Any]:
    line = {
        "date": "2026-03-05",
        "description": "Dinner",
        "category": "meals",
        "amount": "40.00 EUR",
        "receipt": {"sha256": sha256, "name": "dinner.pdf", "media_type": "application/pdf"},
    }
    return expense(lines=[line])


@pytest.mark.rule(number=4)
async def test_what_the_service_itself_has_stored_is_no_receipt(
    office: Office, ledger: PostgresLedger
) -> None:
    office_policy = office.policies.in_force("expense")
    await ledger.put_content(office_policy.content, "application/json")
    handle = await office.submit(with_receipt(office_policy.digest))
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("failed", None)
    assert office_policy.digest in result.reason
    assert await ledger.payments(request=handle.id) == []


@pytest.mark.rule(number=4)
async def test_a_stored_file_is_a_receipt(office: Office, ledger: PostgresLedger) -> None:
    stored = await ledger.put_content(b"%PDF-1.7 dinner", "application/pdf")
    result = await office.result(await office.submit(with_receipt(stored)))
    assert (result.outcome, result.effect) == ("approved", "done")


@pytest.mark.rule(number=4)
async def test_a_signature_on_a_voided_vote_does_not_count_again_when_the_content_returns(
    office: Office, tmp_path: Path
) -> None:
    key = tmp_path / "bob.jwk"
    office.people.change("bob", keys=[new_key(key).model_dump(mode="json")])
    first, second = expense(cost_centre="CC-SIGNED"), expense("130.00 EUR", cost_centre="CC-SIGNED")
    handle = await office.submit(first)
    status = await office.settled(handle)
    claims = Claims(
        sub="bob",
        req=handle.id,
        rev=1,
        dig=status["digest"],
        stage="signed",
        verdict="approve",
        iat=int(datetime.now(UTC).timestamp()),
        jti="d-1",
    )
    signature = sign(key, claims)
    await office.decide(handle, "approve", BOB, attestation=signature, decision_id="d-1")
    for request in (second, first):
        await office.decide(handle, "resubmit", ALICE, request=request)
    assert (await office.settled(handle))["digest"] == status["digest"] != digest(second)
    why, text = await office.refusal(handle, "approve", BOB, attestation=signature)
    assert (why, "decision_id" in text) == ("bad_attestation", True)
    await office.decide(handle, "approve", BOB, attestation=signature, decision_id="d-1")
    assert (await office.status(handle))["reviews"] == []
