"""Read the receipt files that a request names; `placet.submission` stores them once it is good."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import filetype  # type: ignore[import-untyped]

from placet.domain.errors import InvalidInputError
from placet.domain.expense import MAX_LINES, MAX_RECEIPT_BYTES, ReceiptType
from placet.domain.problems import Problem
from placet.domain.text import LINE_LIMIT, clean_text
from placet.files import UnusableFileError, read_below, shown
from placet.pipelines.explain import refused

MAX_TOTAL_BYTES = 64 * 1024 * 1024
_WHAT = "the receipts"


class ReceiptError(InvalidInputError):
    """A receipt cannot be read or is not what a receipt may be."""

    code = "invalid-receipt"


@dataclass(frozen=True)
class ReceiptFile:
    """One receipt as it was read.

    Attributes:
        sha256: Of ``content``, 64 hexadecimal digits.
        name: The file's name, cleaned.
        media_type: Found by looking at the content.
        content: All of it, at most 10 MiB.
    """

    sha256: str
    name: str
    media_type: ReceiptType
    content: bytes


@dataclass(frozen=True)
class Attached:
    """A request whose receipts are references now, and the files they refer to, each once."""

    request: Any
    files: tuple[ReceiptFile, ...]


def read_receipts(raw: Any, directory: Path) -> Attached:
    """Read the files that ``raw`` names and replace each path by a reference.

    A path is relative to ``directory``, stays inside it and crosses no symbolic link. What is not
    a path to begin with (a digest, a reference, nonsense) is left for the request's own check.

    Args:
        raw: The request as ``placet.digest.read_json`` reads it; it is not changed.
        directory: Where the request's file lies.

    Raises:
        ReceiptError: With a line for each file that is missing, outside, too large or of another
            kind than PDF, PNG, JPEG, WebP and HEIC.
    """
    lines = raw.get("lines") if isinstance(raw, dict) else None
    if not isinstance(lines, list) or len(lines) > MAX_LINES:
        return Attached(raw, ())
    files: dict[str, ReceiptFile] = {}
    problems: list[Problem] = []
    changed = []
    for index, line in enumerate(lines):
        path = line.get("receipt") if isinstance(line, dict) else None
        if not isinstance(path, str) or path.startswith("sha256:"):
            changed.append(line)
            continue
        try:
            found = _read(path, directory)
            files.setdefault(found.sha256, found)
            _check_total(files.values())
        except (ReceiptError, UnusableFileError) as error:
            problems.append(Problem(("lines", index, "receipt"), str(error)))
        else:
            changed.append({**line, "receipt": _reference(found)})
    if problems:
        raise ReceiptError(str(refused(_WHAT, problems)))
    return Attached({**raw, "lines": changed}, tuple(files.values()))


def _reference(file: ReceiptFile) -> dict[str, Any]:
    return {
        "sha256": file.sha256,
        "name": file.name,
        "media_type": file.media_type.value,
        "size": len(file.content),
    }


def _read(path: str, directory: Path) -> ReceiptFile:
    content = read_below(path, directory, MAX_RECEIPT_BYTES)
    media_type = filetype.guess_mime(content)
    if media_type not in list(ReceiptType):
        raise ReceiptError(
            f"{shown(path)} is {media_type or 'of an unknown kind'}; attach a PDF, PNG, JPEG,"
            " WebP or HEIC file"
        )
    return ReceiptFile(
        sha256=hashlib.sha256(content).hexdigest(),
        name=clean_text(PurePosixPath(path).name, LINE_LIMIT, multiline=False, truncate=True),
        media_type=ReceiptType(media_type),
        content=content,
    )


def _check_total(files: Iterable[ReceiptFile]) -> None:
    if sum(len(file.content) for file in files) > MAX_TOTAL_BYTES:
        raise ReceiptError("all receipts together are larger than 64 MiB; split the request")
