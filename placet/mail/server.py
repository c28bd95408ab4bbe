"""Which mail server mails are handed to, as one address says it."""

from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr

from placet.domain.base import Model
from placet.domain.errors import InvalidInputError

_FORM = (
    "smtp://user@mail.example.com:587 (STARTTLS), smtps://user@mail.example.com:465 (TLS from the "
    "start), or smtp+plain://localhost:25 (no TLS, no login)"
)


class Security(StrEnum):
    """How the way to the server is protected; certificates are always checked."""

    STARTTLS = "smtp"
    TLS = "smtps"
    NONE = "smtp+plain"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class SmtpServer(Model):
    """A mail server.

    Attributes:
        host: Its name; its certificate has to be for it.
        port: 587, 465 or 25 where none is told.
        security: TLS or not.
        user: Whom to log in as; None not to.
        password: Shown nowhere.
        ca_file: Certificates to trust instead of the system's.
        connections: How many to use at once.
        give_up_hours: After so long, what the server could not take is given up.
    """

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(ge=1, le=65535)
    security: Security
    user: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    connections: int = Field(default=4, ge=1, le=50)
    give_up_hours: int = Field(default=24, ge=1, le=24 * 14)

    def __str__(self) -> str:
        """Return where it is, without whom to log in as."""
        return f"{self.host}:{self.port}"


def parse_server(url: str, password: str | None = None) -> dict[str, Any]:
    """Read an address such as ``smtp://user@mail.example.com:587`` for :class:`SmtpServer`.

    Args:
        url: The address; it may hold the password, percent-encoded.
        password: Instead of that.

    Raises:
        InvalidInputError: It is none. The message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        security, port = Security(parts.scheme), parts.port
    except ValueError:
        raise _wrong("is no mail server") from None
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise _wrong("is no mail server")
    user = unquote(parts.username) if parts.username else None
    told = password or (unquote(parts.password) if parts.password else None)
    if (user is None) != (told is None):
        raise _wrong("names a user without a password, or the other way round")
    if user is not None and security is Security.NONE:
        raise _wrong("would send a password without TLS")
    return {
        "host": parts.hostname,
        "port": port or _PORTS[security],
        "security": security,
        "user": user,
        "password": told,
    }


def _wrong(what: str) -> InvalidInputError:
    return InvalidInputError(
        f"PLACET_SMTP_URL {what}; write it as {_FORM}, and the password into PLACET_SMTP_PASSWORD"
    )
