"""Look at payment files where the bank's uploader finds them; nothing is changed."""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from placet.domain.errors import UnavailableError
from placet.reconciling.facts import PaymentFile

PLACES = ("staging", "outbox", "archive")
PAYMENT_FILE = re.compile(r"[0-9a-f]{64}\.xml")
NO_FILE = "no regular file"
"""Stands for the digest of a link, a directory or a device under a payment file's name."""


class SpoolFiles:
    """The spool of the workers, as it is; calls do file work."""

    def __init__(self, root: Path) -> None:
        """Look below ``root``."""
        self._root = root

    @property
    def reachable(self) -> bool:
        """Say whether there is a spool here at all."""
        return any((self._root / place).is_dir() for place in PLACES)

    def look(self, names: Iterable[str]) -> dict[str, PaymentFile]:
        """Return the digests of these files in each directory.

        Raises:
            UnavailableError: One cannot be read.
        """
        return {
            name: PaymentFile(*(self._digest(self._root / place / name) for place in PLACES))
            for name in names
            # What the database names is no path until it is known to be a name.
            if PAYMENT_FILE.fullmatch(name)
        }

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield every file as its directory and its name; what begins with a dot is none.

        Raises:
            UnavailableError: A directory cannot be read.
        """
        for place in PLACES:
            try:
                with os.scandir(self._root / place) as entries:
                    found = sorted(entry.name for entry in entries)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unreadable(self._root / place, error) from error
            for name in found:
                if not name.startswith(".") and not name.endswith(".xml.unfinished"):
                    yield place, name

    def _digest(self, path: Path) -> str | None:
        try:
            # A link or a pipe under this name is followed or waited for by nobody.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                return NO_FILE
            raise _unreadable(path, error) from error
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return NO_FILE
            return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{path} cannot be read: {error.strerror}; run this as the workers' user or in its group"
    )
