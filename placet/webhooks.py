"""Posts messages to a server, signed as Standard Webhooks has it: https://www.standardwebhooks.com."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
from pydantic import JsonValue
from standardwebhooks import Webhook

from placet.domain.errors import ConflictError, UnavailableError
from placet.domain.plan import utc

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
_NO_ADDRESS = (httpx.InvalidURL, UnicodeError, ExceptionGroup)
"""What a name of no host, or a port beyond 65535, comes to."""
_HEADERS = {"content-type": "application/json", "user-agent": "placet"}


class Receiver:
    """A server that takes messages at one URL."""

    def __init__(self, url: str, secret: str) -> None:
        """Post to ``url``, signed with ``secret``.

        Raises:
            ValueError: The secret is none that the specification allows: ``whsec_`` and 24 to 64
                bytes in base64.
        """
        self.url = url
        self._signer = Webhook(_key(secret))

    async def post(self, key: str, kind: str, at: datetime, data: Mapping[str, JsonValue]) -> None:
        """Post one message; the same key always has the same id.

        Args:
            key: Names what happened, for ever.
            kind: What happened, such as ``page.published``.
            at: When it was decided (aware); a repetition says the same.
            data: The rest.

        Raises:
            ConflictError: The server refuses it for good.
            UnavailableError: The server does not answer, or not now.
        """
        message = {"type": kind, "timestamp": utc(at), "data": dict(data)}
        body = json.dumps(message, separators=(",", ":"))
        sent = datetime.now(UTC)
        name = f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        headers = {
            **_HEADERS,
            "webhook-id": name,
            "webhook-timestamp": str(int(sent.timestamp())),
            "webhook-signature": self._signer.sign(name, sent, body),
        }
        try:
            async with (
                asyncio.timeout(_SECONDS_IN_ALL),
                httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client,
                client.stream("POST", self.url, content=body, headers=headers) as answer,
            ):
                # The body is not read: it says nothing that counts, and could be endless.
                status = answer.status_code
        except (httpx.HTTPError, TimeoutError, *_NO_ADDRESS) as error:
            raise UnavailableError(
                f"{self.url} does not answer ({type(error).__name__}); check that it runs, and "
                "that this is its address"
            ) from None
        if status in _LATER or answer.is_server_error:
            raise UnavailableError(f"{self.url} answers {status}; look at its log")
        if not answer.is_success:
            raise ConflictError(f"{self.url} refuses it with {status}; look at its log")


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise ValueError(f"the key has {len(key)} bytes")
    return key
