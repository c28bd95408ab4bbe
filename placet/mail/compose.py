"""Write an approved mail as bytes: the same for every run, so that a second one sends the same.

The headers are written here, each from values that hold no line break, and not by a library that
folds and guesses. The body is MIME (RFC 2045-2049), 7 bit, by the standard library.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from placet.domain.recipients import Recipient
from placet.domain.sending import Attachment, Mailbox, SendRequest, Stamp

_POLICY = SMTP.clone(cte_type="7bit")
_END = "\r\n"
_PLAIN = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+", re.ASCII)
_LINE = 76
_DOT = re.compile(rb"(?m)^\.")


class Letter:
    """A mail as it goes over the wire: what all copies share is written once."""

    def __init__(self, request: SendRequest, files: Mapping[str, bytes], stamp: Stamp) -> None:
        """Write ``request`` with its ``files``, which are there by their SHA-256."""
        self._request = request
        self._stamp = stamp
        shared = [*_headers(request), ("Date", format_datetime(stamp.at))]
        self._head = "".join(f"{name}: {value}{_END}" for name, value in shared)
        self._body = _DOT.sub(b"..", _body(request, files, stamp))
        self._named = "".join(
            f"{name}: {_people(people)}{_END}"
            for name, people in (("To", request.to), ("Cc", request.cc))
            if people
        )

    @property
    def sender(self) -> str:
        """Return where mail servers report what they cannot deliver."""
        return self._request.sender.address

    def message_id(self, recipient: Recipient) -> str:
        """Return the Message-ID of a recipient's mail: the same in every run."""
        told = [self._stamp.permit, *([recipient.mailbox.address] if recipient.own else [])]
        name = hashlib.sha256("\x1f".join(["placet-mail/1", *told]).encode()).hexdigest()[:40]
        return f"<{name}@{self._request.sender.domain}>"

    def parts_for(self, recipient: Recipient) -> tuple[bytes, bytes]:
        """Return a recipient's mail as DATA sends it: lines that begin with a dot have two.

        Returns:
            Its headers, and the body that all copies share.
        """
        named = f"To: {_people([recipient.mailbox])}{_END}" if recipient.own else self._named
        head = f"Message-ID: {self.message_id(recipient)}{_END}{named}"
        if recipient.own and self._request.unsubscribe is not None:
            head += f"List-Unsubscribe: <{self._request.unsubscribe}>{_END}"
        return (head + self._head).encode("ascii"), self._body


def _headers(request: SendRequest) -> list[tuple[str, str]]:
    headers = [("From", _people([request.sender])), ("Subject", _words(request.subject, 9))]
    if request.reply_to is not None:
        headers.append(("Reply-To", _people([request.reply_to])))
    if request.references:
        headers.append(("In-Reply-To", request.references[-1]))
        headers.append(("References", f"{_END} ".join(request.references)))
    return headers


def _people(people: Sequence[Mailbox]) -> str:
    return f",{_END} ".join(map(_person, people))


def _person(mailbox: Mailbox) -> str:
    if mailbox.name is None:
        return mailbox.address
    if _PLAIN.fullmatch(mailbox.name) and "=?" not in mailbox.name and len(mailbox.name) < _LINE:
        return f'"{mailbox.name}" <{mailbox.address}>'
    return f"{_encoded(mailbox.name, 9)}{_END} <{mailbox.address}>"


def _words(text: str, used: int) -> str:
    """Write a text as it is when every program reads it the same, else in encoded words."""
    if text.isascii() and "=?" not in text and len(text) + used <= _LINE:
        return text
    return _encoded(text, used)


def _encoded(text: str, used: int) -> str:
    return Header(text, "utf-8", maxlinelen=_LINE, header_name=" " * used).encode(linesep=_END)


def _body(request: SendRequest, files: Mapping[str, bytes], stamp: Stamp) -> bytes:
    """Write the body with the headers that describe it."""
    message = EmailMessage(policy=_POLICY)
    if request.text is not None:
        message.set_content(request.text)
        html = message
        if request.html is not None:
            message.add_alternative(request.html, subtype="html")
            html = message.get_payload()[-1]  # type: ignore[index, assignment]
    else:
        message.set_content(request.html or "", subtype="html")
        html = message
    for file in request.attachments:
        if file.cid is not None:
            html.add_related(
                files[file.sha256], cid=f"<{file.cid}>", disposition="inline", **_kind(file)
            )
    for file in request.attachments:
        if file.cid is None:
            message.add_attachment(files[file.sha256], **_kind(file))
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            told = f"placet-boundary/1\x1f{stamp.permit}\x1f{number}".encode()
            part.set_boundary(f"=_{hashlib.sha256(told).hexdigest()[:40]}")
    return message.as_bytes(policy=_POLICY)


def _kind(file: Attachment) -> dict[str, Any]:
    """Return what the library is told of a file; what is text was found to be UTF-8."""
    main, _, sub = file.media_type.partition("/")
    params = {"charset": "utf-8"} if main == "text" else {}
    return {"maintype": main, "subtype": sub, "filename": file.name, "params": params}
