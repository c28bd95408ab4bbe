"""Temporal's payloads as they came, before anything has tried to understand them."""

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

SEVERAL = "placet/arguments"
"""The encoding of what stands for several arguments: it says how many they were."""


def plain(value: RawValue) -> tuple[str, bytes]:
    """Return a payload's encoding, as its metadata name it, and its bytes."""
    payload = value.payload
    return payload.metadata.get("encoding", b"").decode("ascii", "replace"), payload.data


def several(count: int) -> Payload:
    """Return the one payload that stands for ``count`` arguments."""
    return Payload(metadata={"encoding": SEVERAL.encode()}, data=str(count).encode())
