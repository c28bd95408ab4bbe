"""The witness's HTTP server and the limits that it puts on its clients."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from placet.witness.http import Limits, Request, Response, Server
from tests.support.waiting import PATIENCE_SECONDS, eventually

HOST = "127.0.0.1"
SOON = 0.2
BODY, HEAD = 1000, 2000
MUCH = 50_000_000
"""More than two sockets hold."""
GET = b"GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"


async def _echo(request: Request) -> Response:
    said = f"{request.method} {request.path} ".encode() + request.body
    return Response(200, said, "text/plain")


def _limits(
    *,
    request_seconds: float = PATIENCE_SECONDS,
    idle_seconds: float = PATIENCE_SECONDS,
    connections: int = 3,
) -> Limits:
    return Limits(
        body_bytes=BODY,
        head_bytes=HEAD,
        request_seconds=request_seconds,
        idle_seconds=idle_seconds,
        connections=connections,
        stop_seconds=PATIENCE_SECONDS,
    )


@asynccontextmanager
async def _serving(
    limits: Limits, handler: Callable[[Request], Awaitable[Response]] = _echo
) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Give the port of a server, and what stops it."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(Server(handler, limits).run(HOST, 0, stop, port.set_result))
    try:
        yield await port, stop
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await task


class _Client:
    """A connection, and all that comes over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def says(self, *expected: bytes) -> None:
        """Wait for parts of an answer, in order."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            for part in expected:
                await self.reader.readuntil(part)

    async def everything(self) -> bytes:
        """Return what comes until the server closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read()


@asynccontextmanager
async def _client(port: int, *said: bytes) -> AsyncIterator[_Client]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"".join(said))
        yield _Client(reader, writer)
    finally:
        writer.close()


async def test_a_connection_takes_one_request_after_another() -> None:
    async with _serving(_limits()) as (port, _), _client(port) as client:
        for _ in range(3):
            client.writer.write(GET)
            await client.says(b"HTTP/1.1 200 OK\r\n", b"\r\n\r\nGET /a ")


async def test_requests_that_come_together_are_answered_in_order() -> None:
    post = b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    async with _serving(_limits()) as (port, _), _client(port, *(post % i for i in range(5))) as it:
        await it.says(*(b"POST /%d abc" % i for i in range(5)))


async def test_a_body_may_come_in_chunks_and_be_waited_for() -> None:
    asked = (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    )
    async with _serving(_limits()) as (port, _), _client(port, asked) as client:
        await client.says(b"HTTP/1.1 100 ")
        client.writer.write(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        await client.says(b"HTTP/1.1 200 OK\r\n", b"POST / abc")


async def test_a_head_is_answered_without_a_body() -> None:
    head = b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    async with _serving(_limits()) as (port, _), _client(port, head) as client:
        heard = await client.everything()
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: 7\r\n" in heard
    assert heard.endswith(b"\r\n\r\n")


async def test_what_is_no_http_is_refused() -> None:
    async with _serving(_limits()) as (port, _), _client(port, b"hello\r\n\r\n") as client:
        assert (await client.everything()).startswith(b"HTTP/1.1 400 ")


async def test_a_head_that_is_too_large_is_refused() -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * HEAD * 2
    async with _serving(_limits()) as (port, _), _client(port, head) as client:
        assert (await client.everything()).startswith(b"HTTP/1.1 431 ")


async def test_a_body_that_is_too_large_is_refused_without_reading_it_all() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n"
    async with (
        _serving(_limits()) as (port, _),
        _client(port, head, b"x" * (BODY + 1)) as client,
    ):
        assert (await client.everything()).startswith(b"HTTP/1.1 413 ")


async def test_a_body_just_within_the_limit_is_taken() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % BODY
    async with _serving(_limits()) as (port, _), _client(port, head, b"x" * BODY) as client:
        await client.says(b"HTTP/1.1 200 OK\r\n", b"x" * BODY)


async def test_who_sends_a_little_now_and_then_is_cut_off() -> None:
    async with (
        _serving(_limits(request_seconds=SOON)) as (port, _),
        _client(port, b"GET / HTTP/1.1\r\n") as client,
    ):

        async def dribble() -> None:
            while True:
                client.writer.write(b"X: y\r\n")
                await asyncio.sleep(SOON / 20)

        dribbling = asyncio.create_task(dribble())
        await client.says(b"HTTP/1.1 408 ")
        dribbling.cancel()


async def test_who_says_nothing_is_cut_off() -> None:
    async with (
        _serving(_limits(idle_seconds=SOON)) as (port, _),
        _client(port) as silent,
        _client(port, GET) as once,
    ):
        assert await silent.everything() == b""
        assert (await once.everything()).endswith(b"GET /a ")


async def test_who_does_not_read_is_cut_off() -> None:
    async def much(_: Request) -> Response:
        return Response(200, bytes(MUCH), "text/plain")

    limits = _limits(request_seconds=SOON, connections=1)
    async with _serving(limits, much) as (port, _), _client(port, GET) as client:
        await client.says(b"HTTP/1.1 200 OK\r\n")
        assert not await _is_answered(port)
        await eventually(lambda: _is_answered(port), "room for another")


async def _is_answered(port: int) -> bool:
    async with _client(port, GET) as client:
        try:
            return bool(await client.reader.read(1))
        except ConnectionError:
            return False


async def test_one_connection_too_many_is_turned_away() -> None:
    async with _serving(_limits()) as (port, _):
        async with (
            _client(port, GET) as one,
            _client(port, GET) as two,
            _client(port, GET) as three,
        ):
            for client in (one, two, three):
                await client.says(b"HTTP/1.1 200 OK\r\n")
            async with _client(port, GET) as late:
                with suppress(ConnectionError):
                    assert await late.everything() == b""
        await eventually(lambda: _is_answered(port), "room for another")


async def test_a_handler_that_fails_tells_nobody_why() -> None:
    async def fail(_: Request) -> Response:
        raise RuntimeError("a secret")

    async with _serving(_limits(), fail) as (port, _), _client(port, GET) as client:
        heard = await client.everything()
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in heard


async def test_when_it_stops_it_ends_what_it_has_begun() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        begun.set()
        await go_on.wait()
        return Response(200, b"done", "text/plain")

    async with (
        _serving(_limits(), slow) as (port, stop),
        _client(port, GET) as busy,
        _client(port) as idle,
    ):
        await begun.wait()
        stop.set()
        assert await idle.everything() == b""
        go_on.set()
        heard = await busy.everything()
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close\r\n" in heard.lower()
    assert heard.endswith(b"done")
