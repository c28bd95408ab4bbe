"""A manifest as bytes, its version, and back."""

import hashlib

from pydantic import ValidationError

from placet.digest import canonical
from placet.domain.errors import ConflictError
from placet.domain.publication import Manifest


class ManifestError(ConflictError):
    """What is stored under a version is no manifest, or not the one that it names."""

    code = "manifest"


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the RFC 8785 JSON that is kept; its SHA-256 (64 hex) is the version."""
    return canonical(manifest)


def version_of(manifest: Manifest) -> str:
    """Return the version that ``manifest`` is: 64 hexadecimal digits."""
    return hashlib.sha256(manifest_bytes(manifest)).hexdigest()


def read_manifest(content: bytes, version: str) -> Manifest:
    """Return what is kept as ``version``.

    Raises:
        ManifestError: The bytes are not those that the version names, or no manifest.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != version:
        raise ManifestError(
            f"what is stored as version {version} has the digest {found}; restore it from a "
            "backup of the content store"
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError:
        raise ManifestError(f"{version} names no page; give a version that was published") from None
