"""An SMTP server that keeps what it takes: for the demonstration."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message as Mail

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import Envelope, Session


class Mailbox(Message):
    """Takes every mail.

    Attributes:
        url: Its address, as ``PLACET_SMTP_URL`` wants it.
        recipients: Who got a mail, once for each mail.
        subjects: What the mails are about.
    """

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self.url = ""
        self.recipients: list[str] = []
        self.subjects: list[str] = []

    def prepare_message(self, session: Session, envelope: Envelope) -> Mail:
        """Note for whom it is."""
        self.recipients.extend(envelope.rcpt_tos)
        return super().prepare_message(session, envelope)

    def handle_message(self, message: Mail) -> None:
        """Note what it is about."""
        self.subjects.append(str(message["Subject"]))


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Run a server on a free port of this machine only."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    box = Mailbox()
    box.url = f"smtp+plain://127.0.0.1:{port}"
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield box
    finally:
        server.stop()
