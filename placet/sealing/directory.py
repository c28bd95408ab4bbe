"""A directory of checkpoints, best on a machine where the database's administrators have no rights.

00000000000000000042.note   named by the size of the tree, written once
latest                      the newest of them, replaced as a whole
"""

import asyncio
import fcntl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from placet.domain.errors import UnavailableError
from placet.durable import create_file, make_directory, replace_file
from placet.proof.note import Note
from placet.sealing.errors import KEEP_ALL, SealingRefusedError
from placet.sealing.notes import (
    ENOUGH_BYTES,
    LATEST,
    NOTE_NAME,
    note_name,
    read_checkpoint,
    size_of,
)

_LOCK = ".lock"
_READABLE = 0o644
_LOCK_SECONDS = 5.0
_LOCK_PAUSE = 0.05

_THREADS: dict[Path, ThreadPoolExecutor] = {}
"""One for each directory: where one hangs, it holds none that payments or keys need."""

T = TypeVar("T")


class DirectoryPlace:
    """Keeps checkpoints as files."""

    tells_all = True

    def __init__(self, name: str, path: Path) -> None:
        """Keep them in ``path``, which is made at the first one."""
        self.name = name
        self._path = path

    async def newest(self, enough: int = 0) -> Note | None:
        """Return the newest checkpoint here; None for none.

        Args:
            enough: When ``latest`` is of so many events or more, the files are not listed; there
                may be millions. 0 lists them always.

        Raises:
            UnavailableError: The directory cannot be read.
            SealingRefusedError: A file is no checkpoint.
        """
        return await self._aside(lambda: self._newest(enough))

    async def publish(self, note: Note) -> None:
        """Write a checkpoint durably; one that is here already is left as it is.

        Raises:
            UnavailableError: The directory cannot be written to.
            SealingRefusedError: Another checkpoint of the same size is here.
        """
        await self._aside(lambda: self._publish(note))

    async def _aside(self, work: Callable[[], T]) -> T:
        """Work in the thread of this directory, which may hang for as long as its machine does."""
        thread = _THREADS.setdefault(self._path, ThreadPoolExecutor(1, "checkpoints"))
        return await asyncio.get_running_loop().run_in_executor(thread, work)

    def _newest(self, enough: int) -> Note | None:
        with self._answers():
            latest = self._read(LATEST)
            if latest and size_of(latest) >= enough > 0:
                return latest
            try:
                names = [
                    path.name for path in self._path.iterdir() if NOTE_NAME.fullmatch(path.name)
                ]
            except FileNotFoundError:
                return None
            # A process may have died between writing the file and replacing `latest`.
            newest = self._read(max(names)) if names else None
            return max((note for note in (latest, newest) if note), key=size_of, default=None)

    def _publish(self, note: Note) -> None:
        with self._answers():
            make_directory(self._path)
            name = note_name(size_of(note))
            if not create_file(self._path / name, str(note).encode(), _READABLE):
                there = self._read(name)
                if there is None or there.text != note.text:
                    raise SealingRefusedError(
                        f"{self.name} holds another checkpoint in {self._path / name} than the one "
                        f"of the database: one of them was changed. {KEEP_ALL}"
                    )
            with self._alone():
                latest = self._read(LATEST)
                if latest is None or size_of(latest) < size_of(note):
                    replace_file(self._path / LATEST, str(note).encode(), _READABLE)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep out others who replace `latest`, so that it does not go back.

        A process that holds the lock may be frozen. It is not waited for: at worst `latest` goes
        back when it wakes, until the next checkpoint; nothing relies on it alone.
        """
        give_up = time.monotonic() + _LOCK_SECONDS
        with (self._path / _LOCK).open("w") as lock:
            while time.monotonic() < give_up:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(_LOCK_PAUSE)
                else:
                    break
            yield

    def _read(self, name: str) -> Note | None:
        path = self._path / name
        try:
            # Whoever else writes there may have put anything there, of any length.
            with path.open("rb") as file:
                content = file.read(ENOUGH_BYTES)
        except FileNotFoundError:
            return None
        return read_checkpoint(content, f"{self.name}: {path}", name)

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"{self.name}: {self._path} cannot be used ({error.strerror or error}); let the "
                "sealer's account read and write there"
            ) from None
