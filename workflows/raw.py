"""Temporal's payloads as they came, before anything has tried to understand them."""

from temporalio.common import RawValue


def plain(value: RawValue) -> tuple[str, bytes]:
    """Return a payload's encoding, as its metadata name it, and its bytes."""
    payload = value.payload
    return payload.metadata.get("encoding", b"").decode("ascii", "replace"), payload.data
