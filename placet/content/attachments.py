"""Look at the files that lie beside a document: what each is, what it says, and how large it is."""

import io
from dataclasses import dataclass

import filetype  # type: ignore[import-untyped]
import imagesize  # type: ignore[import-untyped]

from placet.domain.publication import BundleFile, FileType

_TEXTS = {".csv": FileType.CSV, ".txt": FileType.TEXT}


@dataclass(frozen=True)
class Attachment:
    """A file of the bundle, looked at.

    Attributes:
        file: What the request says about it.
        text: What it says, when it is a text.
        width: Of a picture, in pixels; None when it is unknown.
        height: Likewise.
    """

    file: BundleFile
    text: str | None = None
    width: int | None = None
    height: int | None = None


def kind_of(path: str, content: bytes) -> FileType | None:
    """Return what a file is, found by looking at its content; None when it may not be published."""
    told = filetype.guess_mime(content)
    if told is not None:
        return FileType(told) if told in set(FileType) else None
    suffix = path[path.rfind(".") :].lower()
    return _TEXTS.get(suffix) if _is_text(content) else None


def look_at(file: BundleFile, content: bytes) -> Attachment:
    """Return what checks and pages want to know of a file; ``content`` is what its digest says."""
    if not file.media_type.is_image:
        return Attachment(file, content.decode() if _is_text(content) else None)
    width, height = imagesize.get(io.BytesIO(content))
    if width > 0 and height > 0:
        return Attachment(file, width=int(width), height=int(height))
    return Attachment(file)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in content
