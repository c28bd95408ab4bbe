"""Asks somebody outside over HTTP, with a limit on all that comes back and on the time it takes."""

import asyncio
from typing import NamedTuple

import httpx

from placet.domain.errors import UnavailableError

_SECONDS = 10.0
_SECONDS_IN_ALL = 30.0
"""A server may answer a little at a time, and for ever."""
_NO_ADDRESS = (httpx.InvalidURL, UnicodeError, ExceptionGroup)
"""What a name of no host, or a port beyond 65535, comes to."""


class Question(NamedTuple):
    """What is asked, and of whom.

    Attributes:
        who: Whom people know by this: ``the witness w1``.
        method: ``GET`` or ``POST``.
        url: Where.
        content: What is sent.
        content_type: Of what is sent.
        most: So many bytes of an answer count; what is longer is not read to its end.
    """

    who: str
    method: str
    url: str
    content: bytes
    content_type: str
    most: int


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: Of HTTP.
        content_type: In lower case, without parameters.
        body: All of it; of one that is too long, more than ``most`` bytes.
    """

    status: int
    content_type: str
    body: bytes


async def ask(question: Question, client: httpx.AsyncClient) -> Answer:
    """Ask and return the answer; it is not followed elsewhere.

    Raises:
        UnavailableError: Nobody answers, or not in time.
    """
    body = bytearray()
    try:
        async with (
            asyncio.timeout(_SECONDS_IN_ALL),
            client.stream(
                question.method,
                question.url,
                content=question.content,
                headers={"content-type": question.content_type, "user-agent": "placet"},
                timeout=_SECONDS,
                follow_redirects=False,
            ) as answer,
        ):
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > question.most:
                    break
    except (httpx.HTTPError, TimeoutError, *_NO_ADDRESS) as error:
        raise UnavailableError(
            f"{question.who} does not answer at {question.url} ({type(error).__name__}); check "
            "that it runs, and that this is its address"
        ) from None
    kind = str(answer.headers.get("content-type", "")).partition(";")[0].strip().lower()
    return Answer(answer.status_code, kind, bytes(body))
