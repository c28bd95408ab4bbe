"""A signature under one decision: who says what about which revision of which request.

It is a compact JWS (RFC 7515) with an Ed25519 key (RFC 8037; ``alg`` is ``Ed25519`` by RFC 9864,
and ``EdDSA`` is taken too). What is signed names the request, the digest that was shown, the stage,
the verdict and the decision's id, so it is good for that one decision and for nothing else.
"""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
)
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import ConfigDict, Field, ValidationError

from placet.domain.base import Stored
from placet.domain.errors import InvalidInputError
from placet.domain.keys import PublicKey
from placet.domain.people import Person, canonical

TYPE = "placet-attestation+jwt"
ALGORITHMS = ("Ed25519", "EdDSA")
MAX_TOKEN = 8_192
MAX_AGE = timedelta(days=7)
"""How old a signature may be when it arrives; a worker can be down for a while."""
MAX_AHEAD = timedelta(minutes=5)
"""How far ahead the signer's clock may be."""

_MAX_KEY_FILE = 16 * 1024
_OTHERS = 0o077


class AttestationError(InvalidInputError):
    """A signature does not count; the message says why and what to do."""

    code = "bad-attestation"


class KeyFileError(InvalidInputError):
    """A private key's file cannot be used; the message says what to type."""

    code = "key-file"


class Claims(Stored):
    """What is signed.

    Attributes:
        sub: The signer: their id, or one of their addresses.
        req: The request's id.
        rev: The revision's number.
        dig: The revision's digest, as it was shown to the signer.
        stage: The stage's name.
        verdict: ``approve``, ``reject``, ``request_changes`` or ``edit``.
        iat: When it was signed, in seconds since 1970 (UTC).
        jti: The decision's id.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    sub: str = Field(max_length=320)
    req: str
    rev: int
    dig: str
    stage: str
    verdict: str
    iat: int = Field(ge=0, le=2**53)
    jti: str


class Expected(NamedTuple):
    """What the decision at hand is about; a signature about anything else does not count.

    ``stage`` and ``decision_id`` are not compared when None.
    """

    request: str
    digest: str
    stage: str | None
    verdict: str
    decision_id: str | None = None


def sign(key_file: Path, claims: Claims, *, password: str | None = None) -> str:
    """Sign ``claims`` with the private key in ``key_file``.

    Returns:
        A compact JWS, to be sent as a decision's ``attestation``.

    Raises:
        KeyFileError: As for :func:`load_private_key`.
    """
    key, key_id = load_private_key(key_file, password=password)
    header = {"alg": "Ed25519", "kid": key_id, "typ": TYPE}
    payload = json.dumps(claims.model_dump(), separators=(",", ":"), sort_keys=True)
    return jws.serialize_compact(header, payload, key, algorithms=["Ed25519"])


def verify(
    token: str,
    person: Person,
    expected: Expected,
    now: datetime,
    *,
    max_age: timedelta = MAX_AGE,
) -> Claims:
    """Check that ``person`` signed exactly this decision.

    Args:
        token: A compact JWS.
        person: Whose decision it claims to be; only their keys count.
        expected: The decision.
        now: An aware instant: the workflow's time.
        max_age: How old the signature may be.

    Returns:
        What was signed.

    Raises:
        AttestationError: It does not count; the message says why.
    """
    claims = _claims(_checked_payload(token, person))
    told = canonical(claims.sub)
    if told not in {person.id, *(canonical(address) for address in person.addresses)}:
        raise AttestationError(f"it is signed for '{claims.sub:.80}', not for {person.name}")
    for what, signed, meant in (
        ("request", claims.req, expected.request),
        ("revision", claims.dig, expected.digest),
        ("stage", claims.stage, expected.stage),
        ("verdict", claims.verdict, expected.verdict),
        ("decision id", claims.jti, expected.decision_id),
    ):
        if meant is not None and signed != meant:
            raise AttestationError(
                f"it is about another {what} ('{signed:.80}', not '{meant:.80}'); look at the "
                "request again and sign what it says now"
            )
    age = now.timestamp() - claims.iat
    if age < -MAX_AHEAD.total_seconds():
        raise AttestationError("it is signed in the future; set the signer's clock, and sign again")
    if age > max_age.total_seconds():
        raise AttestationError(f"it is older than {max_age.days} days; sign again")
    return claims


def _checked_payload(token: str, person: Person) -> bytes:
    """Return what was signed, once a key of ``person`` has been found to fit."""
    if len(token) > MAX_TOKEN:
        raise AttestationError(f"it is longer than {MAX_TOKEN} characters; it is no attestation")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise AttestationError(
            "it is no compact JWS; make it with `starter.py approve … --key FILE`"
        ) from error
    algorithm, kind, key_id = header.get("alg"), header.get("typ"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise AttestationError(
            f"it uses the algorithm {algorithm!r:.40}; only Ed25519 signatures count"
        )
    if kind != TYPE:
        raise AttestationError(f"its type is {kind!r:.40}; it must be signed as {TYPE}")
    key = next((each for each in person.keys if each.id == key_id), None)
    if key is None:
        raise AttestationError(
            f"{person.name} has no key {key_id!r:.80} in the directory; add the line that "
            "`starter.py key new` printed, or sign with the key that is there"
        )
    try:
        public = OKPKey.import_key(dict(key.jwk()))
        return jws.deserialize_compact(token, public, algorithms=list(ALGORITHMS)).payload
    except (JoseError, ValueError, TypeError) as error:
        raise AttestationError(
            f"the signature is not that of {person.name}'s key '{key.id:.80}'; sign again"
        ) from error


def _claims(payload: bytes) -> Claims:
    try:
        return Claims.model_validate_json(payload)
    except ValidationError as error:
        where = ", ".join(sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]}))
        raise AttestationError(f"what it signs is incomplete ({where or 'no JSON'})") from None


def new_key(path: Path, key_id: str | None = None) -> PublicKey:
    """Make an Ed25519 key and write its private half to ``path``, readable by its owner only.

    Returns:
        The public half; :func:`directory_line` writes it for the directory.

    Raises:
        KeyFileError: The file exists or cannot be written.
    """
    key = OKPKey.generate_key("Ed25519")
    members = {name: str(value) for name, value in key.as_dict(private=True).items()}
    members["kid"] = key_id or key.thumbprint()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(json.dumps(members, sort_keys=True) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise KeyFileError(f"{path} exists; name another file, a key is never replaced") from None
    except OSError as error:
        raise KeyFileError(
            f"{path}: {error.strerror or error}; name a file you can write"
        ) from None
    public = {name: value for name, value in members.items() if name != "d"}
    return PublicKey.model_validate(public)


def directory_line(key: PublicKey) -> str:
    """Return ``key`` as the line that goes under ``keys:`` of its owner in the directory."""
    members = json.dumps(key.jwk(), sort_keys=True)
    return f"- {members}"


def load_private_key(path: Path, *, password: str | None = None) -> tuple[OKPKey, str]:
    """Read an Ed25519 private key: a JWK, a PKCS #8 PEM block, or an OpenSSH key file.

    Returns:
        The key, and its id: its ``kid`` where it has one, else its thumbprint (RFC 7638).

    Raises:
        KeyFileError: It is not there, others can read it, it needs a password, or it holds none.
    """
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            raw = stream.read(_MAX_KEY_FILE + 1)
    except OSError as error:
        raise KeyFileError(
            f"{path}: {error.strerror or error}; make a key with `starter.py key new {path}`"
        ) from None
    if os.name == "posix" and mode & _OTHERS:
        raise KeyFileError(f"others can read {path}; type: chmod 600 {path}")
    try:
        key = _private(raw, password.encode() if password else None)
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        # One wrong password in two hundred makes something of the file that only is no key.
        encrypted = b"ENCRYPTED" in raw or any(
            word in str(error).lower() for word in ("password", "decrypt")
        )
        advice = "give its password" if encrypted else "it must hold an Ed25519 private key"
        raise KeyFileError(f"{path} cannot be read; {advice}") from None
    return key, key.kid or key.thumbprint()


def _private(raw: bytes, password: bytes | None) -> OKPKey:
    found: Any
    if raw.lstrip().startswith(b"{"):
        members = json.loads(raw)
        if members.get("crv") != "Ed25519" or "d" not in members:
            raise ValueError("no private key")
        return OKPKey.import_key(members)
    if b"BEGIN OPENSSH PRIVATE KEY" in raw:
        found = load_ssh_private_key(raw, password)
    else:
        found = load_pem_private_key(raw, password)
    if not isinstance(found, Ed25519PrivateKey):
        raise TypeError("no Ed25519 key")
    return OKPKey.import_key(found)
