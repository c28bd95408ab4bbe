"""Publications: what somebody wants published under a slug, and what exactly would go out.

Publishing, unpublishing and rolling back are one thing to the targets: the page that stands under
a slug is set from one version to another, or to nothing. A version is the SHA-256 of its manifest,
which names every byte of the page.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    model_validator,
)

from placet.domain.base import Model, Stored
from placet.domain.ledger import Hex64
from placet.domain.text import Line, Text, clean_text

PIPELINE = "publish"
EFFECT = "publication"
"""What permits call the effect of a publication."""
PAGE_NAME = "index.html"
PAGE_TYPE = "text/html"
DOCUMENT_TYPE = "text/markdown"
MANIFEST_TYPE = "application/vnd.placet.manifest+json"

MAX_FILES = 200
MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_FILE_BYTES = 10 * 1024 * 1024
"""The most the content store keeps under one digest."""
MAX_BUNDLE_BYTES = 64 * 1024 * 1024

_MAX_ADDRESS = 320
_MAX_TARGETS = 20
_MAX_TAGS = 20
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}", re.ASCII)
_PATH_LIMIT = 200
_PLAIN_NAME = 40


class Action(StrEnum):
    """What happens to what stands under a slug."""

    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    ROLLBACK = "rollback"


class FileType(StrEnum):
    """The kinds of file that may lie beside a document."""

    AVIF = "image/avif"
    CSV = "text/csv"
    GIF = "image/gif"
    JPEG = "image/jpeg"
    MP4 = "video/mp4"
    PDF = "application/pdf"
    PNG = "image/png"
    TEXT = "text/plain"
    WEBP = "image/webp"
    ZIP = "application/zip"

    @property
    def is_image(self) -> bool:
        """Say whether a page can show it as a picture."""
        return self.value.startswith("image/")

    @property
    def suffix(self) -> str:
        """Return how the name of such a file ends, with its dot."""
        return _SUFFIXES[self]


_SUFFIXES = {
    FileType.AVIF: ".avif",
    FileType.CSV: ".csv",
    FileType.GIF: ".gif",
    FileType.JPEG: ".jpg",
    FileType.MP4: ".mp4",
    FileType.PDF: ".pdf",
    FileType.PNG: ".png",
    FileType.TEXT: ".txt",
    FileType.WEBP: ".webp",
    FileType.ZIP: ".zip",
}


def _slug(value: Any) -> Any:
    if isinstance(value, str) and not _SLUG.fullmatch(value):
        shown = clean_text(value, 60, multiline=False, truncate=True)
        raise ValueError(
            f"{shown!r} is no slug; write up to 80 lower-case letters, digits and hyphens, "
            "such as spring-offer"
        )
    return value


def _target(value: Any) -> Any:
    if isinstance(value, str) and not _NAME.fullmatch(value):
        shown = clean_text(value, 60, multiline=False, truncate=True)
        raise ValueError(f"{shown!r} is no target's name; write it as the list of targets has it")
    return value


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean_text(value, _MAX_ADDRESS, multiline=False)
    if not text:
        raise ValueError("it is empty; write an address, such as bob@example.com")
    return text


def _instant(value: Any) -> Any:
    """Read an instant as people write it; a number or a day is not taken for one."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = datetime.fromisoformat(text) if _INSTANT.match(text) else None
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("write it with its time zone, such as 2026-12-01T09:00:00+01:00")
    return value


def _language(value: Any) -> Any:
    if isinstance(value, str) and not _LANGUAGE.fullmatch(value):
        raise ValueError(f"{value[:20]!r} is no language; write it as en, de or pt-BR")
    return value


def bundle_path(path: str) -> str:
    """Return a path inside a bundle in its only form: relative, with slashes, in NFC.

    Raises:
        ValueError: It leads elsewhere, hides something, or no system could store it.
    """
    shown = repr(clean_text(path, 80, multiline=False, truncate=True))
    plain = unicodedata.normalize("NFC", path)
    if plain != clean_text(plain, _PATH_LIMIT, multiline=False, truncate=True):
        raise ValueError(
            f"{shown} holds characters that hide what it says, or is longer than {_PATH_LIMIT}; "
            "rename the file"
        )
    steps = plain.split("/")
    if "\\" in plain or ":" in plain or any(step in {"", ".", ".."} for step in steps):
        raise ValueError(f"{shown} is no path below the document; move the file beside it")
    return plain


def slug_of(name: str) -> str:
    """Return a slug made of the name of a file or a directory; empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-")


def _no_twins(values: tuple[str, ...]) -> tuple[str, ...]:
    twins = sorted({value for value in values if values.count(value) > 1})
    if twins:
        raise ValueError(f"{', '.join(twins)}: written twice; keep one")
    return values


Slug = Annotated[str, BeforeValidator(_slug), Field(max_length=80)]
"""What a page is called in every target: 1 to 80 lower-case letters, digits and hyphens."""

Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""A moment that is the same everywhere: written with its time zone."""

Language = Annotated[str, BeforeValidator(_language), Field(max_length=35)]
"""A language as browsers know it (BCP 47)."""

TargetName = Annotated[str, BeforeValidator(_target), Field(max_length=60)]
"""One of the places where pages are published."""

TargetNames = Annotated[
    tuple[TargetName, ...], AfterValidator(_no_twins), Field(max_length=_MAX_TARGETS)
]
Tags = Annotated[tuple[Line, ...], AfterValidator(_no_twins), Field(max_length=_MAX_TAGS)]
BundlePath = Annotated[str, AfterValidator(bundle_path)]
Address = Annotated[str, BeforeValidator(_address), Field(max_length=_MAX_ADDRESS)]


class Source(Model):
    """The Markdown document of a bundle, kept in the content store.

    Attributes:
        path: What it is called, for messages.
        sha256: Of its bytes.
        size: Bytes, at most 1 MiB.
    """

    path: BundlePath
    sha256: Hex64
    size: int = Field(ge=1, le=MAX_DOCUMENT_BYTES)


class BundleFile(Model):
    """A picture or an attachment that lies beside the document, kept in the content store.

    Attributes:
        path: Relative to the document.
        sha256: Of its bytes.
        media_type: Found by looking at its content.
        size: Bytes, at most 10 MiB.
    """

    path: BundlePath
    sha256: Hex64
    media_type: FileType
    size: int = Field(ge=1, le=MAX_FILE_BYTES)


class PublishRequest(Model):
    """What somebody wants to stand under a slug.

    Attributes:
        pipeline: Always ``publish``; part of the digest, so no other kind of request has the same.
        action: What is to happen.
        slug: Which page.
        title: One line that names it on every screen; the page's own title.
        requester: An address of the person who asks, as they wrote it.
        reference: The requester's own key for it; the same key twice is the same request.
        note: Why, for those who review it.
        summary: What the page says in one line, for its readers and search engines.
        language: In which the page is written, such as ``de`` or ``en-GB``.
        tags: Words to sort pages by.
        publish_at: Not before then; None for as soon as it is approved.
        targets: Where to; empty for everywhere.
        document: What to publish; only for that.
        files: What lies beside the document, in the order of their paths.
        to: The version to roll back to; None for the one before what is published now.
    """

    pipeline: Literal["publish"] = "publish"
    action: Action = Action.PUBLISH
    slug: Slug
    title: Line
    requester: Address
    reference: Line | None = None
    note: Text | None = None
    summary: Line | None = None
    language: Language = "en"
    tags: Tags = ()
    publish_at: Instant | None = None
    targets: TargetNames = ()
    document: Source | None = None
    files: Annotated[tuple[BundleFile, ...], Field(max_length=MAX_FILES)] = ()
    to: Hex64 | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_it(cls, value: Any) -> Any:
        """Give what takes a page away or back a title, where nobody has written one."""
        said: dict[str, str] = {Action.UNPUBLISH: "Unpublish", Action.ROLLBACK: "Roll back"}
        if isinstance(value, Mapping) and "title" not in value and "slug" in value:
            action = value.get("action")
            verb = said.get(action) if isinstance(action, str) else None
            if verb is not None:
                return {**value, "title": f"{verb} {value['slug']}"}
        return value

    @model_validator(mode="after")
    def _fits_its_action(self) -> Self:
        publishes = self.action is Action.PUBLISH
        if publishes and self.document is None:
            raise ValueError("there is no document; give the Markdown file, or its directory")
        if not publishes and (self.document is not None or self.files):
            raise ValueError(f"to {self.action} takes no document; leave document and files out")
        if self.action is not Action.ROLLBACK and self.to is not None:
            raise ValueError("'to' is for a rollback; leave it out")
        paths = sorted(file.path for file in self.files)
        _no_twins(tuple(path.casefold() for path in paths))
        if paths != [file.path for file in self.files]:
            raise ValueError("the files are not in the order of their paths; sort them")
        if sum(file.size for file in self.files) > MAX_BUNDLE_BYTES:
            raise ValueError("all files together are larger than 64 MiB; take some out")
        return self


class PublishedFile(Stored):
    """A picture or an attachment as it goes out.

    Attributes:
        name: Where it stands beside the page. It names the content, so the files of two versions
            never get into each other's way: ``files/0123456789abcdef-plan.pdf``.
        path: Where it lay in the bundle.
        sha256: Of its bytes.
        media_type: What it is served as.
        size: Bytes.
    """

    name: str = Field(pattern=r"^files/[0-9a-f]{16}-[a-z0-9._-]{1,60}$")
    path: str
    sha256: Hex64
    media_type: str
    size: int


class Manifest(Stored):
    """Everything that goes out as one version of a page; its SHA-256 is that version.

    Attributes:
        slug: Which page.
        title: The page's title.
        source: SHA-256 of the Markdown document that the page was made of.
        page: SHA-256 of the page, ``index.html``.
        page_size: Bytes of the page.
        files: What the page shows and offers, in the order of their names; each once.
    """

    slug: Slug
    title: str
    source: Hex64
    page: Hex64
    page_size: int
    files: tuple[PublishedFile, ...] = ()


class Scope(Stored):
    """What the effect of a publication does, and what it relies on.

    Attributes:
        action: What is to happen.
        slug: Which page.
        version: What is to stand there; None for nothing.
        replaces: What stood there when the plan was made; None for nothing.
        targets: Name of each target to where it led when the plan was made.
    """

    action: Action
    slug: Slug
    version: Hex64 | None
    replaces: Hex64 | None
    targets: dict[str, str]

    def to_plan(self) -> dict[str, JsonValue]:
        """Return it as ``Plan.scope`` carries it; ``Scope.model_validate`` reads it back."""
        return self.model_dump(mode="json")


def published_file(file: BundleFile) -> PublishedFile:
    """Return ``file`` as it goes out: named by its content, ending in what it is."""
    name = file.path.rpartition("/")[2]
    stem = slug_of(name.rpartition(".")[0] or name)[:_PLAIN_NAME].strip("-") or "file"
    return PublishedFile(
        name=f"files/{file.sha256[:16]}-{stem}{file.media_type.suffix}",
        path=file.path,
        sha256=file.sha256,
        media_type=file.media_type.value,
        size=file.size,
    )
