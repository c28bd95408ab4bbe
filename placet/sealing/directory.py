"""A directory of checkpoints, best on a machine where the database's administrators have no rights.

00000000000000000042.note   named by the size of the tree, written once
latest                      the newest of them, replaced as a whole
"""

import asyncio
import fcntl
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from placet.domain.errors import UnavailableError
from placet.durable import create_file, replace_file
from placet.proof.note import MAX_NOTE_BYTES, Note, NoteError, parse_checkpoint, parse_note
from placet.sealing.errors import KEEP_ALL, SealingRefusedError

LATEST = "latest"
_LOCK = ".lock"
NOTE_NAME = re.compile(r"[0-9]{20}\.note")
_READABLE = 0o644
_LOCK_SECONDS = 5.0
_LOCK_PAUSE = 0.05

_THREADS: dict[Path, ThreadPoolExecutor] = {}
"""One for each directory: where one hangs, it holds none that payments or keys need."""

T = TypeVar("T")


def note_name(size: int) -> str:
    """Return what a checkpoint is called: names sort as sizes do."""
    return f"{size:020}.note"


def size_of(note: Note) -> int:
    """Return the size of the tree that a checkpoint is of."""
    return parse_checkpoint(note.text).size


def read_note(raw: bytes, name: str) -> Note:
    """Return the checkpoint that stands under a name.

    A name that is not its size's could stand behind all others and hide them, also where nothing
    can be deleted.

    Raises:
        NoteError: It is none, or not the one that the name promises.
    """
    if len(raw) > MAX_NOTE_BYTES:
        raise NoteError(f"it has more than {MAX_NOTE_BYTES} bytes")
    try:
        note = parse_note(raw.decode())
    except UnicodeDecodeError:
        raise NoteError("it is not UTF-8") from None
    if name not in {LATEST, note_name(size_of(note))}:
        raise NoteError(f"it is of {size_of(note)} events")
    return note


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
                found = (path.name for path in self._path.iterdir())
                names = [name for name in found if NOTE_NAME.fullmatch(name)]
            except FileNotFoundError:
                return None
            # A process may have died between writing the file and replacing `latest`.
            newest = self._read(max(names)) if names else None
            return max((note for note in (latest, newest) if note), key=size_of, default=None)

    def _publish(self, note: Note) -> None:
        with self._answers():
            self._path.mkdir(parents=True, exist_ok=True)
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
        with suppress(FileNotFoundError):
            # Whoever else writes there may have put anything there, of any length.
            with path.open("rb") as stream:
                raw = stream.read(MAX_NOTE_BYTES + 1)
            try:
                return read_note(raw, name)
            except NoteError as error:
                raise SealingRefusedError(
                    f"{self.name}: {path} is no checkpoint of that name ({error}). {KEEP_ALL}"
                ) from None
        return None

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"{self.name}: {self._path} cannot be used ({error.strerror or error}); let the "
                "sealer's account read and write there"
            ) from None
