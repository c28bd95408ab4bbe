"""A real mail server for tests: it keeps what it took, and fails on demand."""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from placet.mail.server import Security, SmtpServer

HANG_UP = "hang up"
"""Instead of an answer: the connection is closed."""
TAKE_AND_HANG_UP = "take the mail and hang up"
"""Likewise, but the mail has been taken."""


class Taken(NamedTuple):
    """A mail that the server has taken responsibility for."""

    sender: str
    recipient: str
    message: EmailMessage
    raw: bytes


class MailServer:
    """Takes mails, and answers as it is told.

    Attributes:
        taken: What it has taken, in order.
        answers: What it answers instead, by ``(command, recipient)``, each once; the recipient of
            ``MAIL`` and of what is for everybody is ``*``.
    """

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.answers: dict[tuple[str, str], deque[str]] = {}
        self.logins: list[tuple[str, str]] = []
        self.port = 0

    def will_answer(self, command: str, recipient: str, *answers: str) -> None:
        """Answer so, one after another, and then as usual."""
        self.answers[command, recipient] = deque(answers)

    def copies(self) -> Counter[tuple[str, str]]:
        """Count what it has taken by Message-ID and recipient."""
        return Counter((str(each.message["Message-ID"]), each.recipient) for each in self.taken)

    def reached(self) -> list[str]:
        """Return everybody for whom it has taken a mail."""
        return [each.recipient for each in self.taken]

    def settings(self, security: Security = Security.NONE, **more: Any) -> SmtpServer:
        """Return how it is reached."""
        told = {"host": "127.0.0.1", "port": self.port, "security": security, **more}
        return SmtpServer.model_validate(told)

    def _answer(self, command: str, recipient: str) -> str | None:
        for key in ((command, recipient), (command, "*")):
            if self.answers.get(key):
                return self.answers[key].popleft()
        return None

    # What aiosmtpd calls.

    async def handle_MAIL(self, server: SMTP, *told: Any) -> str:  # noqa: N802 - aiosmtpd's
        """Take a sender."""
        _, envelope, address, options = told
        answer = self._answer("MAIL", "*")
        if answer is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self._say(server, answer or "250 OK")

    async def handle_RCPT(self, server: SMTP, *told: Any) -> str:  # noqa: N802 - aiosmtpd's
        """Take a recipient."""
        _, envelope, address, _ = told
        answer = self._answer("RCPT", address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return self._say(server, answer or "250 OK")

    async def handle_DATA(self, server: SMTP, *told: Any) -> str:  # noqa: N802 - aiosmtpd's
        """Take a mail."""
        envelope: Envelope = told[-1]
        (recipient,) = envelope.rcpt_tos
        answer = self._answer("DATA", recipient)
        if answer is None or answer == TAKE_AND_HANG_UP:
            raw = envelope.original_content or b""
            message = message_from_bytes(raw, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(Taken(envelope.mail_from or "", recipient, message, raw))
        return self._say(server, answer or "250 taken")

    @staticmethod
    def _say(server: SMTP, answer: str) -> str:
        if answer in {HANG_UP, TAKE_AND_HANG_UP}:
            _cut(server)
        return answer

    def authenticate(self, *asked: Any) -> AuthResult:
        """Let one user in."""
        told = asked[-1]
        assert isinstance(told, LoginPassword)
        login = (told.login.decode(), told.password.decode())
        self.logins.append(login)
        return AuthResult(success=login == ("placet", "correct horse"), handled=False)


class Slow(MailServer):
    """Holds one recipient's mail until it is let go; the mail is taken then.

    Attributes:
        held: Whose; empty for nobody's.
        holding: Set when it is held.
        let_go: To be set by the test.
    """

    def __init__(self, held: str = "") -> None:
        super().__init__()
        self.held = held
        self.holding = asyncio.Event()
        self.let_go = asyncio.Event()

    async def handle_DATA(self, server: SMTP, *told: Any) -> str:  # noqa: N802 - aiosmtpd's
        """Take a mail, some of them later."""
        if told[-1].rcpt_tos == [self.held]:
            self.holding.set()
            await self.let_go.wait()
        return await super().handle_DATA(server, *told)


@asynccontextmanager
async def mail_server(
    server: MailServer | None = None,
    context: ssl.SSLContext | None = None,
    *,
    from_start: bool = False,
) -> AsyncIterator[MailServer]:
    """Run a mail server; one that has run before comes back on its port, with what it took.

    Args:
        server: One that has run before.
        context: Its certificate; it then wants TLS and a login.
        from_start: Whether TLS begins with the connection, and not by STARTTLS.
    """
    server = server or MailServer()
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        made = SMTP(
            server,
            tls_context=None if from_start else context,
            require_starttls=context is not None and not from_start,
            authenticator=server.authenticate,
            auth_required=context is not None and not from_start,
            auth_require_tls=not from_start,
            data_size_limit=64 * 1024 * 1024,
            hostname="mail.example.com",
        )
        protocols.append(made)
        return made

    listening = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", server.port, ssl=context if from_start else None
    )
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for each in protocols:
            _cut(each)


def _cut(protocol: SMTP) -> None:
    """Close a connection at once, whatever is under way."""
    if isinstance(protocol.transport, asyncio.Transport):
        # Some versions of Python cannot abort what TLS has closed already.
        with suppress(AttributeError):
            protocol.transport.abort()
