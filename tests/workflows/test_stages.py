"""Stages in sequence, and reviews that must be proved."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.attestation import Claims, new_key, sign
from tests.workflows.office import Handle, Office, expense

BOB, GRACE, ERIN = "bob@example.com", "grace@example.com", "erin@example.com"
FRANK = "frank@example.com"


async def test_each_stage_opens_after_the_one_before(office: Office) -> None:
    handle = await office.submit(expense("20000.00 EUR"))
    assert (await office.settled(handle))["stage"] == "manager"
    await office.decide(handle, "approve", BOB)
    assert (await office.settled(handle))["stage"] == "committee"
    await office.decide(handle, "approve", ERIN)
    await office.decide(handle, "approve", FRANK)
    assert (await office.settled(handle))["stage"] == "executive"
    await office.decide(handle, "approve", GRACE)
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    assert (await office.kinds(handle)).count("reviewers:stage:passed") == 3


async def test_the_first_stage_that_rejects_ends_the_case(office: Office) -> None:
    handle = await office.submit(expense("20000.00 EUR"))
    await office.decide(handle, "reject", BOB, reason="no")
    assert (await office.result(handle)).outcome == "rejected"


@pytest.mark.rule(number=7)
async def test_a_decision_before_its_stage_is_kept_and_counts_when_it_opens(
    office: Office,
) -> None:
    handle = await office.submit(expense(cost_centre="CC-FINANCE"))
    early = await office.decide(handle, "approve", ERIN)
    assert early["accepted"]
    assert "finance" in early["message"]
    assert (await office.status(handle))["stage"] == "manager"
    await office.decide(handle, "approve", BOB)
    result = await office.result(handle)
    assert (result.outcome, result.effect) == ("approved", "done")
    assert (await office.kinds(handle)).count("reviewer:review:held") == 1


@pytest.mark.rule(number=7)
async def test_every_decision_may_wait_for_the_first_worker(closed_office: Office) -> None:
    office = closed_office
    handle = await office.submit(expense("20000.00 EUR"))
    for actor in (GRACE, FRANK, ERIN, BOB):
        await office.signal(handle, "approve", actor)
    async with office.worker():
        result = await office.result(handle)
    assert (result.outcome, result.by, result.effect) == ("approved", "people", "done")


@pytest.mark.rule(number=6)
async def test_one_person_does_not_fill_two_stages_that_want_different_people(
    office: Office,
) -> None:
    office.people.change("bob", groups=["finance"])
    handle = await office.submit(expense(cost_centre="CC-FINANCE"))
    await office.decide(handle, "approve", BOB)
    assert "bob" not in await office.waits_for(handle)
    assert (await office.refusal(handle, "approve", BOB))[0] == "not_a_reviewer"
    await office.decide(handle, "approve", ERIN)
    assert (await office.result(handle)).outcome == "approved"


class Signer:
    """Signs decisions with a real key that the directory knows."""

    def __init__(self, office: Office, person: str, home: Path) -> None:
        self.key = home / f"{person}.jwk"
        self.person = person
        office.people.change(person, keys=[new_key(self.key).model_dump(mode="json")])
        self.office = office

    async def sign(self, handle: Handle, verdict: str = "approve", **changes: Any) -> str:
        """Sign what the status shows now."""
        status = await self.office.status(handle)
        claims = {
            "sub": self.person,
            "req": handle.id,
            "rev": status["revision"],
            "dig": status["digest"],
            "stage": status["stage"],
            "verdict": verdict,
            "iat": int(datetime.now(UTC).timestamp()),
            "jti": f"d-{status['stage']}",
        }
        return sign(self.key, Claims.model_validate(claims | changes))


async def signed_case(office: Office) -> Handle:
    """Start a case whose stages want proof, and wait until the first is open."""
    handle = await office.submit(expense(cost_centre="CC-SIGNED"))
    await office.settled(handle)
    return handle


async def test_a_signed_review_counts_as_verified(office: Office, tmp_path: Path) -> None:
    bob, grace = Signer(office, "bob", tmp_path), Signer(office, "grace", tmp_path)
    handle = await signed_case(office)
    first = await bob.sign(handle)
    await office.decide(handle, "approve", BOB, attestation=first, decision_id="d-signed")
    second = await grace.sign(handle)
    await office.signal(handle, "approve", GRACE, attestation=second, decision_id="d-countersigned")
    assert (await office.result(handle)).effect == "done"
    reviews = await office.told(handle, "reviewer:review:approved")
    assert [body["actor"]["assurance"] for body in reviews] == ["verified", "verified"]


async def test_a_claimed_review_is_refused_where_proof_is_wanted(office: Office) -> None:
    handle = await signed_case(office)
    why, text = await office.refusal(handle, "approve", BOB)
    assert why == "assurance_too_low"
    assert "--key" in text


# What differs in the signature from the decision it comes with, and a word of the refusal.
FORGERIES: list[tuple[dict[str, Any], str]] = [
    ({"verdict": "reject"}, "another verdict"),
    ({"dig": "ab" * 32}, "another revision"),
    ({"req": "expense-other"}, "another request"),
    ({"stage": "countersigned"}, "another stage"),
    ({"jti": "d-other"}, "another decision id"),
    ({"sub": "grace"}, "signed for"),
    ({"iat": 1_500_000_000}, "older than"),
    ({"iat": 4_000_000_000}, "in the future"),
]


@pytest.mark.rule(number=4)
async def test_a_signature_about_anything_else_does_not_count(
    office: Office, tmp_path: Path
) -> None:
    bob = Signer(office, "bob", tmp_path)
    handle = await signed_case(office)
    for number, (changes, word) in enumerate(FORGERIES):
        forged = await bob.sign(handle, **{"jti": f"d-{number}", **changes})
        why, text = await office.refusal(
            handle, "approve", BOB, attestation=forged, decision_id=f"d-{number}"
        )
        assert why == "bad_attestation"
        assert word in text
    assert (await office.status(handle))["reviews"] == []


async def test_a_signature_of_another_stage_cannot_be_used_again(
    office: Office, tmp_path: Path
) -> None:
    bob = Signer(office, "bob", tmp_path)
    handle = await signed_case(office)
    first = await bob.sign(handle)
    await office.decide(handle, "approve", BOB, attestation=first, decision_id="d-signed")
    assert (await office.status(handle))["stage"] == "countersigned"
    why, text = await office.refusal(handle, "approve", BOB, attestation=first)
    assert (why, "another stage" in text) == ("bad_attestation", True)


async def test_somebody_elses_key_does_not_count(office: Office, tmp_path: Path) -> None:
    grace = Signer(office, "grace", tmp_path)
    Signer(office, "bob", tmp_path)
    handle = await signed_case(office)
    stolen = await grace.sign(handle, sub="bob")
    why, _ = await office.refusal(
        handle, "approve", BOB, attestation=stolen, decision_id="d-signed"
    )
    assert why == "bad_attestation"
