"""Read the attachments and the lists of recipients that a mail names; each becomes its hash."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import filetype  # type: ignore[import-untyped]

from placet.domain.errors import InvalidInputError
from placet.domain.problems import Problem
from placet.domain.sending import (
    MAX_ATTACHED_BYTES,
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    MAX_LIST_BYTES,
    MAX_LISTS,
)
from placet.files import UnusableFileError, read_below
from placet.pipelines.explain import refused
from placet.pipelines.pipeline import WithFiles

_WHAT = "the files of this mail"


@dataclass(frozen=True)
class MailFile:
    """A file as it was read.

    Attributes:
        sha256: Of ``content``, 64 hexadecimal digits.
        name: The file's name.
        media_type: Found by looking at the content.
        content: All of it.
    """

    sha256: str
    name: str
    media_type: str
    content: bytes

    @classmethod
    def of(cls, name: str, content: bytes) -> "MailFile":
        """Return the file that ``content`` is."""
        return cls(hashlib.sha256(content).hexdigest(), name, media_type_of(content), content)

    def reference(self) -> dict[str, Any]:
        """Return what a request says of it."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "media_type": self.media_type,
            "size": len(self.content),
        }


def media_type_of(content: bytes) -> str:
    """Say what kind of file this is, whatever its name may say."""
    known = filetype.guess_mime(content)
    if known is not None:
        return str(known)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if "\x00" in text else "text/plain"


def attach_files(raw: Any, directory: Path) -> WithFiles:
    """Read the files that ``raw`` names and replace each path by a reference.

    An attachment is a path, or an object with ``path`` and, if need be, another ``name`` and a
    ``cid``; a list is a path. Paths are relative to ``directory`` and stay inside it. What is
    something else is left for the request's own check.

    Raises:
        InvalidInputError: With a line for each file that cannot be used.
    """
    if not isinstance(raw, dict):
        return WithFiles(raw)
    reading = _Reading(directory)
    changed = dict(raw)
    for field, at_most, read in (
        ("attachments", MAX_ATTACHMENTS, reading.attachment),
        ("lists", MAX_LISTS, reading.list),
    ):
        told = raw.get(field)
        if isinstance(told, list) and len(told) <= at_most:
            changed[field] = list(reading.each(field, told, read))
    if reading.problems:
        raise refused(_WHAT, reading.problems)
    return WithFiles(changed, tuple(reading.files.values()))


class _Reading:
    """What has been read so far, and what could not be."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.files: dict[str, MailFile] = {}
        self.problems: list[Problem] = []

    def each(self, field: str, told: Iterable[Any], read: Callable[[Any], Any]) -> Iterator[Any]:
        for index, value in enumerate(told):
            try:
                yield read(value)
            except InvalidInputError as error:
                self.problems.append(Problem((field, index), str(error)))

    def attachment(self, told: Any) -> Any:
        path = told.get("path") if isinstance(told, dict) else told
        if not isinstance(path, str):
            return told
        file = self._read(path, MAX_ATTACHMENT_BYTES)
        more = {k: v for k, v in told.items() if k != "path"} if isinstance(told, dict) else {}
        return file.reference() | more

    def list(self, told: Any) -> Any:
        if not isinstance(told, str):
            return told
        reference = self._read(told, MAX_LIST_BYTES).reference()
        return {key: reference[key] for key in ("name", "sha256", "size")}

    def _read(self, path: str, limit: int) -> MailFile:
        content = read_below(path, self._directory, limit)
        file = MailFile.of(PurePosixPath(path).name, content)
        self.files.setdefault(file.sha256, file)
        if sum(len(each.content) for each in self.files.values()) > 6 * MAX_ATTACHED_BYTES:
            raise UnusableFileError("all files together are larger than 60 MiB; take some out")
        return file
