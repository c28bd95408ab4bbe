"""Ed25519 public keys as the directory lists them: a JWK, an OpenSSH line or a PEM block.

Formats: RFC 8037 (JWK), RFC 4253 section 6.6 with RFC 8709 (OpenSSH) and RFC 8410 (PEM). A key
without an id of its own is named by its thumbprint (RFC 7638).
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping

from pydantic import model_validator

from placet.domain.base import Model

_LENGTH = 32  # Bytes in an Ed25519 public key.
_SSH_HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
_SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")
_PEM_BEGIN = "-----BEGIN PUBLIC KEY-----"
_PEM_END = "-----END PUBLIC KEY-----"


class PublicKey(Model):
    """An Ed25519 public key.

    Attributes:
        id: The name a signature carries in its ``kid`` header.
        x: The 32 bytes of the key, base64url without padding.
    """

    id: str
    x: str

    @model_validator(mode="before")
    @classmethod
    def _from_any_format(cls, value: object) -> object:
        """Read a JWK (mapping), an OpenSSH line or a PEM block (text)."""
        if isinstance(value, str):
            x = _url(_bytes_of(value.strip()))
            return {"id": thumbprint(x), "x": x}
        if isinstance(value, Mapping) and "kty" in value:
            return _from_jwk(value)
        return value

    @model_validator(mode="after")
    def _holds_a_key(self) -> "PublicKey":
        """Refuse what is not 32 bytes in base64url."""
        try:
            raw = base64.urlsafe_b64decode(self.x + "=" * (-len(self.x) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != _LENGTH or _url(raw) != self.x:
            message = "'x' must be 32 bytes in base64url; make a key with `starter.py key new`"
            raise ValueError(message)
        return self

    def jwk(self) -> dict[str, str]:
        """Return it as a JSON Web Key."""
        return {"crv": "Ed25519", "kid": self.id, "kty": "OKP", "x": self.x}


def thumbprint(x: str) -> str:
    """Return the RFC 7638 thumbprint of the Ed25519 key ``x`` (base64url), without padding."""
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return _url(hashlib.sha256(members.encode()).digest())


def _from_jwk(value: Mapping[object, object]) -> dict[str, object]:
    if "d" in value:
        message = (
            "this is a private key: take it out of the file, treat it as lost, and make a new one "
            "with `starter.py key new`"
        )
        raise ValueError(message)
    if value.get("kty") != "OKP" or value.get("crv") != "Ed25519":
        message = "only Ed25519 keys are taken (kty OKP, crv Ed25519); make one with `key new`"
        raise ValueError(message)
    x = value.get("x")
    kid = value.get("kid")
    return {"id": kid or (thumbprint(x) if isinstance(x, str) else ""), "x": x}


def _bytes_of(text: str) -> bytes:
    if text.startswith(_PEM_BEGIN) and text.endswith(_PEM_END):
        body = "".join(text[len(_PEM_BEGIN) : -len(_PEM_END)].split())
        return _after(_SPKI_HEAD, body, "PEM block")
    kind, _, rest = text.partition(" ")
    if kind == "ssh-ed25519":
        return _after(_SSH_HEAD, rest.partition(" ")[0], "OpenSSH line")
    message = (
        "give an Ed25519 public key as a JWK, as a line that begins with 'ssh-ed25519', or as a "
        "'BEGIN PUBLIC KEY' block"
    )
    raise ValueError(message)


def _after(head: bytes, body: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw.startswith(head) or len(raw) != len(head) + _LENGTH:
        message = f"this {what} holds no Ed25519 public key; paste the whole line or block again"
        raise ValueError(message)
    return raw[len(head) :]


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
