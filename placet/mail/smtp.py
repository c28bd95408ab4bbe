"""Hand mails to a server by SMTP (RFC 5321), and tell exactly how far each has come.

One transaction has one recipient, so every answer is about one mail. The only moment at which
nobody can know is between the end of a mail and the server's answer: a connection that breaks then
leaves the mail in doubt. Whoever sends is asked right before a mail begins.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from aiosmtplib import SMTP, SMTPResponse
from aiosmtplib.errors import SMTPAuthenticationError, SMTPException, SMTPResponseException

from placet.domain.delivery import DeliveryStatus
from placet.domain.errors import UnavailableError
from placet.domain.text import clean_text
from placet.mail.server import Security, SmtpServer

_CONNECT_SECONDS = 30.0
_COMMAND_SECONDS = 120.0
_DATA_SECONDS = 600.0
"""RFC 5321 asks for ten minutes: a server may look at a mail for long before it answers."""
_MAX_REPLY = 300
_PIECE = 64 * 1024
_END = b".\r\n"
_DONE, _GO_ON, _REFUSED = range(200, 300), range(354, 355), range(400, 600)
_PERMANENT, _CLOSING = 500, 421
_BROKEN = (SMTPException, OSError)

Claim = Callable[[], Awaitable[bool]]
"""Asked right before a mail is on its way; on False it is not sent."""


class ServerAwayError(UnavailableError):
    """The mail server does not answer, or does not let us in."""

    code = "mail-server"


class LostError(Exception):
    """The connection broke before the mail was on its way; nothing was handed over."""


class Answer(NamedTuple):
    """What became of a mail.

    Attributes:
        status: ``sent``, ``refused``, ``waiting`` (try again later) or ``in_doubt``.
        code: The server's answer; None when it gave none.
        reply: The same in words, harmless to show.
        everybody: Whether any other recipient would be refused like this one.
    """

    status: DeliveryStatus
    code: int | None
    reply: str
    everybody: bool = False


class Connection:
    """A connection to the mail server, over which mails go one after another."""

    def __init__(self, client: SMTP) -> None:
        """Use ``client``, which is connected and logged in."""
        self._client = client
        self._writer = _writer(client)

    @property
    def is_open(self) -> bool:
        """Say whether the server still listens."""
        return self._client.is_connected

    async def hand_over(
        self, sender: str, recipient: str, mail: Sequence[bytes], claim: Claim
    ) -> Answer | None:
        """Hand a mail over.

        Args:
            sender: Where the server reports what it cannot deliver.
            recipient: One address.
            mail: Its parts, as :meth:`placet.mail.compose.Letter.parts_for` writes them.
            claim: Asked right before the mail is on its way.

        Returns:
            What became of it; None when ``claim`` said no.

        Raises:
            LostError: The connection broke before the mail was on its way.
        """
        try:
            refused = await self._envelope(sender, recipient, sum(map(len, mail)))
        except _BROKEN as error:
            self._client.close()
            raise LostError(_reason(error)) from error
        if refused is not None:
            return refused
        if not await self._claimed(claim):
            return None
        return await self._mail(mail)

    async def _envelope(self, sender: str, recipient: str, size: int) -> Answer | None:
        """Say whom the mail is from and to; return the answer when that is refused."""
        options = f" SIZE={size}" if self._client.supports_extension("size") else ""
        for command, agreed, everybody in (
            (f"MAIL FROM:<{sender}>{options}", _DONE, True),
            (f"RCPT TO:<{recipient}>", _DONE, False),
            ("DATA", _GO_ON, False),
        ):
            response = await self._client.execute_command(
                command.encode("ascii"), timeout=_COMMAND_SECONDS
            )
            if response.code in _REFUSED:
                if response.code != _CLOSING:
                    await self._client.execute_command(b"RSET", timeout=_COMMAND_SECONDS)
                return _answer(response)._replace(
                    everybody=everybody and response.code >= _PERMANENT
                )
            if response.code not in agreed:
                # Whatever listens there would take the mail for commands.
                raise SMTPResponseException(response.code, "this is no answer to it")
        return None

    async def _claimed(self, claim: Claim) -> bool:
        """Ask for leave. Without it the server sees no end of the mail, and throws it away."""
        claimed = False
        try:
            claimed = await claim()
        finally:
            if not claimed:
                self._client.close()
        return claimed

    async def _mail(self, mail: Sequence[bytes]) -> Answer:
        """Write the mail and wait for the answer to it."""
        protocol = self._client.protocol
        if protocol is None:
            return Answer(DeliveryStatus.WAITING, None, "the connection was lost just before")
        try:
            for part in mail:
                await self._write(part)
        except _BROKEN as error:
            # Without its end the server throws a mail away.
            self._client.close()
            return Answer(DeliveryStatus.WAITING, None, _reason(error))
        try:
            protocol.write(_END)
            response = await protocol.read_response(timeout=_DATA_SECONDS)
        except _BROKEN as error:
            self._client.close()
            return Answer(DeliveryStatus.IN_DOUBT, None, _reason(error))
        if response.code not in _DONE and response.code not in _REFUSED:
            self._client.close()
        return _answer(response)

    async def _write(self, part: bytes) -> None:
        """Write as fast as the server reads: thousands of large mails must not pile up here."""
        for start in range(0, len(part), _PIECE):
            self._writer.write(part[start : start + _PIECE])
            async with asyncio.timeout(_COMMAND_SECONDS):
                await self._writer.drain()


def _writer(client: SMTP) -> asyncio.StreamWriter:
    protocol = client.protocol
    if protocol is None or not isinstance(protocol.transport, asyncio.WriteTransport):
        raise ServerAwayError("the mail server has closed the connection; it is tried again")
    return asyncio.StreamWriter(protocol.transport, protocol, None, asyncio.get_running_loop())


@asynccontextmanager
async def connection(server: SmtpServer) -> AsyncIterator[Connection]:
    """Connect and log in; say goodbye at the end.

    Raises:
        ServerAwayError: The server does not answer, has no TLS that can be trusted, or does not let
            us in.
    """
    client = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password.get_secret_value() if server.password else None,
        use_tls=server.security is Security.TLS,
        start_tls=server.security is Security.STARTTLS,
        tls_context=_context(server),
        local_hostname=socket.gethostname(),
        timeout=_CONNECT_SECONDS,
    )
    try:
        await client.connect()
        await client.ehlo()
    except _BROKEN as error:
        client.close()
        raise ServerAwayError(_advice(server, error)) from None
    try:
        yield Connection(client)
    finally:
        with suppress(*_BROKEN):
            await client.quit(timeout=_CONNECT_SECONDS)
        client.close()


def _context(server: SmtpServer) -> ssl.SSLContext | None:
    """Return what TLS has to look like: a certificate for this name that somebody vouches for."""
    if server.security is Security.NONE:
        return None
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ssl.SSLError):
        raise ServerAwayError(
            "PLACET_SMTP_CA_FILE cannot be read as certificates; correct it"
        ) from None


def _answer(response: SMTPResponse) -> Answer:
    if response.code in _DONE:
        status = DeliveryStatus.SENT
    elif response.code not in _REFUSED:
        status = DeliveryStatus.IN_DOUBT
    elif response.code < _PERMANENT:
        status = DeliveryStatus.WAITING
    else:
        status = DeliveryStatus.REFUSED
    return Answer(status, response.code, _shown(response.message))


def _shown(reply: str) -> str:
    """Return what a server said: anybody may have written it."""
    return clean_text(reply, _MAX_REPLY, multiline=False, truncate=True)


def _reason(error: Exception) -> str:
    """Say what went wrong, without what was sent."""
    said = getattr(error, "message", None) or str(error) or type(error).__name__
    return _shown(f"the connection broke: {said}")


def _advice(server: SmtpServer, error: Exception) -> str:
    """Say why there is no connection, and what to do; the password is in none of it."""
    # The library may wrap what TLS says.
    found = next((e for e in (error, error.__cause__) if isinstance(e, ssl.SSLError)), error)
    match found:
        case SMTPAuthenticationError():
            advice = "it refuses the login; correct PLACET_SMTP_URL and PLACET_SMTP_PASSWORD"
        case ssl.SSLError():
            advice = (
                f"its certificate is not to be trusted ({_shown(found.reason or 'unknown')}); "
                "set PLACET_SMTP_CA_FILE if it is your own"
            )
        case SMTPResponseException():
            advice = f"it answers {found.code} {_shown(found.message)}"
        case _:
            advice = "it does not answer; check PLACET_SMTP_URL, and that it offers TLS"
    return f"the mail server {server}: {advice}"
