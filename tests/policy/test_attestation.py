"""Signatures under decisions: what counts, and everything that must not."""

import base64
import hashlib
import hmac
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.attestation import (
    AttestationError,
    Claims,
    Expected,
    KeyFileError,
    directory_line,
    load_private_key,
    new_key,
    sign,
    verify,
)
from placet.domain.people import Person
from placet.policy.files import parse

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DIGEST = "ab" * 32
CLAIMS = Claims(
    sub="Grace@Example.com",
    req="expense-1",
    rev=1,
    dig=DIGEST,
    stage="executive",
    verdict="approve",
    iat=int(NOW.timestamp()),
    jti="d-1",
)
EXPECTED = Expected("expense-1", DIGEST, "executive", "approve", "d-1")


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "grace.jwk"
    new_key(path)
    return path


@pytest.fixture(scope="module")
def grace(key_file: Path) -> Person:
    return owner(json.loads(key_file.read_text()))


def owner(*keys: Any) -> Person:
    public = [
        {k: v for k, v in key.items() if k != "d"} if isinstance(key, dict) else key for key in keys
    ]
    return Person.model_validate(
        {"id": "grace", "name": "Grace", "addresses": ["grace@example.com"], "keys": public}
    )


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, body, signature = token.split(".")
    return _json(head), _json(body), signature


def _json(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=="))


def test_a_signature_by_the_persons_key_counts(key_file: Path, grace: Person) -> None:
    token = sign(key_file, CLAIMS)
    assert verify(token, grace, EXPECTED, NOW) == CLAIMS
    header, _, _ = parts(token)
    assert header["typ"] == "placet-attestation+jwt"
    assert header["alg"] == "Ed25519"
    assert header["kid"] == grace.keys[0].id


def test_what_is_not_expected_is_not_compared(key_file: Path, grace: Person) -> None:
    open_ended = EXPECTED._replace(stage=None, decision_id=None)
    assert verify(sign(key_file, CLAIMS), grace, open_ended, NOW) == CLAIMS


# A good signature about something else is no signature about this.
@pytest.mark.rule(number=4)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sub": "bob@example.com"}, "not for Grace"),
        ({"req": "expense-2"}, "another request"),
        ({"dig": "cd" * 32}, "another revision"),
        ({"stage": "manager"}, "another stage"),
        ({"verdict": "reject"}, "another verdict"),
        ({"jti": "d-2"}, "another decision id"),
        ({"iat": int((NOW + timedelta(minutes=6)).timestamp())}, "in the future"),
        ({"iat": int((NOW - timedelta(days=7, seconds=1)).timestamp())}, "older than 7 days"),
    ],
)
def test_a_signature_about_something_else_does_not_count(
    key_file: Path, grace: Person, change: dict[str, Any], message: str
) -> None:
    token = sign(key_file, CLAIMS.model_copy(update=change))
    with pytest.raises(AttestationError, match=message):
        verify(token, grace, EXPECTED, NOW)


def test_a_clock_a_little_ahead_and_a_worker_that_was_down_are_forgiven(
    key_file: Path, grace: Person
) -> None:
    token = sign(key_file, CLAIMS)
    verify(token, grace, EXPECTED, NOW - timedelta(minutes=5))
    verify(token, grace, EXPECTED, NOW + timedelta(days=7))


def test_somebody_elses_key_and_a_missing_key_do_not_count(
    key_file: Path, grace: Person, tmp_path: Path
) -> None:
    other = tmp_path / "other.jwk"
    new_key(other, grace.keys[0].id)
    with pytest.raises(AttestationError, match="is not that of Grace's key"):
        verify(sign(other, CLAIMS), grace, EXPECTED, NOW)
    with pytest.raises(AttestationError, match=r"Grace has no key .*starter\.py key new"):
        verify(sign(key_file, CLAIMS), owner(), EXPECTED, NOW)


# The classic confusions: no algorithm, the public key as a shared secret, another type of token.
def test_another_algorithm_or_type_does_not_count(key_file: Path, grace: Person) -> None:
    token = sign(key_file, CLAIMS)
    header, body, signature = parts(token)
    unsigned = f"{part({**header, 'alg': 'none'})}.{part(body)}."
    head = f"{part({**header, 'alg': 'HS256'})}.{part(body)}"
    secret = base64.urlsafe_b64decode(grace.keys[0].x + "==")
    shared = f"{head}.{part(hmac.new(secret, head.encode(), hashlib.sha256).digest())}"
    for forged in (unsigned, shared):
        with pytest.raises(AttestationError, match="only Ed25519 signatures count"):
            verify(forged, grace, EXPECTED, NOW)
    with pytest.raises(AttestationError, match="it must be signed as"):
        verify(f"{part({**header, 'typ': 'JWT'})}.{part(body)}.{signature}", grace, EXPECTED, NOW)
    own = json.loads(key_file.read_text())
    smuggled = {**header, "kid": "mine", "jwk": {k: own[k] for k in ("crv", "kty", "x")}}
    with pytest.raises(AttestationError, match="has no key 'mine'"):
        verify(f"{part(smuggled)}.{part(body)}.{signature}", grace, EXPECTED, NOW)
    critical = {**header, "crit": ["exp"], "exp": 1}
    with pytest.raises(AttestationError):
        verify(f"{part(critical)}.{part(body)}.{signature}", grace, EXPECTED, NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_bit_of_a_signature_can_be_changed(
    key_file: Path, grace: Person, place: int, flip: int
) -> None:
    pieces = [base64.urlsafe_b64decode(each + "==") for each in sign(key_file, CLAIMS).split(".")]
    whole = bytearray(b"".join(pieces))
    whole[place % len(whole)] ^= flip
    forged, start = [], 0
    for piece in pieces:
        forged.append(part(bytes(whole[start : start + len(piece)])))
        start += len(piece)
    with pytest.raises(AttestationError):
        verify(".".join(forged), grace, EXPECTED, NOW)


# What arrives in a signal can be anything.
@pytest.mark.rule(number=8)
@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "x" * 9000,
        part({}) + "..",
        part([]) + ".a.b",
        "\x00",
        "\ud800",
        "e30.e30.e30",
    ],
)
def test_anything_else_is_refused_with_a_reason(grace: Person, token: str) -> None:
    with pytest.raises(AttestationError) as refused:
        verify(token, grace, EXPECTED, NOW)
    assert len(str(refused.value)) > 20


def test_a_signed_payload_that_says_too_little_is_refused(key_file: Path, grace: Person) -> None:
    from joserfc import jws  # noqa: PLC0415 - only this test signs what sign() would not.

    key, key_id = load_private_key(key_file)
    header = {"alg": "Ed25519", "kid": key_id, "typ": "placet-attestation+jwt"}
    payloads: list[Any] = [{"sub": "grace"}, {**CLAIMS.model_dump(), "iat": "1"}, [], "no"]
    for payload in payloads:
        token = jws.serialize_compact(header, json.dumps(payload), key, algorithms=["Ed25519"])
        with pytest.raises(AttestationError, match="incomplete"):
            verify(token, grace, EXPECTED, NOW)


def test_a_new_key_is_readable_by_its_owner_only_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "me.jwk"
    public = new_key(path, "laptop")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    line = directory_line(public)
    written = parse(f"keys:\n  {line}\n", "directory.yaml").value["keys"][0]
    assert owner(written).keys == (public,)
    assert json.loads(path.read_text())["d"] not in line
    before = path.read_text()
    with pytest.raises(KeyFileError, match="exists"):
        new_key(path)
    assert path.read_text() == before


def written(path: Path, form: PrivateFormat, encryption: KeySerializationEncryption) -> str:
    """Write a new key as ``form`` and return its public half as an OpenSSH line."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, form, encryption))
    path.chmod(0o600)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
def test_keys_made_by_other_tools_sign_too(tmp_path: Path, form: PrivateFormat) -> None:
    path = tmp_path / "id_ed25519"
    grace = owner(written(path, form, NoEncryption()))
    verify(sign(path, CLAIMS), grace, EXPECTED, NOW)


def test_an_encrypted_key_needs_its_password(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    grace = owner(written(path, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    verify(sign(path, CLAIMS, password="secret"), grace, EXPECTED, NOW)  # noqa: S106 - made up.
    for wrong in (None, "guess"):
        with pytest.raises(KeyFileError, match="give its password"):
            sign(path, CLAIMS, password=wrong)


DECRYPTED_TO_NOISE = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBBljMmTpoZYahMQt26W
aAr1AgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQjG1jBVRus9GkfE4/
EHzXyARAVNcp/vcM6SnA+pMGyr41fY+EW38b7sr1kdb7t4sQholM2kxktxuYjd+I
TEtvbZ1f05/HzMRi0DZUvycfOmv2yw==
-----END ENCRYPTED PRIVATE KEY-----
"""
"""A key under the password "secret", which "guess 374" opens, too, though not to a key."""


def test_a_wrong_password_that_opens_a_file_by_chance_is_told_as_wrong(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(DECRYPTED_TO_NOISE)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="give its password"):
        sign(path, CLAIMS, password="guess 374")  # noqa: S106 - made up.


def test_a_key_that_others_can_read_is_refused_with_what_to_type(tmp_path: Path) -> None:
    path = tmp_path / "me.jwk"
    new_key(path)
    os.chmod(path, 0o640)  # noqa: PTH101 - the mistake under test.
    with pytest.raises(KeyFileError, match=r"chmod 600 .*me\.jwk"):
        load_private_key(path)


def test_a_file_without_an_ed25519_private_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(KeyFileError, match="No such file"):
        load_private_key(path)
    elliptic = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    public = json.dumps({"kty": "OKP", "crv": "Ed25519", "x": "x"}).encode()
    for content in (
        b"",
        b"{",
        b"{}",
        b"[]",
        b'{"crv":"Ed25519","d":1}',
        public,
        elliptic,
        b"\xff" * 50,
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match="must hold an Ed25519 private key"):
            load_private_key(path)
