"""A mail that somebody wants sent: its words, its files, and exactly whom it goes to."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from placet.domain.base import Model, Stored
from placet.domain.ledger import Hex64
from placet.domain.people import MAX_ADDRESS
from placet.domain.text import LINE_LIMIT, Line, Text, clean_text

PIPELINE = "send"
EFFECT = "send"

MAX_NAMED = 100
"""The most people whom one mail names in To, Cc and Bcc; more belong on a list."""
MAX_LISTS = 20
MAX_LIST_BYTES = 4 * 1024 * 1024
MAX_ATTACHMENTS = 50
MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024
"""The most the content store keeps under one digest."""
MAX_ATTACHED_BYTES = 10 * 1024 * 1024
"""Of all attachments: a third more on the wire, which most servers still take."""
MAX_TEXT = 200_000
MAX_HTML = 400_000

_MAX_REFERENCES = 50
ADDRESS = re.compile(
    r"(?=[^@]{1,64}@)(?=.{6,254}$)"
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
    re.ASCII,
)
"""The form of an address as SMTP takes it everywhere."""

_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,120}@[!-;=?A-~]{1,120}>", re.ASCII)
_CONTENT_ID = re.compile(r"[A-Za-z0-9._%+@-]{1,100}", re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}", re.ASCII)
_UNSUBSCRIBE = re.compile(r"(https://|mailto:)[!#-;=?-\[\]_a-z~]{3,500}", re.ASCII)


def header_line(value: Any) -> Any:
    """Take one line for a header as it is, or refuse it: in a header nothing is repaired.

    Raises:
        ValueError: It holds what could begin another header, hide something, or says nothing.
    """
    if not isinstance(value, str):
        return value
    text = value.strip(" ")
    if text != clean_text(text, 8 * LINE_LIMIT, multiline=False, truncate=True) or "\n" in text:
        raise ValueError(
            "it holds a line break or a character that hides what it says; write it as one "
            "plain line"
        )
    if len(text) > LINE_LIMIT:
        raise ValueError(f"it is {len(text)} characters long; at most {LINE_LIMIT} are allowed")
    if not any(character.isprintable() and not character.isspace() for character in text):
        raise ValueError("it is empty; write something a reader can see")
    return text


def _file_name(value: Any) -> Any:
    name = header_line(value)
    if isinstance(name, str) and ("/" in name or "\\" in name or name.strip(".") == ""):
        raise ValueError(f"{name!r} is no file name; write it without directories")
    return name


def _in_form(kind: str, form: re.Pattern[str], example: str) -> BeforeValidator:
    def read(value: Any) -> Any:
        if isinstance(value, str) and not form.fullmatch(value):
            shown = clean_text(value, 60, multiline=False, truncate=True)
            raise ValueError(f"{shown!r} is not {kind}; write it as {example}")
        return value

    return BeforeValidator(read)


def _body(limit: int) -> BeforeValidator:
    def read(value: Any) -> Any:
        return clean_text(value, limit) or None if isinstance(value, str) else value

    return BeforeValidator(read)


HeaderLine = Annotated[str, BeforeValidator(header_line), Field(max_length=LINE_LIMIT)]
"""One line that goes into a header: 1 to 200 characters, none of which ends it or hides it."""

FileName = Annotated[str, BeforeValidator(_file_name), Field(max_length=LINE_LIMIT)]
"""What a file is called, without directories."""

MailAddress = Annotated[
    str, _in_form("a mail address", ADDRESS, "bob@example.com"), Field(max_length=254)
]
"""An address as SMTP takes it everywhere: ASCII, the domain in lower case and its IDNA form."""


class Mailbox(Model):
    """Somebody who gets or sends mail.

    Attributes:
        address: Where.
        name: How people read them.
    """

    address: MailAddress
    name: HeaderLine | None = None

    @property
    def domain(self) -> str:
        """Return what stands behind the sign."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.name} <{self.address}>" if self.name else self.address


class RecipientList(Model):
    """A file of addresses, kept in the content store; each on it gets a mail of their own.

    Attributes:
        name: What the file is called.
        sha256: Of its bytes.
        size: Bytes, at most 4 MiB.
    """

    name: FileName
    sha256: Hex64
    size: int = Field(ge=1, le=MAX_LIST_BYTES)


class Attachment(Model):
    """A file that goes with the mail, kept in the content store.

    Attributes:
        name: What its reader sees.
        sha256: Of its bytes.
        media_type: Found by looking at its content.
        size: Bytes, at most 10 MiB.
        cid: How the HTML names it, for a picture inside the text (``<img src="cid:logo">``).
    """

    name: FileName
    sha256: Hex64
    media_type: Annotated[str, _in_form("a media type", _MEDIA_TYPE, "application/pdf")]
    size: int = Field(ge=1, le=MAX_ATTACHMENT_BYTES)
    cid: Annotated[str, _in_form("a content id", _CONTENT_ID, "logo")] | None = None


def _requester(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean_text(value, MAX_ADDRESS, multiline=False)
    if not text:
        raise ValueError("it is empty; write an address, such as bob@example.com")
    return text


class SendRequest(Model):
    """A mail to a few people, or one of their own to each on a list.

    Attributes:
        pipeline: Always ``send``; part of the digest, so no other kind of request has the same.
        requester: An address of the person who asks, as they wrote it.
        reference: The requester's own key for it; the same key twice is the same request.
        note: Why, for those who review it; it is not sent.
        sender: Whom it is from; answers to what cannot be delivered go there too.
        reply_to: Where answers go instead.
        to: Named in the mail.
        cc: Named in the mail, for information.
        bcc: They get the same mail and are not named in it.
        lists: Everybody on them gets a mail of their own that names nobody else.
        subject: One line.
        text: Plain text, up to 200,000 characters.
        html: The same for those who read HTML, up to 400,000 characters.
        attachments: Files that go with it, 10 MiB at most together.
        references: Message-IDs of the conversation it belongs to; it answers the last.
        unsubscribe: Where those on a list can leave it: an ``https:`` or ``mailto:`` address.
    """

    pipeline: Literal["send"] = "send"
    requester: Annotated[str, BeforeValidator(_requester), Field(max_length=MAX_ADDRESS)]
    reference: Line | None = None
    note: Text | None = None
    sender: Mailbox
    reply_to: Mailbox | None = None
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    lists: Annotated[tuple[RecipientList, ...], Field(max_length=MAX_LISTS)] = ()
    subject: HeaderLine
    text: Annotated[str | None, _body(MAX_TEXT)] = None
    html: Annotated[str | None, _body(MAX_HTML)] = None
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=MAX_ATTACHMENTS)] = ()
    references: Annotated[
        tuple[Annotated[str, _in_form("a Message-ID", _MESSAGE_ID, "<id@example.com>")], ...],
        Field(max_length=_MAX_REFERENCES),
    ] = ()
    unsubscribe: (
        Annotated[
            str,
            _in_form("where to unsubscribe", _UNSUBSCRIBE, "https://example.com/leave"),
        ]
        | None
    ) = None

    @property
    def named(self) -> tuple[Mailbox, ...]:
        """Return everybody who gets the one mail that names its readers."""
        return (*self.to, *self.cc, *self.bcc)

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if not self.named and not self.lists:
            raise ValueError("there is nobody to send it to; fill in to, or name a list")
        if self.bcc and not (self.to or self.cc):
            raise ValueError("bcc needs somebody in to or cc; put those people on a list instead")
        if len(self.named) > MAX_NAMED:
            raise ValueError(
                f"to, cc and bcc name {len(self.named)} people, and at most {MAX_NAMED} are "
                "allowed; put them on a list"
            )
        if self.text is None and self.html is None:
            raise ValueError("there is nothing to read in it; write text or html")
        if sum(file.size for file in self.attachments) > MAX_ATTACHED_BYTES:
            raise ValueError("all attachments together are larger than 10 MiB; take some out")
        ids = [file.cid for file in self.attachments if file.cid is not None]
        if len(set(ids)) != len(ids):
            raise ValueError("two attachments have the same cid; give each its own")
        if ids and self.html is None:
            raise ValueError("a cid is for pictures in the html, and there is none; leave it out")
        return self


class Scope(Stored):
    """What the effect of a mail will do.

    Attributes:
        recipients: SHA-256 of the expanded list of everybody who gets it.
        count: How many they are.
        domains: The domains with most recipients and how many each has; 20 at most.
    """

    recipients: Hex64
    count: int
    domains: dict[str, int]

    def to_plan(self) -> dict[str, JsonValue]:
        """Return it as ``Plan.scope`` carries it; ``Scope.model_validate`` reads it back."""
        return self.model_dump(mode="json")


class Stamp(NamedTuple):
    """What makes every run of one approved mail write the same bytes.

    Attributes:
        permit: The permit's id (64 hex): Message-IDs are made of it.
        at: When it was approved, which is the mail's date.
    """

    permit: str
    at: datetime
