"""An HTTP server that is told, as Standard Webhooks has it: https://www.standardwebhooks.com.

A webhook cannot be taken back. It is sent when everything else has been switched, and when the
change is given up after all, another one tells what stands again.
"""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
from pydantic import JsonValue
from standardwebhooks import Webhook

from placet.domain.errors import ConflictError, InvalidInputError, UnavailableError
from placet.domain.plan import utc
from placet.domain.publication import PAGE_NAME, PAGE_TYPE, Manifest
from placet.publishing.target import Change, Contents, Version, checked

_SECONDS = 20.0
_SECONDS_IN_ALL = 300.0
"""A server may answer a little at a time, and for ever."""
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
_LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.LOCKED,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_HEADERS = {"content-type": "application/json", "user-agent": "placet"}


class WebhookTarget:
    """Posts each change to a URL, signed."""

    def __init__(self, url: str, secret: str, max_bytes: int) -> None:
        """Post to ``url``, signed with ``secret``, at most ``max_bytes`` of page and files.

        Raises:
            ValueError: The secret is none that the specification allows: ``whsec_`` and 24 to 64
                bytes in base64.
        """
        self._url = url
        self._signer = Webhook(_key(secret))
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
                f"the page and its files have {size:,} bytes, {self._url} takes {self._max_bytes:,}"
                "; make them smaller, or raise max_bytes in the list of targets"
            )

    async def switch(self, change: Change, contents: Contents) -> None:
        """Post the change; the same change always has the same id and the same body.

        Raises:
            ConflictError: The server refuses it for good.
            UnavailableError: The server does not answer, or not now.
        """
        body = json.dumps(await _message(checked(change), contents), separators=(",", ":"))
        sent = datetime.now(UTC)
        key = f"msg_{hashlib.sha256(change.key.encode()).hexdigest()[:32]}"
        headers = {
            **_HEADERS,
            "webhook-id": key,
            "webhook-timestamp": str(int(sent.timestamp())),
            "webhook-signature": self._signer.sign(key, sent, body),
        }
        try:
            async with (
                asyncio.timeout(_SECONDS_IN_ALL),
                httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                # The body is not read: it says nothing that counts, and could be endless.
                status = answer.status_code
        except (httpx.HTTPError, TimeoutError) as error:
            raise UnavailableError(
                f"{self._url} does not answer ({type(error).__name__}); check that it runs"
            ) from None
        if status in _LATER or answer.is_server_error:
            raise UnavailableError(f"{self._url} answers {status}; look at its log")
        if not answer.is_success:
            raise ConflictError(f"{self._url} refuses it with {status}; look at its log")

    async def discard(self, change: Change) -> None:
        """Do nothing: nothing was sent."""


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise ValueError(f"the key has {len(key)} bytes")
    return key


async def _message(change: Change, contents: Contents) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {
        "slug": change.slug,
        "version": change.after.digest if change.after else None,
        "replaces": change.before.digest if change.before else None,
    }
    if change.after is not None:
        told |= await _page(change.after, contents)
    return {
        "type": "page.published" if change.after else "page.unpublished",
        "timestamp": utc(change.at),
        "data": told,
    }


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
