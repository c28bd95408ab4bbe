"""Writes a report's file: all of it or nothing, for its owner alone, and never over another."""

from enum import StrEnum
from pathlib import Path

from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError
from placet.durable import create_file, replace_file


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

    Raises:
        ReportExistsError: It is there already, and ``force`` is off.
        ReportFolderError: It cannot be written there.
    """
    if path.is_dir():
        raise ReportFolderError(f"{path} is a directory; name a file in it")
    try:
        if force:
            replace_file(path, content)
        elif not create_file(path, content):
            raise ReportExistsError(
                f"{path} is there already: name another file, or write over it with --force"
            )
    except OSError as error:
        raise _folder(path, error) from None


def _folder(path: Path, error: OSError) -> ReportFolderError:
    return ReportFolderError(
        f"{path} cannot be written ({error.strerror}); name a file in a directory that you may "
        "write to"
    )
