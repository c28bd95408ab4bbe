"""A small HTTP/1.1 server: whole requests in, whole answers out, with a limit on everything.

h11 reads and writes the protocol. What is added here are the sockets and the limits, above all on
time: nobody holds a connection by sending a little now and then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple, TypeGuard

import h11
import structlog

_READ_BYTES = 64 * 1024
_LINGER_BYTES = 1024 * 1024
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}

log = structlog.get_logger(__name__)


class Request(NamedTuple):
    """A request, whole."""

    method: str
    path: str
    body: bytes


class Response(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes
    content_type: str


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Limits:
    """What a client may take.

    Attributes:
        body_bytes: The size of a request's body.
        head_bytes: The size of a request's line and headers.
        request_seconds: How long a request may take to arrive, and an answer to be read.
        idle_seconds: How long a connection may wait for its next request.
        connections: How many there are at once; whoever comes then is turned away.
        stop_seconds: How long requests under way may still take when the server stops.
    """

    body_bytes: int
    head_bytes: int = 16 * 1024
    request_seconds: float = 10.0
    idle_seconds: float = 60.0
    connections: int = 256
    stop_seconds: float = 5.0


class Server:
    """Answers requests at one address."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self._handler = handler
        self._limits = limits
        self._connections: dict[asyncio.Task[None], _Connection] = {}

    async def run(
        self, host: str, port: int, stop: asyncio.Event, ready: Callable[[int], None]
    ) -> None:
        """Answer until ``stop`` is set; ``ready`` is told the port once it is open.

        Raises:
            OSError: The address cannot be had.
        """
        server = await asyncio.start_server(self._connected, host, port)
        try:
            ready(server.sockets[0].getsockname()[1])
            await stop.wait()
        finally:
            server.close()
            await self._end_connections()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= self._limits.connections:
            writer.transport.abort()
            return
        connection = _Connection(reader, writer, self._handler, self._limits)
        self._connections[task] = connection
        try:
            await connection.run()
        finally:
            del self._connections[task]

    async def _end_connections(self) -> None:
        for task, connection in self._connections.items():
            connection.last = True
            if not connection.busy:
                task.cancel()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=self._limits.stop_seconds)
            for task in late:
                task.cancel()


def _is_whole(
    event: h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED],
) -> TypeGuard[h11.Event]:
    return isinstance(event, h11.Event)


class _Connection:
    """One client.

    Attributes:
        busy: Whether a request is being answered.
        last: Whether this request is the last one.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        handler: Handler,
        limits: Limits,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self.busy = False
        self.last = False

    async def run(self) -> None:
        try:
            while await self._answered_one():
                self._http.start_next_cycle()
        except (OSError, TimeoutError, h11.ProtocolError, asyncio.CancelledError):
            # The client is gone or sends no HTTP, or the server ends: nobody is left to tell.
            pass
        finally:
            await self._close()

    async def _answered_one(self) -> bool:
        """Answer the next request and say whether another may follow."""
        if not self._http.trailing_data[0]:
            async with asyncio.timeout(self._limits.idle_seconds):
                if not await self._receive():
                    return False
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                request = await self._request()
        except TimeoutError:
            return await self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        except h11.RemoteProtocolError as error:
            return await self._refuse(error.error_status_hint)
        if request is None:
            return await self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.busy = True
        try:
            response = await self._handler(request)
        except Exception:
            log.exception("request_failed", path=request.path)
            return await self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            await self._send(response, is_head=request.method == "HEAD")
        finally:
            self.busy = False
        states = (self._http.our_state, self._http.their_state)
        return not self.last and states == (h11.DONE, h11.DONE)

    async def _request(self) -> Request | None:
        """Read a request; None when its body is too large."""
        head = await self._event()
        if not isinstance(head, h11.Request):
            raise h11.RemoteProtocolError("no request", HTTPStatus.BAD_REQUEST)
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > self._limits.body_bytes:
                return None
        if not isinstance(event, h11.EndOfMessage):
            raise h11.RemoteProtocolError("half a request", HTTPStatus.BAD_REQUEST)
        path = head.target.decode("ascii", "replace").partition("?")[0]
        return Request(head.method.decode("ascii", "replace"), path, bytes(body))

    async def _event(self) -> h11.Event:
        while not _is_whole(event := self._http.next_event()):
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[])
                await self._write(self._http.send(go_on))
            await self._receive()
        return event

    async def _receive(self) -> bytes:
        data = await self._reader.read(_READ_BYTES)
        self._http.receive_data(data)
        return data

    async def _refuse(self, status: int) -> bool:
        """Answer and end the connection, after reading on a while, so that the answer arrives."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            text = _REASONS.get(status, b"refused").lower() + b"\n"
            await self._send(Response(status, text, "text/plain; charset=utf-8"), closing=True)
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(self._limits.request_seconds):
                    self._writer.write_eof()
                    left = _LINGER_BYTES
                    while left > 0 and (data := await self._reader.read(_READ_BYTES)):
                        left -= len(data)
        return False

    async def _send(
        self, response: Response, *, is_head: bool = False, closing: bool = False
    ) -> None:
        headers = [
            ("content-type", response.content_type),
            ("content-length", str(len(response.body))),
            *([("connection", "close")] if closing or self.last else []),
        ]
        head = h11.Response(
            status_code=response.status,
            reason=_REASONS.get(response.status, b""),
            headers=headers,
        )
        parts = [self._http.send(head)]
        if not is_head:
            parts.append(self._http.send(h11.Data(data=response.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        await self._write(b"".join(part for part in parts if part))

    async def _write(self, data: bytes | None) -> None:
        async with asyncio.timeout(self._limits.request_seconds):
            self._writer.write(data or b"")
            await self._writer.drain()

    async def _close(self) -> None:
        self._writer.close()
        with suppress(OSError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(self._limits.request_seconds):
                await self._writer.wait_closed()
                return
        self._writer.transport.abort()
