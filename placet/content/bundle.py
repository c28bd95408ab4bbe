"""Read a bundle: one Markdown document, and the pictures and attachments that lie beside it."""

import hashlib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from placet.content.attachments import kind_of
from placet.content.checks import paths_used
from placet.content.document import read_document
from placet.content.rendering import parse
from placet.domain.errors import InvalidInputError
from placet.domain.publication import (
    DOCUMENT_TYPE,
    MAX_BUNDLE_BYTES,
    MAX_DOCUMENT_BYTES,
    MAX_FILE_BYTES,
    MAX_FILES,
    Action,
    FileType,
    slug_of,
)
from placet.files import MissingFileError, list_below, read_below, shown, size_text
from placet.pipelines.pipeline import WithFiles

INDEX = "index"
_MARKDOWN = frozenset({".md", ".markdown"})


class BundleError(InvalidInputError):
    """A bundle cannot be used; the message says which file, and why."""

    code = "invalid-bundle"


@dataclass(frozen=True)
class Blob:
    """A file to be kept: its SHA-256 (64 hex), its kind and all of it."""

    sha256: str
    media_type: str
    content: bytes

    @classmethod
    def of(cls, content: bytes, media_type: str) -> "Blob":
        """Return ``content`` with its digest."""
        return cls(hashlib.sha256(content).hexdigest(), media_type, content)


def read_bundle(path: Path) -> WithFiles:
    """Read a request to publish a document, or the only document of a directory.

    Beside a document, what it refers to belongs to the bundle; in a directory, everything that is
    not hidden does.

    Raises:
        InvalidInputError: A file is missing, too large, of a kind that is not published, a link or
            outside; or the document is broken. The message names it.
    """
    if path.is_dir():
        paths = list_below(path, MAX_FILES + 1)
        document = _only_document(paths, path)
        name = path.resolve().name if _stem(document) == INDEX else _stem(document)
        return _request(path, document, name, [each for each in paths if each != document])
    if path.suffix.lower() not in _MARKDOWN:
        raise BundleError(
            f"{shown(path.name)} is no Markdown file; name a .md file, a directory, or the request "
            "as .json"
        )
    folder = path.resolve().parent
    name = folder.name if _stem(path.name) == INDEX else _stem(path.name)
    return _request(folder, path.name, name, None)


def attach_bundle(raw: Any, directory: Path) -> WithFiles:
    """Read the document and the files that a JSON request names, and put references in their place.

    What is no path to begin with is left for the request's own check.

    Raises:
        InvalidInputError: As :func:`read_bundle`.
    """
    document = raw.get("document") if isinstance(raw, Mapping) else None
    if not isinstance(document, str):
        return WithFiles(raw)
    named = raw.get("files")
    paths = None
    if isinstance(named, list) and all(isinstance(each, str) for each in named):
        paths = _below(document, named)
    folder = directory / PurePosixPath(document).parent
    found = _request(directory, document, folder.resolve().name, paths)
    told = {key: value for key, value in raw.items() if key not in {"document", "files"}}
    return WithFiles({**found.request, **told}, found.files)


def _below(document: str, named: Sequence[str]) -> list[str]:
    """Return paths as they are seen from the document."""
    return [posixpath.relpath(path, posixpath.dirname(document) or ".") for path in named]


def _only_document(paths: Sequence[str], folder: Path) -> str:
    found = [path for path in paths if PurePosixPath(path).suffix.lower() in _MARKDOWN]
    top = [path for path in found if "/" not in path]
    if not found:
        raise BundleError(f"{folder}: there is no Markdown file; write the page as index.md")
    if len(found) > 1:
        chosen = "index.md" if "index.md" in top else found[0]
        other = next(path for path in found if path != chosen)
        raise BundleError(
            f"{folder}: {shown(other)} is a second page; a bundle is one page, publish the others "
            "under slugs of their own"
        )
    if not top:
        raise BundleError(f"{folder}: {shown(found[0])} lies deeper; move the page to the top")
    return found[0]


def _request(folder: Path, document: str, name: str, paths: Sequence[str] | None) -> WithFiles:
    content = read_below(document, folder, MAX_DOCUMENT_BYTES)
    title = PurePosixPath(document).name
    read = read_document(content, title)
    base = folder / PurePosixPath(document).parent
    wanted = sorted(paths_used(parse(read))) if paths is None else sorted(paths)
    files = _files(base, wanted, missing_is_fine=paths is None)
    request: dict[str, Any] = {
        "action": Action.PUBLISH.value,
        "slug": slug_of(name),
        **read.front.told(),
        "document": {
            "path": title,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        },
        "files": [
            {
                "path": path,
                "sha256": blob.sha256,
                "media_type": blob.media_type,
                "size": len(blob.content),
            }
            for path, blob in files.items()
        ],
    }
    return WithFiles(request, (Blob.of(content, DOCUMENT_TYPE), *_once(files.values())))


def _files(folder: Path, paths: Iterable[str], *, missing_is_fine: bool) -> dict[str, Blob]:
    found: dict[str, Blob] = {}
    for path in paths:
        try:
            content = read_below(path, folder, MAX_FILE_BYTES)
        except MissingFileError:
            # The checks report it, with the line that refers to it.
            if missing_is_fine:
                continue
            raise
        kind = kind_of(path, content)
        if kind is None:
            raise BundleError(
                f"{shown(path)} is of a kind that is not published; take it out, or make it one of "
                f"{', '.join(sorted(each.suffix for each in FileType))}"
            )
        found[path] = Blob.of(content, kind.value)
        if sum(len(blob.content) for blob in found.values()) > MAX_BUNDLE_BYTES:
            raise BundleError(
                f"all files together are larger than {size_text(MAX_BUNDLE_BYTES)}; take some out"
            )
    return found


def _once(blobs: Iterable[Blob]) -> Iterable[Blob]:
    return {blob.sha256: blob for blob in blobs}.values()


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
