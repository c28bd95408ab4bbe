"""Good signatures in wrong places: another person's, another case's, or with keys that moved."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.attestation import Claims, new_key, sign
from tests.workflows.office import Handle, Office, expense

ALICE, BOB, GRACE = "alice@example.com", "bob@example.com", "grace@example.com"
SIGNED = expense(cost_centre="CC-SIGNED")


class Keys:
    """The keys of Bob and Grace, and the directory's idea of whose is whose."""

    def __init__(self, office: Office, home: Path) -> None:
        self._people = office.people
        self.bob, self.grace = home / "bob.jwk", home / "grace.jwk"
        self._public = {key: new_key(key).model_dump(mode="json") for key in (self.bob, self.grace)}
        self.belong(bob=self.bob, grace=self.grace)

    def belong(self, **keys: Path) -> None:
        """Write into the directory whose keys are whose."""
        for person, key in keys.items():
            self._people.change(person, keys=[self._public[key]])

    def same_name(self) -> None:
        """Give both keys one id in the directory."""
        for person, key in (("bob", self.bob), ("grace", self.grace)):
            self._people.change(person, keys=[self._public[key] | {"id": "work"}])


@pytest.fixture
def keys(office: Office, tmp_path: Path) -> Keys:
    return Keys(office, tmp_path)


def said(handle: Handle, status: dict[str, Any], **changes: Any) -> Claims:
    """Return what Bob would sign to approve a case as it stands."""
    told = {
        "sub": "bob",
        "req": handle.id,
        "rev": status["revision"],
        "dig": status["digest"],
        "stage": "signed",
        "verdict": "approve",
        "iat": int(datetime.now(UTC).timestamp()),
        "jti": "d-1",
    }
    return Claims.model_validate(told | changes)


async def refused(office: Office, handle: Handle, who: str, signature: str, **more: Any) -> str:
    """Send a signed decision, expect that the signature does not count, and return why."""
    message = {"action": "approve", "decision_id": "d-1", **more}
    action = message.pop("action")
    why, text = await office.refusal(handle, action, who, attestation=signature, **message)
    assert why == "bad_attestation", text
    assert (await office.status(handle))["reviews"] == []
    return text


@pytest.mark.rule(number=4)
async def test_a_signature_does_not_count_once_two_people_have_swapped_their_keys(
    office: Office, keys: Keys
) -> None:
    handle = await office.submit(SIGNED)
    status = await office.settled(handle)
    signature = sign(keys.bob, said(handle, status))
    keys.belong(bob=keys.grace, grace=keys.bob)
    assert "has no key" in await refused(office, handle, BOB, signature)
    # It is Grace's key now, and still not Grace who signed, nor is she asked.
    assert "not for Grace" in await refused(office, handle, GRACE, signature, decision_id="d-2")
    keys.belong(bob=keys.bob, grace=keys.grace)
    again = sign(keys.bob, said(handle, status, jti="d-3"))
    await office.decide(handle, "approve", BOB, attestation=again, decision_id="d-3")
    (review,) = (await office.settled(handle))["reviews"]
    assert (review["person"]["id"], review["assurance"]) == ("bob", "verified")


@pytest.mark.rule(number=4)
async def test_what_one_person_signed_is_no_decision_of_another(office: Office, keys: Keys) -> None:
    handle = await office.submit(SIGNED)
    status = await office.settled(handle)
    own = sign(keys.grace, said(handle, status, sub="grace"))
    assert "has no key" in await refused(office, handle, BOB, own)
    in_bobs_name = sign(keys.grace, said(handle, status, jti="d-2"))
    assert "has no key" in await refused(office, handle, BOB, in_bobs_name, decision_id="d-2")


@pytest.mark.rule(number=4)
async def test_a_key_is_told_by_what_it_signs_and_not_by_its_name(
    office: Office, keys: Keys
) -> None:
    for key in (keys.bob, keys.grace):
        key.write_text(_renamed(key.read_text(), "work"))
    keys.same_name()
    handle = await office.submit(SIGNED)
    status = await office.settled(handle)
    forged = sign(keys.grace, said(handle, status))
    assert "not that of Bob" in await refused(office, handle, BOB, forged)
    good = sign(keys.bob, said(handle, status, jti="d-2"))
    await office.decide(handle, "approve", BOB, attestation=good, decision_id="d-2")


def _renamed(jwk: str, name: str) -> str:
    members = json.loads(jwk)
    return json.dumps(members | {"kid": name})


Replay = Callable[[Office, Handle, str], Any]


async def on_another_case(office: Office, handle: Handle, signature: str) -> Handle:
    """The same content in another case has the same digest."""
    other = await office.submit(SIGNED)
    status = await office.settled(other)
    assert status["digest"] == (await office.status(handle))["digest"]
    assert "another request" in await refused(office, other, BOB, signature)
    return other


async def on_another_revision(office: Office, handle: Handle, signature: str) -> Handle:
    changed = expense("130.00 EUR", cost_centre="CC-SIGNED")
    await office.decide(handle, "resubmit", ALICE, request=changed)
    assert "another revision" in await refused(office, handle, BOB, signature)
    return handle


async def for_another_verdict(office: Office, handle: Handle, signature: str) -> Handle:
    for number, action in enumerate(("reject", "request_changes")):
        text = await refused(
            office, handle, BOB, signature, action=action, decision_id=f"v-{number}"
        )
        assert "another verdict" in text
    return handle


async def under_another_id(office: Office, handle: Handle, signature: str) -> Handle:
    text = await refused(office, handle, BOB, signature, decision_id="d-9")
    assert "another decision id" in text
    return handle


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    "replay", [on_another_case, on_another_revision, for_another_verdict, under_another_id]
)
async def test_a_signed_approval_counts_nowhere_else(
    office: Office, keys: Keys, replay: Replay
) -> None:
    handle = await office.submit(SIGNED)
    signature = sign(keys.bob, said(handle, await office.settled(handle)))
    case = await replay(office, handle, signature)
    right = said(case, await office.status(case), jti="right")
    await office.decide(
        case, "approve", BOB, attestation=sign(keys.bob, right), decision_id="right"
    )
    (review,) = (await office.settled(case))["reviews"]
    assert (review["person"]["id"], review["assurance"]) == ("bob", "verified")


@pytest.mark.rule(number=4)
async def test_a_signed_approval_of_one_stage_is_none_of_the_next(
    office: Office, keys: Keys
) -> None:
    handle = await office.submit(SIGNED)
    status = await office.settled(handle)
    signature = sign(keys.bob, said(handle, status))
    await office.decide(handle, "approve", BOB, attestation=signature, decision_id="d-1")
    assert (await office.settled(handle))["stage"] == "countersigned"
    again = sign(keys.bob, said(handle, status, jti="d-2"))
    why, text = await office.refusal(handle, "approve", BOB, attestation=again, decision_id="d-2")
    assert (why, "another stage" in text) == ("bad_attestation", True)
    assert len((await office.status(handle))["reviews"]) == 1
