"""A value read from files, read again when they change; a broken change keeps the last good one."""

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import structlog

from placet.policy.files import FileError

T = TypeVar("T")
_Print = tuple[tuple[str, int, int, int], ...]


class Reloading(Generic[T]):
    """Keeps what ``read`` made of some files current.

    A file counts as changed when its inode, size or time of change (ns) differs, so a file put in
    place by a rename is seen too. Whoever writes in place while it is read gives half a file, which
    mostly is a broken one: the last good value stays, and the next look reads again. Half a file
    may make sense by chance; only a rename is safe.

    Args:
        read: Makes the value; raises :class:`FileError` when the files are broken.
        files: Names the files, anew at each look.

    Raises:
        FileError: On construction, when the files cannot be used; later ones are only logged.
    """

    def __init__(self, read: Callable[[], T], files: Callable[[], Iterable[Path]]) -> None:
        self._read = read
        self._files = files
        self._lock = Lock()
        self._seen = self._print()
        self._value = read()

    def get(self) -> T:
        """Return the current value, reading it again if a file changed."""
        with self._lock:
            now = self._print()
            if now == self._seen:
                return self._value
            try:
                self._value = self._read()
            except FileError as error:
                structlog.get_logger(__name__).error(
                    "files_broken",
                    problems=str(error).splitlines(),
                    advice="the last good version stays in force; correct the file",
                )
            else:
                structlog.get_logger(__name__).info("files_read", files=[row[0] for row in now])
            # The print from before the reading: a change during it is seen at the next look.
            self._seen = now
            return self._value

    def _print(self) -> _Print:
        rows = []
        for path in sorted(self._files()):
            try:
                stat = path.stat()
            except OSError:
                rows.append((str(path), 0, 0, 0))
            else:
                rows.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(rows)
