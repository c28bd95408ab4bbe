"""The forward-only SQL files beside this module, read in order and checked for gaps."""

import hashlib
import re
from collections.abc import Sequence
from importlib import resources

from placet.domain.base import Model
from placet.domain.errors import InvalidInputError

_FILE_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+\.sql")


class Migration(Model):
    """One step from a schema version to the next; never edited after it has been applied."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text in hex; line ends do not count, as a checkout may change them."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def packaged_migrations() -> Sequence[Migration]:
    """Read the migrations that ship with this program.

    Returns:
        The migrations, by ascending version, starting at 1.

    Raises:
        InvalidInputError: A file name does not fit, or the versions have a gap.
    """
    found: list[Migration] = []
    for file in resources.files(__name__).iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(file.name)
        if match is None:
            raise InvalidInputError(
                f"The migration {file.name} is named wrongly: use 0001_what_it_does.sql."
            )
        found.append(
            Migration(
                version=int(match["version"]),
                name=file.name,
                sql=file.read_text(encoding="utf-8"),
            )
        )
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise InvalidInputError(
            "The migrations are not numbered 1, 2, 3 and so on; reinstall Placet."
        )
    return found
