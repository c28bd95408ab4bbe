"""Makes a bucket with an object lock, which the storage library cannot."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from placet.demo.storage import Storage

REGION = "us-east-1"


def make_bucket(storage: Storage, name: str) -> None:
    """Make a bucket as it is usual."""
    _put(storage, f"/{name}", "", b"", {})


def make_locked_bucket(storage: Storage, name: str) -> None:
    """Make a bucket that keeps every version of every object for a day, whoever wants otherwise."""
    _put(storage, f"/{name}", "", b"", {"x-amz-bucket-object-lock-enabled": "true"})
    rule = (
        b'<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
        b"<Mode>COMPLIANCE</Mode><Days>1</Days>"
        b"</DefaultRetention></Rule></ObjectLockConfiguration>"
    )
    _put(storage, f"/{name}", "object-lock=", rule, {})


def delete_version(storage: Storage, bucket: str, key: str, version: str) -> int:
    """Try to delete a version of an object for good; return the server's status."""
    return _send(storage, "DELETE", f"/{bucket}/{key}", f"versionId={version}", b"", {}).status_code


def versions(storage: Storage, bucket: str) -> str:
    """Return what the server says about all versions in a bucket."""
    return _send(storage, "GET", f"/{bucket}", "versions=", b"", {}).text


def _put(storage: Storage, path: str, query: str, body: bytes, headers: dict[str, str]) -> None:
    answer = _send(storage, "PUT", path, query, body, headers)
    assert answer.is_success, answer.text


def _send(  # noqa: PLR0913, PLR0917 - the parts of a request
    storage: Storage, method: str, path: str, query: str, body: bytes, headers: dict[str, str]
) -> httpx.Response:
    """Send a request, signed as AWS wants it (Signature Version 4)."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    signed = {
        **headers,
        "host": urlsplit(storage.endpoint).netloc,
        "x-amz-content-sha256": digest,
        "x-amz-date": now,
    }
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (
            method,
            path,
            query,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            digest,
        )
    )
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    to_sign = "\n".join(
        ("AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = f"AWS4{storage.key}".encode()
    for part in (now[:8], REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={storage.key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    url = f"{storage.endpoint}{path}?{query}" if query else f"{storage.endpoint}{path}"
    return httpx.request(method, url, content=body, headers=signed, trust_env=False, timeout=20)
