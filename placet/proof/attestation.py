"""Signatures of people under their own decisions: compact JWS with Ed25519 (RFC 7515, RFC 8037).

What is signed names the request, the revision's digest, the stage, the verdict and the decision's
id, so the signature is good for that one decision; no key of Placet's can make it.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .findings import Code, Finding, shown

_TYPE = "placet-attestation+jwt"
_ALGORITHMS = {"Ed25519", "EdDSA"}

_VERDICTS = {
    "reviewer:review:approved": "approve",
    "reviewer:review:rejected": "reject",
    "reviewer:review:changes_requested": "request_changes",
    "reviewer:request:edited": "edit",
    "reviewer:request:edit_proposed": "edit",
}
"""What a review is called where it is signed."""

_OTHERS = {
    "person:glass:broken": "break_glass",
    "person:seat:reassigned": "reassign",
    "person:case:commented": "comment",
    "requester:request:resubmitted": "resubmit",
    "requester:request:withdrawn": "withdraw",
    "person:effect:revoked": "withdraw",
    "person:effect:stop_requested": "withdraw",
}
"""The same of all else that people do: a remark that somebody signed must not become an approval.

What was refused, or came too late, has no consequence, and is bound to its request and id alone.
"""

_OF_THIS_REVISION = {"person:glass:broken"}
"""What approves, and so was signed over exactly what it approves."""


def check_attestation(
    body: Mapping[str, Any], people: Mapping[str, Mapping[str, bytes]], place: str
) -> Iterator[Finding]:
    """Check that a verified actor signed what the event says.

    Args:
        body: The event's, with its attestation revealed where that was sealed.
        people: Pinned keys by the person's id and the key's.
        place: Where the event stands.
    """
    actor = _object(body.get("actor"))
    token = body.get("attestation")
    if token is None:
        if actor.get("assurance") == "verified":
            yield Finding(
                Code.ATTESTATION_MISSING, place, "its actor is verified, and signed nothing"
            )
        return
    who = actor.get("id")
    try:
        head, payload, signature = str(token).split(".")
        header, claims = json.loads(_decoded(head)), json.loads(_decoded(payload))
        known = header["typ"] == _TYPE and header["alg"] in _ALGORITHMS
        key = people.get(str(who), {}).get(str(header["kid"]))
        raw = _decoded(signature)
        told = {name: claims[name] for name in ("req", "dig", "stage", "verdict", "jti")}
    except (ValueError, KeyError, TypeError, RecursionError):
        known, key, raw, told = False, None, b"", {}
    if not known:
        yield Finding(Code.ATTESTATION_FALSE, place, "what its actor signed cannot be read")
    elif key is None:
        yield Finding(
            Code.ATTESTATION_UNKNOWN_KEY, place, f"no key of {shown(who)} by that name is pinned"
        )
    elif not _is_signed(key, f"{head}.{payload}", raw):
        yield Finding(Code.ATTESTATION_FALSE, place, f"the signature of {shown(who)} is false")
    else:
        for name, value in _meant(body).items():
            if told[name] != value:
                yield Finding(
                    Code.ATTESTATION_OTHER,
                    place,
                    f"{shown(who)} signed {name} {shown(told[name])}, not {shown(value)}",
                )


def _meant(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims that follow from an event; all of them where it is a review."""
    kind, data = body.get("kind"), _object(body.get("data"))
    meant = {"req": body.get("request"), "jti": body.get("decision_id")}
    verdict = data.get("verdict") if kind == "reviewer:review:held" else _VERDICTS.get(str(kind))
    if verdict is None:
        if (verdict := _OTHERS.get(str(kind))) is not None:
            meant["verdict"] = verdict
        if kind in _OF_THIS_REVISION:
            meant["dig"] = body.get("digest")
        return meant
    # An edit is recorded beside the new digest; what its author saw and signed is the old one.
    digest = data.get("replaces") if kind == "reviewer:request:edited" else body.get("digest")
    return meant | {"dig": digest, "stage": body.get("stage"), "verdict": verdict}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_signed(key: bytes, message: str, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message.encode())
    except InvalidSignature:
        return False
    return True


def _decoded(part: str) -> bytes:
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise ValueError("it is not the only base64url of its bytes")
    return raw
