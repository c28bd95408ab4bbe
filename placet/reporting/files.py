"""Writes a report's file: all of it or nothing, for its owner alone, and never over another."""

import os
import tempfile
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError


class Form(StrEnum):
    """In which form a report is written; also how its file's name ends."""

    HTML = "html"
    PDF = "pdf"
    JSON = "json"
    CSV = "csv"


class FormError(InvalidInputError):
    """Nobody can tell in which form a report is to be written."""

    code = "report-form"


class ReportExistsError(ConflictError):
    """A file of that name is there already."""

    code = "report-exists"


class ReportFolderError(NotFoundError):
    """The directory cannot be written to."""

    code = "report-folder"


def form_of(path: Path, told: Form | None = None) -> Form:
    """Return the form asked for, or else the one that a file's name ends with.

    Raises:
        FormError: Neither says one.
    """
    ending = path.suffix.removeprefix(".").lower()
    found = told or next((form for form in Form if form.value == ending), None)
    if found is None:
        raise FormError(
            f"{path} does not say what to write: let it end in .html, .pdf, .json or .csv"
        )
    return found


def write_report(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write a file that only its owner may read.

    It is written under another name, made safe on the disk, and then given its own; so nobody ever
    sees half of it.

    Raises:
        ReportExistsError: It is there already, and ``force`` is off.
        ReportFolderError: It cannot be written there.
    """
    try:
        descriptor, made = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        raise _folder(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if force:
            Path(made).replace(path)
        else:
            # A link, unlike a renaming, is refused when the name is taken.
            Path(path).hardlink_to(made)
    except FileExistsError:
        raise ReportExistsError(
            f"{path} is there already: name another file, or write over it with --force"
        ) from None
    except OSError as error:
        raise _folder(path, error) from None
    finally:
        with suppress(FileNotFoundError):
            Path(made).unlink()


def _folder(path: Path, error: OSError) -> ReportFolderError:
    return ReportFolderError(
        f"{path} cannot be written ({error.strerror}); name a file in a directory that you may "
        "write to"
    )
