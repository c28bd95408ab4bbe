"""Who is who: addresses, absences, delegations, keys."""

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.domain.keys import PublicKey, thumbprint
from placet.domain.people import (
    Directory,
    DirectoryFile,
    InactivePersonError,
    UnknownPersonError,
    canonical,
)

ALICE = {"id": "alice", "name": "Alice", "addresses": ["alice@example.com", "a.smith@example.org"]}
BOB = {"id": "bob", "name": "Bob", "addresses": ["bob@example.com"]}


def directory(*people: dict[str, Any], **settings: Any) -> Directory:
    return Directory.model_validate({"people": people, **settings})


def problems(*people: dict[str, Any]) -> list[str]:
    file = DirectoryFile.model_validate({"people": people})
    return [f"{'.'.join(map(str, p.path))}: {p.message}" for p in file.problems()]


# Each spelling reaches Bob's mailbox or his account, so each is Bob.
@pytest.mark.rule(number=6)
@pytest.mark.parametrize(
    "spelling",
    [
        "bob@example.com",
        "  Bob@Example.COM\n",
        "ｂｏｂ@example.com",  # noqa: RUF001 - full-width letters are the point.
        "bo\u200bb@example.com",
        "bob\u00ad@exa\u2060mple.com",
        "\u202ebob@example.com",
        "bob@example.com.",
        "bob+expenses@example.com",
        "bob @ example.com",
        "bob",
        "BOB",
    ],
)
def test_every_spelling_of_an_address_is_the_same_person(spelling: str) -> None:
    person = directory(ALICE, BOB).resolve(spelling)
    assert person is not None
    assert person.id == "bob"


# None of these is Bob's address, however much it looks like it.
@pytest.mark.rule(number=6)
@pytest.mark.parametrize(
    "spelling",
    [
        "b\u043eb@example.com",  # A Cyrillic o.
        "bob@ex\u0430mple.com",  # A Cyrillic a in the domain.
        "bob@example.org",
        "bob@example.com.evil.test",
        "alice@example.com, bob@example.com",
        "",
        "@",
        "+x@example.com",
        "b" * 1_000_000,
    ],
)
def test_a_look_alike_is_nobody(spelling: str) -> None:
    assert directory(ALICE, BOB).resolve(spelling) is None


def test_a_plus_tag_counts_where_the_setting_says_so() -> None:
    assert directory(BOB, plus_addressing=False).resolve("bob+x@example.com") is None


def test_a_domain_is_the_same_in_unicode_and_in_punycode() -> None:
    person = {**BOB, "addresses": ["bob@bücher.example"]}
    assert directory(person).resolve("bob@xn--bcher-kva.example") is not None


@given(st.text(max_size=60), st.booleans())
def test_canonical_is_stable(text: str, plus: bool) -> None:  # noqa: FBT001 - drawn by hypothesis.
    once = canonical(text, plus_addressing=plus)
    assert canonical(once, plus_addressing=plus) == once


@pytest.mark.rule(number=6)
@given(st.text(st.sampled_from("bo+@.eÉ\u0301 \u200b"), max_size=12))
def test_case_and_unicode_form_make_no_difference(text: str) -> None:
    assert canonical(text.upper()) == canonical(text)
    assert canonical(unicodedata.normalize("NFD", text)) == canonical(text)


def test_everything_that_contradicts_itself_is_told_at_once() -> None:
    told = problems(
        {**ALICE, "manager": "bbo", "deputy": "alice"},
        {**BOB, "addresses": ["BOB@example.com", "Alice@Example.com", "\u200b"]},
        {**BOB, "name": "Bobby", "addresses": ["bobby@example.com"]},
        {
            "id": "carol",
            "name": "Carol",
            "addresses": ["carol@example.com"],
            "delegations": [{"to": "nobody", "from": "2026-05-02", "until": "2026-05-01"}],
        },
    )
    text = "\n".join(told)
    assert "people.0.manager: nobody has the id 'bbo'; did you mean 'bob'?" in text
    assert "people.0.deputy: 'alice' cannot be this for themselves" in text
    assert "people.1.addresses.1: 'Alice@Example.com' already belongs to 'alice'" in text
    assert "people.1.addresses.2: the address is blank" in text
    assert "people.2.id: the id 'bob' is given to two people" in text
    assert "people.3.delegations.0.to: nobody has the id 'nobody'" in text
    assert "people.3.delegations.0.until: 'until' is before 'from'" in text
    assert len(told) == 7


def test_managers_in_a_circle_are_told_once_with_the_way_round() -> None:
    told = problems(
        {**ALICE, "manager": "bob"},
        {**BOB, "manager": "carol"},
        {"id": "carol", "name": "C", "addresses": ["c@example.com"], "manager": "alice"},
        {"id": "dave", "name": "D", "addresses": ["d@example.com"], "manager": "alice"},
    )
    assert len(told) == 1
    assert "alice > bob > carol > alice" in told[0]


@pytest.mark.rule(number=6)
def test_an_id_that_is_another_persons_address_is_refused() -> None:
    told = problems(BOB, {"id": "eve", "name": "Eve", "addresses": ["eve@example.com", "bob"]})
    assert any("'bob' is also an address of 'eve'" in line for line in told)


def test_a_directory_with_problems_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="already belongs to 'bob'"):
        directory(BOB, {**ALICE, "addresses": ["bob+x@example.com"]})


def test_an_unknown_and_an_inactive_person_are_refused_by_name() -> None:
    people = directory(ALICE, {**BOB, "active": False})
    with pytest.raises(UnknownPersonError, match=r"'eve@example\.com'"):
        people.require("eve@example.com")
    with pytest.raises(InactivePersonError, match="Bob"):
        people.require("bob@example.com")
    assert people.require("A.Smith@example.org").id == "alice"


def test_an_absence_covers_whole_days_in_the_persons_own_zone() -> None:
    people = directory(
        {
            **BOB,
            "time_zone": "Asia/Tokyo",
            "absences": [{"from": "2026-05-01", "until": "2026-05-02"}],
        }
    )
    bob = people.require("bob")
    before, first = (
        datetime(2026, 4, 30, 14, 59, 59, tzinfo=UTC),
        datetime(2026, 4, 30, 15, tzinfo=UTC),
    )
    last, after = datetime(2026, 5, 2, 14, 59, 59, tzinfo=UTC), datetime(2026, 5, 2, 15, tzinfo=UTC)
    assert [people.absent(bob, t) for t in (before, first, last, after)] == [
        False,
        True,
        True,
        False,
    ]
    assert people.next_change([bob], before) == first
    assert people.next_change([bob], first) == after
    assert people.next_change([bob], after) is None


def test_a_delegation_is_bound_to_its_window_and_its_pipelines() -> None:
    window = {"from": "2026-05-01T10:00:00+02:00", "until": "2026-05-01T12:00:00+02:00"}
    people = directory(
        {**ALICE, "delegations": [{"to": "bob", "pipelines": ["expense"], **window}]}, BOB
    )
    alice, inside = people.require("alice"), datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert [p.id for p in people.delegates_of(alice, inside, "expense")] == ["bob"]
    assert people.delegates_of(alice, inside, "export") == ()
    assert people.delegates_of(alice, datetime(2026, 5, 1, 10, tzinfo=UTC), "expense") == ()
    assert people.delegates_of(alice, datetime(2026, 5, 1, 7, 59, tzinfo=UTC), "expense") == ()


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError):
        directory({**BOB, "absences": [{"from": "2026-05-01T10:00:00", "until": "2026-05-02"}]})


def test_a_wrong_time_zone_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="'Berlin' is no time zone"):
        directory({**BOB, "time_zone": "Berlin"})


# One key (RFC 8037, appendix A.2) in each form people have at hand; the ids are its RFC 7638
# thumbprint (RFC 8037, appendix A.3) unless it names its own.
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea bob@laptop"
PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize(
    ("written", "key_id"),
    [
        ({"kty": "OKP", "crv": "Ed25519", "x": X}, THUMBPRINT),
        ({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "laptop"}, "laptop"),
        (SSH, THUMBPRINT),
        (PEM, THUMBPRINT),
        ({"id": "kept", "x": X}, "kept"),
    ],
)
def test_a_public_key_is_read_in_every_common_form(written: Any, key_id: str) -> None:
    key = PublicKey.model_validate(written)
    assert (key.id, key.x) == (key_id, X)
    assert PublicKey.model_validate(key.jwk()) == key
    assert thumbprint(key.x) == THUMBPRINT


# What must not be taken for somebody's public key, and what the message says.
@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"kty": "OKP", "crv": "Ed25519", "x": X, "d": X}, "private key"),
        ({"kty": "EC", "crv": "P-256", "x": X, "y": X}, "only Ed25519"),
        ({"kty": "oct", "k": X}, "only Ed25519"),
        ({"kty": "OKP", "crv": "Ed25519", "x": X[:-4]}, "32 bytes"),
        ("ssh-rsa AAAAB3NzaC1yc2E= bob@laptop", "ssh-ed25519"),
        (SSH[:40], "no Ed25519 public key"),
        (PEM.replace("MCow", "MCox"), "no Ed25519 public key"),
        ("", "ssh-ed25519"),
    ],
)
def test_what_is_no_ed25519_public_key_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PublicKey.model_validate(written)
