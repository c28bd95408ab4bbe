"""The directory in a YAML file, behind the port that any other source of people can implement."""

from pathlib import Path

from placet.domain.people import Directory, DirectoryFile
from placet.policy.files import Document, model_from, read
from placet.policy.reload import Reloading


class YamlDirectory:
    """A YAML file, read again when it changes.

    A change that breaks the file is logged, and the last good snapshot stays in force.

    Raises:
        FileError: On construction, when the file cannot be used; every mistake with its line.
    """

    def __init__(self, path: Path) -> None:
        self._current = Reloading(lambda: load_directory(path), lambda: [path])

    def snapshot(self) -> Directory:
        """Return everybody as the file says now."""
        return self._current.get()


def load_directory(path: Path) -> Directory:
    """Read a directory file once.

    Raises:
        FileError: With every mistake and its line and column.
    """
    return directory_from(read(path))


def directory_from(document: Document) -> Directory:
    """Return the directory in ``document``.

    Raises:
        FileError: With every mistake and its line and column.
    """
    file = model_from(document, DirectoryFile)
    problems = file.problems()
    if problems:
        raise document.error(problems)
    return Directory.model_validate(file.model_dump())
