"""Where the files of exports lie: whole or not at all, and nobody else can look into them.

::

    exports/.store                 the directory's own name
    exports/.lock
    exports/.making-PERMIT-HOLDER/ what an attempt is making
    exports/.leaving-CASE/         what is being deleted
    exports/CASE/                  a file and its manifest.json

An attempt makes everything in a hidden directory of its own, durably, and renames that once. What a
lost attempt has left is swept by the next one of the same permit, and by any other after a day. A
file that is to go is renamed first; what a lost attempt has left of one is swept by any other.

Calls do file work and wait for the disk: in asynchronous code call them in a thread.
"""

import fcntl
import hashlib
import io
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from placet.domain.errors import ConflictError
from placet.domain.export import Manifest
from placet.durable import make_directory, replace_file, sync_directory
from placet.exports.writing import unwritable

MANIFEST = "manifest.json"

_PRIVATE_DIRECTORY = 0o700
_PRIVATE_FILE = 0o600
_MAKING, _LEAVING = ".making-", ".leaving-"
_STALE_SECONDS = 25 * 3600
"""An attempt takes a day at most; what is older belongs to nobody."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
_SHOWN = 32


class Staging:
    """What one attempt is making, and nobody can see yet.

    Attributes:
        directory: Where; it goes away with the attempt, or becomes the case's own.
    """

    def __init__(self, directory: Path) -> None:
        """Make everything in ``directory``, which is there."""
        self.directory = directory

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """Give a new file to write; it is durable when the block ends.

        Raises:
            UnavailableError: The disk is full, or the directory is gone.
        """
        try:
            descriptor = os.open(
                self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE
            )
        except OSError as error:
            raise unwritable(error) from error
        with _Whole(descriptor, "wb") as file:
            yield file
            try:
                os.fsync(descriptor)
            except OSError as error:
                raise unwritable(error) from error


class _Whole(io.FileIO):
    """A file that takes all it is given, or says why not.

    Nothing is held back: what is written is large already, and errors come where they belong.
    """

    def write(self, data: Any, /) -> int:
        """Write all of ``data``: a disk that is nearly full takes a part, and says so only next."""
        left = memoryview(data)
        while left:
            left = left[super().write(left) :]
        return len(data)


class ExportStore:
    """A directory of exports.

    Workers on one machine, or on one file system that shares locks, may use it at once.

    Attributes:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        """Keep everything in ``root``, which is made when it is first needed."""
        self.root = root

    def name(self) -> str:
        """Return the directory's own name, by which the ledger knows where a file is.

        Raises:
            UnavailableError: It is not there and cannot be made.
        """
        path = self.root / ".store"
        try:
            make_directory(self.root, _PRIVATE_DIRECTORY)
            with self._locked():
                if not path.exists():
                    # A name that a lost power line takes away would strand every file.
                    replace_file(path, uuid.uuid4().hex.encode())
                return path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise unwritable(error) from error

    def directory(self, case: str) -> Path:
        """Return where a case's file is, or will be: always right below ``root``."""
        if _PLAIN.fullmatch(case):
            return self.root / case
        # Anybody can start a workflow under any id, also one that leads out of here.
        return self.root / f"case-{hashlib.sha256(case.encode()).hexdigest()[:_SHOWN]}"

    def stage(self, permit: str, holder: str) -> Staging:
        """Sweep what earlier attempts have left, and begin a new one.

        Raises:
            UnavailableError: The directory cannot be written.
        """
        try:
            with self._locked():
                self._sweep(permit)
                directory = self.root / f"{_MAKING}{permit[:_SHOWN]}-{holder}"
                directory.mkdir(mode=_PRIVATE_DIRECTORY)
        except OSError as error:
            raise unwritable(error) from error
        return Staging(directory)

    def discard(self, staging: Staging) -> None:
        """Delete what an attempt has made, unless it is released by now."""
        # Alone: its thread may be about to release it, and what is half deleted must not be.
        with suppress(OSError), self._locked():
            shutil.rmtree(staging.directory, ignore_errors=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other attempt from finishing or sweeping anything inside the block.

        Raises:
            UnavailableError: The directory cannot be locked.
        """
        try:
            with self._locked():
                yield
        except OSError as error:
            raise unwritable(error) from error

    def release(self, staging: Staging, case: str) -> None:
        """Put what was made where it can be found, in one step; call it ``alone``.

        Raises:
            ConflictError: Something lies there already.
            OSError: It cannot be renamed: another attempt has swept it.
        """
        place = self.directory(case)
        sync_directory(staging.directory)
        if place.exists():
            raise ConflictError(
                f"there is a file of {case} already, in {place}; move it away and ask again"
            )
        staging.directory.rename(place)
        sync_directory(self.root)

    def manifest(self, case: str) -> Manifest | None:
        """Return what lies beside a case's file; None when there is no whole file."""
        place = self.directory(case)
        try:
            found = Manifest.model_validate_json((place / MANIFEST).read_bytes())
            whole = (place / Path(found.file).name).stat().st_size == found.bytes
        except (OSError, ValidationError):
            return None
        return found if whole and found.case == case else None

    def sweep(self, permit: str) -> None:
        """Delete what attempts of a permit have left, and what others did not finish deleting.

        Call it ``alone``.
        """
        self._sweep(permit)

    def remove(self, case: str) -> bool:
        """Delete a case's file and its manifest; call it ``alone``.

        Returns:
            Whether it was there.

        Raises:
            OSError: It cannot be deleted.
        """
        place = self.directory(case)
        leaving = self.root / f"{_LEAVING}{place.name}"
        # What an earlier call could not finish.
        left = leaving.exists()
        if left:
            shutil.rmtree(leaving)
        try:
            place.rename(leaving)
        except FileNotFoundError:
            return left
        sync_directory(self.root)
        shutil.rmtree(leaving)
        return True

    def _sweep(self, permit: str) -> None:
        # Files are deleted under the lock: whoever began with these has died.
        for path in self.root.glob(f"{_LEAVING}*"):
            shutil.rmtree(path)
        own = f"{_MAKING}{permit[:_SHOWN]}-"
        for path in self.root.glob(f"{_MAKING}*"):
            with suppress(FileNotFoundError):
                stale = time.time() - path.stat().st_mtime > _STALE_SECONDS
                if path.name.startswith(own) or stale:
                    shutil.rmtree(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
