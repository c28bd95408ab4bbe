"""An HTTP server that is told, as Standard Webhooks has it: https://www.standardwebhooks.com.

A webhook cannot be taken back. It is sent when everything else has been switched, and when the
change is given up after all, another one tells what stands again.
"""

import base64

from pydantic import JsonValue

from placet.domain.errors import InvalidInputError
from placet.domain.publication import PAGE_NAME, PAGE_TYPE, Manifest
from placet.publishing.target import Change, Contents, Version, checked
from placet.webhooks import Receiver


class WebhookTarget:
    """Posts each change to a URL, signed."""

    def __init__(self, url: str, secret: str, max_bytes: int) -> None:
        """Post to ``url``, signed with ``secret``, at most ``max_bytes`` of page and files.

        Raises:
            ValueError: The secret is none that the specification allows: ``whsec_`` and 24 to 64
                bytes in base64.
        """
        self._receiver = Receiver(url, secret)
        self._max_bytes = max_bytes

    async def stage(self, change: Change, contents: Contents) -> None:  # noqa: ARG002 - it is sent with the switch
        """Refuse what is too large to be posted; there is no other preparation.

        Raises:
            InvalidInputError: It is too large.
        """
        after = checked(change).after
        size = 0 if after is None else sum(size for *_, size in _files(after.manifest))
        if size > self._max_bytes:
            raise InvalidInputError(
                f"the page and its files have {size:,} bytes, {self._receiver.url} takes "
                f"{self._max_bytes:,}; make them smaller, or raise max_bytes in the list of targets"
            )

    async def switch(self, change: Change, contents: Contents) -> None:
        """Post the change; the same change always has the same id and the same body.

        Raises:
            ConflictError: The server refuses it for good.
            UnavailableError: The server does not answer, or not now.
        """
        found = checked(change)
        kind = "page.published" if found.after else "page.unpublished"
        await self._receiver.post(change.key, kind, change.at, await _told(found, contents))

    async def discard(self, change: Change) -> None:
        """Do nothing: nothing was sent."""


async def _told(change: Change, contents: Contents) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {
        "slug": change.slug,
        "version": change.after.digest if change.after else None,
        "replaces": change.before.digest if change.before else None,
    }
    if change.after is not None:
        told |= await _page(change.after, contents)
    return told


async def _page(version: Version, contents: Contents) -> dict[str, JsonValue]:
    files: list[JsonValue] = [
        {
            "name": name,
            "sha256": digest,
            "media_type": media_type,
            "size": size,
            "content": base64.b64encode(await contents.get(digest, name)).decode(),
        }
        for name, digest, media_type, size in _files(version.manifest)
    ]
    return {"title": version.manifest.title, "files": files}


def _files(manifest: Manifest) -> list[tuple[str, str, str, int]]:
    """Return name, digest, kind and size of the page and of each file."""
    page = (PAGE_NAME, manifest.page, PAGE_TYPE, manifest.page_size)
    return [page, *((f.name, f.sha256, f.media_type, f.size) for f in manifest.files)]
