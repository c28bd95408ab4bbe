"""The catalogue of roles in ``access-roles.yaml``, read again when it changes."""

from collections.abc import Iterator
from pathlib import Path

from placet.domain.access_roles import RoleCatalogue
from placet.domain.people import Directory
from placet.domain.problems import Problem
from placet.policy.files import Document, model_from, read
from placet.policy.loader import ACCESS_ROLES_FILE
from placet.policy.reload import Reloading


class RoleFolder:
    """The catalogue of a directory of policies.

    A change that breaks the file, or takes it away, is logged, and the last good catalogue stays
    in force.

    Raises:
        FileError: On construction, when the file cannot be used; every mistake with its line.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ACCESS_ROLES_FILE
        self._seen = False
        self._current = Reloading(self._read, lambda: [self._path])

    def get(self) -> RoleCatalogue:
        """Return the catalogue as the file says now."""
        return self._current.get()

    def _read(self) -> RoleCatalogue:
        if not self._seen and not self._path.exists():
            return RoleCatalogue()
        found = roles_from(read(self._path))
        self._seen = True
        return found


def load_roles(folder: Path) -> RoleCatalogue:
    """Read the catalogue of a directory of policies once; without a file it is empty.

    Raises:
        FileError: With every mistake and its line and column.
    """
    path = folder / ACCESS_ROLES_FILE
    return roles_from(read(path)) if path.exists() else RoleCatalogue()


def strangers(folder: Path, directory: Directory) -> Iterator[tuple[Problem, str]]:
    """Yield accounts and owners whom the directory does not know, each with a line for its place.

    Raises:
        FileError: The catalogue has mistakes; each has its place.
    """
    path = folder / ACCESS_ROLES_FILE
    if path.exists():
        document = read(path)
        for problem in roles_from(document).strangers(directory):
            yield problem, document.line(problem)


def roles_from(document: Document) -> RoleCatalogue:
    """Return the catalogue in ``document``.

    Raises:
        FileError: With every mistake and its line and column.
    """
    found = model_from(document, RoleCatalogue)
    problems = list(found.problems())
    if problems:
        raise document.error(problems)
    return found
