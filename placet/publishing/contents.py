"""Reads what goes out from the content store, and looks at every byte's digest again."""

import asyncio
import hashlib

from placet.content.manifest import read_manifest
from placet.domain.errors import ConflictError, NotFoundError
from placet.domain.publication import PAGE_NAME
from placet.ports import Reader
from placet.publishing.target import Version


class KeptContents:
    """What the content store has, under the digests that people approved."""

    def __init__(self, reader: Reader) -> None:
        """Read from ``reader``."""
        self._reader = reader

    async def get(self, digest: str, name: str) -> bytes:
        """Return the bytes with this SHA-256 (64 hex); ``name`` is how messages call them.

        Raises:
            ConflictError: What is stored has another digest; both are named.
            NotFoundError: Nothing is stored.
        """
        try:
            data = await self._reader.get_content(digest)
        except NotFoundError:
            raise NotFoundError(
                f"{name} was approved with digest {digest}, and nothing is stored under it any "
                "more; submit it again, or restore the content store from a backup"
            ) from None
        found = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        if found != digest:
            raise ConflictError(
                f"{name} was approved with digest {digest}, and what is stored has {found}; "
                "restore the content store from a backup"
            )
        return data

    async def version(self, digest: str) -> Version:
        """Return a version by its digest.

        Raises:
            ConflictError: What is stored is not that version.
            NotFoundError: Nothing is stored.
        """
        kept = await self.get(digest, "the version's manifest")
        return Version(digest=digest, manifest=read_manifest(kept, digest))

    async def check(self, version: Version) -> None:
        """Make sure that every byte of a version is there, one file after the other.

        Raises:
            ConflictError: Something stored has another digest; both are named.
            NotFoundError: Something is not stored any more.
        """
        manifest = version.manifest
        await self.get(manifest.page, PAGE_NAME)
        for file in manifest.files:
            await self.get(file.sha256, file.name)
