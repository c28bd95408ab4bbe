"""Read a mail that somebody wrote with a mail program (RFC 5322): what it says becomes a request.

It is taken apart and, once approved, written anew, so that nothing goes out that nobody was shown.
What would get lost on the way (a signature over the bytes, an unknown header) is refused.
"""

import re
from collections.abc import Callable, Iterator
from email import policy
from email.errors import HeaderDefect, MessageError
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import Path
from typing import Any, cast

from placet.domain.errors import InvalidInputError
from placet.domain.problems import Problem
from placet.domain.sending import MAX_ATTACHMENTS
from placet.domain.text import clean_text
from placet.files import read_below
from placet.mail.files import MailFile, attach_files
from placet.pipelines.explain import refused
from placet.pipelines.pipeline import WithFiles

MAX_EML_BYTES = 24 * 1024 * 1024
_MAX_HEAD_BYTES = 256 * 1024
_MAX_HEADER_BYTES = 16 * 1024
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n|\r\r")
_MAX_DEPTH = 8
_MAX_PARTS = 2 * MAX_ATTACHMENTS
_WHAT = "this mail"

LISTS = "X-Placet-List"
"""A header that names a file of recipients beside the mail; there may be several."""
REFERENCE = "X-Placet-Reference"
NOTE = "X-Placet-Note"

_ONCE = {
    "from": "sender",
    "sender": "requester",
    "reply-to": "reply_to",
    "subject": "subject",
    REFERENCE.lower(): "reference",
    NOTE.lower(): "note",
}
_PEOPLE = ("to", "cc", "bcc")
_KNOWN = {*_ONCE, *_PEOPLE, "references", "in-reply-to", "list-unsubscribe", LISTS.lower()}
# Written anew, or of no use to the reader; whatever a mail program adds about itself.
_DROPPED = {
    *("date", "message-id", "mime-version", "return-path", "delivered-to", "received"),
    *("user-agent", "thread-index", "thread-topic", "accept-language", "content-language"),
    *("importance", "priority", "list-unsubscribe-post", "autocrypt", "authentication-results"),
}
_DROPPED_KINDS = ("content-", "x-", "arc-", "dkim-", "received-")


class _ShortHeaders(policy.EmailPolicy):
    """Reads headers of a fair length only: what the library takes for one grows with its square."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Take a header in, of the mail itself or of a part of it.

        Raises:
            InvalidInputError: It is too long.
        """
        if sum(map(len, sourcelines)) > _MAX_HEADER_BYTES:
            name = clean_text(sourcelines[0].partition(":")[0], 40, truncate=True)
            raise InvalidInputError(
                f"the header {name} of this mail is longer than {_MAX_HEADER_BYTES // 1024} KiB; "
                "shorten it, or put its readers on a list"
            )
        return super().header_source_parse(sourcelines)


def read_eml(path: Path) -> WithFiles:
    """Read a mail, its attachments, and the lists of recipients that it names.

    Raises:
        InvalidInputError: It is no mail, or holds something that cannot be sent as it is.
    """
    content = read_below(path.name, path.parent, MAX_EML_BYTES)
    request, files = taken_apart(content)
    found = attach_files(request, path.parent)
    return WithFiles(found.request, (*files, *found.files))


def taken_apart(content: bytes) -> tuple[dict[str, Any], tuple[MailFile, ...]]:
    """Return the request that a mail is, and its attachments.

    Raises:
        InvalidInputError: With a line for each problem.
    """
    end = _END_OF_HEAD.search(content)
    if (end.start() if end else len(content)) > _MAX_HEAD_BYTES:
        raise InvalidInputError(
            "the headers of this mail are larger than 256 KiB; put its readers on a list"
        )
    try:
        parser = BytesParser(EmailMessage, policy=_ShortHeaders())
        mail = cast("EmailMessage", parser.parsebytes(content))
        reading = _Reading()
        reading.headers(mail)
        reading.part(mail, 0)
    except (MessageError, RecursionError, ValueError, LookupError, AttributeError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(
            "this is no mail that can be read; save it anew as .eml, or write it as JSON"
        ) from None
    if reading.problems:
        raise refused(_WHAT, reading.problems)
    return reading.request, tuple(reading.files)


class _Reading:
    """What has been understood so far, and what could not be."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}
        self.files: list[MailFile] = []
        self.problems: list[Problem] = []
        self._parts = 0

    def headers(self, mail: EmailMessage) -> None:
        names = [name.lower() for name in mail.keys()]  # noqa: SIM118 - a header may come twice
        for name in dict.fromkeys(names):
            if name in _KNOWN:
                continue
            if name not in _DROPPED and not name.startswith(_DROPPED_KINDS):
                self._problem(name, "this header cannot be sent; take it out")
        for name, field in _ONCE.items():
            if names.count(name) > 1:
                self._problem(name, "it is there twice; keep one")
            elif name in names:
                self._set(field, self._header(mail, name))
        self.request.setdefault("requester", self.request.get("sender"))
        sender = self.request["requester"]
        self.request["requester"] = sender["address"] if isinstance(sender, dict) else sender
        for name in _PEOPLE:
            people = [box for header in mail.get_all(name, []) for box in _mailboxes(header)]
            self._set(name, people or None)
        told = " ".join([*mail.get_all("references", []), *mail.get_all("in-reply-to", [])])
        self._set("references", list(dict.fromkeys(told.split())) or None)
        self._set("lists", [str(name).strip() for name in mail.get_all(LISTS, [])] or None)
        left = str(mail.get("list-unsubscribe", ""))
        self._set("unsubscribe", left.partition("<")[2].partition(">")[0] or None)

    def _header(self, mail: EmailMessage, name: str) -> Any:
        header = mail[name]
        if name in {"from", "sender", "reply-to"}:
            people = _mailboxes(header)
            if len(people) == 1:
                return people[0]
            self._problem(name, f"it names {len(people)} people; name one")
            return None
        return str(header)

    def part(self, part: MIMEPart, depth: int) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS or depth > _MAX_DEPTH:
            raise InvalidInputError(
                f"this mail has more than {_MAX_PARTS} parts, or too many inside each other; "
                "attach less"
            )
        kind = part.get_content_type()
        damaged = [defect for defect in part.defects if not isinstance(defect, HeaderDefect)]
        if damaged:
            said = clean_text(str(damaged[0]) or type(damaged[0]).__name__, 80, truncate=True)
            self._problem(kind, f"it is damaged ({said}); save the mail anew")
        elif kind in {"multipart/mixed", "multipart/related", "multipart/alternative"}:
            for inner in part.iter_parts():
                self.part(inner, depth + 1)
        elif part.is_multipart() and kind != "message/rfc822":
            self._problem(kind, "it cannot be sent as it is; send it unsigned, as an attachment")
        elif kind in {"text/plain", "text/html"} and not part.is_attachment():
            self._text(part, "text" if kind == "text/plain" else "html")
        else:
            self._attachment(part)

    def _text(self, part: MIMEPart, field: str) -> None:
        try:
            text = part.get_content()
        except (LookupError, ValueError):
            self._problem(field, "its character set is unknown; save the mail as UTF-8")
            return
        if field in self.request:
            self._problem(field, "it is there twice; make one of both, or attach one")
        elif text.strip():
            self.request[field] = text

    def _attachment(self, part: MIMEPart) -> None:
        number = len(self.request.get("attachments", [])) + 1
        content = _content(part)
        if not content:
            self._problem(f"attachments[{number - 1}]", "it is empty; take it out")
            return
        file = MailFile.of(part.get_filename() or f"attachment-{number}", content)
        reference = file.reference()
        inline = str(part.get("content-id", "")).strip().removeprefix("<").removesuffix(">")
        if inline and not part.is_attachment():
            reference["cid"] = inline
        self.files.append(file)
        self.request.setdefault("attachments", []).append(reference)

    def _set(self, field: str, value: Any) -> None:
        if value is not None:
            self.request[field] = value

    def _problem(self, where: str, message: str) -> None:
        self.problems.append(Problem((where,), message))


def _mailboxes(header: Any) -> list[dict[str, Any]]:
    """Return the people of a header; those who are in a named group too."""
    return [
        {"address": each.addr_spec, **({"name": each.display_name} if each.display_name else {})}
        for each in header.addresses
    ]


def _content(part: MIMEPart) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner: Iterator[Any] = part.iter_parts() if part.is_multipart() else iter(())
        message = next(inner, None)
        return message.as_bytes() if message is not None else b""
    read: Callable[..., Any] = part.get_payload
    payload = read(decode=True)
    return payload if isinstance(payload, bytes) else b""
